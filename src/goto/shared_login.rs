//! Tokens that the daemons of several hosts share, as one token task has them. Decides when the task refreshes without the
//! store; `shared_refresh` acts.
//!
//! While the store is away, the task continues with this host's token file. GoTo may accept a refresh token only once, so
//! such a refresh could invalidate the login of the other hosts. The task therefore waits until the access token is near its
//! end. The newest token counts when the store is back.

use super::token::{RefreshToken, TokenResponse};
use crate::model::{
    secret::Secret,
    shared_token::{LocalToken, NewToken, SharedTokens, TimedAccess},
    time::Timestamp,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Interval of the queries of the shared tokens, as of the token file.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Part of an access token's lifetime in which a daemon refreshes without the store. The last third, 20 minutes of an hour: a
/// refresh can fail and be repeated in this time.
const OFFLINE_REFRESH_PART: u32 = 3;

/// The shared database with the data that a token task needs for it.
#[derive(Debug)]
pub(super) struct SharedLogin {
    pub(super) store: Arc<dyn SharedTokens>,
    /// Lifetime of the access token in use, at its publication.
    lifetime: Duration,
    /// The access token that GoTo rejected last.
    rejected_access: Option<Secret>,
    next_poll: Instant,
}

impl SharedLogin {
    pub(super) const fn new(store: Arc<dyn SharedTokens>, now: Instant) -> Self {
        Self { store, lifetime: Duration::ZERO, rejected_access: None, next_poll: now }
    }

    pub(super) const fn on_published(&mut self, lifetime: Duration) {
        self.lifetime = lifetime;
    }

    pub(super) fn on_rejected(&mut self, access: Secret) {
        self.rejected_access = Some(access);
    }

    /// Returns whether GoTo rejected this access token.
    pub(super) fn is_rejected(&self, access: &Secret) -> bool {
        self.rejected_access.as_ref() == Some(access)
    }

    /// Returns whether a query of the store is due, and plans the next.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next_poll;
        if is_due {
            self.next_poll = now + POLL_INTERVAL;
        }
        is_due
    }

    /// Returns whether a refresh waits for the store, which is away.
    pub(super) fn waits_for_store(&self, local: &LocalToken) -> bool {
        local.access.as_ref().is_some_and(|access| access.left > self.lifetime / OFFLINE_REFRESH_PART)
    }
}

/// Returns the tokens that the other daemons receive of an answer to a refresh with `secret`.
pub(super) fn new_token(
    local: LocalToken,
    secret: &Secret,
    response: &TokenResponse,
    took: Duration,
    now: Timestamp,
) -> NewToken {
    let (used_issued, used_scope) = local.refresh.map_or((None, None), |used| (used.issued, used.scope));
    let scope = response.scope.clone().or(used_scope);
    let refresh = match response.refresh.as_ref().filter(|new| *new != secret) {
        Some(new) => RefreshToken { token: new.clone(), issued: Some(now), scope },
        None => RefreshToken { token: secret.clone(), issued: used_issued, scope },
    };
    let left = super::token::lifetime(response.expires_in).saturating_sub(took);
    NewToken { refresh, access: Some(TimedAccess { token: response.access.clone(), left }), rejected: local.rejected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(refresh: Option<&str>) -> TokenResponse {
        let (access, refresh) = (Secret::new("a"), refresh.map(Secret::new));
        TokenResponse { access, refresh, expires_in: Some(3600), scope: None }
    }

    #[test]
    fn rotated_token_is_stored_with_its_time_and_a_kept_one_with_the_earlier() {
        let issued = Some("2026-05-01T00:00:00Z".parse().unwrap());
        let used = RefreshToken { token: Secret::new("r1"), issued, scope: Some("cr.v1.read".to_owned()) };
        let local = LocalToken { refresh: Some(used.clone()), ..LocalToken::default() };
        let now = "2026-05-20T00:00:00Z".parse().unwrap();
        let kept = new_token(local.clone(), &used.token, &response(None), Duration::from_secs(3), now);
        assert_eq!(kept.refresh, used);
        assert_eq!(kept.access.unwrap().left, Duration::from_secs(3597));
        let rotated = new_token(local, &used.token, &response(Some("r2")), Duration::ZERO, now).refresh;
        assert_eq!((rotated.token.expose(), rotated.issued, rotated.scope), ("r2", Some(now), used.scope));
    }
}
