//! Updates of calls in words, for tests that compare whole calls.

use crate::model::{
    call::{Call, CallDirection, CallStatus, CallUpdate, HungUp, Person, TalkParty},
    phone::PhoneNumber,
};
use std::time::Duration;

fn name(person: &Person) -> String {
    person.name.clone().or_else(|| person.extension.clone()).unwrap_or_else(|| "?".to_owned())
}

fn names(people: &[Person]) -> String {
    people.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn number(number: &PhoneNumber) -> String {
    number.as_e164().map_or_else(|| "withheld".to_owned(), |number| number.expose().to_owned())
}

/// Returns a ring in words.
pub fn ring(call: &Call) -> String {
    let mut words = vec![format!("{:?}", call.course.stage).to_lowercase()];
    if !call.people.is_empty() {
        words.push(format!("rings {}", names(&call.people)));
    }
    words.extend(call.course.forwarded_to.as_ref().map(|it| format!("forwarded to {}", number(it))));
    words.extend(call.queues.last().map(|queue| format!("in {}", queue.name)));
    words.extend(
        call.course.handed_on.as_ref().map(|it| format!("from {}", it.by.as_ref().map_or("?".to_owned(), name))),
    );
    words.extend(call.first_seen_late.then(|| "late".to_owned()));
    words.join(" ")
}

/// Returns whole seconds, as a card shows them.
pub fn seconds(duration: Duration) -> u64 {
    (duration + Duration::from_millis(500)).as_secs()
}

/// Returns a final status in words.
pub fn end(update: &CallUpdate) -> String {
    let CallUpdate { call, status, .. } = update;
    let course = &call.course;
    let mut words = vec![if call.end_unknown { "unknown".to_owned() } else { status.kind().as_str().to_owned() }];
    if call.direction != CallDirection::Inbound {
        words.insert(0, call.direction.as_str().to_owned());
    }
    for talk in &course.talks {
        let who = match &talk.with {
            TalkParty::Person(person) => name(person),
            TalkParty::Outside(outside) => format!("outside {}", number(outside)),
        };
        let talked = talk.talked.map_or("?".to_owned(), |talked| seconds(talked).to_string());
        let mut part = format!("with {who} {talked} s");
        if !talk.held.is_zero() {
            part += &format!(" held {} s", seconds(talk.held));
        }
        if let Some(waited) = talk.waited {
            part += &format!(" after {} s", seconds(waited));
        }
        if let Some(queue) = &talk.queue {
            part += &format!(" in {}", queue.name);
        }
        words.push(part);
    }
    if let Some(it) = &course.handed_on {
        let (receivers, others) = it.receivers();
        let to = match &it.queue {
            _ if !receivers.is_empty() => names(&receivers),
            Some(queue) => format!("queue {}", queue.name),
            None => it.destination.clone().unwrap_or_default(),
        };
        let rang = if others.is_empty() { String::new() } else { format!(" rang {}", names(&others)) };
        words.push(format!("handed on to {to}{rang}, no answer in {} s", seconds(it.rang)));
    }
    if let Some(mailbox) = &course.mailbox {
        let left = match mailbox.message {
            Some(true) => format!("message {} s", mailbox.length.map_or("?".to_owned(), |it| seconds(it).to_string())),
            Some(false) => "no message".to_owned(),
            None => "message?".to_owned(),
        };
        let owner = mailbox.owner.as_ref().map_or(String::new(), |owner| format!(" for {}", name(owner)));
        words.push(left + &owner);
    }
    if let CallStatus::Missed { waited: after, reason: why } = status {
        words.push(format!("{why:?} after {} s", seconds(*after)));
    }
    if course.talks.is_empty() && call.direction == CallDirection::Inbound && !call.people.is_empty() {
        words.push(format!("rang {}", names(&call.people)));
    }
    if let Some(gave_up) = &course.gave_up {
        let queue = gave_up.queue.as_ref().map_or(String::new(), |queue| format!(" {}", queue.name));
        words.push(format!("gave up in {:?}{queue} after {} s", gave_up.position, seconds(gave_up.after)));
    }
    words.extend(course.hung_up.as_ref().map(|who| match who {
        HungUp::Caller => "caller hung up".to_owned(),
        HungUp::Person(person) => format!("{} hung up", name(person)),
        HungUp::Outside => "outside hung up".to_owned(),
    }));
    words.extend(course.recorded.then(|| "recorded".to_owned()));
    words.extend(course.needs_callback.then(|| "callback".to_owned()));
    words.extend(course.menu_only.then(|| "menu only".to_owned()));
    words.join(" · ")
}
