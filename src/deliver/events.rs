//! Events of a worker: sent to the daemon (status, metrics, alerts) and logged to the journal.

use super::{outage::SinkTransition, sink_state::PostOutcome, table::Action, verdict::Verdict};
use crate::{
    model::{
        card::Card,
        delivery::{Attempt, Delivery, DeliveryKey, PostMode, Settlement, Subject},
        ids::SinkName,
        time::{Timestamp, elapsed},
    },
    runtime::message_id,
};
use std::time::Duration;

/// An event of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkEvent {
    /// A card was delivered.
    Delivered {
        /// Sink that received the card.
        sink: SinkName,
        /// Key of the delivery.
        key: DeliveryKey,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Duration of the post.
        took: Duration,
        /// Whether the chat confirmed only that it accepted the message.
        accepted: bool,
    },
    /// A card became a dead letter.
    DeadLetter {
        /// Sink that rejected the card.
        sink: SinkName,
        /// Key of the delivery.
        key: DeliveryKey,
        /// Reason for operators.
        why: String,
        /// Advice for operators; empty if there is none.
        advice: &'static str,
        /// Whether the operator gets an alert.
        alert: bool,
        /// Description of the card without the caller, as in "missed, 18:00 UTC".
        what: String,
        /// Whether the card is itself an alert.
        is_alert: bool,
        /// Whether the chat does not reach the person that the sink is for.
        no_person: bool,
    },
    /// The workspace rejected a mention, and the card was posted without it. Sent once.
    MentionRejected {
        /// Sink of the card.
        sink: SinkName,
    },
    /// The sink is disabled and its deliveries wait. Sent once.
    Disabled {
        /// Disabled sink.
        sink: SinkName,
        /// Meaning of the response.
        why: &'static str,
        /// Advice for operators.
        advice: &'static str,
    },
    /// The sink throttled every message for more than 15 minutes. Sent once.
    Throttled {
        /// Throttled sink.
        sink: SinkName,
    },
    /// The sink was unreachable or returned server errors for more than 15 minutes. Sent once.
    Unreachable {
        /// Unreachable sink.
        sink: SinkName,
        /// Reason of the last failure.
        why: &'static str,
        /// Advice for operators; empty if there is none.
        advice: &'static str,
    },
    /// A sink reported as disabled, throttled or unreachable accepts messages again.
    Recovered {
        /// Recovered sink.
        sink: SinkName,
    },
}

/// Time of a response by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct ResponseTime {
    /// By the clock of this machine.
    pub local: Timestamp,
    /// By GoTo's clock, as far as it is known.
    pub goto_time: Timestamp,
}

/// Logs the outcome of one message and returns the events for the daemon in the same order.
pub fn log_outcome(
    sink: &SinkName,
    batch: &[Delivery],
    outcome: &PostOutcome,
    attempt: &Attempt,
    now: ResponseTime,
) -> Vec<SinkEvent> {
    let cards = batch
        .iter()
        .zip(&outcome.settlements)
        .filter_map(|(delivery, end)| card_event(sink, delivery, end, outcome, attempt, now));
    let mut events: Vec<SinkEvent> = cards.collect();
    events.extend(transition_event(sink, outcome, attempt));
    events
}

fn card_event(
    sink: &SinkName,
    delivery: &Delivery,
    (verdict, settlement): &(Verdict, Settlement),
    outcome: &PostOutcome,
    attempt: &Attempt,
    now: ResponseTime,
) -> Option<SinkEvent> {
    let (call, status) = (call_id(&delivery.key.subject), delivery.key.status.as_str());
    let count = delivery.attempts.saturating_add(1);
    let http_status = attempt.status;
    let took_ms = millis(attempt.took);
    match (verdict, settlement) {
        (Verdict::Delivered { accepted }, _) => {
            let age_ms = millis(age(delivery, now));
            if delivery.mode.edited_message().is_some() {
                tracing::debug!(%sink, call, status, attempt = count, http_status, took_ms, age_ms, "card edited");
            } else {
                tracing::info!(%sink, call, status, attempt = count, http_status, took_ms, age_ms, "card delivered");
            }
            Some(SinkEvent::Delivered {
                sink: sink.clone(),
                key: delivery.key.clone(),
                attempt: count,
                took: attempt.took,
                accepted: *accepted,
            })
        }
        (Verdict::Repost, _) => {
            let error = outcome.rule.reason;
            tracing::info!(%sink, call, status, attempt = count, http_status, error, "message gone, reposting");
            None
        }
        // The live message repeats the content of the reply. If that message is gone, a person deleted it.
        (Verdict::Dead { alert: false }, Settlement::Dead(why))
            if matches!(delivery.mode, PostMode::ThreadReply { .. }) =>
        {
            let error = outcome.rule.reason;
            tracing::warn!(%sink, call, status, attempt = count, http_status, error, "reply dropped, its message is gone");
            Some(SinkEvent::DeadLetter {
                sink: sink.clone(),
                key: delivery.key.clone(),
                why: why.clone(),
                advice: "",
                alert: false,
                what: describe(delivery),
                is_alert: false,
                no_person: false,
            })
        }
        (Verdict::Dead { alert }, Settlement::Dead(why)) => {
            let (answer, message_id) = (&attempt.response, message_id::DEAD_LETTER);
            tracing::error!(
                %sink, call, status, attempt = count, http_status, took_ms, error = why, answer, message_id,
                "card undeliverable, dead letter stored"
            );
            // An alert about an undeliverable alert would fail the same way, endlessly. A later alert lists it once.
            let is_alert = matches!(delivery.card, Card::Alert(_));
            let alert = *alert && !is_alert;
            let advice = outcome.rule.advice;
            // Only the cards of a person become dead letters by a rule that disables other sinks.
            let no_person = alert && matches!(outcome.rule.action, Action::Disable | Action::RepostOrDisable);
            Some(SinkEvent::DeadLetter {
                sink: sink.clone(),
                key: delivery.key.clone(),
                why: why.clone(),
                advice,
                alert,
                what: describe(delivery),
                is_alert,
                no_person,
            })
        }
        _ => {
            let (wait_ms, error) = (millis(outcome.pause), outcome.rule.reason);
            tracing::debug!(%sink, call, status, attempt = count, http_status, took_ms, wait_ms, error, "card delayed");
            None
        }
    }
}

