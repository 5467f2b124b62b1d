//! Failure counts of single deliveries, and the settlement that follows a verdict. Pure.
//!
//! A card that fails while the sink works gets a strike. With two strikes the card goes alone and cannot delay others;
//! with twenty it becomes a dead letter. An outage gives no strikes, however long it lasts. The counts live in memory: a
//! restart clears them.
//!
//! An attempt without an answer may have posted the message, and no chat recognizes a repetition. Growing waits bound the
//! copies: at most three in the first minute, then one every five minutes.

use super::verdict::Verdict;
use crate::{
    model::{
        delivery::{Delivery, DeliveryId, MAX_RETRY_AFTER, Settlement},
        time::{Timestamp, after},
    },
    runtime::backoff::BackoffPolicy,
};
use std::{collections::HashMap, time::Duration};

/// Strikes after which a card goes alone.
const STRIKES_TO_GO_ALONE: u32 = 2;
/// Strikes after which a card becomes a dead letter. At a sink that fails at random in half of its attempts, a card
/// reaches this number once in a million cases.
const MAX_STRIKES: u32 = 20;
/// Waits in seconds after the first, second, … attempt without an answer; the last one repeats. The sum of the first three
/// exceeds a minute.
const SLOW_WAITS: [u32; 6] = [3, 12, 50, 120, 240, 290];
/// Wait before the only retry of a message that was probably posted.
const RETRY_ONCE_WAIT: Duration = Duration::from_secs(30);
/// Maximum deliveries tracked; beyond it all counts are cleared. Deliveries dropped by an operator are never removed.
const MAX_ENTRIES: usize = 10_000;

/// Failure counts of one sink's deliveries.
#[derive(Debug, Default)]
pub struct Strikes(HashMap<DeliveryId, DeliveryFailures>);

/// Failure state of one delivery.
#[derive(Debug, Clone, Copy, Default)]
struct DeliveryFailures {
    strikes: u32,
    /// Attempts without an answer.
    unanswered: u32,
    retried_once: bool,
}

/// Returns the wait after an attempt without an answer, with up to a fifth of jitter; `earlier` such attempts came before.
#[must_use]
pub fn slow_wait(earlier: u32, chance: f64) -> Duration {
    let index = usize::try_from(earlier).unwrap_or(usize::MAX);
    let seconds = SLOW_WAITS.get(index).or(SLOW_WAITS.last()).copied().unwrap_or_default();
    Duration::from_secs(seconds.into()).mul_f64(chance.clamp(0.0, 1.0).mul_add(0.2, 1.0)).min(MAX_RETRY_AFTER)
}

impl Strikes {
    /// Returns whether a delivery has enough strikes to go alone.
    #[must_use]
    pub fn must_go_alone(&self, delivery: &Delivery) -> bool {
        self.0.get(&delivery.id).is_some_and(|entry| entry.strikes >= STRIKES_TO_GO_ALONE)
    }

    /// Returns whether a delivery was already retried by [`Verdict::RetryOnce`].
    #[must_use]
    pub fn was_retried_once(&self, delivery: &Delivery) -> bool {
        self.0.get(&delivery.id).is_some_and(|entry| entry.retried_once)
    }

    /// Returns the settlement of a verdict. `why` is stored with a dead letter; `not_before` is the time at which the sink
    /// resumes. `chance` is a random number in 0..1.
    pub fn settle(
        &mut self,
        delivery: &Delivery,
        verdict: Verdict,
        why: String,
        not_before: Timestamp,
        now: Timestamp,
        chance: f64,
    ) -> Settlement {
        let retry = |not_before| Settlement::Retry { not_before, plain: delivery.plain };
        match verdict {
            // The worker adds the message reference.
            Verdict::Delivered { .. } => {
                self.0.remove(&delivery.id);
                Settlement::Delivered
            }
            Verdict::Dead { .. } => {
                self.0.remove(&delivery.id);
                Settlement::Dead(why)
            }
            Verdict::Wait(_) | Verdict::Retry { .. } => retry(not_before),
            Verdict::RetrySlowly { .. } => retry(not_before.max(after(now, self.next_slow_wait(delivery, chance)))),
            Verdict::RetryOnce => {
                self.entry(delivery).retried_once = true;
                retry(after(now, RETRY_ONCE_WAIT))
            }
            Verdict::Split => {
                self.entry(delivery).strikes = STRIKES_TO_GO_ALONE;
                retry(now)
            }
            Verdict::Repost => Settlement::Repost,
            Verdict::Plain => Settlement::Retry { not_before: now, plain: true },
            // The delivery waits with all others for the sink's probe, without a time of its own.
            Verdict::Disable => retry(now),
        }
    }

    /// Counts a strike: the sink worked before and failed at this message. The sink pauses for `held`.
    pub fn on_strike(
        &mut self,
        delivery: &Delivery,
        verdict: Verdict,
        now: Timestamp,
        held: Duration,
        chance: f64,
    ) -> (Verdict, Settlement) {
        let entry = self.entry(delivery);
        entry.strikes = entry.strikes.saturating_add(1);
        let strikes = entry.strikes;
        if strikes >= MAX_STRIKES {
            self.0.remove(&delivery.id);
            let why = "the chat fails at this card and accepts others".to_owned();
            return (Verdict::Dead { alert: true }, Settlement::Dead(why));
        }
        // Each further strike waits 30 to 60 s.
        let min_wait = BackoffPolicy::CHAT.max.mul_f64(chance.clamp(0.0, 1.0).midpoint(1.0));
        let wait = match verdict {
            Verdict::RetrySlowly { .. } => held.max(self.next_slow_wait(delivery, chance)),
            _ if strikes > STRIKES_TO_GO_ALONE => held.max(min_wait),
            _ => held,
        };
        (verdict, Settlement::Retry { not_before: after(now, wait), plain: delivery.plain })
    }

    /// Counts an attempt without an answer and returns the wait before the next.
    fn next_slow_wait(&mut self, delivery: &Delivery, chance: f64) -> Duration {
        let entry = self.entry(delivery);
        let wait = slow_wait(entry.unanswered, chance);
        entry.unanswered = entry.unanswered.saturating_add(1);
        wait
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn entry(&mut self, delivery: &Delivery) -> &mut DeliveryFailures {
        if self.0.len() >= MAX_ENTRIES {
            self.0.clear();
        }
        self.0.entry(delivery.id).or_default()
    }
}
