//! The recorded calls with late, duplicate and lost frames: the call updates must never be wrong.

use super::played::{Played, Recording, corpus, play};
use poprelay::{
    daemon::settings::Settings,
    goto::wire::Frame,
    model::call::{CallSnapshot, CallStatus, CallUpdate, ParticipantKind, ParticipantStatus, StatusKind},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

/// Delay of a frame on one lane in milliseconds; `None`: lost.
type Delay = Option<u64>;

fn delay() -> impl Strategy<Value = Delay> {
    prop_oneof![4 => (0_u64..300).prop_map(Some), 2 => (0_u64..20_000).prop_map(Some), 2 => Just(None)]
}

/// Returns whether a person is connected.
fn talks(event: &CallSnapshot) -> bool {
    event.state.participants.iter().any(|party| {
        matches!(party.kind, ParticipantKind::Line(_) | ParticipantKind::Agent(_))
            && party.status == ParticipantStatus::Connected
    })
}

/// Groups linked conversations by their smallest id.
fn groups<'a>(events: impl Iterator<Item = &'a CallSnapshot>) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<String, String> = BTreeMap::new();
    for event in events {
        let names = std::iter::once(&event.call).chain(&event.linked).map(|id| id.as_str().to_owned());
        let names: Vec<String> = names.collect();
        let known = names.iter().filter_map(|name| groups.get(name).cloned());
        let least = known.chain(names.iter().cloned()).min().unwrap();
        groups.extend(names.into_iter().map(|name| (name, least.clone())));
    }
    groups
}

fn check(played: &Played, delivered: &[(Duration, Frame)]) -> Result<(), TestCaseError> {
    let events = || {
        delivered.iter().filter_map(|(at, frame)| match frame {
            Frame::Call(event) => Some((*at, event)),
            _ => None,
        })
    };
    let groups = groups(events().map(|(_, event)| event));
    let group = |id: &str| groups.get(id).cloned().unwrap_or_else(|| id.to_owned());
    // Whether a person of the group was connected in a frame that arrived by then.
    let talked = |group: &String, by: Duration| {
        events().any(|(heard, event)| heard <= by && talks(event) && groups.get(event.call.as_str()) == Some(group))
    };
    let book = Settings::default();
    let told: Vec<_> = played.said.iter().filter_map(|(at, said)| Some((*at, said.as_ref().ok()?))).collect();
    let told: Vec<_> = told.into_iter().filter(|(_, telling)| book.reports_call(&telling.call)).collect();
    let words: Vec<String> = told.iter().map(|(at, it)| format!("{at:?} {} {:?}", it.call.id, it.status)).collect();

    // A conversation after one with an unknown end may get a second ring card: without it the call could be lost.
    let mut rung: BTreeMap<String, &str> = BTreeMap::new();
    for (at, telling) in &told {
        let (id, group) = (telling.call.id.as_str(), group(telling.call.id.as_str()));
        if telling.status.kind() != StatusKind::Ringing {
            continue;
        }
        if let Some(before) = rung.insert(group.clone(), id).filter(|before| *before != id) {
            let ends =
                |(_, it): &&(Duration, &CallUpdate)| it.call.id.as_str() == before && it.status.kind().is_final();
            let end = told.iter().filter(|(when, _)| when <= at).find(ends);
            let known = end.is_none_or(|(end, _)| talked(&group, *end));
            prop_assert!(!known, "second ring card of a call: {words:?}");
        }
    }

    let mut over: BTreeMap<&str, StatusKind> = BTreeMap::new();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (at, telling) in &told {
        let (id, kind) = (telling.call.id.as_str(), telling.status.kind());
        let before = over.get(id);
        prop_assert!(before.is_none() || telling.call.revision.is_some(), "update after the end: {words:?}");
        if let CallStatus::Answered { answered_by: by, .. } = &telling.status {
            let by = by.name.as_deref().unwrap_or_default();
            prop_assert!(taken.insert(id, by) != Some(by), "answered twice by the same person: {words:?}");
        }
        if kind == StatusKind::Ringing {
            prop_assert!(!taken.contains_key(id), "ring after an answer: {words:?}");
        }
        if kind.is_final() {
            over.insert(id, kind);
        }
        let group = group(id);
        let answered = talked(&group, *at);
        prop_assert!(!answered || kind != StatusKind::Missed, "missed although a person was connected: {words:?}");
    }
    // A later frame corrects an end that was emitted too early.
    for (id, kind) in over {
        let group = group(id);
        let answered = events().any(|(_, event)| talks(event) && event.call.as_str() == id);
        prop_assert!(!answered || kind == StatusKind::Ended, "{group} was answered: {words:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn late_duplicate_and_lost_frames_give_no_wrong_update(delays in prop::collection::vec((delay(), delay()), 24)) {
        for Recording { path, start, frames } in corpus() {
            let mut delivered: Vec<(Duration, Frame)> = Vec::new();
            for ((at, frame), (one, two)) in frames.iter().zip(delays.iter().cycle()) {
                let lanes = [one, two].into_iter().flatten();
                delivered.extend(lanes.map(|late| (*at + Duration::from_millis(*late), frame.clone())));
            }
            delivered.sort_by_key(|(at, _)| *at);
            if !delivered.iter().any(|(_, frame)| matches!(frame, Frame::Call(_))) {
                continue;
            }
            let played = play(start, delivered.clone(), Duration::from_secs(300));
            check(&played, &delivered).map_err(|error| TestCaseError::fail(format!("{}: {error}", path.display())))?;
        }
    }
}
