//! When to refresh, when to wait, and when only a human can help. Decides; `grant` carries out. No clock, no I/O.
//!
//! **The problem.** An access token lives an hour; the refresh token behind it may be replaced by any answer, and whoever
//! uses an old one may lose the grant. So: one refresh in flight, ever; a replaced token is on disk before its access token
//! is used; and a dead grant is asked about by nobody until a human has acted.
//!
//! **The states.** `Resting` until a refresh is due; `Asking` while it is in flight; `Keeping` while a rotated token is being
//! written; `Waiting` after a failure that may pass; `Consent` when only `poprelay login` helps (no request leaves any more;
//! the driver looks at the token file and says [`Input::Found`]).

mod words;

pub use words::{Dead, Effect, Failed, Fresh, Grant, Input};

use crate::model::{
    backoff::{Policy, Waits},
    secret::Secret,
    time::{Now, elapsed},
};
use std::time::{Duration, Instant};

/// 3600 s: `expires_in` of GoTo's access tokens, where an answer does not state it.
const LIFE: Duration = Duration::from_secs(3600);
/// Lives outside of this are held to it: no answer makes a hot loop, none makes a token for ever.
const SHORTEST: Duration = Duration::from_secs(6);
const LONGEST: Duration = Duration::from_secs(86_400);
/// A 400 or 401 without `invalid_grant` may be a hiccup: asked once more after this.
const DENIED_ONCE: Duration = Duration::from_secs(5);
/// How soon a token that could not be written is tried to be written again.
const KEEP_AGAIN: Duration = Duration::from_secs(30);
/// Refreshes because the API refused a token come no closer than this: a second fresh token would not be better.
const FORCE_APART: Duration = Duration::from_secs(60);
/// 30 days: the life of a refresh token.
pub const GRANT_DAYS: u64 = 30;
/// GoTo replaces the token from 60 % of its life on (day 18); with 7 days left something is wrong.
const WARN_DAYS: u64 = 7;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug)]
enum State {
    Resting { until: Instant },
    Asking { since: Instant },
    Keeping { access: Secret, expires: Instant, refresh_at: Instant },
    Waiting { until: Instant },
    Consent,
}

/// The machine.
#[derive(Debug)]
pub struct Token {
    state: State,
    grant: Option<Grant>,
    /// Another token to try when the first is dead: the config's, beside the file's.
    spare: Option<Secret>,
    /// The last token that was found dead: not to be found again.
    dead: Option<Secret>,
    /// What was handed out last.
    given: Option<Secret>,
    /// When the API last made a refresh necessary.
    forced: Option<Instant>,
    waits: Waits,
    denials: u32,
    needed: bool,
    /// A rotated token is in memory only: when to try to keep it again.
    keep_again: Option<Instant>,
    warned: Option<Instant>,
    out: Vec<Effect>,
}

impl Token {
    /// Begins with the token file's grant (or why there is none) and the config's token. The file's wins, because only it
    /// can have been rotated.
    pub fn begin(file: Result<Grant, Dead>, first: Option<Secret>, now: Now) -> (Self, Vec<Effect>) {
        let (grant, spare, why) = match (file, first) {
            (Ok(kept), spare) => (Some(kept), spare, Dead::NoToken),
            (Err(why), Some(first)) => (Some(Grant { refresh: first, issued: None }), None, why),
            (Err(why), None) => (None, None, why),
        };
        let mut token = Self {
            state: State::Consent,
            grant,
            spare,
            dead: None,
            given: None,
            forced: None,
            waits: Waits::new(Policy::UPSTREAM),
            denials: 0,
            needed: false,
            keep_again: None,
            warned: None,
            out: Vec::new(),
        };
        if token.grant.is_some() {
            token.refresh(now.tick);
        } else {
            token.need(why);
        }
        let out = std::mem::take(&mut token.out);
        (token, out)
    }

