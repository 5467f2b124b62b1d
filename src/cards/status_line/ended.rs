//! Renders the end of an answered call: the talks, the transfer that was not answered and the place in which the caller gave
//! up. Does not render missed calls and voicemails.

use super::{MAX_HANDLERS, chain, forwarded_to, is_short, outside_number, person_or_colleague, wait};
use crate::{
    cards::{
        content::join_dots,
        duration::format_duration,
        names::{list_people, queue_name},
        text::sanitize_opt,
    },
    model::{
        call::{Call, CallDirection, CallerPosition, HungUp, Revision, Talk, TalkParty},
        phone::{Mask, PhoneNumber},
        time::elapsed,
    },
};
use std::time::Duration;

pub(super) fn ended(call: &Call, talk_time: Option<Duration>, mask: Mask) -> String {
    let course = &call.course;
    let correction = (call.revision == Some(Revision::Corrected)).then(|| "Was posted as missed".to_owned());
    let verb = if call.direction == CallDirection::Outbound { "picked up" } else { "answered" };
    let first_wait = course.talks.first().and_then(|talk| talk.waited);
    let waited = call.answered_at.map(|answered| first_wait.unwrap_or_else(|| elapsed(call.started_at, answered)));
    let answered = waited.map(|waited| format!("{verb} after {}", wait(call, waited)));
    let hung_up = course.hung_up.as_ref().map(|who| match who {
        HungUp::Caller => "caller hung up".to_owned(),
        HungUp::Person(person) => format!("{} hung up", person_or_colleague(person)),
        HungUp::Outside => "called side hung up".to_owned(),
    });
    let callback = course.needs_callback.then(|| "waits for a callback".to_owned());
    let recorded = course.recorded.then(|| "recorded".to_owned());
    let talked = if course.talks.len() > 1 {
        format!("Talked with {}", talks(call, mask))
    } else {
        talked_once(call, talk_time, mask)
    };
    let handed_on = handed_on(call, mask);
    join_dots([
        correction,
        Some(talked),
        answered,
        handed_on,
        mailbox(call),
        gave_up(call),
        hung_up,
        callback,
        recorded,
    ])
}

/// Renders the only talk: `Talked for 2 min 41 s · with Bob Roy (1015)`.
fn talked_once(call: &Call, talk_time: Option<Duration>, mask: Mask) -> String {
    let talked = talk_time
        .map_or_else(|| "Call ended".to_owned(), |talk_time| format!("Talked for {}", format_duration(talk_time)));
    let held = call.course.talks.first().and_then(held);
    let mut handlers: Vec<String> =
        call.transfers.first().map(|transfer| person_or_colleague(&transfer.from)).into_iter().collect();
    handlers.extend(call.transfers.iter().map(|transfer| person_or_colleague(&transfer.to)));
    let forwarded = forwarded_to(call, mask).map(|number| format!("forwarded to {number}"));
    let with = if handlers.is_empty() { list_people(&call.people) } else { Some(chain(&handlers)) };
    let with = with.map(|with| format!("with {with}")).or(forwarded);
    join_dots([Some(format!("{talked}{}", held.unwrap_or_default())), with])
}

/// Renders the talks in order: `Bob Roy (1015) for 38 s, Eve Li (1016) for 5 min 6 s`.
pub(super) fn talks(call: &Call, mask: Mask) -> String {
    let part = |talk: &Talk| {
        let who = match &talk.with {
            TalkParty::Person(person) => person_or_colleague(person),
            TalkParty::Outside(number) => outside_number(number, call, mask),
        };
        let talked = talk.talked.map(|talked| format!(" for {}", format_duration(talked))).unwrap_or_default();
        format!("{who}{talked}{}", held(talk).unwrap_or_default())
    };
    let all = &call.course.talks;
    let skipped = all.len().saturating_sub(MAX_HANDLERS);
    let gap = (skipped > 0).then(|| "…".to_owned());
    gap.into_iter().chain(all.iter().skip(skipped).map(part)).collect::<Vec<_>>().join(", ")
}

fn held(talk: &Talk) -> Option<String> {
    (!is_short(talk.held)).then(|| format!(" ({} on hold)", format_duration(talk.held)))
}

/// Renders a transfer that was not answered: `transferred to Eve Li (1016), no answer in 20 s`. Phones that rang behind a
/// queue or a menu are named apart: the transfer did not choose them.
pub(super) fn handed_on(call: &Call, mask: Mask) -> Option<String> {
    let it = call.course.handed_on.as_ref()?;
    let (receivers, others) = it.receivers();
    let queue = it.queue.as_ref().or_else(|| call.course.gave_up.as_ref()?.queue.as_ref());
    let destination = || {
        let text = it.destination.as_deref()?;
        match PhoneNumber::parse(Some(text), call.region) {
            number @ PhoneNumber::Known(_) => Some(outside_number(&number, call, mask)),
            _ => sanitize_opt(Some(text), 24).map(|extension| format!("extension {extension}")),
        }
    };
    let to = list_people(&receivers)
        .or_else(|| queue.map(|queue| format!("queue {}", queue_name(queue))))
        .or_else(destination);
    let verb = if it.by.is_some() { "transferred to" } else { "then rang" };
    let unanswered = match it.rang {
        // Right to a mailbox.
        Duration::ZERO if call.course.mailbox.is_some() => String::new(),
        rang if is_short(rang) => ", no answer".to_owned(),
        rang => format!(", no answer in {}", format_duration(rang)),
    };
    let rang = list_people(&others).map(|others| format!(" · rang {others}")).unwrap_or_default();
    Some(format!("{verb} {}{rang}{unanswered}", to.unwrap_or_else(|| "another phone".to_owned())))
}

/// Renders the mailbox in which an answered call ended without a message that is certain.
fn mailbox(call: &Call) -> Option<String> {
    let course = &call.course;
    let it = course.mailbox.as_ref().filter(|_| course.position == CallerPosition::Mailbox)?;
    match it.message {
        Some(true) => None,
        Some(false) => Some("reached the mailbox, left no message".to_owned()),
        None => Some("reached the mailbox, may have left a message".to_owned()),
    }
}

/// Renders the place in which an answered caller hung up during a wait.
fn gave_up(call: &Call) -> Option<String> {
    let it = call.course.gave_up.as_ref()?;
    let after = if !it.after.is_zero() { format!(" after {}", format_duration(it.after)) } else { String::new() };
    match it.position {
        // Which side of the colleague's own call hung up is not known, and no one waits for a callback.
        CallerPosition::Hold if call.direction == CallDirection::Outbound => Some(format!("ended on hold{after}")),
        _ if !call.course.needs_callback => None,
        CallerPosition::Hold => Some(format!("gave up on hold{after}")),
        CallerPosition::Parked => Some(format!("gave up parked{after}")),
        CallerPosition::Queue => {
            let queue =
                it.queue.as_ref().map_or("the queue".to_owned(), |queue| format!("queue {}", queue_name(queue)));
            Some(format!("gave up{after} in {queue}"))
        }
        _ => None,
    }
}
