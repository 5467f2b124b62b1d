//! Tokens of a connection that several daemons share: their contract, and the rule for the token that counts. `outbox`
//! implements [`SharedTokens`], `goto` uses it.
//!
//! GoTo may accept a refresh token only once. So one daemon refreshes at a time, under a lock, and the others use its tokens.
//! The refresh token that was issued last counts: a login on any host is newer than all tokens before it.

use crate::model::{ids::ConnectionName, secret::Secret, time::Timestamp};
use std::{cmp::Ordering, fmt, pin::Pin, time::Duration};

/// Least remaining time for the use of another daemon's access token: a token with less than a minute is refreshed instead.
const LEAST_ACCESS_TIME: Duration = Duration::from_secs(60);

/// A refresh token and its time of issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The token.
    pub token: Secret,
    /// Time of issue by GoTo; unknown for a token from the config.
    pub issued: Option<Timestamp>,
    /// Granted scopes, as last stated by GoTo.
    pub scope: Option<String>,
}

impl RefreshToken {
    /// Creates a token from the config, of unknown age and scope.
    #[must_use]
    pub const fn from_config(token: Secret) -> Self {
        Self { token, issued: None, scope: None }
    }
}

/// An access token and the time until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedAccess {
    /// The token.
    pub token: Secret,
    /// Time until it expires; zero if GoTo rejects it.
    pub left: Duration,
}

/// The tokens of a connection in the shared database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedToken {
    /// The refresh token; `None` before the first one.
    pub refresh: Option<RefreshToken>,
    /// The access token of the last refresh; `None` after a login.
    pub access: Option<TimedAccess>,
    /// Whether another daemon refreshes now.
    pub is_locked: bool,
}

/// The tokens of a connection in one daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalToken {
    /// The refresh token; `None` while a login is required.
    pub refresh: Option<RefreshToken>,
    /// The refresh token that GoTo rejected last: it counts as older than any other.
    pub rejected: Option<Secret>,
    /// The access token in use.
    pub access: Option<TimedAccess>,
}

/// Tokens that a daemon stores for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The refresh token.
    pub refresh: RefreshToken,
    /// The access token of a refresh; `None` for a login.
    pub access: Option<TimedAccess>,
    /// The rejected token, as in [`LocalToken`].
    pub rejected: Option<Secret>,
}

/// Decision about a refresh: send the request, or use the tokens of another daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshDecision {
    /// The shared database has a newer refresh token, which is used instead.
    Newer(RefreshToken),
    /// Another daemon has refreshed; no request is needed.
    Use {
        /// Access token of the other daemon.
        access: TimedAccess,
        /// Granted scopes, if GoTo stated them.
        scope: Option<String>,
    },
    /// Another daemon refreshes now.
    Busy,
    /// This daemon holds the lock and refreshes.
    Refresh,
}

/// Reaction of a daemon to a change of the shared tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedChange {
    /// No action.
    None,
    /// Uses the newer refresh token of the store: a login or a rotation of another host.
    Take(RefreshToken),
    /// Stores its own newer refresh token: a login on this host, or a rotation while the store was away.
    Offer(RefreshToken),
    /// Uses the newer access token.
    NewAccess,
}

/// Answer of the shared database; `None`: the store is away.
pub type TokenFuture<T> = Pin<Box<dyn Future<Output = Option<T>> + Send>>;

/// Store of the tokens that several daemons share.
pub trait SharedTokens: fmt::Debug + Send + Sync {
    /// Reads the tokens of a connection. Returns the default if there are none.
    fn read(&self, connection: ConnectionName) -> TokenFuture<SharedToken>;

    /// Decides by [`decide_refresh`], in one transaction. [`RefreshDecision::Refresh`] takes the lock.
    fn begin_refresh(&self, connection: ConnectionName, local: LocalToken) -> TokenFuture<RefreshDecision>;

    /// Stores tokens unless the stored ones are newer, and ends the lock of this daemon. The answer follows a durable commit.
    fn store(&self, connection: ConnectionName, new: NewToken) -> TokenFuture<()>;

    /// Ends the lock of this daemon after a failed refresh.
    fn unlock(&self, connection: ConnectionName) -> TokenFuture<()>;
}

