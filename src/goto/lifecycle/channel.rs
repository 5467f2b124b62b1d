//! A channel of GoTo's and the times of its life.

use super::Dice;
use crate::model::{ids::ChannelId, secret::Secret};
use std::time::{Duration, Instant};

/// 10800 s: `channelLifetime` of a WebSocket channel when nothing else is asked for.
const LIFETIME: Duration = Duration::from_secs(10_800);
/// Shorter lifetimes are taken as this; renewing more often than every 4 s helps nobody.
const SHORTEST: Duration = Duration::from_secs(10);
/// Longer ones as this; "never expires" (2147483647) is renewed daily all the same.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A channel and how long it lives.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub id: ChannelId,
    pub url: Secret,
    pub lifetime: Duration,
    pub renewed: Instant,
}

impl Channel {
    /// `sent`: when it was asked for, which is before its life began.
    pub(super) fn new(id: ChannelId, url: Secret, lifetime: Option<i64>, sent: Instant) -> Self {
        Self { id, url, lifetime: read(lifetime), renewed: sent }
    }

    pub(super) fn expires(&self) -> Instant {
        self.renewed + self.lifetime
    }

    /// Before half of the life, earlier in later lanes, never in step.
    pub(super) fn renew_at(&self, lane: u8, dice: Dice<'_>) -> Instant {
        let share = 0.5 - 0.06 * f64::from(lane % 4) - 0.05 * dice();
        self.renewed + self.lifetime.mul_f64(share)
    }

    /// Three quarters of the life: from here on a replacement is built.
    pub(super) fn replace_at(&self) -> Instant {
        self.renewed + self.lifetime.mul_f64(0.75)
    }

    /// Whether it is still worth a subscription and a socket.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now < self.renewed + self.lifetime.mul_f64(0.5)
    }
}

/// Zero, negative and missing mean the default.
pub(super) fn read(lifetime: Option<i64>) -> Duration {
    match lifetime.and_then(|seconds| u64::try_from(seconds).ok()) {
        None | Some(0) => LIFETIME,
        Some(seconds) => Duration::from_secs(seconds).clamp(SHORTEST, LONGEST),
    }
}
