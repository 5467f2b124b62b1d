//! Failure counts of single deliveries, and the settlement that follows a verdict. Pure.
//!
//! A card that fails while the sink works gets a strike. With two strikes the card goes alone and cannot delay others;
//! with ten it becomes a dead letter. An outage gives no strikes, however long it lasts. The counts live in memory: a
//! restart clears them.

use super::verdict::Verdict;
use crate::{
    model::{
        delivery::{Delivery, DeliveryId, Settlement},
        time::{Timestamp, after},
    },
    runtime::backoff::BackoffPolicy,
};
use std::{collections::HashMap, time::Duration};

/// Strikes after which a card goes alone.
const STRIKES_TO_GO_ALONE: u32 = 2;
/// Strikes after which a card becomes a dead letter: about ten minutes, with waits of up to a minute in between.
const MAX_STRIKES: u32 = 10;
/// Maximum deliveries tracked; beyond it all counts are cleared. Deliveries dropped by an operator are never removed.
const MAX_ENTRIES: usize = 10_000;

/// Failure counts of one sink's deliveries.
#[derive(Debug, Default)]
pub struct Strikes(HashMap<DeliveryId, Entry>);

/// Failure state of one delivery.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    strikes: u32,
    ambiguous: bool,
}

impl Strikes {
    /// Returns whether a delivery has enough strikes to go alone.
    #[must_use]
    pub fn must_go_alone(&self, delivery: &Delivery) -> bool {
        self.0.get(&delivery.id).is_some_and(|entry| entry.strikes >= STRIKES_TO_GO_ALONE)
    }

    /// Returns whether a delivery was already retried after an ambiguous result.
    #[must_use]
    pub fn is_ambiguous(&self, delivery: &Delivery) -> bool {
        self.0.get(&delivery.id).is_some_and(|entry| entry.ambiguous)
    }

    /// Returns the settlement of a verdict. `why` is stored with a dead letter; `not_before` is when the sink resumes.
    pub fn settle(
        &mut self,
        delivery: &Delivery,
        verdict: Verdict,
        why: String,
        not_before: Timestamp,
        now: Timestamp,
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
            Verdict::RetryOnce => {
                self.entry(delivery).ambiguous = true;
                retry(not_before)
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
        now: Timestamp,
        held: Duration,
        chance: f64,
    ) -> (Verdict, Settlement) {
        let entry = self.entry(delivery);
        entry.strikes = entry.strikes.saturating_add(1);
        let strikes = entry.strikes;
        if strikes >= MAX_STRIKES {
            self.0.remove(&delivery.id);
            let why = "the chat rejects this card and accepts others".to_owned();
            return (Verdict::Dead { alert: true }, Settlement::Dead(why));
        }
        // Each further strike waits 30 to 60 s.
        let min_wait = BackoffPolicy::CHAT.max.mul_f64(chance.clamp(0.0, 1.0).midpoint(1.0));
        let wait = if strikes > STRIKES_TO_GO_ALONE { held.max(min_wait) } else { held };
        (Verdict::Retry { at_least: None }, Settlement::Retry { not_before: after(now, wait), plain: delivery.plain })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn entry(&mut self, delivery: &Delivery) -> &mut Entry {
        if self.0.len() >= MAX_ENTRIES {
            self.0.clear();
        }
        self.0.entry(delivery.id).or_default()
    }
}
