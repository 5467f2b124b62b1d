//! What is known of one call: snapshots folded so that their order does not matter. Decides who calls, whom it rings, who
//! answered and where the caller stood last; not what is told, nor when.

use super::{
    bound::{bound, callee, colleague, initiator},
    order::{Order, better},
    snapshot::{Place, caller, ours, outside_talks, people, place},
    talks::{Answer, Taking, Talks},
    verdict::Verdict,
};
use crate::model::{
    call::{
        AccountNumber, Call, CallDirection, CallSnapshot, CallSystem, Caller, MissedReason, ParticipantStatus, Person,
        Phase, Queue,
    },
    time::{Timestamp, elapsed},
};
use std::time::Duration;

/// Queues kept of one call: a card is read up to here.
const QUEUES: usize = 16;

/// People kept whom one call rang: a card names three of them.
const PEOPLE: usize = 32;

/// A timestamp further than this from the daemon's clock is an error of somebody's clock, and is not shown.
const SANE: Duration = Duration::from_secs(24 * 60 * 60);

/// The people of one snapshot.
#[derive(Debug, Clone)]
struct OnIt {
    talking: Vec<Person>,
    ringing: Vec<Person>,
}

/// What is known of a call.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    bound: Option<(u8, Order, CallDirection)>,
    /// How sure the caller is, whence, who.
    caller: Option<(u8, Order, Caller)>,
    /// The same of the called party of an outbound call.
    callee: Option<(u8, Order, Caller)>,
    /// The same of the line that began an internal call.
    initiator: Option<(u8, Order, Person)>,
    ours: Option<(u8, Order, AccountNumber)>,
    /// With when the call was first seen in it.
    queues: Vec<(Order, Queue, Timestamp)>,
    people: Option<(Order, OnIt)>,
    /// Whom it rang, in order.
    rung: Vec<(Order, Person)>,
    /// The newest snapshot in which it only waits in a queue.
    waits: Option<Order>,
    created: Option<Timestamp>,
    first: (Order, Timestamp),
    /// When the newest snapshot was taken.
    pub(super) last: Timestamp,
    pub(super) place: Option<(Order, Place)>,
    talks: Talks,
    /// A phone rang.
    pub(super) rang: bool,
    /// A person was seen leaving, which may mean that somebody had answered, or that a phone stopped ringing.
    pub(super) leaving: bool,
    pub(super) report: Option<Verdict>,
}

/// `at`, if the daemon's clock finds it believable.
pub(super) fn sane(at: Option<Timestamp>, clock: Timestamp) -> Option<Timestamp> {
    at.filter(|at| elapsed(*at, clock).max(elapsed(clock, *at)) <= SANE)
}

impl Facts {
    /// Nothing known yet, at the daemon's `clock`.
    pub(super) fn new(event: &CallSnapshot, clock: Timestamp) -> Self {
        let at = sane(event.state.at, clock).unwrap_or(clock);
        let order = Order { leg: 0, sequence: event.state.sequence };
        Self {
            bound: None,
            caller: None,
            callee: None,
            initiator: None,
            ours: None,
            queues: Vec::new(),
            people: None,
            rung: Vec::new(),
            waits: None,
            created: None,
            first: (order, at),
            last: at,
            place: None,
            talks: Talks::default(),
            rang: false,
            leaving: false,
            report: None,
        }
    }

    /// Adds what a snapshot says. Each fact is kept from where it is best known: who calls from the surest, who answered
    /// from the earliest, whom it rings from the newest.
    pub(super) fn fold(&mut self, leg: usize, event: &CallSnapshot, clock: Timestamp) {
        let order = Order { leg, sequence: event.state.sequence };
        let participants = &event.state.participants;
        let at = sane(event.state.at, clock).unwrap_or(clock);
        self.first = self.first.min((order, at));
        self.last = self.last.max(at);
        self.created = self.created.or_else(|| sane(event.created_at, clock));
        better(&mut self.bound, order, bound(event).as_ref().map(|(sure, bound)| (*sure, bound)));
        better(&mut self.caller, order, caller(participants));
        better(&mut self.callee, order, callee(event).as_ref().map(|(sure, callee)| (*sure, callee)));
        better(&mut self.initiator, order, initiator(participants));
        better(&mut self.ours, order, ours(participants));
        for system in &event.state.systems {
            if let CallSystem::Queue(queue) = system {
                self.pass(order, queue, at);
            }
        }
        if let Some(place) = place(event) {
            self.place = self.place.max(Some((order, place)));
        }
        self.fold_people(order, event, at);
        let alone =
            people(participants, |status| matches!(status, ParticipantStatus::Ringing | ParticipantStatus::Connected))
                .is_empty();
        if alone && event.state.systems.iter().any(|system| matches!(system, CallSystem::Queue(_))) {
            self.waits = self.waits.max(Some(order));
        }
    }

