//! State machine of one connection's tokens: decides when to refresh, back off and require a login. No clock, no I/O;
//! `token_task` executes the effects.
//!
//! # Problem
//! An access token lives an hour. Any answer may rotate the refresh token behind it. The use of an old refresh token
//! may invalidate the login.
//!
//! # States
//! `Valid` until a refresh is due; `Refreshing` while it is in flight; `Persisting` while a rotated token is written.
//! `Backoff` after a transient failure; `LoginRequired` when an operator must act. In `LoginRequired` the task polls the
//! token file until [`Input::FileChanged`]. A token that was rejected for another reason than `invalid_grant` is retried
//! every [`REJECTED_RETRY`]: the client may have been repaired at GoTo.
//!
//! A personal access token takes the place of the refresh token: GoTo never rotates it, and nothing is stored.
//!
//! # Invariants
//! - At most one refresh is in flight.
//! - A rotated token is on disk before its access token is published.
//! - A refresh token rejected with `invalid_grant` is not sent again.
//! - A refresh without an answer is repeated immediately, once. GoTo may have rotated the token and accepts the old one only
//!   for a short time.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod changes;
mod failures;
mod types;

pub use types::{Effect, Input, LoginReason, RefreshError, RefreshToken, TokenResponse};

use crate::{
    model::{
        secret::Secret,
        time::{Now, elapsed},
    },
    runtime::backoff::{Backoff, BackoffPolicy},
};
use std::time::{Duration, Instant};

/// 3600 s: `expires_in` of GoTo's access tokens, used if an answer does not state it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// Bounds of a stated lifetime: an absurd answer causes neither a hot loop nor a token that is never refreshed.
const MIN_LIFETIME: Duration = Duration::from_secs(6);
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);
/// Interval between attempts while a login is required and GoTo did not answer `invalid_grant`. Ten minutes: 144 requests
/// a day.
pub const REJECTED_RETRY: Duration = Duration::from_secs(600);
/// Wait before the single retry after a 400 or 401 without `invalid_grant`, which may be transient.
const DENIAL_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Wait before another attempt to write the token file.
const PERSIST_RETRY_DELAY: Duration = Duration::from_secs(30);
/// Shortest interval between refreshes forced by the API: a second new token would not be better.
const MIN_FORCED_REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// 30 days: lifetime of a refresh token.
pub const REFRESH_TOKEN_DAYS: u64 = 30;
/// GoTo rotates the token from 60 % of its lifetime on (day 18); 7 days before the end the rotation is overdue.
const WARN_DAYS: u64 = 7;
const DAY: Duration = Duration::from_secs(86_400);
/// [`REFRESH_TOKEN_DAYS`] as a duration.
pub const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(REFRESH_TOKEN_DAYS * 86_400);

#[derive(Debug)]
enum State {
    Valid { until: Instant },
    Refreshing { since: Instant },
    Persisting { access: Secret, expires: Instant, refresh_at: Instant },
    Backoff { until: Instant },
    LoginRequired { retry_at: Option<Instant> },
}

/// State machine of one connection's tokens.
#[derive(Debug)]
pub struct TokenMachine {
    state: State,
    refresh_token: Option<RefreshToken>,
    /// The config's token, tried after the file's was rejected.
    config_token: Option<Secret>,
    /// The last rejected token, ignored if the file still holds it.
    rejected_token: Option<RefreshToken>,
    /// The access token published last.
    published: Option<Secret>,
    /// Time of the last refresh forced by the API.
    last_forced: Option<Instant>,
    backoff: Backoff,
    denials: u32,
    /// Whether the current refresh repeats one without an answer.
    is_repeat: bool,
    /// Reason as last emitted, until a token is valid.
    login_pending: Option<LoginReason>,
    /// Time of the next attempt to write a rotated token that is in memory only.
    persist_at: Option<Instant>,
    last_warning: Option<Instant>,
    effects: Vec<Effect>,
}

impl TokenMachine {
    /// Creates the machine from the token file's token (or the reason for its absence) and the config's token. Prefers the
    /// file's token, because only that one can have been rotated.
    pub fn new(file: Result<RefreshToken, LoginReason>, first: Option<Secret>, now: Now) -> (Self, Vec<Effect>) {
        let (refresh_token, config_token, reason) = match (file, first) {
            (Ok(stored), config_token) => (Some(stored), config_token, LoginReason::NoToken),
            (Err(LoginReason::NoToken), Some(first)) => {
                (Some(RefreshToken::from_config(first)), None, LoginReason::NoToken)
            }
            // The file exists: its token is newer than the config's, and the use of an older one may end the login.
            (Err(reason), Some(_)) => (None, None, reason),
            (Err(reason), None) => (None, None, reason),
        };
        let mut token = Self {
            state: State::LoginRequired { retry_at: None },
            refresh_token,
            config_token,
            rejected_token: None,
            published: None,
            last_forced: None,
            backoff: Backoff::new(BackoffPolicy::UPSTREAM),
            denials: 0,
            is_repeat: false,
            login_pending: None,
            persist_at: None,
            last_warning: None,
            effects: Vec::new(),
        };
        if token.refresh_token.is_some() {
            token.refresh(now.instant);
        } else {
            token.require_login(reason, None);
        }
        let effects = std::mem::take(&mut token.effects);
        (token, effects)
    }

