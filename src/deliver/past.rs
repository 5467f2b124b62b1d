//! What single deliveries of a sink went through, and how each ends for now after a verdict. Pure.
//!
//! A card that fails while the sink is otherwise well gets a strike. Two strikes and it goes alone, so that it cannot
//! hold up others; ten and it is given up. An outage gives no strikes, however long it lasts. All this lives in memory: a
//! restart forgives it once more.

use super::verdict::Verdict;
use crate::model::{
    backoff::Policy,
    delivery::{Delivery, DeliveryId, Settlement},
    time::{Timestamp, after},
};
use std::{collections::HashMap, time::Duration};

/// Strikes after which a card goes alone.
const ALONE: u32 = 2;
/// Strikes after which a card is given up: some ten minutes, as it then waits up to a minute between them.
const GIVE_UP: u32 = 10;
/// Deliveries remembered at most; past that all are forgiven. Those that an operator dropped would stay for ever.
const MOST: usize = 10_000;

/// The memory of one sink.
#[derive(Debug, Default)]
pub struct Past(HashMap<DeliveryId, One>);

/// What is remembered of one delivery.
#[derive(Debug, Clone, Copy, Default)]
struct One {
    strikes: u32,
    unsure: bool,
}

impl Past {
    /// Whether a delivery has struck so often that it goes alone.
    #[must_use]
    pub fn alone(&self, delivery: &Delivery) -> bool {
        self.0.get(&delivery.id).is_some_and(|one| one.strikes >= ALONE)
    }

    /// Whether a delivery was repeated already after an end that is unknown.
    #[must_use]
    pub fn unsure(&self, delivery: &Delivery) -> bool {
        self.0.get(&delivery.id).is_some_and(|one| one.unsure)
    }

    /// How a delivery ends for now. `why` is written on a dead letter; `not_before` is when the sink goes on.
    pub fn end(
        &mut self,
        delivery: &Delivery,
        verdict: Verdict,
        why: String,
        not_before: Timestamp,
        now: Timestamp,
    ) -> Settlement {
        let again = |not_before| Settlement::Retry { not_before, plain: delivery.plain };
        match verdict {
            // Where the message stands is the worker's to add.
            Verdict::Delivered { .. } => {
                self.0.remove(&delivery.id);
                Settlement::Delivered
            }
            Verdict::Dead { .. } => {
                self.0.remove(&delivery.id);
                Settlement::Dead(why)
            }
            Verdict::Wait(_) | Verdict::Retry { .. } => again(not_before),
            Verdict::RetryOnce => {
                self.of(delivery).unsure = true;
                again(not_before)
            }
            Verdict::Split => {
                self.of(delivery).strikes = ALONE;
                again(now)
            }
            Verdict::Lost => Settlement::Lost,
            Verdict::Plain => Settlement::Retry { not_before: now, plain: true },
            // It waits with all others: the sink's probe decides, not its own time.
            Verdict::Disable => again(now),
        }
    }

    /// The sink was well and failed at this message, and is held that long: the card may be the reason.
    pub fn struck(
        &mut self,
        delivery: &Delivery,
        now: Timestamp,
        held: Duration,
        chance: f64,
    ) -> (Verdict, Settlement) {
        let one = self.of(delivery);
        one.strikes = one.strikes.saturating_add(1);
        let strikes = one.strikes;
        if strikes >= GIVE_UP {
            self.0.remove(&delivery.id);
            let why = "the chat fails at this card and takes others".to_owned();
            return (Verdict::Dead { alert: true }, Settlement::Dead(why));
        }
        // From then on it waits 30 to 60 s of its own.
        let own = Policy::CHAT.longest.mul_f64(chance.clamp(0.0, 1.0).midpoint(1.0));
        let wait = if strikes > ALONE { held.max(own) } else { held };
        (Verdict::Retry { at_least: None }, Settlement::Retry { not_before: after(now, wait), plain: delivery.plain })
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.0.len()
    }

    fn of(&mut self, delivery: &Delivery) -> &mut One {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.entry(delivery.id).or_default()
    }
}
