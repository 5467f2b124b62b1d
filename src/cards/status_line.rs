//! Renders the status line of a call: ringing phones, the person who answered and the wait, transfers, the end. Does not
//! render the caller, the emoji or the colour.

mod ended;

use super::{
    content::join_dots,
    duration::format_duration,
    names::{format_person, list_people, queue_name},
    text::sanitize_opt,
};
use crate::model::{
    call::{Call, CallDirection, CallStatus, CallUpdate, CallerPosition, MissedReason, Person, RingStage, TalkParty},
    card::CallCard,
    phone::{Mask, PhoneNumber},
    time::elapsed,
};
use ended::{ended, handed_on, talks};
use std::time::Duration;

/// People named in a chain of transfers: the first and the last ones.
const MAX_HANDLERS: usize = 4;

/// Facts beside the card that the line depends on.
pub(super) struct LineOptions<'a> {
    /// Whether the card is posted late.
    pub(super) late: bool,
    /// The printed time at which the call entered its queue, if that differs from its start.
    pub(super) since: Option<&'a str>,
    /// Visible part of a phone number.
    pub(super) mask: Mask,
}

/// Renders the line.
pub(super) fn status_line(card: &CallCard, options: &LineOptions<'_>) -> String {
    let CallUpdate { call, status, .. } = &card.update;
    let whom = list_people(&call.people);
    let out = call.direction == CallDirection::Outbound;
    match status {
        CallStatus::Ringing => ringing(call, whom, options),
        CallStatus::Answered { waited, .. } if out => {
            let after = call.is_wait_known().then(|| format!(" after {}", format_duration(*waited)));
            join_dots([Some(format!("Picked up{}", after.unwrap_or_default())), calling_colleague(call)])
        }
        CallStatus::Answered { answered_by, waited } => {
            let first = call.transfers.first().map_or(answered_by, |transfer| &transfer.from);
            let receivers: Vec<String> =
                call.transfers.iter().map(|transfer| person_or_colleague(&transfer.to)).collect();
            let transferred = (!receivers.is_empty()).then(|| format!("transferred to {}", chain(&receivers)));
            let who = format_person(first)
                .or_else(|| forwarded_to(call, options.mask).map(|number| format!("Forwarded to {number},")))
                .unwrap_or_else(|| "A colleague".to_owned());
            let after = call.is_wait_known().then(|| format!(" after {}", wait(call, *waited)));
            join_dots([Some(format!("{who} answered{}", after.unwrap_or_default())), transferred])
        }
        CallStatus::Missed { waited, .. } if out => {
            join_dots([Some(format!("No answer after {}", format_duration(*waited))), calling_colleague(call)])
        }
        CallStatus::Missed { waited, reason } => missed(call, *reason, *waited, whom, options.mask),
        CallStatus::Voicemail { duration } => voicemail(call, *duration, whom, options.mask),
        CallStatus::Ended { .. } if call.end_unknown => {
            let last = last_partner(call, options.mask).map(|whom| format!("last with {whom}"));
            join_dots([
                Some("It is not known whether a person answered".to_owned()).filter(|_| last.is_none()),
                last.map(|last| format!("How it ended is not known · {last}")),
            ])
        }
        CallStatus::Ended { talk_time } => ended(call, *talk_time, options.mask),
    }
}

fn ringing(call: &Call, whom: Option<String>, options: &LineOptions<'_>) -> String {
    let out = call.direction == CallDirection::Outbound;
    if options.late {
        let verb = if out { "Called by" } else { "Rang" };
        return join_dots([whom.map(|whom| format!("{verb} {whom}")), Some("posted late".to_owned())]);
    }
    let course = &call.course;
    let rings = match (whom, call.queues.last()) {
        (Some(whom), _) if out => format!("{whom} calls"),
        (None, _) if out => "Calling".to_owned(),
        // The snapshots of the ring were missed.
        (Some(whom), _) if has_partner(call) => format!("With {whom}"),
        (Some(whom), _) => format!("Rings {whom}"),
        (None, _) if course.position == CallerPosition::Phone && course.forwarded_to.is_some() => {
            format!("Forwarded to {}, rings", forwarded_to(call, options.mask).unwrap_or_default())
        }
        (None, Some(queue)) => {
            let since = options.since.map(|since| format!(" since {since}")).unwrap_or_default();
            format!("Waits in {}{since}", queue_name(queue))
        }
        (None, None) if course.stage == RingStage::Start => "In the menu".to_owned(),
        (None, None) => "Ringing".to_owned(),
    };
    let by = course.handed_on.as_ref().and_then(|it| format_person(it.by.as_ref()?));
    let transferred = by.map(|by| format!(", transferred by {by}")).unwrap_or_default();
    let late = if call.first_seen_late { ", already under way" } else { "" };
    format!("{rings}{transferred}{late}")
}

/// Returns whether a person has the call, talking or with the caller on hold.
fn has_partner(call: &Call) -> bool {
    let course = &call.course;
    let with_person = matches!(course.position, CallerPosition::Talk | CallerPosition::Hold);
    with_person && !course.talks.is_empty() && course.handed_on.is_none()
}

/// Renders a wait with the time since the call began, if that time is longer: `8 s (21 s in all)`.
fn wait(call: &Call, waited: Duration) -> String {
    let course = &call.course;
    let has_queue = course.talks.first().is_some_and(|talk| talk.queue.is_some());
    let total = call.answered_at.map_or(waited, |answered| elapsed(call.started_at, answered));
    // Less than that is the time a phone takes to ring.
    let all = (total > waited.saturating_add(Duration::from_secs(1)))
        .then(|| format!(" ({} in all)", format_duration(total)));
    // A phone may have rung before the only queue.
    let in_queue = has_queue
        && (call.queues.len() > 1
            || call.answered_at.zip(call.queued_at).is_none_or(|(answered, queued)| {
                waited <= elapsed(queued, answered).saturating_add(Duration::from_secs(1))
            }));
    let in_queue = if in_queue { " in the queue" } else { "" };
    format!("{}{in_queue}{}", format_duration(waited), all.unwrap_or_default())
}

