//! Times from call to card of the last 24 hours, for percentiles. Pure but for the atomics: the time is an argument.
//!
//! A ring of 24 hours, each with the counts of 128 buckets that grow by 10 %. A percentile is off by 5 % at most, from 1 ms
//! to three minutes. 12 KiB a sink.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
    time::Duration,
};

/// Hours kept.
const HOURS: usize = 24;
/// Buckets of an hour.
const BUCKETS: usize = 128;
/// Upper bound of the first bucket, in seconds.
const FIRST_BOUND: f64 = 0.001;
/// Ratio of two neighbouring bounds.
const RATIO: f64 = 1.1;

/// Counts of one sink. One worker writes; others read.
#[derive(Debug)]
pub(super) struct DayLatency([Hour; HOURS]);

#[derive(Debug)]
struct Hour {
    /// Hours since 1970 of the counts; -1 without any.
    number: AtomicI64,
    counts: [AtomicU32; BUCKETS],
}

impl Default for DayLatency {
    fn default() -> Self {
        let hour = || Hour { number: AtomicI64::new(-1), counts: std::array::from_fn(|_| AtomicU32::new(0)) };
        Self(std::array::from_fn(|_| hour()))
    }
}

/// The counts as stored: by hour since 1970, then by bucket.
pub type StoredLatency = BTreeMap<i64, BTreeMap<u8, u32>>;

/// Percentiles of the times from call to card in 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// Number of cards.
    pub cards: u64,
    /// Median, seconds.
    pub p50: f64,
    /// 95th percentile, seconds.
    pub p95: f64,
    /// 99th percentile, seconds.
    pub p99: f64,
}

impl DayLatency {
    /// Counts a card accepted at `unix_seconds`.
    pub(super) fn record(&self, unix_seconds: i64, latency: Duration) {
        let number = unix_seconds.div_euclid(3600);
        let Some(hour) = self.hour(number) else { return };
        if hour.number.swap(number, Ordering::Relaxed) != number {
            hour.counts.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
        if let Some(count) = hour.counts.get(bucket(latency)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the percentiles of the 24 hours up to `unix_seconds`; `None` without cards.
    #[must_use]
    pub(super) fn summary(&self, unix_seconds: i64) -> Option<LatencySummary> {
        summarize(&self.stored(unix_seconds))
    }

    /// Returns the counts of the last 24 hours, to be stored.
    #[must_use]
    pub(super) fn stored(&self, unix_seconds: i64) -> StoredLatency {
        let now = unix_seconds.div_euclid(3600);
        let recent = self.0.iter().filter_map(|hour| {
            let number = hour.number.load(Ordering::Relaxed);
            is_recent(number, now).then(|| (number, hour.non_zero()))
        });
        recent.collect()
    }

    /// Adds stored counts of an earlier run. Older hours are ignored.
    pub(super) fn restore(&self, stored: &StoredLatency, unix_seconds: i64) {
        let now = unix_seconds.div_euclid(3600);
        for (number, counts) in stored.iter().filter(|(number, _)| is_recent(**number, now)) {
            let Some(hour) = self.hour(*number) else { continue };
            hour.number.store(*number, Ordering::Relaxed);
            for (index, stored) in counts {
                if let Some(count) = hour.counts.get(usize::from(*index)) {
                    count.fetch_add(*stored, Ordering::Relaxed);
                }
            }
        }
    }

    fn hour(&self, number: i64) -> Option<&Hour> {
        self.0.get(usize::try_from(number.rem_euclid(24)).ok()?)
    }
}

impl Hour {
    fn non_zero(&self) -> BTreeMap<u8, u32> {
        let counts = (0_u8..).zip(&self.counts).map(|(index, count)| (index, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

const fn is_recent(number: i64, now: i64) -> bool {
    number > now - 24 && number <= now
}

/// Returns the percentiles of stored counts; `None` without cards.
#[must_use]
pub fn summarize(stored: &StoredLatency) -> Option<LatencySummary> {
    let mut counts: BTreeMap<u8, u64> = BTreeMap::new();
    for (index, count) in stored.values().flatten() {
        *counts.entry(*index).or_default() += u64::from(*count);
    }
    let cards: u64 = counts.values().sum();
    let percentile = |percent: u64| {
        let rank = (cards * percent).div_ceil(100);
        let mut below = 0;
        let reached = counts.iter().find(|(_, count)| {
            below += **count;
            below >= rank
        });
        reached.map_or(0.0, |(index, _)| middle(*index))
    };
    (cards > 0).then(|| LatencySummary { cards, p50: percentile(50), p95: percentile(95), p99: percentile(99) })
}

/// Returns the bucket of a latency; the last one has no upper bound.
fn bucket(latency: Duration) -> usize {
    let seconds = latency.as_secs_f64();
    if seconds <= FIRST_BOUND {
        return 0;
    }
    let steps = ((seconds / FIRST_BOUND).ln() / RATIO.ln()).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and below 2^53 by the lines above"
    )]
    let steps = steps as usize;
    steps.min(BUCKETS - 1)
}

/// Returns the geometric middle of a bucket, in seconds.
fn middle(index: u8) -> f64 {
    FIRST_BOUND * RATIO.powf(f64::from(index) - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 0.06, "{value} is not about {expected}");
    }

    #[test]
    fn percentiles_are_within_a_bucket() {
        let day = DayLatency::default();
        assert_eq!(day.summary(NOW), None);
        for milliseconds in 1..=1000 {
            day.record(NOW, Duration::from_millis(milliseconds));
        }
        let summary = day.summary(NOW).unwrap();
        assert_eq!(summary.cards, 1000);
        near(summary.p50, 0.5);
        near(summary.p95, 0.95);
        near(summary.p99, 0.99);
    }

    #[test]
    fn cards_older_than_a_day_do_not_count() {
        let day = DayLatency::default();
        let hour = |hours: i64| NOW + hours * 3600;
        day.record(hour(0), Duration::from_secs(5));
        day.record(hour(23), Duration::from_millis(100));
        assert_eq!(day.summary(hour(23)).unwrap().cards, 2);
        assert_eq!(day.summary(hour(24)).unwrap().cards, 1);
        day.record(hour(24), Duration::from_millis(100));
        assert_eq!(day.summary(hour(24)).unwrap().cards, 2, "the hour of yesterday starts again at zero");
        assert_eq!(day.summary(hour(100)), None);
    }

    #[test]
    fn stored_counts_are_restored_and_extremes_have_a_bucket() {
        let day = DayLatency::default();
        for latency in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
            day.record(NOW, latency);
        }
        let text = serde_json::to_string(&day.stored(NOW)).unwrap();
        let again = DayLatency::default();
        again.restore(&serde_json::from_str(&text).unwrap(), NOW);
        assert_eq!(again.summary(NOW), day.summary(NOW));
        let old = DayLatency::default();
        old.restore(&day.stored(NOW), NOW + 25 * 3600);
        assert_eq!(old.summary(NOW + 25 * 3600), None);
    }
}
