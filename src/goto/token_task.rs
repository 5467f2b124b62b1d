//! Task of one connection's token: executes the effects of the token machine (refresh, token file, access token) and
//! watches the token file. Contains no policy.

use super::{
    ConnectionEvent,
    oauth::{self, Client},
    token::{Effect, Input, LoginReason, RefreshError, RefreshToken, TokenMachine, TokenResponse},
    token_file::{self, StoredToken},
};
use crate::model::{
    ids::ConnectionName,
    secret::Secret,
    time::{Now, Timestamp},
};
use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// Poll interval of the token file: the operator at the terminal sees the lane recover after a login or a chmod.
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

/// Task that keeps the access token of one connection valid.
pub(super) struct TokenTask {
    pub(super) client: Client,
    pub(super) http: reqwest::Client,
    pub(super) token_file: PathBuf,
    pub(super) first_refresh_token: Option<Secret>,
    pub(super) access: watch::Sender<AccessToken>,
    pub(super) rejected: mpsc::Receiver<Secret>,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
    pub(super) name: ConnectionName,
    /// Consecutive failed refreshes; only the first is logged as a warning.
    pub(super) failed_refreshes: u64,
}

impl TokenTask {
    /// Runs until every receiver of the access token is dropped.
    pub(super) async fn run(mut self) {
        // Before the content: a change in between is then noticed.
        let mut last_seen = FileStamp::read(&self.token_file).await;
        let file = self.read_token_file().await.map_err(|error| match error {
            token_file::Error::Missing => LoginReason::NoToken,
            token_file::Error::Exposed { .. } | token_file::Error::Damaged | token_file::Error::Io { .. } => {
                tracing::warn!(connection = %self.name, %error, "token file not usable, waiting for a change of it");
                LoginReason::Unusable
            }
        });
        let (mut token, mut effects) = TokenMachine::new(file, self.first_refresh_token.take(), Now::current());
        loop {
            self.run_effects(&mut token, effects).await;
            let Some(input) = self.next_input(&token, &mut last_seen).await else { return };
            effects = token.handle(input, Now::current(), fastrand::f64());
        }
    }

    /// Executes effects in order; an answer goes back into the machine before the next effect.
    async fn run_effects(&mut self, token: &mut TokenMachine, effects: Vec<Effect>) {
        let mut queue = std::collections::VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            let answer = match effect {
                Effect::Refresh(refresh) => Some(Input::Refreshed(self.refresh(&refresh).await)),
                Effect::Persist(grant) => Some(Input::Persisted { done: self.persist(grant).await }),
                Effect::Publish { access, expires } => {
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

    async fn refresh(&mut self, token: &Secret) -> Result<TokenResponse, RefreshError> {
        match self.client.refresh(&self.http, token).await {
            Ok(tokens) => {
                let repeats = std::mem::take(&mut self.failed_refreshes);
                if repeats > 0 {
                    tracing::info!(connection = %self.name, repeats, "token refresh recovered");
                }
                let oauth::Tokens { access, refresh, expires_in } = tokens;
                Ok(TokenResponse { access, refresh, expires_in })
            }
            Err(error) => {
                let connection = &self.name;
                if self.failed_refreshes == 0 {
                    tracing::warn!(%connection, %error, "token refresh failed, retrying");
                } else {
                    tracing::debug!(%connection, %error, "token refresh failed");
                }
                self.failed_refreshes = self.failed_refreshes.saturating_add(1);
                Err(match error {
                    oauth::Error::Denied { status, code } => RefreshError::Denied { status, code },
                    oauth::Error::Status { after, .. } => RefreshError::Transient(after),
                    oauth::Error::Network(_) | oauth::Error::Garbled => RefreshError::Transient(None),
                })
            }
        }
    }

    async fn persist(&self, grant: RefreshToken) -> bool {
        let path = self.token_file.clone();
        let stored = StoredToken { refresh_token: grant.token, issued: grant.issued.unwrap_or_else(Timestamp::now) };
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
        Ok(RefreshToken { token: stored.refresh_token, issued: Some(stored.issued) })
    }

    /// Waits for the next input; `None` when every receiver of the access token is dropped.
    async fn next_input(&mut self, token: &TokenMachine, last_seen: &mut Option<FileStamp>) -> Option<Input> {
        let deadline = token.deadline();
        loop {
            let poll = tokio::time::Instant::now() + FILE_POLL_INTERVAL;
            let wake = deadline.map_or(poll, |deadline| poll.min(deadline.into()));
            tokio::select! {
                rejected = self.rejected.recv() => return rejected.map(Input::Rejected),
                () = self.access.closed() => return None,
                () = tokio::time::sleep_until(wake) => {}
            }
            let seen = FileStamp::read(&self.token_file).await;
            let before = std::mem::replace(last_seen, seen.clone());
            match (before, seen) {
                (Some(_), None) => return Some(Input::FileRemoved),
                (before, Some(after)) if before.as_ref() != Some(&after) => match self.read_token_file().await {
                    Ok(grant) => return Some(Input::FileChanged(grant)),
                    Err(error) => tracing::debug!(connection = %self.name, %error, "changed token file not usable"),
                },
                (_, Some(_)) | (None, None) => {}
            }
            if deadline.is_some_and(|at| Instant::now() >= at) {
                return Some(Input::Tick);
            }
        }
    }
}

/// Identity and state of a file. The change time moves with content, mode and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    inode: u64,
    changed: (i64, i64),
}

impl FileStamp {
    /// Reads the stamp; `None` without a file. Any other error counts as unchanged content of an unknown file.
    async fn read(path: &Path) -> Option<Self> {
        match tokio::fs::metadata(path).await {
            Ok(file) => Some(Self { inode: file.ino(), changed: (file.ctime(), file.ctime_nsec()) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => Some(Self { inode: 0, changed: (0, 0) }),
        }
    }
}
