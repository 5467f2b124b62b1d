//! Rate limit and pause of one API method, shared by all sinks that Slack counts together. Sinks with one token share the
//! edits of a workspace and the posts of a channel. Contains no policy about responses.

use super::rate_limit::{AdaptiveLimit, RateLimit};
use crate::model::secret::Secret;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// Rate limit and pause of one API method. Slack counts its Web API by method: throttled edits do not delay the post of a
/// ringing call. Clones share one state.
#[derive(Debug, Clone)]
pub struct SharedLimiter(Arc<Mutex<LimiterState>>);

#[derive(Debug)]
struct LimiterState {
    bucket: Option<AdaptiveLimit>,
    /// Limit over a long time, never adapted.
    long_term: Option<AdaptiveLimit>,
    paused_until: Option<Instant>,
    in_flight: u32,
}

/// Permission for one message in flight; dropping the permit releases the place.
#[derive(Debug)]
pub struct Permit(SharedLimiter);

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}

impl SharedLimiter {
    /// Creates an idle limiter; `None` means unlimited.
    #[must_use]
    pub fn new(pace: Option<RateLimit>, now: Instant) -> Self {
        let bucket = pace.map(|pace| AdaptiveLimit::new(pace, now));
        Self(Arc::new(Mutex::new(LimiterState { bucket, long_term: None, paused_until: None, in_flight: 0 })))
    }

    /// Adds a limit over a long time beside the rate limit; a limiter that has one is unchanged.
    #[must_use]
    pub fn with_long_term(self, limit: RateLimit, now: Instant) -> Self {
        self.lock().long_term.get_or_insert_with(|| AdaptiveLimit::new(limit, now));
        self
    }

    fn lock(&self) -> MutexGuard<'_, LimiterState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time until the next message may be sent; zero means now.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        self.lock().wait(now)
    }

    /// Acquires a permit; `None` if another sink was faster.
    #[must_use]
    pub fn try_acquire(&self, now: Instant) -> Option<Permit> {
        let mut state = self.lock();
        if !state.wait(now).is_zero() {
            return None;
        }
        state.in_flight = state.in_flight.saturating_add(1);
        Some(Permit(self.clone()))
    }

    /// Pauses until the time that the chat requested. A longer pause from another sink stays.
    pub fn pause_until(&self, until: Instant) {
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(Some(until));
    }

    /// Counts as [`AdaptiveLimit::consume`] does.
    pub fn consume(&self, now: Instant) {
        let state = &mut *self.lock();
        state.bucket.iter_mut().chain(&mut state.long_term).for_each(|bucket| bucket.consume(now));
    }

    /// Slows down as [`AdaptiveLimit::on_throttled`] does.
    pub fn on_throttled(&self, now: Instant) {
        if let Some(bucket) = &mut self.lock().bucket {
            bucket.on_throttled(now);
        }
    }

    /// Recovers as [`AdaptiveLimit::on_success`] does.
    pub fn on_success(&self, now: Instant) {
        if let Some(bucket) = &mut self.lock().bucket {
            bucket.on_success(now);
        }
    }
}

impl LimiterState {
    fn wait(&self, now: Instant) -> Duration {
        let paused_until = self.paused_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let buckets = self.bucket.iter().chain(&self.long_term);
        buckets.map(|bucket| bucket.wait_with_in_flight(self.in_flight, now)).fold(paused_until, Duration::max)
    }
}

/// Shared limiters of a daemon's sinks. Tokens are stored only as a hash with a random key of this process.
#[derive(Debug, Clone, Default)]
pub struct LimiterRegistry(Arc<Mutex<LimiterMap>>);

#[derive(Debug, Default)]
struct LimiterMap {
    hasher: RandomState,
    limiters: HashMap<u64, Weak<Mutex<LimiterState>>>,
}

impl LimiterRegistry {
    /// Returns the limiter of `method` for a token, an API URL, a channel (empty for all channels) and a rate limit. Equal
    /// arguments return the same limiter while any sink holds it.
    #[must_use]
    pub fn get(
        &self,
        token: &Secret,
        api: &Secret,
        method: &str,
        channel: &str,
        pace: RateLimit,
        now: Instant,
    ) -> SharedLimiter {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = (pace.per_second.to_bits(), pace.burst);
        let key = registry.hasher.hash_one((token.expose(), api.expose(), method, channel, rate));
        registry.limiters.retain(|_, limiter| limiter.strong_count() > 0);
        if let Some(limiter) = registry.limiters.get(&key).and_then(Weak::upgrade) {
            return SharedLimiter(limiter);
        }
        let limiter = SharedLimiter::new(Some(pace), now);
        registry.limiters.insert(key, Arc::downgrade(&limiter.0));
        limiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lanes: &LimiterRegistry, token: &str, channel: &str, now: Instant) -> SharedLimiter {
        let api = Secret::new("https://slack.com/api");
        lanes.get(&Secret::new(token), &api, "chat.update", channel, RateLimit { per_second: 1.0, burst: 2 }, now)
    }

    #[test]
    fn registry_same_token_and_channel_share_rate_and_pause() {
        let (lanes, now) = (LimiterRegistry::default(), Instant::now());
        let [one, same, other, other_channel] =
            [("xoxb-1", "C1"), ("xoxb-1", "C1"), ("xoxb-2", "C1"), ("xoxb-1", "C2")]
                .map(|(t, c)| of(&lanes, t, c, now));
        one.consume(now);
        same.consume(now);
        let is_free = |limiter: &SharedLimiter| limiter.wait(now).is_zero();
        assert_eq!([&one, &same, &other, &other_channel].map(is_free), [false, false, true, true]);
        other.pause_until(now + Duration::from_secs(9));
        other.pause_until(now + Duration::from_secs(3));
        assert_eq!(of(&lanes, "xoxb-2", "C1", now).wait(now), Duration::from_secs(9));
        assert!(!format!("{lanes:?}").contains("xoxb"));
        drop((one, same));
        assert!(is_free(&of(&lanes, "xoxb-1", "C1", now)), "a limiter without a holder starts full");
    }

    #[test]
    fn limiter_permit_is_released_after_message_is_counted() {
        let now = Instant::now();
        let limiter = SharedLimiter::new(Some(RateLimit { per_second: 1.0, burst: 2 }), now);
        let (first, second) = (limiter.try_acquire(now).unwrap(), limiter.clone().try_acquire(now).unwrap());
        assert!(
            limiter.try_acquire(now).is_none() && !limiter.wait(now).is_zero(),
            "both messages of the burst are in flight"
        );
        drop(first);
        limiter.consume(now);
        drop(second);
        assert!(limiter.try_acquire(now).is_some(), "one returned unsent, one is left");
    }

    #[test]
    fn limiter_without_rate_limit_never_waits() {
        let now = Instant::now();
        let limiter = SharedLimiter::new(None, now);
        let many: Vec<Option<Permit>> = (0..100).map(|_| limiter.try_acquire(now)).collect();
        assert!(many.iter().all(Option::is_some));
    }
}