/// The owner of the newest refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newest {
    /// The same token, or neither is known to be newer.
    Same,
    /// The store's token.
    Shared,
    /// This daemon's token.
    Local,
}

/// Returns the owner of the newest refresh token.
#[must_use]
pub fn newest(shared: Option<&RefreshToken>, local: Option<&RefreshToken>, rejected: Option<&Secret>) -> Newest {
    let is_rejected = shared.is_some_and(|shared| rejected == Some(&shared.token));
    match (shared.filter(|_| !is_rejected), local) {
        (None, None) => Newest::Same,
        (Some(_), None) => Newest::Shared,
        (None, Some(local)) if shared.is_some_and(|shared| shared.token == local.token) => Newest::Same,
        (None, Some(_)) => Newest::Local,
        (Some(shared), Some(local)) if shared.token == local.token => Newest::Same,
        (Some(shared), Some(local)) => match shared.issued.cmp(&local.issued) {
            Ordering::Greater => Newest::Shared,
            Ordering::Equal => Newest::Same,
            Ordering::Less => Newest::Local,
        },
    }
}

/// Decides whether a daemon whose refresh is due sends the request.
#[must_use]
pub fn decide_refresh(shared: &SharedToken, local: &LocalToken) -> RefreshDecision {
    match (newest(shared.refresh.as_ref(), local.refresh.as_ref(), local.rejected.as_ref()), &shared.refresh) {
        (Newest::Shared, Some(newer)) => return RefreshDecision::Newer(newer.clone()),
        (Newest::Same, Some(same)) => {
            if let Some(access) = better_access(shared, local) {
                return RefreshDecision::Use { access: access.clone(), scope: same.scope.clone() };
            }
        }
        _ => {}
    }
    if shared.is_locked { RefreshDecision::Busy } else { RefreshDecision::Refresh }
}

/// Decides the reaction of a daemon to the shared tokens between two refreshes.
#[must_use]
pub fn decide_change(shared: &SharedToken, local: &LocalToken) -> SharedChange {
    match (newest(shared.refresh.as_ref(), local.refresh.as_ref(), local.rejected.as_ref()), &local.refresh) {
        (Newest::Shared, _) => shared.refresh.clone().map_or(SharedChange::None, SharedChange::Take),
        // A token of the config is stored after its first refresh.
        (Newest::Local, Some(own)) if own.issued.is_some() => SharedChange::Offer(own.clone()),
        (Newest::Same, Some(_)) if better_access(shared, local).is_some() => SharedChange::NewAccess,
        _ => SharedChange::None,
    }
}

