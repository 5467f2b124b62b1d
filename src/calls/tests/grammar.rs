//! Any call of GoTo's grammar: menus, queues, groups, holds, transfers and mailboxes in any order, with any loss.

use super::{
    harness::{Harness, Input},
    in_words::end,
    script::{Script, epoch},
};
use crate::model::{
    call::{
        CallSnapshot, CallUpdate, ParticipantKind, ParticipantStatus, Person, RingStage, StatusKind, SystemKind,
        TalkParty,
    },
    time::{Timestamp, elapsed},
};
use proptest::prelude::*;
use std::time::Duration;

const PEOPLE: [&str; 6] = ["Nadia", "Priya", "Jonas", "Marisol", "Tomasz", "Ewan"];
const QUEUES: [&str; 3] = ["Support", "Sales", "Front desk"];

/// One step of a call. A step that does not fit is left out.
#[derive(Debug, Clone, Copy)]
enum Step {
    Menu,
    Queue(usize),
    Ring(usize, usize),
    Outside,
    RingOut,
    Answer,
    Hold,
    Transfer(usize),
    TransferToQueue(usize),
    WarmTransfer(usize),
    BackToPlan,
    Mailbox(bool),
    GiveUpOnHold,
}

fn write(steps: &[(Step, u64)], by_caller: bool, last: u64) -> Script {
    let mut call = Script::inbound();
    for (step, ms) in steps {
        let (talks, rings) = (call.is_talking(), call.is_ringing());
        let free = !talks && !rings;
        match step {
            Step::Menu if free => call.menu(1_200 + ms),
            Step::Queue(queue) if free => call.enter_queue(QUEUES[*queue]),
            Step::Ring(first, count) if free => {
                call.wait(80);
                let names: Vec<&str> = (0..*count).map(|at| PEOPLE[(first + at) % PEOPLE.len()]).collect();
                call.ring(&names);
            }
            Step::Outside if free && call.has_plan() => call.ring_outside(),
            Step::RingOut if rings => call.ring_out(*ms),
            Step::Answer if rings => {
                call.answer(*ms);
                call.talk(ms / 2 + 1);
            }
            Step::Hold if talks => {
                call.hold(*ms, true);
                call.talk(*ms);
            }
            Step::Transfer(to) if talks => {
                call.transfer("2066");
                call.ring(&[PEOPLE[*to]]);
            }
            Step::TransferToQueue(queue) if talks => {
                call.transfer("1102");
                call.enter_queue(QUEUES[*queue]);
            }
            Step::WarmTransfer(to) if talks => call.warm_transfer(PEOPLE[*to]),
            Step::BackToPlan if talks && call.has_plan() => call.leave_to_plan(),
            Step::Mailbox(success) if free => {
                call.mailbox(*success);
                break;
            }
            Step::GiveUpOnHold if talks => {
                call.hold(1_500 + ms, false);
                break;
            }
            _ => {}
        }
    }
    if call.is_talking() {
        call.talk(last);
    } else {
        call.wait(1_200 + last);
    }
    call.hang_up(by_caller);
    call
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Menu),
        2 => (0..QUEUES.len()).prop_map(Step::Queue),
        3 => (0..PEOPLE.len(), 1_usize..4).prop_map(|(first, count)| Step::Ring(first, count)),
        1 => Just(Step::Outside),
        2 => Just(Step::RingOut),
        5 => Just(Step::Answer),
        2 => Just(Step::Hold),
        2 => (0..PEOPLE.len()).prop_map(Step::Transfer),
        1 => (0..QUEUES.len()).prop_map(Step::TransferToQueue),
        1 => (0..PEOPLE.len()).prop_map(Step::WarmTransfer),
        1 => Just(Step::BackToPlan),
        1 => any::<bool>().prop_map(Step::Mailbox),
        1 => Just(Step::GiveUpOnHold),
    ]
}

fn any_call() -> impl Strategy<Value = Script> {
    let steps = prop::collection::vec((step(), 0_u64..9_000), 0..14);
    (steps, any::<bool>(), 0_u64..9_000).prop_map(|(steps, by_caller, last)| write(&steps, by_caller, last))
}

fn ended(call: &Script) -> Duration {
    elapsed(epoch(), call.snapshots.last().unwrap().state.at.unwrap())
}