/// Returns the time since the event of a card. The time of a call is GoTo's; that of other cards is local.
fn age(delivery: &Delivery, now: ResponseTime) -> Duration {
    let occurred = delivery.card.occurred_at().unwrap_or(delivery.enqueued_at);
    match &delivery.card {
        Card::Call(card) if card.reminder.is_none() => elapsed(occurred, now.goto_time),
        Card::GapSummary(_) => elapsed(occurred, now.goto_time),
        Card::Call(_) | Card::Recap(_) | Card::Alert(_) => elapsed(occurred, now.local),
    }
}

fn transition_event(sink: &SinkName, outcome: &PostOutcome, attempt: &Attempt) -> Option<SinkEvent> {
    let sink = sink.clone();
    let (http_status, wait_ms, error) = (attempt.status, millis(outcome.pause), outcome.reason());
    match outcome.transition? {
        SinkTransition::Failing => {
            tracing::warn!(%sink, http_status, wait_ms, error, answer = attempt.response, "sink failing, deliveries paused");
            None
        }
        SinkTransition::RecoveredEarly => {
            tracing::info!(%sink, http_status, repeats = outcome.repeats, "sink recovered");
            None
        }
        SinkTransition::Unreachable => {
            let message_id = message_id::SINK_UNREACHABLE;
            tracing::error!(%sink, http_status, wait_ms, error, answer = attempt.response, message_id, "sink unreachable");
            Some(SinkEvent::Unreachable { sink, why: outcome.reason(), advice: outcome.advice() })
        }
        SinkTransition::Throttled => {
            tracing::error!(%sink, http_status, wait_ms, error, message_id = message_id::SINK_THROTTLED, "sink throttled");
            Some(SinkEvent::Throttled { sink })
        }
        SinkTransition::Disabled => {
            let message_id = message_id::SINK_DISABLED;
            tracing::error!(%sink, http_status, wait_ms, error, answer = attempt.response, message_id, "sink disabled");
            Some(SinkEvent::Disabled { sink, why: outcome.reason(), advice: outcome.advice() })
        }
        SinkTransition::Recovered => {
            let repeats = outcome.repeats;
            tracing::info!(%sink, http_status, repeats, message_id = message_id::SINK_RECOVERED, "sink recovered");
            Some(SinkEvent::Recovered { sink })
        }
    }
}

/// Describes a card for the operator, without its caller.
fn describe(delivery: &Delivery) -> String {
    let at = delivery.card.occurred_at().unwrap_or(delivery.enqueued_at).strftime("%H:%M UTC");
    match &delivery.card {
        Card::Call(_) => format!("{}, {at}", delivery.key.status.as_str()),
        Card::GapSummary(_) => format!("gap summary, {at}"),
        Card::Recap(_) => format!("recap, {at}"),
        Card::Alert(alert) => format!("alert: {}", alert.title),
    }
}

fn call_id(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Call(call) => Some(call.as_str()),
        Subject::Named(_) => None,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deliver::tests::queue::{delivery, ring},
        model::card::Recap,
    };

    #[test]
    fn age_of_a_call_is_by_gotos_clock_and_that_of_others_is_local() {
        let local: Timestamp = "2026-10-05T16:00:00Z".parse().unwrap();
        let before = |at: Timestamp, seconds: u64| at.checked_sub(Duration::from_secs(seconds)).unwrap();
        for goto_time in ["2026-10-05T14:00:00Z", "2026-10-05T18:00:00Z"] {
            let now = ResponseTime { local, goto_time: goto_time.parse().unwrap() };
            let of =
                |card: Card| age(&Delivery { card, enqueued_at: before(local, 3), ..delivery(1, "a") }, now).as_secs();
            assert_eq!(of(Card::Call(Box::new(ring(before(now.goto_time, 2))))), 2, "{goto_time}");
            assert_eq!(of(delivery(1, "a").card), 3, "{goto_time}");
            let recap = Recap { to: before(local, 4), ..Recap::default() };
            assert_eq!(of(Card::Recap(recap)), 4, "{goto_time}");
        }
    }
}
