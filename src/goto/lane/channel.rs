//! A GoTo channel and the times of its lifetime.

use super::{FailureClass, RandomSource};
use crate::model::{
    ids::{AccountKey, ChannelId},
    secret::Secret,
};
use std::time::{Duration, Instant};

/// 1200 s: `channelLifetime` of WebSocket channels on live accounts. The documented 10800 s was seen nowhere.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(1200);
/// Lower bound of a stated lifetime: renewing more often than every 4 s has no use.
const MIN_LIFETIME: Duration = Duration::from_secs(10);
/// Upper bound of a stated lifetime: "never expires" (2147483647) is renewed daily too.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// Failed sockets in a row after which another channel is tried: about a minute of growing waits.
const MAX_FAILED_OPENS: u8 = 6;
/// Time in which sockets to an unreached host do not count: they are tried every few seconds and prove nothing about the
/// channel. A minute, as for other failures.
const UNREACHED_GRACE: Duration = Duration::from_secs(60);

/// A channel with its URL and lifetime.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub id: ChannelId,
    pub url: Secret,
    pub lifetime: Duration,
    pub renewed_at: Instant,
    /// Sockets in a row that failed to open. A failed socket does not condemn its channel.
    pub failed_opens: u8,
    /// Time of the first of them, and of those to an unreached host.
    pub failed_since: Option<Instant>,
}

/// A channel that survives a failed step.
#[derive(Debug, Clone)]
pub(super) struct Reusable {
    pub channel: Channel,
    /// Accounts that are not subscribed yet; `None`: the channel has no subscription.
    pub pending: Option<Vec<AccountKey>>,
}

impl Channel {
    /// Creates a channel. `sent`: time of the create request, which is before the lifetime began.
    pub(super) fn new(id: ChannelId, url: Secret, lifetime: Option<i64>, sent: Instant) -> Self {
        Self { id, url, lifetime: parse_lifetime(lifetime), renewed_at: sent, failed_opens: 0, failed_since: None }
    }

    pub(super) fn expires(&self) -> Instant {
        self.renewed_at + self.lifetime
    }

    /// Returns a time before half of the lifetime; later lanes renew earlier, so that no two renew together.
    pub(super) fn renew_at(&self, lane: u8, random: RandomSource<'_>) -> Instant {
        let share = 0.5 - 0.06 * f64::from(lane % 4) - 0.05 * random();
        self.renewed_at + self.lifetime.mul_f64(share)
    }

    /// Returns three quarters of the lifetime: from then on a replacement is built.
    pub(super) fn replace_after(&self) -> Instant {
        self.renewed_at + self.lifetime.mul_f64(0.75)
    }

    /// Counts a socket that failed to open.
    pub(super) fn count_failed_open(&mut self, class: FailureClass, now: Instant) {
        let since = *self.failed_since.get_or_insert(now);
        let is_unreached = matches!(class, FailureClass::Unreachable(fault) if fault.is_unreached());
        if !is_unreached || now.saturating_duration_since(since) >= UNREACHED_GRACE {
            self.failed_opens = self.failed_opens.saturating_add(1);
        }
    }

    /// Returns whether another socket may be opened: some lifetime is left, and not too many sockets failed.
    pub(super) fn can_reopen(&self, now: Instant) -> bool {
        now < self.replace_after() && self.failed_opens < MAX_FAILED_OPENS
    }

    /// Returns whether the first half of the lifetime is left for a subscription and a socket.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now < self.renewed_at + self.lifetime.mul_f64(0.5)
    }
}

/// Parses `channelLifetime`; zero, negative and missing mean the default.
pub(super) fn parse_lifetime(lifetime: Option<i64>) -> Duration {
    match lifetime.and_then(|seconds| u64::try_from(seconds).ok()) {
        None | Some(0) => DEFAULT_LIFETIME,
        Some(seconds) => Duration::from_secs(seconds).clamp(MIN_LIFETIME, MAX_LIFETIME),
    }
}
