//! Task of one connection's token: executes the effects of the token machine (refresh, token file, access token) and
//! watches the token file. Contains no policy. `shared_refresh` adds the tokens that several daemons share.

use super::{
    ConnectionEvent, PatSource,
    lane::{FailureClass, RequestFailure},
    oauth::{self, Client},
    scopes::{self, Scope},
    shared_login::SharedLogin,
    token::{
        Effect, Input, LoginReason, REFRESH_TOKEN_LIFETIME, RefreshError, RefreshToken, TokenMachine, TokenResponse,
    },
    token_file::{self, FileStamp, StoredToken},
};
use crate::{
    model::{
        ids::ConnectionName,
        secret::Secret,
        time::{Now, Timestamp},
    },
    runtime::{http::NetworkFault, metrics::ConnectionMetrics},
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// Poll interval of the token file: after a login or a chmod, the operator at the terminal sees the lane recover.
const FILE_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Access token as published to the API client.
#[derive(Debug, Clone)]
pub(super) enum AccessToken {
    /// The first refresh is in flight.
    Pending,
    /// An access token and its expiry.
    Valid(Secret, Instant),
    /// No token until an operator logs in.
    LoginRequired,
}

impl AccessToken {
    /// Returns the expiry of a token.
    pub(super) const fn valid_until(&self) -> Option<Instant> {
        match self {
            Self::Valid(_, expires) => Some(*expires),
            Self::Pending | Self::LoginRequired => None,
        }
    }
}

/// Task that keeps the access token of one connection valid.
pub(super) struct TokenTask {
    pub(super) client: Client,
    pub(super) http: reqwest::Client,
    pub(super) token_file: PathBuf,
    pub(super) first_refresh_token: Option<Secret>,
    /// Replaces refresh token and token file.
    pub(super) pat: Option<PatSource>,
    /// Tokens that the daemons of several hosts share.
    pub(super) shared: Option<SharedLogin>,
    /// Scopes that the config needs.
    pub(super) needed_scopes: Vec<Scope>,
    /// Missing scopes as last emitted.
    pub(super) missing_scopes: Vec<Scope>,
    pub(super) access: watch::Sender<AccessToken>,
    pub(super) rejected: mpsc::Receiver<Secret>,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
    pub(super) name: ConnectionName,
    /// Consecutive failed refreshes; only the first is logged as a warning.
    pub(super) failed_refreshes: u64,
    /// Class of the emitted failure, until a refresh succeeds.
    pub(super) reported_failure: Option<FailureClass>,
    pub(super) metrics: ConnectionMetrics,
}

impl TokenTask {
    /// Runs until every receiver of the access token is dropped.
    pub(super) async fn run(mut self) {
        // Before the content: a change in between is then detected.
        let mut last_seen = FileStamp::read(&self.token_file).await;
        let file = self.read_stored().await;
        let file = self.newest_at_start(file).await;
        let first = self.first_refresh_token.take().filter(|_| self.pat.is_none());
        let (mut token, mut effects) = TokenMachine::new(file, first, Now::current());
        loop {
            self.run_effects(&mut token, effects).await;
            let Some(input) = self.next_input(&token, &mut last_seen).await else { return };
            effects = token.handle(input, Now::current(), fastrand::f64());
        }
    }

    /// Reads the stored refresh token, or the personal access token.
    async fn read_stored(&self) -> Result<RefreshToken, LoginReason> {
        if let Some(pat) = &self.pat {
            return read_pat(pat).await.ok_or(LoginReason::NoToken);
        }
        self.read_token_file().await.map_err(|error| match error {
            token_file::Error::Missing => LoginReason::NoToken,
            token_file::Error::Exposed { .. } | token_file::Error::Damaged | token_file::Error::Io { .. } => {
                tracing::warn!(connection = %self.name, %error, "token file not usable, waiting for a change of it");
                LoginReason::Unusable
            }
        })
    }

    /// Executes effects in order; an answer goes back into the machine before the next effect.
    async fn run_effects(&mut self, token: &mut TokenMachine, effects: Vec<Effect>) {
        let mut queue = std::collections::VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            let answer = match effect {
                Effect::Refresh(refresh) => Some(self.refresh_shared(token, &refresh).await),
                Effect::Persist(grant) => Some(Input::Persisted { done: self.persist(grant).await }),
                Effect::Publish { access, expires } => {
                    if let Some(shared) = &mut self.shared {
                        shared.on_published(expires.saturating_duration_since(Instant::now()));
                    }
                    self.access.send_replace(AccessToken::Valid(access, expires));
                    None
                }
                Effect::RequireLogin(why) => {
                    self.access.send_replace(AccessToken::LoginRequired);
                    self.emit(ConnectionEvent::LoginRequired { why }).await
                }
                Effect::LoginRestored => self.emit(ConnectionEvent::LoginRestored).await,
                Effect::ExpiresSoon(days_left) => self.emit(ConnectionEvent::RefreshTokenExpiring { days_left }).await,
            };
            if let Some(input) = answer {
                queue.extend(token.handle(input, Now::current(), fastrand::f64()));
            }
        }
    }

    async fn emit(&self, event: ConnectionEvent) -> Option<Input> {
        // The receiver closes only at shutdown.
        let _ = self.events.send(event).await;
        None
    }

    /// Emits the missing scopes if they changed. An answer without `scope` changes nothing.
    async fn compare_scopes(&mut self, granted: Option<&str>) {
        let missing = scopes::missing(&self.needed_scopes, granted);
        if granted.is_some() && missing != self.missing_scopes {
            self.missing_scopes.clone_from(&missing);
            self.emit(ConnectionEvent::ScopesMissing { missing }).await;
        }
    }

    /// Logs the end of failed refreshes, and compares the granted scopes.
    pub(super) async fn on_success(&mut self, scope: Option<&str>) {
        self.reported_failure = None;
        let repeats = std::mem::take(&mut self.failed_refreshes);
        if repeats > 0 {
            tracing::info!(connection = %self.name, repeats, "token refresh recovered");
        }
        self.compare_scopes(scope).await;
    }

    /// Logs the first of a series of failed refreshes. Emits the failure, again when its class changes.
    async fn on_failure(&mut self, error: &oauth::Error) {
        let (connection, why) = (&self.name, error.failure());
        if self.failed_refreshes == 0 {
            let advice = why.as_ref().and_then(RequestFailure::fault).map(NetworkFault::advice);
            tracing::warn!(%connection, %error, advice, "token refresh failed, retrying");
        } else {
            tracing::debug!(%connection, %error, "token refresh failed");
        }
        self.failed_refreshes = self.failed_refreshes.saturating_add(1);
        if let Some(why) = why
            && self.reported_failure.replace(why.class) != Some(why.class)
        {
            self.emit(ConnectionEvent::RefreshFailing(why)).await;
        }
    }

    pub(super) async fn refresh(&mut self, token: &Secret) -> Result<TokenResponse, RefreshError> {
        let answer = match &self.pat {
            Some(_) => self.client.exchange_pat(&self.http, token).await,
            None => self.client.refresh(&self.http, token).await,
        };
        self.metrics.token_refresh(answer.is_ok());
        match answer {
            Ok(tokens) => {
                self.on_success(tokens.scope.as_deref()).await;
                let oauth::Tokens { access, refresh, expires_in, scope } = tokens;
                // A personal access token is never replaced by an answer.
                let refresh = refresh.filter(|_| self.pat.is_none());
                Ok(TokenResponse { access, refresh, expires_in, scope })
            }
            Err(error) => {
                self.on_failure(&error).await;
                Err(match error {
                    oauth::Error::Network(cause) if NetworkFault::of(&cause).is_unreached() => RefreshError::Unreached,
                    _ if error.is_lost_answer() => RefreshError::AnswerLost,
                    oauth::Error::Denied { status, code } => RefreshError::Denied { status, code },
                    oauth::Error::Status { after, .. } => RefreshError::Transient(after),
                    oauth::Error::Network(_) | oauth::Error::Garbled => RefreshError::Transient(None),
                })
            }
        }
    }

    pub(super) async fn persist(&self, grant: RefreshToken) -> bool {
        let path = self.token_file.clone();
        let issued = grant.issued.unwrap_or_else(Timestamp::now);
        self.metrics.refresh_token(issued, REFRESH_TOKEN_LIFETIME);
        let stored = StoredToken { refresh_token: grant.token, issued, scope: grant.scope };
        let written = tokio::task::spawn_blocking(move || token_file::write(&path, &stored)).await;
        match written {
            Ok(Ok(())) => true,
            Ok(Err(why)) => {
                self.emit(ConnectionEvent::TokenNotPersisted { why }).await;
                false
            }
            Err(_) => false,
        }
    }

    async fn read_token_file(&self) -> Result<RefreshToken, token_file::Error> {
        let path = self.token_file.clone();
        let read = tokio::task::spawn_blocking(move || token_file::read(&path)).await;
        let stored = read.unwrap_or(Err(token_file::Error::Damaged))?;
        self.metrics.refresh_token(stored.issued, REFRESH_TOKEN_LIFETIME);
        Ok(RefreshToken { token: stored.refresh_token, issued: Some(stored.issued), scope: stored.scope })
    }

    /// Waits for the next input; `None` when every receiver of the access token is dropped.
    async fn next_input(&mut self, token: &TokenMachine, last_seen: &mut Option<FileStamp>) -> Option<Input> {
        let deadline = token.deadline();
        loop {
            let poll = tokio::time::Instant::now() + FILE_POLL_INTERVAL;
            let wake = deadline.map_or(poll, |deadline| poll.min(deadline.into()));
            tokio::select! {
                rejected = self.rejected.recv() => {
                    if let (Some(shared), Some(access)) = (&mut self.shared, &rejected) {
                        shared.on_rejected(access.clone());
                    }
                    return rejected.map(Input::Rejected);
                }
                () = self.access.closed() => return None,
                () = tokio::time::sleep_until(wake) => {}
            }
            if let Some(input) = self.changed_token(token, last_seen).await {
                return Some(input);
            }
            if let Some(input) = self.shared_change(token).await {
                return Some(input);
            }
            if deadline.is_some_and(|at| Instant::now() >= at) {
                return Some(Input::Tick);
            }
        }
    }

    /// Returns the change of the token file, if any. A personal access token is read again while GoTo rejects it; the
    /// machine ignores the rejected one.
    async fn changed_token(&self, token: &TokenMachine, last_seen: &mut Option<FileStamp>) -> Option<Input> {
        if let Some(pat) = &self.pat {
            let read = if token.needs_login() { read_pat(pat).await } else { None };
            return read.map(Input::FileChanged);
        }
        let seen = FileStamp::read(&self.token_file).await;
        let before = std::mem::replace(last_seen, seen.clone());
        match (before, seen) {
            (Some(_), None) => Some(Input::FileRemoved),
            (before, Some(after)) if before.as_ref() != Some(&after) => match self.read_token_file().await {
                Ok(grant) => Some(Input::FileChanged(grant)),
                Err(error) => {
                    tracing::debug!(connection = %self.name, %error, "changed token file not usable");
                    None
                }
            },
            (_, Some(_)) | (None, None) => None,
        }
    }
}

async fn read_pat(source: &PatSource) -> Option<RefreshToken> {
    let source = source.clone();
    let read = tokio::task::spawn_blocking(move || source.read()).await.ok()?;
    match read {
        Ok(token) => Some(RefreshToken::from_config(token)),
        Err(error) => {
            tracing::debug!(%error, "personal access token not readable");
            None
        }
    }
}
