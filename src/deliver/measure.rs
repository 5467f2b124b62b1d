//! Counts the outcome of a message in the metrics of its sink.

use super::{sink_state::PostOutcome, verdict::Verdict};
use crate::{
    model::{
        card::Card,
        delivery::{Attempt, Delivery, DeliveryId, PostMode},
        time::Timestamp,
    },
    runtime::metrics::SinkMetrics,
};
use std::collections::HashMap;

/// Live messages whose shown status is kept; beyond it all are dropped.
const MAX_SHOWN: usize = 10_000;

/// The metrics of a sink, and the status that each live message shows. The time of a status counts once: late caller info, a
/// press or a callback edits the message long after its status.
#[derive(Debug)]
pub(super) struct Measure {
    metrics: SinkMetrics,
    /// Time of the routing of the status that each live message shows.
    shown: HashMap<DeliveryId, Timestamp>,
    /// Time from which all statuses that were shown are in `shown`.
    known_from: Timestamp,
}

impl Measure {
    pub(super) fn new(metrics: SinkMetrics, now: Timestamp) -> Self {
        Self { metrics, shown: HashMap::new(), known_from: now }
    }

    /// Counts a message, its cards and their times. `now`: time of the response.
    pub(super) fn record(&mut self, batch: &[Delivery], outcome: &PostOutcome, attempt: &Attempt, now: Timestamp) {
        self.metrics.post(attempt.status, attempt.took);
        let mut delivered = 0;
        for (delivery, (verdict, _)) in batch.iter().zip(&outcome.settlements) {
            match verdict {
                Verdict::Delivered { .. } => {
                    delivered += 1;
                    self.record_card(delivery, now);
                }
                Verdict::Dead { .. } => self.metrics.dead_letter(),
                _ => self.metrics.retry(),
            }
        }
        if delivered > 1 {
            self.metrics.batch(delivered);
        }
    }

    /// Counts a card, and its times unless it is a reminder, or an edit without a new status.
    fn record_card(&mut self, delivery: &Delivery, now: Timestamp) {
        let Card::Call(card) = &delivery.card else { return self.metrics.card("other") };
        let status = card.update.kind().as_str();
        self.metrics.card(status);
        let routed = card.routed.as_ref().map(|decision| decision.at);
        if card.reminder.is_none() && self.is_new_status(delivery, routed, now) {
            self.metrics.card_times(status, routed, card.update.at, now);
        }
    }

    /// Returns whether a message shows its status for the first time. The time of the routing identifies a status.
    fn is_new_status(&mut self, delivery: &Delivery, routed: Option<Timestamp>, now: Timestamp) -> bool {
        let PostMode::Live { message, .. } = &delivery.mode else { return true };
        let Some(routed) = routed else { return message.is_none() };
        if self.shown.len() >= MAX_SHOWN && !self.shown.contains_key(&delivery.id) {
            self.shown.clear();
            self.known_from = now;
        }
        match self.shown.insert(delivery.id, routed) {
            Some(earlier) => earlier != routed,
            // What an earlier run, or another daemon, showed is not known.
            None => message.is_none() || routed >= self.known_from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{deliver::tests::queue::delivery, model::delivery::MessageRef};
    use std::time::Duration;

    fn live(id: i64, is_edit: bool) -> Delivery {
        let message = is_edit.then(|| MessageRef { channel: "C1".to_owned(), ts: "1.1".to_owned() });
        Delivery { mode: PostMode::Live { message, reposted: false }, ..delivery(id, "") }
    }

    #[test]
    fn status_of_a_live_message_is_new_once() {
        let start: Timestamp = "2026-11-23T18:00:00Z".parse().unwrap();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut measure = Measure::new(SinkMetrics::default(), start);
        let mut is_new = |id, is_edit, routed| measure.is_new_status(&live(id, is_edit), routed, start);
        assert!(is_new(1, false, Some(at(1))), "the ring is posted");
        assert!(!is_new(1, true, Some(at(1))), "late caller info");
        assert!(is_new(1, true, Some(at(9))), "the answer");
        assert!(!is_new(1, true, Some(at(9))), "a press on its button");
        assert!(!is_new(1, false, Some(at(9))), "posted again after a person deleted it");
        let earlier = start - Duration::from_secs(60);
        assert!(!is_new(2, true, Some(earlier)), "a status of the run before");
        assert!(is_new(2, true, Some(at(5))), "its next status");
        assert!(is_new(3, true, Some(at(5))), "the first status in this run of a message of the run before");
        assert!(!is_new(4, true, None) && is_new(4, false, None), "never routed");
        assert!(measure.is_new_status(&delivery(5, ""), Some(earlier), start), "a message for each status");
    }

    #[test]
    fn shown_statuses_that_were_dropped_are_not_new() {
        let start: Timestamp = "2026-11-23T18:00:00Z".parse().unwrap();
        let mut measure = Measure::new(SinkMetrics::default(), start);
        let later = start + Duration::from_secs(10);
        for id in 0..=i64::try_from(MAX_SHOWN).unwrap() {
            assert!(measure.is_new_status(&live(id, false), Some(start), later));
        }
        assert_eq!(measure.shown.len(), 1);
        assert!(!measure.is_new_status(&live(0, true), Some(start), later), "routed before the drop");
        assert!(measure.is_new_status(&live(1, true), Some(later), later));
    }
}