    fn fold_people(&mut self, order: Order, event: &CallSnapshot, at: Timestamp) {
        let participants = &event.state.participants;
        let ringing = people(participants, |status| *status == ParticipantStatus::Ringing);
        let talking = people(participants, |status| *status == ParticipantStatus::Connected);
        self.rang |= !ringing.is_empty();
        self.leaving |= !people(participants, |status| *status == ParticipantStatus::Disconnecting).is_empty();
        self.talks.hear(at, order, talking.clone(), outside_talks(participants));
        for person in &ringing {
            self.rings(order, person);
        }
        let now = OnIt { talking, ringing };
        if now.talking.is_empty() && now.ringing.is_empty() {
            // Nobody rings or talks: who is listed is better than nobody, and gives way to any snapshot that knows.
            let listed = people(participants, |_| true);
            if self.people.is_none() && event.state.phase == Phase::Ending && !listed.is_empty() {
                self.people = Some((Order::default(), OnIt { talking: listed, ringing: Vec::new() }));
            }
        } else if self.people.as_ref().is_none_or(|(known, _)| *known <= order) {
            self.people = Some((order, now));
        }
    }

    /// Adds somebody whom it rang, where it rang first.
    fn rings(&mut self, order: Order, person: &Person) {
        match self.rung.iter().position(|(_, known)| known == person) {
            Some(at) if self.rung.get(at).is_some_and(|(known, _)| order < *known) => {
                self.rung.remove(at);
            }
            Some(_) => return,
            None if self.rung.len() >= PEOPLE => return,
            None => {}
        }
        let at = self.rung.partition_point(|(known, _)| *known <= order);
        self.rung.insert(at, (order, person.clone()));
    }

    fn pass(&mut self, order: Order, queue: &Queue, since: Timestamp) {
        match self.queues.iter().position(|(_, known, _)| known == queue) {
            Some(at) if self.queues.get(at).is_some_and(|(known, ..)| order < *known) => {
                self.queues.remove(at);
            }
            Some(_) => return,
            None if self.queues.len() >= QUEUES => return,
            None => {}
        }
        let at = self.queues.partition_point(|(known, ..)| *known <= order);
        self.queues.insert(at, (order, queue.clone(), since));
    }

    /// Which way the call goes.
    pub(super) fn bound(&self) -> CallDirection {
        self.bound.map(|(.., bound)| bound).unwrap_or_default()
    }

