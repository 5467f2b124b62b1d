//! Renders the status line of a call: whom it rings, who answered after how long, transfers, how it ended. Does not
//! render the caller, the emoji or the colour.

use super::{
    content::join_dots,
    duration::format_duration,
    names::{format_person, list_people, queue_name},
};
use crate::model::{
    call::{Call, CallDirection, CallStatus, CallUpdate, MissedReason, Person, Revision},
    card::CallCard,
    time::elapsed,
};
use std::time::Duration;

/// People named in a chain of transfers: the first and the last ones.
const MAX_HANDLERS: usize = 4;

/// Renders the line. `late`: the card is posted late. `since`: the printed time at which the call entered its queue, if
/// that differs from its start.
pub(super) fn status_line(card: &CallCard, late: bool, since: Option<&str>) -> String {
    let CallUpdate { call, status: moment, .. } = &card.update;
    let whom = list_people(&call.people);
    match moment {
        CallStatus::Ringing => ringing(call, whom, late, since),
        CallStatus::Answered { waited: after, .. } if call.direction == CallDirection::Outbound => {
            join_dots([Some(format!("Picked up after {}", format_duration(*after))), calling_colleague(call)])
        }
        CallStatus::Answered { answered_by: by, waited: after } => {
            let first = call.transfers.first().map_or(by, |transfer| &transfer.from);
            let receivers: Vec<String> =
                call.transfers.iter().map(|transfer| person_or_somebody(&transfer.to)).collect();
            let transferred = (!receivers.is_empty()).then(|| format!("transferred to {}", chain(&receivers)));
            join_dots([
                Some(format!("{} answered after {}", person_or_somebody(first), format_duration(*after))),
                transferred,
            ])
        }
        CallStatus::Missed { waited: after, .. } if call.direction == CallDirection::Outbound => {
            join_dots([Some(format!("No answer after {}", format_duration(*after))), calling_colleague(call)])
        }
        CallStatus::Missed { waited: after, reason: why } => {
            let rang = whom.map(|whom| format!("rang {whom}"));
            join_dots([Some(missed(call, *why, *after)), rang])
        }
        CallStatus::Voicemail { duration: Some(length) } => format!("Left a message of {}", format_duration(*length)),
        CallStatus::Voicemail { duration: None } => "Went to voicemail".to_owned(),
        CallStatus::Ended { .. } if call.end_unknown => {
            let last = whom.map(|whom| format!("last with {whom}"));
            join_dots([Some("How it ended is not known".to_owned()), last])
        }
        CallStatus::Ended { talk_time: lasted } => ended(call, *lasted),
    }
}

fn ringing(call: &Call, whom: Option<String>, late: bool, since: Option<&str>) -> String {
    let out = call.direction == CallDirection::Outbound;
    if late {
        let verb = if out { "Called by" } else { "Rang" };
        return join_dots([whom.map(|whom| format!("{verb} {whom}")), Some("posted late".to_owned())]);
    }
    let rings = match (whom, call.queues.last()) {
        (Some(whom), _) if out => format!("{whom} calls"),
        (None, _) if out => "Calling".to_owned(),
        (Some(whom), _) => format!("Rings {whom}"),
        (None, Some(queue)) => {
            let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
            format!("Waits in {}{since}", queue_name(queue))
        }
        (None, None) => "Ringing".to_owned(),
    };
    if call.first_seen_late { format!("{rings}, already under way") } else { rings }
}

fn missed(call: &Call, why: MissedReason, waited: Duration) -> String {
    let total = format_duration(waited);
    match why {
        MissedReason::NobodyAnswered => format!("Waited {total}, nobody answered"),
        MissedReason::LeftQueue => {
            // Counts the time in the queue, not the announcements before.
            let before = call.queued_at.map(|queued| elapsed(call.started_at, queued)).unwrap_or_default();
            format!("Hung up after {} in the queue", format_duration(waited.saturating_sub(before)))
        }
        MissedReason::LeftMenu => format!("Hung up after {total} in the menu"),
        MissedReason::Unknown => format!("Nobody answered, ended after {total}"),
    }
}

fn ended(call: &Call, lasted: Option<Duration>) -> String {
    let correction = (call.revision == Some(Revision::Corrected)).then(|| "Was posted as missed".to_owned());
    let talked =
        lasted.map_or_else(|| "Call ended".to_owned(), |lasted| format!("Talked for {}", format_duration(lasted)));
    let mut handlers: Vec<String> =
        call.transfers.first().map(|transfer| person_or_somebody(&transfer.from)).into_iter().collect();
    handlers.extend(call.transfers.iter().map(|transfer| person_or_somebody(&transfer.to)));
    let with = if handlers.is_empty() { list_people(&call.people) } else { Some(chain(&handlers)) };
    let waited = call.answered_at.map(|answered| format_duration(elapsed(call.started_at, answered)));
    let verb = if call.direction == CallDirection::Outbound { "picked up" } else { "answered" };
    let answered = waited.map(|waited| format!("{verb} after {waited}"));
    join_dots([correction, Some(talked), with.map(|with| format!("with {with}")), answered])
}

/// Names the colleague who makes an outbound call.
fn calling_colleague(call: &Call) -> Option<String> {
    list_people(&call.people).map(|whom| format!("{whom} called"))
}

/// Joins a chain of transfers: `Bob Roy (1015) → Eve Kim (1020)`.
fn chain(handlers: &[String]) -> String {
    let Some((first, rest)) = handlers.split_first() else { return String::new() };
    let left_out = rest.len().saturating_sub(MAX_HANDLERS.saturating_sub(1));
    let gap = (left_out > 0).then(|| "…".to_owned());
    let last = rest.iter().skip(left_out).cloned();
    std::iter::once(first.clone()).chain(gap).chain(last).collect::<Vec<_>>().join(" → ")
}

fn person_or_somebody(one: &Person) -> String {
    format_person(one).unwrap_or_else(|| "Somebody".to_owned())
}
