//! Drives the token machine: asks GoTo, writes the token file, hands access tokens to the API client, and watches the file
//! while a human is needed. Decides nothing.

use super::{
    Heard,
    oauth::{self, Client},
    token::{Dead, Effect, Failed, Fresh, Grant, Input, Token},
    token_file::{self, Kept},
};
use crate::model::{
    ids::ConnectionName,
    secret::Secret,
    time::{Now, Timestamp},
};
use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::{mpsc, watch};

/// How often the token file is looked at while a human is needed: soon enough to go on while they still watch.
const LOOK: Duration = Duration::from_secs(2);

/// What the API client may use now.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// Nothing yet; soon.
    Awaited,
    /// This token, until then.
    Given(Secret, Instant),
    /// Nothing until a human has acted.
    Consent,
}

/// The task of one login's token.
pub(super) struct Driver {
    pub(super) client: Client,
    pub(super) http: reqwest::Client,
    pub(super) path: PathBuf,
    pub(super) first: Option<Secret>,
    pub(super) access: watch::Sender<Access>,
    pub(super) rejected: mpsc::Receiver<Secret>,
    pub(super) heard: mpsc::Sender<Heard>,
    pub(super) name: ConnectionName,
    /// That refreshes fail was said.
    pub(super) failures: u64,
}

impl Driver {
    /// Runs until nobody listens any more.
    pub(super) async fn run(mut self) {
        let file = self.look().await.map_err(|error| match error {
            token_file::Error::Missing => Dead::NoToken,
            token_file::Error::Exposed { .. } | token_file::Error::Damaged | token_file::Error::Io { .. } => {
                tracing::warn!(%error, "token file is not used");
                Dead::Unusable
            }
        });
        let (mut token, mut effects) = Token::begin(file, self.first.take(), Now::read());
        let mut seen = None;
        loop {
            self.carry_out(&mut token, effects).await;
            let Some(input) = self.next(&token, &mut seen).await else { return };
            effects = token.on(input, Now::read(), fastrand::f64());
        }
    }

    /// Effects in their order; those that have an answer give it to the machine before the next.
    async fn carry_out(&mut self, token: &mut Token, effects: Vec<Effect>) {
        let mut todo = std::collections::VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            let answer = match effect {
                Effect::Refresh(refresh) => Some(Input::Refreshed(self.refresh(&refresh).await)),
                Effect::Keep(grant) => Some(Input::Kept { done: self.keep(grant).await }),
                Effect::Give { access, expires } => {
                    self.access.send_replace(Access::Given(access, expires));
                    None
                }
                Effect::Need(why) => {
                    self.access.send_replace(Access::Consent);
                    self.tell(Heard::ConsentNeeded { why }).await
                }
                Effect::Healed => self.tell(Heard::ConsentGiven).await,
                Effect::Aging(days_left) => self.tell(Heard::GrantAging { days_left }).await,
            };
            if let Some(input) = answer {
                todo.extend(token.on(input, Now::read(), fastrand::f64()));
            }
        }
    }

    async fn tell(&self, heard: Heard) -> Option<Input> {
        // The other end closes only when the daemon stops.
        let _ = self.heard.send(heard).await;
        None
    }

    async fn refresh(&mut self, token: &Secret) -> Result<Fresh, Failed> {
        match self.client.refresh(&self.http, token).await {
            Ok(tokens) => {
                let repeats = std::mem::take(&mut self.failures);
                if repeats > 0 {
                    tracing::info!(connection = %self.name, repeats, "token refreshed again");
                }
                let oauth::Tokens { access, refresh, expires_in } = tokens;
                Ok(Fresh { access, refresh, expires_in })
            }
            Err(error) => {
                let connection = &self.name;
                if self.failures == 0 {
                    tracing::warn!(%connection, %error, "token refresh failed, tries on");
                } else {
                    tracing::debug!(%connection, %error, "token refresh failed");
                }
                self.failures = self.failures.saturating_add(1);
                Err(match error {
                    oauth::Error::Denied { status, code } => Failed::Denied { status, code },
                    oauth::Error::Status { after, .. } => Failed::Transient(after),
                    oauth::Error::Network(_) | oauth::Error::Garbled => Failed::Transient(None),
                })
            }
        }
    }

    async fn keep(&self, grant: Grant) -> bool {
        let path = self.path.clone();
        let kept = Kept { refresh_token: grant.refresh, issued: grant.issued.unwrap_or_else(Timestamp::now) };
        let written = tokio::task::spawn_blocking(move || token_file::write(&path, &kept)).await;
        match written {
            Ok(Ok(())) => true,
            Ok(Err(why)) => {
                self.tell(Heard::TokenNotKept { why }).await;
                false
            }
            Err(_) => false,
        }
    }

    async fn look(&self) -> Result<Grant, token_file::Error> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || token_file::read(&path)).await;
        let kept = read.unwrap_or(Err(token_file::Error::Damaged))?;
        Ok(Grant { refresh: kept.refresh_token, issued: Some(kept.issued) })
    }

    /// The next thing that happens; `None` when nobody is left to hand tokens to.
    async fn next(&mut self, token: &Token, seen: &mut Option<SystemTime>) -> Option<Input> {
        let deadline = token.deadline();
        loop {
            let wake = if token.needs_consent() {
                tokio::time::Instant::now() + LOOK
            } else {
                deadline.map_or_else(|| tokio::time::Instant::now() + LOOK, Into::into)
            };
            tokio::select! {
                rejected = self.rejected.recv() => return rejected.map(Input::Rejected),
                () = self.access.closed() => return None,
                () = tokio::time::sleep_until(wake) => {}
            }
            if self.changed(seen).await
                && let Ok(grant) = self.look().await
            {
                return Some(Input::Found(grant));
            }
            if deadline.is_some_and(|at| Instant::now() >= at) {
                return Some(Input::Tick);
            }
        }
    }

    /// Whether the file has another time of change than when it was last looked at.
    async fn changed(&self, seen: &mut Option<SystemTime>) -> bool {
        let now = tokio::fs::metadata(&self.path).await.and_then(|file| file.modified()).ok();
        let changed = now.is_some() && now != *seen;
        *seen = now;
        changed
    }
}