    fn taking(&self) -> Taking<'_> {
        Taking { bound: self.bound(), initiator: self.initiator.as_ref().map(|(.., person)| person) }
    }

    /// Who took the call, if somebody did.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.talks.answer(self.taking())
    }

    /// When the call began, as well as it is known.
    pub(super) fn started(&self) -> Timestamp {
        self.created.unwrap_or(self.first.1)
    }

    /// Whether somebody is known whom a card could name beside the one who calls: a person, or a queue; of an outbound call
    /// whom it calls.
    pub(super) fn names_somebody(&self) -> bool {
        match self.bound() {
            CallDirection::Inbound => self.people.is_some() || !self.queues.is_empty(),
            CallDirection::Outbound => self.bound.is_some_and(|(sure, ..)| sure > 0) && self.callee.is_some(),
            CallDirection::Internal => !self.called_people().is_empty() || !self.queues.is_empty(),
        }
    }

    /// Who talks, or else whom it rings, and nobody while it waits for the next in a queue; not the colleague who began an
    /// internal call.
    fn called_people(&self) -> Vec<&Person> {
        if self.waits > self.people.as_ref().map(|(order, _)| *order) && self.answer().is_none() {
            return Vec::new();
        }
        let began =
            self.initiator.as_ref().map(|(.., person)| person).filter(|_| self.bound() == CallDirection::Internal);
        let Some((_, on)) = &self.people else { return Vec::new() };
        let others = |people: &'_ [Person]| people.iter().filter(|person| Some(*person) != began).count() > 0;
        let people = if others(&on.talking) { &on.talking } else { &on.ringing };
        people.iter().filter(|person| Some(*person) != began).collect()
    }

    /// Who calls, if somebody said so.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref().map(|(_, _, caller)| caller)
    }

    /// Whether `theirs` may be the same caller: who says nothing of a caller does not speak of another one.
    pub(super) fn is_same_caller(&self, theirs: Option<&Caller>) -> bool {
        match (theirs, self.caller()) {
            (Some(theirs), Some(ours)) => theirs.number == ours.number,
            _ => true,
        }
    }

    /// Adds what is known of another call that turned out to be this one; its conversations now begin at `place`.
    pub(super) fn join(&mut self, other: Self, place: usize) {
        let shift = |order: Order| Order { leg: order.leg.saturating_add(place), ..order };
        let theirs = other.caller.as_ref().map(|(sure, _, caller)| (*sure, caller));
        better(&mut self.caller, shift(Order::default()), theirs);
        let theirs = other.ours.as_ref().map(|(sure, _, ours)| (*sure, ours));
        better(&mut self.ours, shift(Order::default()), theirs);
        for (order, queue, since) in &other.queues {
            self.pass(shift(*order), queue, *since);
        }
        for (order, person) in &other.rung {
            self.rings(shift(*order), person);
        }
        self.waits = self.waits.max(other.waits.map(shift));
        self.people = other.people.map(|(order, people)| (shift(order), people)).or(self.people.take());
        self.created = self.created.into_iter().chain(other.created).min();
        self.first.1 = self.first.1.min(other.first.1);
        self.last = self.last.max(other.last);
        self.place = other.place.map(|(order, place)| (shift(order), place)).or(self.place);
        self.talks.join(other.talks, shift);
        self.rang |= other.rang;
        self.leaving |= other.leaving;
        self.report = self.report.max(other.report);
    }

    /// How the call was missed, if it was.
    pub(super) fn missed_why(&self) -> MissedReason {
        match self.place {
            _ if self.rang || self.bound() != CallDirection::Inbound => MissedReason::NobodyAnswered,
            Some((_, Place::Queue)) => MissedReason::LeftQueue,
            Some((_, Place::Menu)) => MissedReason::LeftMenu,
            _ => MissedReason::Unknown,
        }
    }

    /// Puts what is known of a call that is over into `call`: of one that nobody took everybody whom it rang.
    pub(super) fn write_end(&self, call: &mut Call) {
        self.write(call);
        if self.bound() != CallDirection::Outbound && self.answer().is_none() && !self.rung.is_empty() {
            call.people = self.rung.iter().map(|(_, person)| person.clone()).collect();
        }
    }

    /// Puts what is known into `call`.
    pub(super) fn write(&self, call: &mut Call) {
        call.direction = self.bound();
        let other_side = match call.direction {
            CallDirection::Inbound => self.caller.as_ref().map(|(.., caller)| caller.clone()),
            CallDirection::Outbound => self.callee.as_ref().map(|(.., callee)| callee.clone()),
            CallDirection::Internal => self.initiator.as_ref().map(|(.., person)| colleague(person, call.region)),
        };
        if let Some(other_side) = other_side {
            call.caller = other_side;
        }
        call.account_number = self.ours.as_ref().map(|(.., ours)| ours.clone());
        call.queues = self.queues.iter().map(|(_, queue, _)| queue.clone()).collect();
        call.queued_at = self.queues.last().map(|(.., since)| *since);
        call.people = self.called_people().into_iter().cloned().collect();
        call.transfers = self.talks.transfers(self.taking());
        call.answered_at = self.answer().map(|answer| answer.at);
        call.started_at = self.started();
    }
}