fn harness(call: &Script, has_report: bool) -> Harness {
    let mut harness = Harness::new(epoch());
    if has_report {
        let ready = ended(call) + Duration::from_secs(90);
        harness.reports.insert("call".try_into().unwrap(), (ready, call.report()));
        harness.plan(ready, Input::ReportReady("call".try_into().unwrap()));
    }
    harness
}

fn live(call: &Script) -> Harness {
    let mut harness = harness(call, false);
    call.snapshots.iter().for_each(|event| harness.push(event.clone()));
    harness.run(Duration::from_secs(600));
    harness
}

fn by_report(call: &Script) -> Harness {
    let mut harness = harness(call, true);
    harness.run(Duration::from_secs(600));
    harness
}

/// Returns the colleagues of a snapshot with a state.
fn people(event: &CallSnapshot, wanted: &ParticipantStatus) -> Vec<Person> {
    let parties = event.state.participants.iter().filter(|one| one.status == *wanted);
    let person = |kind: &ParticipantKind| match kind {
        ParticipantKind::Line(person) => Some(person.clone()),
        _ => None,
    };
    parties.filter_map(|one| person(&one.kind)).collect()
}

/// Returns whether a snapshot shows a talk: the caller and another party are both CONNECTED.
fn is_talk(event: &CallSnapshot) -> bool {
    let mut connected = event.state.participants.iter().map(|one| one.status == ParticipantStatus::Connected);
    connected.next() == Some(true) && connected.any(|is_connected| is_connected)
}

fn answered_at(call: &Script) -> Option<Timestamp> {
    call.snapshots.iter().find(|event| is_talk(event)).and_then(|event| event.state.at)
}

/// Returns the people whose phones rang since the last talk or transfer, and the first queue since a transfer.
fn handed_to(call: &Script) -> (Vec<Person>, Option<String>) {
    let after_talk = call.snapshots.iter().rposition(is_talk).map_or(0, |at| at + 1);
    let rest = &call.snapshots[after_talk..];
    let transfers = |event: &CallSnapshot| {
        matches!(event.state.participants.first().map(|one| &one.status), Some(ParticipantStatus::InTransfer(_)))
    };
    let transfer = rest.iter().position(transfers);
    let rest = &rest[transfer.unwrap_or(0)..];
    let mut rang: Vec<Person> = Vec::new();
    for person in rest.iter().flat_map(|event| people(event, &ParticipantStatus::Ringing)) {
        if !rang.contains(&person) {
            rang.push(person);
        }
    }
    let queue = rest.iter().filter(|event| !transfers(event)).flat_map(|event| &event.state.systems);
    let queue = queue.filter(|_| transfer.is_some()).find_map(|system| match &system.kind {
        SystemKind::Queue(queue) => Some(queue.name.clone()),
        _ => None,
    });
    (rang, queue)
}

/// Returns whether an update contradicts the truth.
fn is_false(call: &Script, update: &CallUpdate) -> bool {
    let truth = &call.truth;
    let talked = !truth.talks.is_empty();
    let wrong_kind = match update.status.kind() {
        StatusKind::Missed => talked || truth.message,
        StatusKind::Answered => !talked,
        StatusKind::Ended => !talked && !update.call.end_unknown,
        StatusKind::Voicemail => {
            !truth.message && update.call.course.mailbox.as_ref().is_some_and(|it| it.message.is_some())
        }
        StatusKind::Ringing => false,
        StatusKind::CalledBack => true,
    };
    let wrong_partner = update.call.course.talks.iter().any(|talk| {
        let name = match &talk.with {
            TalkParty::Person(person) => person.name.as_deref().unwrap_or_default(),
            TalkParty::Outside(_) => "outside",
        };
        let known = truth.talks.iter().find(|(known, _)| known == name);
        let too_long = |(_, ms): &(String, u64)| talk.talked.is_some_and(|talked| talked.as_millis() as u64 > *ms);
        known.is_none_or(too_long)
    });
    wrong_kind || wrong_partner
}

