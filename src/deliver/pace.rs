//! How fast one URL takes messages: a token bucket that learns downwards from refusals and forgives slowly. Pure: time
//! is an argument. A full bucket never delays, so a quiet channel is told at once.
//!
//! A message is counted when its answer is there, not when it is sent: the chat counted it somewhere between, and so its
//! bucket is never emptier than this one. Counting at the start lets a slow request followed by a fast one arrive closer
//! together than they were sent, and earns a refusal.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How fast a URL may be posted to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Messages a second, in the long run.
    pub per_second: f64,
    /// Messages at once after a quiet while.
    pub burst: u32,
}

impl Default for Pace {
    /// 1/s and a burst of 4: Slack's incoming webhooks take "1 per second, short bursts"; Teams counts 4 in a second.
    fn default() -> Self {
        Self { per_second: 1.0, burst: 4 }
    }
}

impl Pace {
    /// For a Slack workflow trigger: 10 a minute, so 4 at once and 1 in 10 s make 10 in the first minute.
    pub const TRIGGER: Self = Self { per_second: 0.1, burst: 4 };
    /// For edits with a bot's token: `chat.update` takes 50 a minute (tier 3), so 10 at once and 2 in 3 s.
    pub const EDITS: Self = Self { per_second: 2.0 / 3.0, burst: 10 };
}

/// The slowest rate that is ever learned or configured: a message in 30 s. Merged messages keep even that readable.
const SLOWEST: f64 = 1.0 / 30.0;
/// How long nothing may be refused before the pace is raised by half: from one halving back in some 10 minutes.
const FORGIVE: Duration = Duration::from_secs(300);

/// One URL's bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    pace: Pace,
    rate: f64,
    burst: f64,
    level: f64,
    as_of: Instant,
    changed: Instant,
}

impl Bucket {
    /// A full one. A rate that is no rate becomes the slowest, a burst of none becomes one.
    #[must_use]
    pub fn new(pace: Pace, now: Instant) -> Self {
        let per_second = if pace.per_second.is_finite() { pace.per_second.max(SLOWEST) } else { SLOWEST };
        let pace = Pace { per_second, burst: pace.burst.max(1) };
        let burst = f64::from(pace.burst);
        Self { pace, rate: per_second, burst, level: burst, as_of: now, changed: now }
    }

    /// How long until the next message may be sent; zero: now.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        self.wait_behind(0, now)
    }

    /// As [`Bucket::wait`], with so many messages on the wire that are still to be counted.
    #[must_use]
    pub fn wait_behind(&self, sending: u32, now: Instant) -> Duration {
        let missing = 1.0 + f64::from(sending) - self.level_at(now);
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        // Rounded up to the timer's millisecond: waking early would only mean waiting again.
        Duration::try_from_secs_f64(missing / self.rate).unwrap_or(FORGIVE).saturating_add(Duration::from_millis(1))
    }

    /// A message was sent and its fate is known now.
    pub fn spent(&mut self, now: Instant) {
        self.level = (self.level_at(now) - 1.0).max(0.0);
        self.as_of = now;
    }

    /// The chat refused for its rate: half of it from now on, and nothing saved up.
    pub fn refused(&mut self, now: Instant) {
        self.rate = (self.rate / 2.0).max(SLOWEST);
        self.burst = (self.burst / 2.0).max(1.0);
        self.level = 0.0;
        self.as_of = now;
        self.changed = now;
    }

    /// The chat took a message: after a quiet while the pace is raised by half, never over what is configured.
    pub fn taken(&mut self, now: Instant) {
        if now.saturating_duration_since(self.changed) < FORGIVE {
            return;
        }
        self.level = self.level_at(now);
        self.as_of = now;
        self.changed = now;
        self.rate = (self.rate * 1.5).min(self.pace.per_second);
        self.burst = (self.burst * 1.5).min(f64::from(self.pace.burst));
    }

    fn level_at(&self, now: Instant) -> f64 {
        let quiet = now.saturating_duration_since(self.as_of).as_secs_f64();
        quiet.mul_add(self.rate, self.level).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_quiet_channel_takes_a_burst_without_delay_and_then_one_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Pace::default(), start);
        let mut at = start;
        let sent: Vec<f64> = (0..7)
            .map(|_| {
                at += bucket.wait(at);
                bucket.spent(at);
                at.duration_since(start).as_secs_f64()
            })
            .collect();
        assert_eq!(sent.get(..4), Some([0.0; 4].as_slice()));
        for (sent, due) in sent.iter().skip(4).zip([1.0, 2.0, 3.0]) {
            assert!((sent - due).abs() < 0.01, "{sent} for {due}");
        }
    }

    #[test]
    fn a_refusal_halves_the_pace_down_to_a_floor_and_quiet_success_brings_it_back() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Pace::default(), start);
        bucket.refused(start);
        assert!((bucket.rate - 0.5).abs() < 1e-9);
        assert!(bucket.wait(start) >= Duration::from_secs(2));
        (0..20).for_each(|_| bucket.refused(start));
        assert!((bucket.rate - SLOWEST).abs() < 1e-9);
        bucket.taken(after(start, 299.0));
        assert!((bucket.rate - SLOWEST).abs() < 1e-9, "too early to forgive");
        for step in 1..=12 {
            bucket.taken(after(start, 300.0 * f64::from(step)));
        }
        assert!((bucket.rate - 1.0).abs() < 1e-9);
        assert_eq!(bucket.wait(after(start, 4000.0)), Duration::ZERO);
    }

    #[test]
    fn a_pace_that_is_none_is_slow_and_not_a_panic() {
        let start = Instant::now();
        for per_second in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            let mut bucket = Bucket::new(Pace { per_second, burst: 0 }, start);
            assert_eq!(bucket.wait(start), Duration::ZERO);
            bucket.spent(start);
            assert!(bucket.wait(start) <= Duration::from_secs(31));
        }
    }

    /// The chat's side: a strict bucket of the same size, that counts at a time of its own between send and answer.
    struct Strict {
        level: f64,
        as_of: f64,
    }

    impl Strict {
        fn takes(&mut self, at: f64) -> bool {
            self.level = (self.level + at - self.as_of).min(4.0);
            self.as_of = at;
            self.level -= 1.0;
            self.level >= -1e-6
        }
    }

    proptest! {
        #[test]
        fn a_chat_with_the_same_bucket_never_refuses_whatever_the_network_does(
            trips in prop::collection::vec((0.0..3.0_f64, 0.0..0.9_f64, 0.0..0.9_f64), 1..200),
        ) {
            let start = Instant::now();
            let mut ours = Bucket::new(Pace::default(), start);
            let mut theirs = Strict { level: 4.0, as_of: 0.0 };
            let mut at = 0.0;
            for (pause, there, back) in trips {
                at += pause;
                at += ours.wait(after(start, at)).as_secs_f64();
                prop_assert!(theirs.takes(at + there));
                at += there + back;
                ours.spent(after(start, at));
            }
        }
    }
}