/// Returns the store's access token if it differs from the one in use and lasts longer.
fn better_access<'s>(shared: &'s SharedToken, local: &LocalToken) -> Option<&'s TimedAccess> {
    let is_better = |found: &&TimedAccess| match &local.access {
        None => true,
        Some(own) => own.token != found.token && own.left < found.left,
    };
    shared.access.as_ref().filter(|found| found.left >= LEAST_ACCESS_TIME).filter(is_better)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(token: &str, day: Option<u8>) -> RefreshToken {
        let issued = day.map(|day| format!("2026-05-{day:02}T00:00:00Z").parse().unwrap());
        RefreshToken { token: Secret::new(token), issued, scope: Some("cr.v1.read".to_owned()) }
    }

    fn access(token: &str, left: u64) -> TimedAccess {
        TimedAccess { token: Secret::new(token), left: Duration::from_secs(left) }
    }

    fn shared(token: RefreshToken, of: Option<TimedAccess>, is_locked: bool) -> SharedToken {
        SharedToken { refresh: Some(token), access: of, is_locked }
    }

    fn local(token: RefreshToken, of: Option<TimedAccess>) -> LocalToken {
        LocalToken { refresh: Some(token), rejected: None, access: of }
    }

    #[test]
    fn newest_token_counts_and_a_rejected_one_is_the_oldest() {
        let (old, new, config) = (refresh("old", Some(1)), refresh("new", Some(2)), refresh("config", None));
        let of = |shared, local, rejected: Option<&str>| newest(shared, local, rejected.map(Secret::new).as_ref());
        for (row, own, rejected, expected) in [
            (None, None, None, Newest::Same),
            (None, Some(&old), None, Newest::Local),
            (Some(&old), None, None, Newest::Shared),
            (Some(&old), None, Some("old"), Newest::Same),
            (Some(&old), Some(&old), None, Newest::Same),
            (Some(&old), Some(&old), Some("old"), Newest::Same),
            (Some(&new), Some(&old), None, Newest::Shared),
            (Some(&old), Some(&new), None, Newest::Local),
            // The clock of the host with the login is behind.
            (Some(&new), Some(&old), Some("new"), Newest::Local),
            (Some(&old), Some(&config), None, Newest::Shared),
            (Some(&config), Some(&old), None, Newest::Local),
            (Some(&config), Some(&refresh("other", None)), None, Newest::Same),
        ] {
            assert_eq!(of(row, own, rejected), expected, "{row:?} {own:?} {rejected:?}");
        }
    }

    #[test]
    fn refresh_needs_the_newest_token_and_no_better_access_token() {
        let (r1, r2) = (|| refresh("r1", Some(1)), || refresh("r2", Some(2)));
        let used = |token: &str, left| RefreshDecision::Use { access: access(token, left), scope: r1().scope };
        for (row, own, expected) in [
            (SharedToken::default(), local(r1(), None), RefreshDecision::Refresh),
            (SharedToken { is_locked: true, ..SharedToken::default() }, local(r1(), None), RefreshDecision::Busy),
            (shared(r2(), Some(access("a2", 3000)), true), local(r1(), None), RefreshDecision::Newer(r2())),
            (shared(r1(), Some(access("a2", 3000)), true), local(r1(), Some(access("a1", 2400))), used("a2", 3000)),
            (shared(r1(), Some(access("a2", 3000)), false), local(r1(), Some(access("a1", 0))), used("a2", 3000)),
            (shared(r1(), Some(access("a2", 3000)), false), local(r1(), None), used("a2", 3000)),
            // Rejected by GoTo, older than the own one, or soon expired.
            (
                shared(r1(), Some(access("a1", 3000)), false),
                local(r1(), Some(access("a1", 0))),
                RefreshDecision::Refresh,
            ),
            (
                shared(r1(), Some(access("a0", 900)), false),
                local(r1(), Some(access("a1", 2400))),
                RefreshDecision::Refresh,
            ),
            (shared(r1(), Some(access("a2", 59)), false), local(r1(), None), RefreshDecision::Refresh),
            (shared(r1(), None, true), local(r1(), None), RefreshDecision::Busy),
            // A login on this host: the other daemons' access token belongs to the earlier one.
            (shared(r1(), Some(access("a2", 3000)), false), local(r2(), None), RefreshDecision::Refresh),
            (shared(r1(), Some(access("a2", 3000)), true), local(r2(), None), RefreshDecision::Busy),
        ] {
            assert_eq!(decide_refresh(&row, &own), expected, "{row:?} {own:?}");
        }
    }

    #[test]
    fn change_of_the_shared_tokens_is_taken_and_a_newer_own_token_is_offered() {
        let (r1, r2) = (|| refresh("r1", Some(1)), || refresh("r2", Some(2)));
        let needs_login = LocalToken { rejected: Some(Secret::new("r1")), ..LocalToken::default() };
        for (row, own, expected) in [
            (SharedToken::default(), LocalToken::default(), SharedChange::None),
            (SharedToken::default(), local(r1(), None), SharedChange::Offer(r1())),
            (SharedToken::default(), local(refresh("config", None), None), SharedChange::None),
            (shared(r1(), None, false), needs_login.clone(), SharedChange::None),
            (shared(r2(), None, false), needs_login, SharedChange::Take(r2())),
            (shared(r2(), None, false), local(r1(), None), SharedChange::Take(r2())),
            (shared(r1(), None, false), local(r2(), None), SharedChange::Offer(r2())),
            (shared(r1(), Some(access("a1", 2400)), false), local(r1(), Some(access("a1", 2400))), SharedChange::None),
            (
                shared(r1(), Some(access("a2", 3600)), false),
                local(r1(), Some(access("a1", 2400))),
                SharedChange::NewAccess,
            ),
        ] {
            assert_eq!(decide_change(&row, &own), expected, "{row:?} {own:?}");
        }
    }
}
