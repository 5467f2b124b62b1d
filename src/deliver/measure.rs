//! Counts the outcome of a message in the metrics of its sink.

use super::{sink_state::Outcome, verdict::Verdict};
use crate::{
    model::{
        card::Card,
        delivery::{Attempt, Delivery},
        time::Timestamp,
    },
    runtime::metrics::SinkMetrics,
};

/// Counts a message, its cards and their times. `now`: time of the response.
pub(super) fn record(metrics: &SinkMetrics, batch: &[Delivery], outcome: &Outcome, attempt: &Attempt, now: Timestamp) {
    metrics.post(attempt.status, attempt.took);
    let mut delivered = 0;
    for (delivery, (verdict, _)) in batch.iter().zip(&outcome.settlements) {
        match verdict {
            Verdict::Delivered { .. } => {
                delivered += 1;
                record_card(metrics, delivery, now);
            }
            Verdict::Dead { .. } => metrics.dead_letter(),
            _ => metrics.retry(),
        }
    }
    if delivered > 1 {
        metrics.batch(delivered);
    }
}

/// Counts a card, and its times unless it is an edit, or a reminder: late caller info edits a message seconds after its status.
fn record_card(metrics: &SinkMetrics, delivery: &Delivery, now: Timestamp) {
    match &delivery.card {
        Card::Call(card) => {
            let status = card.update.kind().as_str();
            metrics.card(status);
            if delivery.mode.edited_message().is_none() && card.reminder.is_none() {
                let received = card.routed.as_ref().map(|decision| decision.at);
                metrics.card_times(status, received, card.update.at, now);
            }
        }
        Card::GapSummary(_) | Card::Recap(_) | Card::Alert(_) => metrics.card("other"),
    }
}
