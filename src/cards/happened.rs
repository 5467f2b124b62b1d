//! What happened to a call, in one line: whom it rings, who took it after how long, who handed it on, how it ended. Decides
//! nothing of who calls, or of the state's sign and colour.

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

/// People named of those who had the call one after the other: the first, and the last ones.
const HANDS: usize = 4;

/// The line. `late`: it is told late. `since`: when the call came into its queue, written out, if that is worth a word.
pub(super) fn state(card: &CallCard, late: bool, since: Option<&str>) -> String {
    let Telling { call, moment, .. } = &card.telling;
    let whom = people(&call.people);
    match moment {
        Moment::Ringing => ringing(call, whom, late, since),
        Moment::Answered { after, .. } if call.bound == Bound::Outbound => {
            dotted([Some(format!("Taken after {}", lasting(*after))), caller_of_ours(call)])
        }
        Moment::Answered { by, after } => {
            let first = call.transfers.first().map_or(by, |transfer| &transfer.from);
            let on: Vec<String> = call.transfers.iter().map(|transfer| named(&transfer.to)).collect();
            let handed = (!on.is_empty()).then(|| format!("handed on to {}", chain(&on)));
            dotted([Some(format!("{} answered after {}", named(first), lasting(*after))), handed])
        }
        Moment::Missed { after, .. } if call.bound == Bound::Outbound => {
            dotted([Some(format!("No answer after {}", lasting(*after))), caller_of_ours(call)])
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
    let all = lasting(waited);
    match why {
        MissedWhy::NobodyAnswered => format!("Waited {all}, nobody answered"),
        MissedWhy::LeftQueue => {
            // What counts is how long it waited there, not what it heard before.
            let before = call.queued.map(|queued| elapsed(call.started, queued)).unwrap_or_default();
            format!("Hung up after {} in the queue", lasting(waited.saturating_sub(before)))
        }
        MissedWhy::LeftMenu => format!("Hung up after {all} in the menu"),
        MissedWhy::Unknown => format!("Nobody took it, gone after {all}"),
    }
}

fn ended(call: &Call, lasted: Option<Duration>) -> String {
    let wrong = (call.revised == Some(Revised::Corrected)).then(|| "Was told as missed".to_owned());
    let talked = lasted.map_or_else(|| "Call ended".to_owned(), |lasted| format!("Talked for {}", lasting(lasted)));
    let mut hands: Vec<String> = call.transfers.first().map(|transfer| named(&transfer.from)).into_iter().collect();
    hands.extend(call.transfers.iter().map(|transfer| named(&transfer.to)));
    let with = if hands.is_empty() { people(&call.people) } else { Some(chain(&hands)) };
    let waited = call.answered.map(|answered| lasting(elapsed(call.started, answered)));
    let verb = if call.bound == Bound::Outbound { "taken" } else { "answered" };
    let answered = waited.map(|waited| format!("{verb} after {waited}"));
    dotted([wrong, Some(talked), with.map(|with| format!("with {with}")), answered])
}

/// The colleague who makes an outbound call.
fn caller_of_ours(call: &Call) -> Option<String> {
    people(&call.people).map(|whom| format!("{whom} called"))
}

/// `Bob Roy (1015) → Eve Kim (1020)`.
fn chain(hands: &[String]) -> String {
    let Some((first, rest)) = hands.split_first() else { return String::new() };
    let left_out = rest.len().saturating_sub(HANDS.saturating_sub(1));
    let gap = (left_out > 0).then(|| "…".to_owned());
    let last = rest.iter().skip(left_out).cloned();
    std::iter::once(first.clone()).chain(gap).chain(last).collect::<Vec<_>>().join(" → ")
}

fn named(one: &Person) -> String {
    person(one).unwrap_or_else(|| "Somebody".to_owned())
}
