//! Renders the status line of a call: whom it rings, who answered after how long, transfers, how it ended. Does not
//! render the caller, the emoji or the colour.

use super::{
    sheet::dotted,
    spoken::lasting,
    words::{people, person, queue_name},
};
use crate::model::{
    call::{Bound, Call, MissedWhy, Moment, Person, Revised, Telling},
    card::CallCard,
    time::elapsed,
};
use std::time::Duration;

/// People named in a chain of transfers: the first and the last ones.
const MAX_HANDLERS: usize = 4;

/// Renders the line. `late`: the card is posted late. `since`: the printed time at which the call entered its queue, if
/// that differs from its start.
pub(super) fn state(card: &CallCard, late: bool, since: Option<&str>) -> String {
    let Telling { call, moment, .. } = &card.telling;
    let whom = people(&call.people);
    match moment {
        Moment::Ringing => ringing(call, whom, late, since),
        Moment::Answered { after, .. } if call.bound == Bound::Outbound => {
            dotted([Some(format!("Picked up after {}", lasting(*after))), calling_colleague(call)])
        }
        Moment::Answered { by, after } => {
            let first = call.transfers.first().map_or(by, |transfer| &transfer.from);
            let receivers: Vec<String> = call.transfers.iter().map(|transfer| person_or_somebody(&transfer.to)).collect();
            let transferred = (!receivers.is_empty()).then(|| format!("transferred to {}", chain(&receivers)));
            dotted([Some(format!("{} answered after {}", person_or_somebody(first), lasting(*after))), transferred])
        }
        Moment::Missed { after, .. } if call.bound == Bound::Outbound => {
            dotted([Some(format!("No answer after {}", lasting(*after))), calling_colleague(call)])
        }
        Moment::Missed { after, why } => {
            let rang = whom.map(|whom| format!("rang {whom}"));
            dotted([Some(missed(call, *why, *after)), rang])
        }
        Moment::Voicemail { length: Some(length) } => format!("Left a message of {}", lasting(*length)),
        Moment::Voicemail { length: None } => "Went to voicemail".to_owned(),
        Moment::Ended { .. } if call.lost => {
            let last = whom.map(|whom| format!("last with {whom}"));
            dotted([Some("How it ended is not known".to_owned()), last])
        }
        Moment::Ended { lasted } => ended(call, *lasted),
    }
}

fn ringing(call: &Call, whom: Option<String>, late: bool, since: Option<&str>) -> String {
    let out = call.bound == Bound::Outbound;
    if late {
        let verb = if out { "Called by" } else { "Rang" };
        return dotted([whom.map(|whom| format!("{verb} {whom}")), Some("posted late".to_owned())]);
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
    if call.late { format!("{rings}, already under way") } else { rings }
}

fn missed(call: &Call, why: MissedWhy, waited: Duration) -> String {
    let total = lasting(waited);
    match why {
        MissedWhy::NobodyAnswered => format!("Waited {total}, nobody answered"),
        MissedWhy::LeftQueue => {
            // Counts the time in the queue, not the announcements before.
            let before = call.queued.map(|queued| elapsed(call.started, queued)).unwrap_or_default();
            format!("Hung up after {} in the queue", lasting(waited.saturating_sub(before)))
        }
        MissedWhy::LeftMenu => format!("Hung up after {total} in the menu"),
        MissedWhy::Unknown => format!("Nobody answered, ended after {total}"),
    }
}

fn ended(call: &Call, lasted: Option<Duration>) -> String {
    let correction = (call.revised == Some(Revised::Corrected)).then(|| "Was posted as missed".to_owned());
    let talked = lasted.map_or_else(|| "Call ended".to_owned(), |lasted| format!("Talked for {}", lasting(lasted)));
    let mut handlers: Vec<String> =
        call.transfers.first().map(|transfer| person_or_somebody(&transfer.from)).into_iter().collect();
    handlers.extend(call.transfers.iter().map(|transfer| person_or_somebody(&transfer.to)));
    let with = if handlers.is_empty() { people(&call.people) } else { Some(chain(&handlers)) };
    let waited = call.answered.map(|answered| lasting(elapsed(call.started, answered)));
    let verb = if call.bound == Bound::Outbound { "picked up" } else { "answered" };
    let answered = waited.map(|waited| format!("{verb} after {waited}"));
    dotted([correction, Some(talked), with.map(|with| format!("with {with}")), answered])
}

/// Names the colleague who makes an outbound call.
fn calling_colleague(call: &Call) -> Option<String> {
    people(&call.people).map(|whom| format!("{whom} called"))
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
    person(one).unwrap_or_else(|| "Somebody".to_owned())
}
