//! What a worker tells: the daemon (for its status, its metrics and the operator's notices), and the journal.

use super::{
    standing::{Edge, Outcome},
    verdict::Verdict,
};
use crate::model::{
    card::Card,
    delivery::{Attempt, Delivery, Form, Key, Settlement, Subject},
    event,
    ids::SinkName,
    time::{Timestamp, elapsed},
};
use std::time::Duration;

/// Something happened at a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A card was delivered.
    Delivered {
        /// Where.
        sink: SinkName,
        /// Which.
        key: Key,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// How long the post took.
        took: Duration,
        /// The chat says only that it took it in.
        accepted: bool,
    },
    /// A card was given up: it is a dead letter now.
    Dead {
        /// Where.
        sink: SinkName,
        /// Which.
        key: Key,
        /// Why.
        why: String,
        /// What to do; empty where nothing is to be done.
        advice: &'static str,
        /// It is worth a notice to the operator.
        alert: bool,
    },
    /// The sink is disabled; its deliveries wait. Told once.
    Disabled {
        /// Which.
        sink: SinkName,
        /// Why.
        why: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The sink has asked to wait for more than 15 minutes without taking anything. Told once.
    Throttled {
        /// Which.
        sink: SinkName,
    },
    /// The sink could not be reached, or had faults of its own, for more than 15 minutes. Told once.
    Unreachable {
        /// Which.
        sink: SinkName,
        /// Why, at the last attempt.
        why: &'static str,
        /// What to do; empty where nothing is to be done.
        advice: &'static str,
    },
    /// A sink that was told as disabled, throttled or unreachable takes messages again.
    Back {
        /// Which.
        sink: SinkName,
    },
}

/// Writes the journal's lines for a message that was answered, and gives what the daemon is told, in the same order.
pub fn journal(sink: &SinkName, batch: &[Delivery], outcome: &Outcome, attempt: &Attempt, now: Timestamp) -> Vec<Told> {
    let cards = batch.iter().zip(&outcome.ends).filter_map(|(one, end)| card(sink, one, end, outcome, attempt, now));
    let mut told: Vec<Told> = cards.collect();
    told.extend(edge(sink, outcome, attempt));
    told
}

fn card(
    sink: &SinkName,
    one: &Delivery,
    (verdict, settlement): &(Verdict, Settlement),
    outcome: &Outcome,
    attempt: &Attempt,
    now: Timestamp,
) -> Option<Told> {
    let (call, moment) = (call(&one.key.subject), one.key.moment.as_str());
    let count = one.attempts.saturating_add(1);
    let status = attempt.status;
    let took_ms = millis(attempt.took);
    match (verdict, settlement) {
        (Verdict::Delivered { accepted }, _) => {
            let age_ms = millis(elapsed(one.card.happened().unwrap_or(one.admitted), now));
            if one.form.edit_of().is_some() {
                tracing::debug!(%sink, call, moment, attempt = count, status, took_ms, age_ms, "card edited");
            } else {
                tracing::info!(%sink, call, moment, attempt = count, status, took_ms, age_ms, "card delivered");
            }
            Some(Told::Delivered {
                sink: sink.clone(),
                key: one.key.clone(),
                attempt: count,
                took: attempt.took,
                accepted: *accepted,
            })
        }
        (Verdict::Lost, _) => {
            let error = outcome.row.reason;
            tracing::info!(%sink, call, moment, attempt = count, status, error, "message lost, posted anew");
            None
        }
        // What it tells stands in its call's message too; if that is gone, somebody took it away.
        (Verdict::Dead { alert: false }, Settlement::Dead(why)) if matches!(one.form, Form::Reply { .. }) => {
            let error = outcome.row.reason;
            tracing::warn!(%sink, call, moment, attempt = count, status, error, "reply left out, its message is gone");
            Some(Told::Dead { sink: sink.clone(), key: one.key.clone(), why: why.clone(), advice: "", alert: false })
        }
        (Verdict::Dead { alert }, Settlement::Dead(why)) => {
            let (answer, message_id) = (&attempt.answer, event::DEAD_LETTER);
            tracing::error!(%sink, call, moment, attempt = count, status, took_ms, error = why, answer, message_id, "card given up");
            // A notice that a notice was given up would go the same way, for ever.
            let alert = *alert && !matches!(one.card, Card::Notice(_));
            let advice = outcome.row.advice;
            Some(Told::Dead { sink: sink.clone(), key: one.key.clone(), why: why.clone(), advice, alert })
        }
        _ => {
            let (wait_ms, error) = (millis(outcome.held), outcome.row.reason);
            tracing::debug!(%sink, call, moment, attempt = count, status, took_ms, wait_ms, error, "card waits");
            None
        }
    }
}

fn edge(sink: &SinkName, outcome: &Outcome, attempt: &Attempt) -> Option<Told> {
    let sink = sink.clone();
    let (status, wait_ms, error) = (attempt.status, millis(outcome.held), outcome.row.reason);
    match outcome.edge? {
        Edge::Trouble => {
            tracing::warn!(%sink, status, wait_ms, error, answer = attempt.answer, "sink takes nothing for now");
            None
        }
        Edge::Over => {
            tracing::info!(%sink, status, repeats = outcome.repeats, "sink takes cards again");
            None
        }
        Edge::Unreachable => {
            let message_id = event::SINK_UNREACHABLE;
            tracing::error!(%sink, status, wait_ms, error, answer = attempt.answer, message_id, "sink out of reach for long");
            Some(Told::Unreachable { sink, why: outcome.row.reason, advice: outcome.row.advice })
        }
        Edge::Throttled => {
            tracing::error!(%sink, status, wait_ms, error, message_id = event::SINK_THROTTLED, "sink throttled for long");
            Some(Told::Throttled { sink })
        }
        Edge::Disabled => {
            let message_id = event::SINK_DISABLED;
            tracing::error!(%sink, status, wait_ms, error, answer = attempt.answer, message_id, "sink disabled");
            Some(Told::Disabled { sink, why: outcome.row.reason, advice: outcome.row.advice })
        }
        Edge::Back => {
            let repeats = outcome.repeats;
            tracing::info!(%sink, status, repeats, message_id = event::SINK_BACK, "sink takes cards again");
            Some(Told::Back { sink })
        }
    }
}

fn call(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Call(call) => Some(call.as_str()),
        Subject::Other(_) => None,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
