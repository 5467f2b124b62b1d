//! Any call, in any order of arrival: snapshots doubled, late, lost; an API that answers, late or never.

use super::world::{World, caller_on, line, machine, menu, queue, report, snapshot};
use crate::{
    calls::Effect,
    model::call::{
        CallSnapshot, CallStatus, CallUpdate, ParticipantKind, ParticipantStatus, Phase, Report, StatusKind,
    },
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What happens in a call, one snapshot each.
#[derive(Debug, Clone, Copy)]
enum Step {
    Menu,
    Queue(&'static str),
    Rings(&'static str),
    /// Whoever rings takes it.
    Taken,
    /// The phone that rang stops.
    GivenUp,
    Mailbox,
}

/// How a snapshot or an answer arrives: after so many ms, or never.
type Way = Option<u64>;

#[derive(Debug, Clone)]
struct Story {
    snapshots: Vec<(u64, CallSnapshot)>,
    truth: StatusKind,
    report: Report,
    ended: u64,
}

fn story(steps: &[(Step, u64)], last: u64) -> Story {
    let (mut now, mut rings, mut talks, mut place, mut answered) = (100, None, None, None, None);
    let mut snapshots = vec![(now, snapshot(1, now, Phase::Starting, [caller_on(ParticipantStatus::Ringing)], []))];
    for (number, (step, wait)) in (2..).zip(steps) {
        now += wait;
        match step {
            Step::Rings(who) => rings = Some(*who),
            Step::Taken => (talks, rings) = (rings.or(talks), None),
            Step::GivenUp => rings = None,
            Step::Menu | Step::Queue(_) | Step::Mailbox if talks.is_some() => {}
            place_now => place = Some(*place_now),
        }
        answered = answered.or(talks.map(|_| now));
        let phase = if number == 2 && talks.is_none() { Phase::Starting } else { Phase::Active };
        let mut on = vec![caller_on(ParticipantStatus::Connected)];
        on.extend(talks.map(|who| line(who, ParticipantStatus::Connected)));
        on.extend(rings.map(|who| line(who, ParticipantStatus::Ringing)));
        let systems = match place {
            Some(Step::Menu) => vec![menu()],
            Some(Step::Queue(name)) => vec![queue(name)],
            Some(Step::Mailbox) => {
                on.push(machine("Voicemail", ParticipantStatus::Connected));
                vec![]
            }
            _ => vec![],
        };
        snapshots.push((now, snapshot(number, now, phase, on, systems)));
    }
    now += last;
    let leaving = talks.or(rings).map(|who| line(who, ParticipantStatus::Disconnecting));
    let on = [caller_on(ParticipantStatus::Disconnecting)].into_iter().chain(leaving);
    snapshots.push((now, snapshot(snapshots.len() as u64 + 1, now, Phase::Ending, on, [])));
    let (truth, outcome) = match (answered, place) {
        (Some(_), _) => (StatusKind::Ended, "NORMAL"),
        (None, Some(Step::Mailbox)) => (StatusKind::Voicemail, "LEFT_VOICEMAIL"),
        (None, Some(Step::Menu)) => (StatusKind::Missed, "LEFT_DIAL_PLAN"),
        (None, _) => (StatusKind::Missed, "NORMAL"),
    };
    Story { snapshots, truth, report: report(answered, Some(now), Some(outcome)), ended: now }
}

enum Input {
    Snapshot(Box<CallSnapshot>),
    Report,
}

/// A world in which the story arrives, and the API answers on its way.
struct Run {
    world: World,
    inputs: BTreeMap<(u64, usize), Input>,
    /// Sequence numbers heard.
    heard: BTreeSet<u64>,
    talked: bool,
    snapshots: usize,
    ended: bool,
    /// Its report came after it was heard of: before, it is nobody's.
    reported: bool,
    /// For each telling: whether a person had been heard talking, and whether everything or the report had been heard.
    knew: Vec<(bool, bool)>,
}

impl Run {
    fn of(story: &Story, lanes: &[(Way, Way)], api: Way, pushed: Way) -> Self {
        let mut run = Self {
            world: World::new(),
            inputs: BTreeMap::new(),
            heard: BTreeSet::new(),
            talked: false,
            snapshots: story.snapshots.len(),
            ended: false,
            reported: false,
            knew: Vec::new(),
        };
        for ((at, event), (one, two)) in story.snapshots.iter().zip(lanes) {
            for way in [one, two].into_iter().flatten() {
                run.plan(at + way, Input::Snapshot(event.clone().into()));
            }
        }
        if let Some(way) = pushed {
            run.plan(story.ended + way, Input::Report);
        }
        let mut answered = 0;
        while let Some(((at, _), input)) = run.inputs.pop_first() {
            run.world.run_to(at);
            run.note();
            match input {
                Input::Snapshot(event) => run.hear(at, *event),
                Input::Report => {
                    run.reported |= !run.heard.is_empty();
                    run.world.hear_report(at, story.report.clone());
                }
            }
            run.note();
            answered = run.answer(story, api, answered);
            if run.inputs.is_empty() {
                // What is held back is told within its grace, and may still ask.
                run.world.run_to(at + 10_000);
                run.note();
                answered = run.answer(story, api, answered);
            }
        }
        run
    }

    fn plan(&mut self, at: u64, input: Input) {
        let place = self.inputs.len() + self.world.effects.len() * 1_000;
        let place = (place..).find(|place| !self.inputs.contains_key(&(at, *place))).unwrap();
        self.inputs.insert((at, place), input);
    }

    fn hear(&mut self, at: u64, event: CallSnapshot) {
        self.heard.insert(event.state.sequence);
        self.ended |= event.state.phase == Phase::Ending;
        self.talked |= event.state.participants.iter().any(|party| {
            matches!(party.kind, ParticipantKind::Line(_)) && party.status == ParticipantStatus::Connected
        });
        self.world.hear_at(at, event);
    }

    fn note(&mut self) {
        let certain = self.reported || self.heard.len() == self.snapshots;
        self.knew.resize(self.world.tellings.len(), (self.talked, certain));
    }

    /// Answers what was asked since the first `answered` effects: snapshots while the call lives, a report when it does not.
    fn answer(&mut self, story: &Story, api: Way, answered: usize) -> usize {
        let asked: Vec<_> = self.world.effects.iter().skip(answered).cloned().collect();
        for ((at, effect), way) in asked.into_iter().zip(std::iter::repeat(api)) {
            let Some(way) = way else { continue };
            match effect {
                Effect::AskStates { from, to, .. } if at + way < story.ended => {
                    let states =
                        story.snapshots.iter().filter(|(_, event)| (from..=to).contains(&event.state.sequence));
                    for (_, event) in states.cloned().collect::<Vec<_>>() {
                        self.plan(at + way, Input::Snapshot(event.into()));
                    }
                }
                Effect::AskReport { .. } if at + way >= story.ended => self.plan(at + way, Input::Report),
                _ => {}
            }
        }
        self.world.effects.len()
    }

    fn kinds(&self) -> Vec<StatusKind> {
        self.world.tellings.iter().map(|telling| telling.status.kind()).collect()
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Menu),
        Just(Step::Queue("Support")),
        Just(Step::Queue("Sales")),
        Just(Step::Rings("Bob")),
        Just(Step::Rings("Eve")),
        Just(Step::Taken),
        Just(Step::Taken),
        Just(Step::GivenUp),
        Just(Step::Mailbox),
    ]
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![3 => (0_u64..50).prop_map(Some), 1 => (0_u64..12_000).prop_map(Some), 1 => Just(None)]
}

fn any_story() -> impl Strategy<Value = Story> {
    (prop::collection::vec((step(), 0_u64..9_000), 0..9), 0_u64..9_000).prop_map(|(steps, last)| story(&steps, last))
}

fn says(telling: &CallUpdate) -> (BTreeSet<Option<String>>, usize, bool) {
    let people = telling.call.people.iter().map(|person| person.name.clone()).collect();
    (people, telling.call.queues.len(), telling.call.caller.name.is_some())
}

proptest! {
    // PROPTEST_CASES sets how many; what fails becomes a test by hand, not a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_lost_late_or_doubled_a_call_rings_once_and_ends_once_and_honestly(
        story in any_story(),
        lanes in prop::collection::vec((way(), way()), 12),
        api in way(),
        pushed in way(),
    ) {
        let run = Run::of(&story, &lanes, api, pushed);
        let kinds = run.kinds();
        let told = &run.world.told;
        let first = run.world.tellings.iter().filter(|telling| telling.call.revision.is_none());
        let lasts = first.filter(|telling| telling.status.kind().is_final()).count();

        prop_assert!(lasts <= 1, "{told:?}");
        let by = run.world.tellings.iter().filter_map(|telling| match &telling.status {
            CallStatus::Answered { answered_by: by, .. } => Some(by.name.clone()),
            _ => None,
        });
        let by: Vec<_> = by.collect();
        prop_assert!(by.windows(2).all(|pair| pair[0] != pair[1]), "who has it is news: {told:?}");
        let last = kinds.iter().position(|kind| kind.is_final()).unwrap_or(kinds.len());
        let after = run.world.tellings.iter().skip(last + 1);
        prop_assert!(after.clone().all(|it| it.call.revision.is_some()), "after the last only a better one: {told:?}");
        let answered = kinds.iter().position(|kind| *kind == StatusKind::Answered);
        let rang = kinds.iter().position(|kind| *kind == StatusKind::Ringing);
        prop_assert!(answered.is_none_or(|answered| rang.is_some_and(|rang| rang < answered)), "{told:?}");
        prop_assert!(
            answered.is_none_or(|answered| kinds.iter().skip(answered).all(|kind| *kind != StatusKind::Ringing)),
            "{told:?}"
        );

        // Each ring after the first has news.
        let rings = run.world.tellings.iter().filter(|telling| telling.status == CallStatus::Ringing);
        let rings: Vec<_> = rings.map(says).collect();
        prop_assert!(rings.windows(2).all(|pair| pair[0] != pair[1]), "{told:?}");

        // No false missed: neither against what was heard, nor against the truth where everything was heard or reported.
        for (telling, (talked, certain)) in run.world.tellings.iter().zip(&run.knew) {
            let kind = telling.status.kind();
            prop_assert!(!(*talked && matches!(kind, StatusKind::Missed | StatusKind::Voicemail)), "{told:?}");
            prop_assert!(!(kind.is_final() && *certain) || kind == story.truth, "{told:?}");
        }
        prop_assert_eq!(lasts == 1, run.ended || run.reported, "{:?}", told);

        let states = run.world.asked.iter().filter(|asked| asked.contains("states")).count();
        prop_assert!(states <= 4 && run.world.asked.len() <= 6 && told.len() <= run.heard.len() + 3);
    }

    #[test]
    fn one_good_lane_tells_the_truth(
        story in any_story(),
        lanes in prop::collection::vec(way(), 12),
        swap in prop::collection::vec(any::<bool>(), 12),
    ) {
        let lanes: Vec<_> = lanes.into_iter().zip(swap)
            .map(|(bad, swap)| if swap { (Some(0), bad) } else { (bad, Some(0)) }).collect();
        let run = Run::of(&story, &lanes, None, None);
        prop_assert_eq!(run.kinds().last().copied(), Some(story.truth), "{:?}", &run.world.told);
        prop_assert!(run.world.asked.is_empty());
    }

    #[test]
    fn an_api_that_answers_in_time_heals_every_loss(story in any_story(), lost in prop::collection::vec(any::<bool>(), 12)) {
        let mut lanes: Vec<(Way, Way)> = lost.into_iter().map(|lost| ((!lost).then_some(0), None)).collect();
        lanes[story.snapshots.len() - 1] = (Some(0), None);
        let run = Run::of(&story, &lanes, Some(300), None);
        prop_assert_eq!(run.kinds().last().copied(), Some(story.truth), "{:?} {:?}", &run.world.told, &run.world.asked);
    }

    #[test]
    fn every_call_is_forgotten_in_the_end(story in any_story(), lanes in prop::collection::vec((way(), way()), 12)) {
        let mut run = Run::of(&story, &lanes, None, None);
        run.world.run_to(6 * 60 * 60 * 1_000);
        prop_assert_eq!(run.world.tracker.next_deadline(), None);
        prop_assert!(run.world.asked.len() <= 12, "{:?}", run.world.asked);
    }
}