proptest! {
    // PROPTEST_CASES sets the number of cases; a failure becomes a test by hand, not a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_received_whole_ends_as_it_was(call in any_call()) {
        let harness = live(&call);
        let last = harness.updates.last().map(|(_, update)| update).unwrap();
        let (words, truth) = (end(last), &call.truth);
        let kind = match (truth.message, truth.talks.is_empty()) {
            (true, _) => StatusKind::Voicemail,
            (false, false) => StatusKind::Ended,
            (false, true) => StatusKind::Missed,
        };
        prop_assert_eq!(last.status.kind(), kind, "{}", words);
        prop_assert!(!last.call.end_unknown, "{}", words);
        let talks: Vec<(String, u64)> = last.call.course.talks.iter().map(|talk| {
            let name = match &talk.with {
                TalkParty::Person(person) => person.name.clone().unwrap(),
                TalkParty::Outside(_) => "outside".to_owned(),
            };
            (name, talk.talked.unwrap().as_millis() as u64)
        }).collect();
        prop_assert_eq!(&talks, &truth.talks, "{}", words);
        prop_assert_eq!(last.call.course.needs_callback, truth.callback, "{}", words);
        prop_assert_eq!(last.call.course.menu_only, truth.menu_only, "{}", words);
        prop_assert_eq!(last.call.answered_at, answered_at(&call), "{}", words);
        if let Some(handed_on) = &last.call.course.handed_on {
            let (rang, queue) = handed_to(&call);
            let by = handed_on.by.clone();
            let others: Vec<Person> = rang.into_iter().filter(|person| Some(person) != by.as_ref()).collect();
            prop_assert_eq!(&handed_on.to, &others, "{}", words);
            prop_assert_eq!(handed_on.queue.as_ref().map(|queue| queue.name.clone()), queue, "{}", words);
            let (receivers, _) = handed_on.receivers();
            let is_meant = |one: &Person| handed_on.destination.is_none() || handed_on.destination == one.extension;
            prop_assert!(receivers.iter().all(is_meant), "{}", words);
        }
        if truth.talks.is_empty() {
            let rang: Vec<&str> = last.call.people.iter().map(|person| person.name.as_deref().unwrap()).collect();
            let people: Vec<&str> = truth.rang.iter().map(String::as_str).filter(|name| *name != "outside").collect();
            prop_assert_eq!(rang, people, "{}", words);
        }
        // One ring for each stage, in order; more only when the phone of another person rings.
        let mut stages: Vec<RingStage> = Vec::new();
        for (_, update) in harness.updates.iter().filter(|(_, update)| update.status.kind() == StatusKind::Ringing) {
            stages.push(update.call.course.stage);
        }
        prop_assert!(stages.is_sorted(), "{:?}", stages);
        let answered = harness.updates.iter().filter(|(_, update)| update.status.kind() == StatusKind::Answered).count();
        prop_assert!(answered > 0 || truth.talks.is_empty());
        prop_assert!(harness.fetched_reports.is_empty() && harness.fetched_states.is_empty());
    }

    #[test]
    fn a_report_alone_ends_a_call_as_its_snapshots_do(call in any_call()) {
        let (live, report) = (live(&call), by_report(&call));
        prop_assert_eq!(live.end(), report.end());
        prop_assert_eq!(report.fetched_reports.len(), 1);
    }

    #[test]
    fn losses_never_make_a_false_end_and_the_report_heals_them(
        call in any_call(),
        kept in prop::collection::vec(any::<bool>(), 80),
        late in prop::collection::vec(0_u64..3_000, 80),
    ) {
        let whole = live(&call).end();
        for has_report in [true, false] {
            let mut harness = harness(&call, has_report);
            for ((event, keep), late) in call.snapshots.iter().zip(kept.iter().cycle()).zip(late.iter().cycle()) {
                if *keep {
                    let at = elapsed(epoch(), event.state.at.unwrap()) + Duration::from_millis(*late);
                    harness.plan(at, Input::Snapshot(event.clone().into()));
                }
            }
            harness.run(Duration::from_secs(900));
            let emitted: Vec<String> = harness.updates.iter().map(|(_, it)| end(it)).collect();
            for update in harness.updates.iter().map(|(_, update)| update).chain(&harness.from_reports) {
                prop_assert!(!is_false(&call, update), "{}: {emitted:#?}", end(update));
            }
            if has_report {
                prop_assert_eq!(harness.end(), whole.clone(), "{:#?}", emitted);
            }
            let rest = harness.tracker.next_deadline();
            harness.run(Duration::from_secs(5 * 3600));
            prop_assert!(rest.is_none() || harness.tracker.next_deadline().is_none(), "every call ends");
        }
    }
}
