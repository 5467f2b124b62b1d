//! The token task where several daemons share the tokens: reads the shared database, locks it for a refresh, and stores the
//! result. `model::shared_token` decides which token counts.

use super::{
    shared_login::{SharedLogin, new_token},
    token::{Input, LoginReason, RefreshToken, TokenMachine, TokenResponse},
    token_task::{AccessToken, TokenTask},
};
use crate::model::{
    secret::Secret,
    shared_token::{
        LocalToken, NewToken, Newest, RefreshDecision, SharedChange, SharedToken, TimedAccess, decide_change, newest,
    },
    time::Timestamp,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Wait before the next attempt while another daemon refreshes or the store is away. A refresh takes less than a second.
const HOLD: Duration = Duration::from_secs(2);
/// Time in which a start waits for the store. A connection takes some 100 ms. Without the store GoTo's calls must not wait.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of the queries in that time.
const START_INTERVAL: Duration = Duration::from_millis(100);

impl TokenTask {
    /// Reads the shared tokens at the start, until the store answers or [`START_TIMEOUT`] is over.
    async fn first_shared(&self, shared: &SharedLogin) -> Option<SharedToken> {
        let read = async {
            loop {
                if let Some(found) = shared.store.read(self.name.clone()).await {
                    return found;
                }
                tokio::time::sleep(START_INTERVAL).await;
            }
        };
        tokio::select! {
            found = tokio::time::timeout(START_TIMEOUT, read) => found.ok(),
            () = self.access.closed() => None,
        }
    }

    /// Returns the newest of the file's token and the shared one, after writing it to the file.
    pub(super) async fn newest_at_start(
        &self,
        file: Result<RefreshToken, LoginReason>,
    ) -> Result<RefreshToken, LoginReason> {
        let Some(shared) = &self.shared else { return file };
        let Some(stored) = self.first_shared(shared).await.and_then(|found| found.refresh) else { return file };
        if newest(Some(&stored), file.as_ref().ok(), None) != Newest::Shared {
            return file;
        }
        self.take(&stored, file.is_err()).await;
        Ok(stored)
    }

    /// Writes a token of another host to the file.
    async fn take(&self, found: &RefreshToken, needed_login: bool) {
        if needed_login {
            tracing::info!(connection = %self.name, "login received from another host");
        } else {
            tracing::debug!(connection = %self.name, "refresh token received from another host");
        }
        self.persist(found.clone()).await;
    }

    /// Returns the change of the shared tokens, if any, at most every 2 s. Stores a newer token of this host.
    pub(super) async fn shared_change(&mut self, token: &TokenMachine) -> Option<Input> {
        let shared = self.shared.as_mut()?;
        if !shared.poll(Instant::now()) {
            return None;
        }
        let store = Arc::clone(&shared.store);
        let found = store.read(self.name.clone()).await?;
        let local = self.local_token(token)?;
        match decide_change(&found, &local) {
            SharedChange::None => None,
            SharedChange::Take(found) => {
                self.take(&found, token.needs_login()).await;
                Some(Input::FileChanged(found))
            }
            SharedChange::Offer(refresh) => {
                let new = NewToken { refresh, access: None, rejected: local.rejected };
                store.store(self.name.clone(), new).await;
                None
            }
            SharedChange::NewAccess => Some(Input::AccessChanged),
        }
    }

    /// Returns this daemon's tokens, or `None` if the daemon shares none.
    fn local_token(&self, token: &TokenMachine) -> Option<LocalToken> {
        let shared = self.shared.as_ref()?;
        let in_use = match &*self.access.borrow() {
            AccessToken::Valid(token, expires) => {
                let left = expires.saturating_duration_since(Instant::now());
                let left = if shared.is_rejected(token) { Duration::ZERO } else { left };
                Some(TimedAccess { token: token.clone(), left })
            }
            AccessToken::Pending | AccessToken::LoginRequired => None,
        };
        let (refresh, rejected) = (token.refresh_token().cloned(), token.rejected_token().cloned());
        Some(LocalToken { refresh, rejected, access: in_use })
    }

    /// Refreshes under the lock of the shared database, or uses the newer token of another daemon.
    pub(super) async fn refresh_shared(&mut self, token: &TokenMachine, secret: &Secret) -> Input {
        let (Some(local), Some(shared)) = (self.local_token(token), &self.shared) else {
            return Input::Refreshed(self.refresh(secret).await);
        };
        let store = Arc::clone(&shared.store);
        match store.begin_refresh(self.name.clone(), local.clone()).await {
            Some(RefreshDecision::Newer(found)) => Input::Newer(found),
            Some(RefreshDecision::Busy) => Input::Held { pause: HOLD },
            Some(RefreshDecision::Use { access, scope }) => {
                self.on_success(scope.as_deref()).await;
                let expires_in = i64::try_from(access.left.as_secs()).ok();
                Input::Refreshed(Ok(TokenResponse { access: access.token, refresh: None, expires_in, scope }))
            }
            None if self.shared.as_ref().is_some_and(|shared| shared.waits_for_store(&local)) => {
                Input::Held { pause: HOLD }
            }
            Some(RefreshDecision::Refresh) | None => {
                let started = Instant::now();
                let answer = self.refresh(secret).await;
                match &answer {
                    Ok(response) => {
                        let new = new_token(local, secret, response, started.elapsed(), Timestamp::now());
                        // Away: the file has the token, and the next poll stores it.
                        store.store(self.name.clone(), new).await;
                    }
                    Err(_) => drop(store.unlock(self.name.clone()).await),
                }
                Input::Refreshed(answer)
            }
        }
    }
}