    /// Returns when [`Input::Tick`] is due; `None` while an answer is awaited (its request has a timeout) or a login is
    /// required.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let own = match self.state {
            State::Valid { until } | State::Backoff { until } => Some(until),
            State::LoginRequired { retry_at } => retry_at,
            State::Refreshing { .. } | State::Persisting { .. } => None,
        };
        own.into_iter().chain(self.persist_at).min()
    }

    /// Returns whether the machine waits for a login.
    #[must_use]
    pub const fn needs_login(&self) -> bool {
        matches!(self.state, State::LoginRequired { .. })
    }

    /// Returns the refresh token in use; `None` while a login is required.
    #[must_use]
    pub const fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    /// Returns the refresh token that GoTo rejected last.
    #[must_use]
    pub fn rejected_token(&self) -> Option<&Secret> {
        self.rejected_token.as_ref().map(|rejected| &rejected.token)
    }

    /// Handles one input and returns the effects to execute in order. `random` is in 0..1.
    pub fn handle(&mut self, input: Input, now: Now, random: f64) -> Vec<Effect> {
        match input {
            Input::Tick => self.tick(now.instant),
            Input::Refreshed(Ok(response)) => self.on_refreshed(response, now, random),
            Input::Refreshed(Err(error)) => self.on_refresh_failed(error, now.instant, random),
            Input::Held { pause } => self.on_held(now.instant + pause),
            Input::Newer(found) => self.on_newer(found, now.instant),
            Input::AccessChanged => self.on_access_changed(now.instant),
            Input::Persisted { done } => self.on_persisted(done, now),
            Input::Rejected(access) => self.on_rejected(&access, now.instant),
            Input::FileChanged(refresh_token) => self.on_file_changed(refresh_token, now.instant),
            Input::FileRemoved => self.on_file_removed(),
        }
        std::mem::take(&mut self.effects)
    }

    fn tick(&mut self, now: Instant) {
        if let (Some(at), Some(refresh_token)) = (self.persist_at, &self.refresh_token)
            && now >= at
        {
            self.persist_at = Some(now + PERSIST_RETRY_DELAY);
            self.effects.push(Effect::Persist(refresh_token.clone()));
        }
        match self.state {
            State::Valid { until } | State::Backoff { until } if now >= until => self.refresh(now),
            State::LoginRequired { retry_at: Some(at) } if now >= at => {
                self.refresh_token = self.rejected_token.take();
                self.refresh(now);
            }
            State::Valid { .. }
            | State::Backoff { .. }
            | State::Refreshing { .. }
            | State::Persisting { .. }
            | State::LoginRequired { .. } => {}
        }
    }

    fn refresh(&mut self, now: Instant) {
        if let Some(refresh_token) = &self.refresh_token {
            self.effects.push(Effect::Refresh(refresh_token.token.clone()));
            self.state = State::Refreshing { since: now };
        }
    }

    fn on_refreshed(&mut self, response: TokenResponse, now: Now, random: f64) {
        let State::Refreshing { since } = self.state else { return };
        self.denials = 0;
        self.is_repeat = false;
        self.backoff.reset();
        let lifetime = lifetime(response.expires_in);
        let expires = since + lifetime;
        let refresh_at = now.instant + lifetime.mul_f64((0.85 + 0.15 * random.clamp(0.0, 1.0)) / 3.0);
        if let (Some(scope), Some(refresh_token)) = (response.scope, &mut self.refresh_token) {
            refresh_token.scope = Some(scope);
        }
        let rotated = response.refresh.filter(|new| self.refresh_token.as_ref().is_none_or(|old| old.token != *new));
        if let Some(refresh) = rotated {
            let scope = self.refresh_token.take().and_then(|old| old.scope);
            let refresh_token = RefreshToken { token: refresh, issued: Some(now.timestamp), scope };
            self.refresh_token = Some(refresh_token.clone());
            self.effects.push(Effect::Persist(refresh_token));
            self.state = State::Persisting { access: response.access, expires, refresh_at };
        } else {
            self.publish(response.access, expires, refresh_at, now);
        }
    }

    /// Publishes the token even if it was not written: a connection that is down is worse than a login after a restart.
    fn on_persisted(&mut self, done: bool, now: Now) {
        self.persist_at = (!done).then(|| now.instant + PERSIST_RETRY_DELAY);
        if let State::Persisting { access, expires, refresh_at } = &self.state {
            let (access, expires, refresh_at) = (access.clone(), *expires, *refresh_at);
            self.publish(access, expires, refresh_at, now);
        }
    }

    fn publish(&mut self, access: Secret, expires: Instant, refresh_at: Instant, now: Now) {
        self.published = Some(access.clone());
        self.state = State::Valid { until: refresh_at };
        self.effects.push(Effect::Publish { access, expires });
        if self.login_pending.take().is_some() {
            self.effects.push(Effect::LoginRestored);
        }
        self.warn_expiring(now);
    }

    fn warn_expiring(&mut self, now: Now) {
        let Some(issued) = self.refresh_token.as_ref().and_then(|refresh_token| refresh_token.issued) else { return };
        let left = REFRESH_TOKEN_DAYS.saturating_sub(elapsed(issued, now.timestamp).as_secs() / DAY.as_secs());
        let recently = self.last_warning.is_some_and(|at| now.instant.duration_since(at) < DAY);
        if left <= WARN_DAYS && !recently {
            self.last_warning = Some(now.instant);
            self.effects.push(Effect::ExpiresSoon(u32::try_from(left).unwrap_or(0)));
        }
    }
}

/// Returns the lifetime of an access token by its `expires_in`.
pub(super) fn lifetime(expires_in: Option<i64>) -> Duration {
    match expires_in.and_then(|seconds| u64::try_from(seconds).ok()) {
        None | Some(0) => DEFAULT_LIFETIME,
        Some(seconds) => Duration::from_secs(seconds).clamp(MIN_LIFETIME, MAX_LIFETIME),
    }
}

#[cfg(test)]
mod tests;