fn missed(call: &Call, reason: MissedReason, waited: Duration, whom: Option<String>, mask: Mask) -> String {
    let (course, total) = (&call.course, format_duration(waited));
    let mailbox = course.mailbox.is_some().then(|| "reached the mailbox, left no message".to_owned());
    let withheld = match &call.caller.number {
        PhoneNumber::Withheld if course.needs_callback => Some("number withheld, no callback possible".to_owned()),
        PhoneNumber::Unavailable if course.needs_callback => {
            Some("number not available, no callback possible".to_owned())
        }
        _ => None,
    };
    let rang = whom.map(|whom| format!("rang {whom}"));
    let state = match reason {
        MissedReason::LeftQueue => {
            let before = call.queued_at.map(|queued| elapsed(call.started_at, queued)).unwrap_or_default();
            let gave_up = course.gave_up.as_ref();
            let after = gave_up.map_or(waited.saturating_sub(before), |it| it.after);
            let queue = gave_up.and_then(|it| it.queue.as_ref()).or(call.queues.last());
            let place = queue.map_or("the queue".to_owned(), |queue| format!("queue {}", queue_name(queue)));
            return join_dots([Some(format!("Gave up after {} in {place}", format_duration(after))), rang, withheld]);
        }
        MissedReason::LeftMenu => format!("Hung up in the menu after {total}"),
        MissedReason::NobodyAnswered if course.rang.is_zero() => format!("Waited {total}, nobody answered"),
        MissedReason::NobodyAnswered => {
            let forwarded = forwarded_to(call, mask).map(|number| format!("forwarded to {number}"));
            let whom = join_dots([rang, forwarded]);
            let rang = format!("{}{}", capitalized(&whom), rang_for(call));
            let unanswered = mailbox.is_none().then(|| "nobody answered".to_owned());
            return join_dots([Some(rang).filter(|_| !whom.is_empty()), unanswered, mailbox, withheld]);
        }
        MissedReason::Unknown => format!("Nobody answered, ended after {total}"),
    };
    join_dots([Some(state), rang, mailbox, withheld])
}

fn voicemail(call: &Call, duration: Option<Duration>, whom: Option<String>, mask: Mask) -> String {
    let course = &call.course;
    let owner = course.mailbox.as_ref().and_then(|it| format_person(it.owner.as_ref()?));
    let for_owner = owner.as_ref().map(|owner| format!(" for {owner}")).unwrap_or_default();
    let message = match (duration, course.mailbox.as_ref().and_then(|it| it.message)) {
        (Some(duration), _) => format!("Left a message of {}{for_owner}", format_duration(duration)),
        (None, Some(true)) => format!("Left a message{for_owner}"),
        (None, _) => format!("Reached the mailbox{for_owner}, may have left a message"),
    };
    let is_unanswered = course.talks.is_empty() && !course.rang.is_zero();
    let rang = whom.filter(|_| is_unanswered).map(|whom| match owner.as_ref() == Some(&whom) {
        true if !is_short(course.rang) => format!("rang {}", format_duration(course.rang)),
        _ => format!("rang {whom}{}", rang_for(call)),
    });
    let forwarded = forwarded_to(call, mask).filter(|_| is_unanswered).map(|number| {
        // The time stands beside the people.
        let after = if rang.is_none() { rang_for(call) } else { String::new() };
        format!("forwarded to {number}{after}")
    });
    let talked = (!course.talks.is_empty()).then(|| format!("talked with {}", talks(call, mask)));
    join_dots([Some(message), talked, handed_on(call, mask), rang, forwarded])
}

/// Renders the time for which phones rang: ` for 20 s`. A phone that rejects the call rings for milliseconds.
fn rang_for(call: &Call) -> String {
    let rang = call.course.rang;
    if is_short(rang) { String::new() } else { format!(" for {}", format_duration(rang)) }
}

/// Returns whether a card would show a duration as 0 s.
const fn is_short(duration: Duration) -> bool {
    duration.as_millis() < 500
}

/// Names who talked last, as far as is known. A phone that rings after that is no partner.
fn last_partner(call: &Call, mask: Mask) -> Option<String> {
    let talks = &call.course.talks;
    let has_talked = |person: &&Person| talks.is_empty() || talks.iter().any(|talk| talk.with.is(person));
    let known: Vec<Person> = call.people.iter().filter(has_talked).cloned().collect();
    call.answered_at.and_then(|_| list_people(&known)).or_else(|| match &talks.last()?.with {
        TalkParty::Person(person) => format_person(person),
        TalkParty::Outside(number) => Some(outside_number(number, call, mask)),
    })
}

/// Renders the outside number that the call was forwarded to.
fn forwarded_to(call: &Call, mask: Mask) -> Option<String> {
    Some(outside_number(call.course.forwarded_to.as_ref()?, call, mask))
}

/// Renders a number outside the account. A number that does not parse is text from outside.
fn outside_number(number: &PhoneNumber, call: &Call, mask: Mask) -> String {
    sanitize_opt(number.format(call.region, mask).as_deref(), 40).unwrap_or_else(|| "an outside number".to_owned())
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
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

fn person_or_colleague(one: &Person) -> String {
    format_person(one).unwrap_or_else(|| "A colleague".to_owned())
}