    /// When [`Input::Tick`] is due. None while an answer is awaited (the driver bounds it) and while a human is needed.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let own = match self.state {
            State::Resting { until } | State::Waiting { until } => Some(until),
            State::Asking { .. } | State::Keeping { .. } | State::Consent => None,
        };
        own.into_iter().chain(self.keep_again).min()
    }

    /// Whether only a human can help.
    #[must_use]
    pub const fn needs_consent(&self) -> bool {
        matches!(self.state, State::Consent)
    }

    /// Takes one input: what is to be done now, in this order. `chance` in 0..1.
    pub fn on(&mut self, input: Input, now: Now, chance: f64) -> Vec<Effect> {
        match input {
            Input::Tick => self.tick(now.tick),
            Input::Refreshed(Ok(fresh)) => self.refreshed(fresh, now, chance),
            Input::Refreshed(Err(failed)) => self.failed(failed, now.tick, chance),
            Input::Kept { done } => self.kept(done, now),
            Input::Rejected(access) => self.rejected(&access, now.tick),
            Input::Found(grant) => self.found(grant, now.tick),
        }
        std::mem::take(&mut self.out)
    }

    fn tick(&mut self, now: Instant) {
        if let (Some(at), Some(grant)) = (self.keep_again, &self.grant)
            && now >= at
        {
            self.keep_again = Some(now + KEEP_AGAIN);
            self.out.push(Effect::Keep(grant.clone()));
        }
        match self.state {
            State::Resting { until } | State::Waiting { until } if now >= until => self.refresh(now),
            State::Resting { .. }
            | State::Waiting { .. }
            | State::Asking { .. }
            | State::Keeping { .. }
            | State::Consent => {}
        }
    }

    fn refresh(&mut self, now: Instant) {
        if let Some(grant) = &self.grant {
            self.out.push(Effect::Refresh(grant.refresh.clone()));
            self.state = State::Asking { since: now };
        }
    }

    fn refreshed(&mut self, fresh: Fresh, now: Now, chance: f64) {
        let State::Asking { since } = self.state else { return };
        self.denials = 0;
        self.waits.forget();
        let life = match fresh.expires_in.and_then(|seconds| u64::try_from(seconds).ok()) {
            None | Some(0) => LIFE,
            Some(seconds) => Duration::from_secs(seconds).clamp(SHORTEST, LONGEST),
        };
        let expires = since + life;
        let refresh_at = now.tick + life.mul_f64((0.85 + 0.15 * chance.clamp(0.0, 1.0)) / 3.0);
        let rotated = fresh.refresh.filter(|new| self.grant.as_ref().is_none_or(|old| old.refresh != *new));
        if let Some(refresh) = rotated {
            let grant = Grant { refresh, issued: Some(now.clock) };
            self.grant = Some(grant.clone());
            self.out.push(Effect::Keep(grant));
            self.state = State::Keeping { access: fresh.access, expires, refresh_at };
        } else {
            self.give(fresh.access, expires, refresh_at, now);
        }
    }

    /// A token that could not be kept is used all the same: deaf now is worse than a login after the next restart.
    fn kept(&mut self, done: bool, now: Now) {
        self.keep_again = (!done).then(|| now.tick + KEEP_AGAIN);
        if let State::Keeping { access, expires, refresh_at } = &self.state {
            let (access, expires, refresh_at) = (access.clone(), *expires, *refresh_at);
            self.give(access, expires, refresh_at, now);
        }
    }

    fn give(&mut self, access: Secret, expires: Instant, refresh_at: Instant, now: Now) {
        self.given = Some(access.clone());
        self.state = State::Resting { until: refresh_at };
        self.out.push(Effect::Give { access, expires });
        if std::mem::take(&mut self.needed) {
            self.out.push(Effect::Healed);
        }
        self.warn(now);
    }

    fn warn(&mut self, now: Now) {
        let Some(issued) = self.grant.as_ref().and_then(|grant| grant.issued) else { return };
        let left = GRANT_DAYS.saturating_sub(elapsed(issued, now.clock).as_secs() / DAY.as_secs());
        let said = self.warned.is_some_and(|at| now.tick.duration_since(at) < DAY);
        if left <= WARN_DAYS && !said {
            self.warned = Some(now.tick);
            self.out.push(Effect::Aging(u32::try_from(left).unwrap_or(0)));
        }
    }

    fn failed(&mut self, failed: Failed, now: Instant, chance: f64) {
        if !matches!(self.state, State::Asking { .. }) {
            return;
        }
        match failed {
            Failed::Transient(after) => self.state = State::Waiting { until: now + self.waits.next(chance, after) },
            Failed::Denied { status, code } => {
                self.denials += 1;
                if code.as_deref() == Some("invalid_grant") || self.denials >= 2 {
                    self.dead(Dead::Refused { status, code }, now);
                } else {
                    self.state = State::Waiting { until: now + DENIED_ONCE };
                }
            }
        }
    }

    fn dead(&mut self, why: Dead, now: Instant) {
        self.denials = 0;
        let dead = self.grant.take().map(|grant| grant.refresh);
        match self.spare.take().filter(|spare| dead.as_ref() != Some(spare)) {
            Some(spare) => {
                self.grant = Some(Grant { refresh: spare, issued: None });
                self.refresh(now);
            }
            None => self.need(why),
        }
        self.keep_again = None;
        self.dead = dead;
    }

    fn need(&mut self, why: Dead) {
        self.state = State::Consent;
        self.needed = true;
        self.out.push(Effect::Need(why));
    }

    fn rejected(&mut self, access: &Secret, now: Instant) {
        let State::Resting { .. } = self.state else { return };
        let forced = self.forced.is_some_and(|at| now.duration_since(at) < FORCE_APART);
        if self.given.as_ref() == Some(access) && !forced {
            self.forced = Some(now);
            self.refresh(now);
        }
    }

    /// A login beside the daemon counts at once when it is waited for, else at the next refresh. What is older than the
    /// token in hand is a rotation that could not be kept, not news.
    fn found(&mut self, found: Grant, now: Instant) {
        let older = self.keep_again.is_some() && found.issued <= self.grant.as_ref().and_then(|grant| grant.issued);
        let known = self.dead.as_ref() == Some(&found.refresh)
            || self.grant.as_ref().is_some_and(|grant| grant.refresh == found.refresh);
        if known || older || matches!(self.state, State::Asking { .. } | State::Keeping { .. }) {
            return;
        }
        self.grant = Some(found);
        self.keep_again = None;
        self.warned = None;
        self.denials = 0;
        self.waits.forget();
        match self.state {
            State::Consent | State::Waiting { .. } => self.refresh(now),
            State::Resting { .. } | State::Asking { .. } | State::Keeping { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
