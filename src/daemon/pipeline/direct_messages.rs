//! Direct messages: a rule that sends to `person` reaches the people whose phones ring, each in a sink of their own.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::{
    model::{
        call::{CallDirection, CallUpdate, Person, RingStage, StatusKind},
        ids::SinkName,
    },
    route::{Destination, PERSON},
};
use std::collections::BTreeMap;

/// Replaces the destination `person` by the sinks of the people whose phones ring, each once. Only a ring adds a person: later
/// statuses follow to the sinks of the ring.
#[must_use]
pub fn address(
    destinations: Vec<Destination>,
    people: &BTreeMap<String, SinkName>,
    update: &CallUpdate,
) -> Vec<Destination> {
    let mut addressed: Vec<Destination> = Vec::with_capacity(destinations.len());
    for destination in destinations {
        if destination.sink.as_str() != PERSON {
            addressed.push(destination);
            continue;
        }
        for sink in rung(update).iter().filter_map(|person| sink_of(person, people)) {
            if !addressed.iter().any(|known| known.sink == *sink) {
                addressed.push(Destination { sink: sink.clone(), ..destination.clone() });
            }
        }
    }
    addressed
}

/// Returns the people whose phones ring with an update: after a hand-over those of the destination.
fn rung(update: &CallUpdate) -> &[Person] {
    let call = &update.call;
    let is_ring = update.status.kind() == StatusKind::Ringing && call.course.stage == RingStage::Phone;
    match &call.course.handed_on {
        _ if !is_ring || call.direction == CallDirection::Outbound => &[],
        Some(handed_on) if !handed_on.to.is_empty() => &handed_on.to,
        _ => &call.people,
    }
}

fn sink_of<'p>(person: &Person, people: &'p BTreeMap<String, SinkName>) -> Option<&'p SinkName> {
    [&person.extension, &person.line].into_iter().flatten().find_map(|key| people.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Call, CallStatus, Caller, HandOver, MissedReason},
        card::{CardOptions, RouteReason},
        phone::{PhoneNumber, Region},
        time::Timestamp,
    };
    use std::time::Duration;

    fn person(extension: &str, line: Option<&str>) -> Person {
        Person { name: None, extension: Some(extension.to_owned()), line: line.map(ToOwned::to_owned) }
    }

    fn ring(people: &[Person]) -> CallUpdate {
        let caller = Caller { name: None, number: PhoneNumber::Withheld };
        let at = Timestamp::UNIX_EPOCH;
        let ids = ("a".try_into().unwrap(), "main".try_into().unwrap(), "1".try_into().unwrap());
        let mut call = Call::new(ids.0, ids.1, ids.2, Region::US, caller, at);
        call.people = people.to_vec();
        CallUpdate { call, status: CallStatus::Ringing, at }
    }

    fn addressed(update: &CallUpdate) -> Vec<String> {
        let to = |sink: &str| Destination {
            sink: sink.try_into().unwrap(),
            options: CardOptions::default(),
            reason: RouteReason::NoRules,
        };
        let people = [("1015", "person-1015"), ("line-eve", "person-1020"), ("1021", "person-1020")];
        let people = people.map(|(key, sink)| (key.to_owned(), sink.try_into().unwrap())).into();
        let sinks = address(vec![to("desk"), to("person")], &people, update);
        sinks.into_iter().map(|one| one.sink.to_string()).collect()
    }

    #[test]
    fn ring_is_addressed_to_the_people_whose_phones_ring() {
        let all = [person("1015", None), person("1020", Some("line-eve")), person("1021", None), person("1099", None)];
        assert_eq!(addressed(&ring(&all)), ["desk", "person-1015", "person-1020"], "each once, unknown people not");
        assert_eq!(addressed(&ring(&[])), ["desk"]);
        let mut menu = ring(&all);
        menu.call.course.stage = RingStage::Start;
        assert_eq!(addressed(&menu), ["desk"], "no phone rings");
    }

    #[test]
    fn hand_over_is_addressed_to_the_next_person_only() {
        let mut update = ring(&[person("1015", None)]);
        update.call.course.handed_on = Some(HandOver {
            by: Some(person("1015", None)),
            to: vec![person("1021", None)],
            destination: None,
            queue: None,
            at: Timestamp::UNIX_EPOCH,
            rang: Duration::ZERO,
        });
        assert_eq!(addressed(&update), ["desk", "person-1020"]);
    }

    #[test]
    fn outbound_call_and_outcome_add_no_person() {
        let mut outbound = ring(&[person("1015", None)]);
        outbound.call.direction = CallDirection::Outbound;
        assert_eq!(addressed(&outbound), ["desk"]);
        let mut missed = ring(&[person("1015", None)]);
        missed.status = CallStatus::Missed { waited: Duration::ZERO, reason: MissedReason::Unknown };
        assert_eq!(addressed(&missed), ["desk"], "who got the ring gets its outcome, as a previous sink");
    }
}
