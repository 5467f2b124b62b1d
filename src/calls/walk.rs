//! Walks through the snapshots of a call in order and adds up its course: ringing phones, talks with their lengths, and
//! positions of the caller. Decides neither the updates nor the outcome.

mod last_ring;
mod mailbox_stay;
mod party_states;

use super::{
    observation::{Observation, PartyState, QueueId},
    parties::{Parties, PartyId},
    position::Position,
    talk_log::{SnapshotContext, TalkLog},
    timeline::Timeline,
};
use crate::model::{
    call::{CallDirection, CallerPosition, RingStage},
    time::{Timestamp, elapsed},
};
use last_ring::LastRing;
use mailbox_stay::MailboxStay;
use party_states::PartyStates;
use std::time::Duration;

/// Longest final menu that does not count. After its last stay a call unwinds through its plans, in 20 to 85 ms.
const UNWINDING: Duration = Duration::from_secs(1);
/// Largest error of the time of an answer, if a snapshot is missing before it. Cards show whole seconds.
const LARGEST_TIME_ERROR: Duration = Duration::from_secs(1);

/// Course of a call by its snapshots, in terms of its parties.
#[derive(Debug, Clone, Default)]
pub(super) struct Walk {
    /// Stage of the call; `None` while only a ringing caller is known.
    pub(super) stage: Option<RingStage>,
    /// Parties whose phones ring in the newest snapshot.
    pub(super) ringing: Vec<PartyId>,
    /// Parties whose phones rang, in order.
    pub(super) rang: Vec<PartyId>,
    /// The queues of the call, in order, with the time of the last entry into each.
    pub(super) queues: Vec<(QueueId, Timestamp)>,
    /// Start of the caller's wait; a talk restarts it.
    pub(super) waits_since: Option<Timestamp>,
    /// Time for which phones rang since the last talk, or since the beginning.
    pub(super) rang_for: Duration,
    pub(super) talks: TalkLog,
    pub(super) mailbox: Option<MailboxStay>,
    /// Parties that are CONNECTED in the newest snapshot.
    pub(super) connected: Vec<PartyId>,
    /// An outside line that rang or talked on an inbound call.
    pub(super) forwarded_to: Option<PartyId>,
    /// Whether a person takes part who can talk.
    pub(super) far_side: bool,
    /// Whether every snapshot has a known shape.
    pub(super) understood: bool,
    /// Whether the newest snapshot has a known shape.
    pub(super) clear: bool,
    /// Whether the newest snapshot shows a connected caller, and no person, phone or known system that explains it.
    pub(super) unexplained: bool,
    /// Whether the caller was connected with a party that is no person.
    pub(super) met_machine: bool,
    /// Whether a snapshot of an unknown shape could be a talk.
    pub(super) doubtful: bool,
    pub(super) recorded: bool,
    /// Whether the caller was in a menu, a queue or a mailbox.
    pub(super) in_system: bool,
    /// Whether the caller was handed on, or put on hold for a consultation.
    pub(super) transferred: bool,
    /// Whether the newest snapshot shows the caller of an inbound call leaving: only the end can follow.
    pub(super) leaving: bool,
    stays: Vec<Stay>,
    /// Whether no snapshot is missing at the start of the wait.
    wait_is_exact: bool,
    last_ring: LastRing,
    was_ringing: bool,
    was_queue: Option<QueueId>,
    was_mailbox: bool,
    /// Time of the newest snapshot.
    last_at: Option<Timestamp>,
    /// Whether the newest snapshot may be a talk of an unknown shape: the caller then waits for no person.
    may_talk: bool,
}

/// A time that the caller spent in one position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    pub(super) position: CallerPosition,
    pub(super) queue: Option<QueueId>,
    pub(super) since: Timestamp,
    until: Timestamp,
}

impl Walk {
    /// Walks through a call. `follows`: the snapshot before this position was received.
    pub(super) fn through(
        timeline: &Timeline,
        parties: &Parties,
        direction: CallDirection,
        follows: impl Fn(Position) -> bool,
    ) -> Self {
        let mut walk = Self { understood: true, ..Self::default() };
        let mut rest = timeline.iter().peekable();
        while let Some((at, observation)) = rest.next() {
            let next = rest.peek().copied();
            let lasted = next.map_or(Duration::ZERO, |(_, next)| elapsed(observation.at, next.at));
            let adjacent = (follows(at), next.is_some_and(|(at, _)| follows(at)));
            walk.step(at, observation, lasted, adjacent, parties, direction);
        }
        if timeline.overflowed {
            walk.talks.blur();
        }
        walk
    }

    fn step(
        &mut self,
        at: Position,
        seen: &Observation,
        lasted: Duration,
        adjacent: (bool, bool),
        parties: &Parties,
        direction: CallDirection,
    ) {
        let states = PartyStates::of(seen, parties, direction, self.talks.answer().is_some());
        self.record_states(seen, &states, direction);
        self.judge(seen, &states);
        self.enter_queue(seen);
        self.ring(seen, &states, adjacent.0);
        for id in states.ringing.iter().chain(&states.talking) {
            if direction == CallDirection::Inbound && parties.outside(*id).is_some() {
                self.forwarded_to = Some(*id);
            }
        }
        self.wait(seen, &states, adjacent.0);
        self.reach(states.is_ringing || !states.talking.is_empty(), seen, states.served);
        let waits_since = self.waits_since.filter(|_| self.wait_is_exact);
        let last = self.last_at.replace(seen.at);
        let is_timed = adjacent.0 || last.is_some_and(|last| elapsed(last, seen.at) < LARGEST_TIME_ERROR);
        self.talk(
            &SnapshotContext { at, time: seen.at, lasted, adjacent, is_timed, queue: seen.queue, waits_since },
            &states,
        );
        self.enter_mailbox(seen);
        self.stay(seen, states.served, states.is_ringing, !states.talking.is_empty(), lasted);
        self.ringing = states.ringing;
        self.connected = states.connected;
    }

    /// Records what the states of a snapshot show.
    fn record_states(&mut self, seen: &Observation, states: &PartyStates<'_>, direction: CallDirection) {
        let served = states.served;
        self.recorded |= seen.recorded;
        self.transferred |= matches!(served, Some(PartyState::Transfer(_) | PartyState::OnHold { .. }));
        self.in_system |= served == Some(&PartyState::InSystem);
        self.leaving = direction == CallDirection::Inbound && served == Some(&PartyState::Leaving);
        self.unexplained = states.alone && states.ringing.is_empty() && !seen.has_known_system;
        self.met_machine |= served == Some(&PartyState::Connected) && states.machine_connected;
        // Without a machine a caller is connected with a person.
        self.doubtful |= states.alone && !states.has_known_machine;
        self.doubtful |=
            served == Some(&PartyState::Connected) && states.talking.is_empty() && states.unknown_system_connected;
        self.far_side |= match direction {
            CallDirection::Inbound | CallDirection::Outbound => served.is_some(),
            CallDirection::Internal => states.has_others || seen.queue.is_some(),
        };
    }

    /// Records whether the shapes of a snapshot are known.
    fn judge(&mut self, seen: &Observation, states: &PartyStates<'_>) {
        if seen.ending {
            return;
        }
        let PartyStates { served, connected, talking, ringing, other_unknown, .. } = states;
        let served_unknown = matches!(served, None | Some(PartyState::Unknown));
        // A phone in an unknown state may ring.
        let may_ring = *other_unknown && talking.is_empty() && ringing.is_empty() && self.talks.answer().is_none();
        self.clear = !served_unknown && !seen.odd && !may_ring;
        self.understood &= self.clear;
        self.doubtful |= talking.is_empty()
            && (served_unknown && !connected.is_empty()
                || *other_unknown && matches!(served, None | Some(PartyState::Unknown | PartyState::Connected)));
    }

    /// Starts the caller's wait for a person.
    fn wait(&mut self, seen: &Observation, states: &PartyStates<'_>, follows: bool) {
        let waits = states.alone
            || matches!(states.served, Some(PartyState::Ringing | PartyState::InSystem | PartyState::Transfer(_)));
        if states.talking.is_empty() && waits && (states.is_ringing || seen.queue.is_some()) {
            self.wait_is_exact = if self.waits_since.is_none() { follows } else { self.wait_is_exact };
            self.waits_since.get_or_insert(seen.at);
        }
    }

    /// Records the talks of a snapshot. A talk ends the wait before it.
    fn talk(&mut self, context: &SnapshotContext, states: &PartyStates<'_>) {
        self.talks.record(context, states.served, &states.connected, &states.talking, &states.ringing);
        self.may_talk =
            states.served == Some(&PartyState::Unknown) && (!states.connected.is_empty() || states.other_unknown);
        if self.may_talk {
            self.talks.handing_over = None;
        }
        if states.is_ringing {
            self.rang_for += context.lasted;
        }
        if !states.talking.is_empty() {
            (self.waits_since, self.rang_for) = (None, Duration::ZERO);
            // After a talk, a mailbox does not belong to the people whose phones rang before the talk.
            self.last_ring = LastRing::default();
        }
    }

    fn enter_queue(&mut self, seen: &Observation) {
        if let Some(queue) = seen.queue.filter(|queue| self.was_queue != Some(*queue)) {
            match self.queues.iter_mut().find(|(known, _)| *known == queue) {
                Some((_, since)) => *since = seen.at,
                None => self.queues.push((queue, seen.at)),
            }
        }
        self.was_queue = seen.queue;
    }

    fn reach(&mut self, phone: bool, seen: &Observation, served: Option<&PartyState>) {
        let stage = match served {
            _ if phone => Some(RingStage::Phone),
            _ if seen.queue.is_some() => Some(RingStage::Queue),
            Some(PartyState::InSystem) if !seen.odd => Some(RingStage::Start),
            _ => None,
        };
        self.stage = self.stage.max(stage);
    }

    fn stay(&mut self, seen: &Observation, served: Option<&PartyState>, ringing: bool, talks: bool, lasted: Duration) {
        let position = match served {
            _ if talks => CallerPosition::Talk,
            Some(PartyState::OnHold { .. }) => CallerPosition::Hold,
            Some(PartyState::Parked) => CallerPosition::Parked,
            Some(PartyState::Transfer(_)) => CallerPosition::Transfer,
            Some(PartyState::InSystem) if seen.mailbox.is_some() => CallerPosition::Mailbox,
            Some(PartyState::InSystem) if seen.queue.is_some() => CallerPosition::Queue,
            Some(PartyState::InSystem | PartyState::Ringing) if ringing => CallerPosition::Phone,
            Some(PartyState::InSystem) => CallerPosition::Menu,
            Some(PartyState::Ringing) => CallerPosition::Ringing,
            Some(PartyState::Unknown) if self.may_talk && !self.is_last(CallerPosition::Talk) => {
                CallerPosition::Unknown
            }
            // Between two positions, or in an unknown shape: the last position.
            _ => self.stays.last().map(|stay| stay.position).unwrap_or_default(),
        };
        let queue = seen.queue.filter(|_| position == CallerPosition::Queue);
        let until = seen.at.checked_add(lasted).unwrap_or(seen.at);
        match self.stays.last_mut() {
            Some(stay) if stay.position == position && (queue.is_none() || stay.queue == queue) => stay.until = until,
            _ => self.stays.push(Stay { position, queue, since: seen.at, until }),
        }
    }

    fn is_last(&self, position: CallerPosition) -> bool {
        self.stays.last().is_some_and(|stay| stay.position == position)
    }

    /// Returns the position of the caller, or the last one before the call unwound.
    pub(super) fn last_stay(&self) -> Option<&Stay> {
        use CallerPosition::{Menu, Phone, Queue, Ringing, Talk, Unknown};
        let mut stays = self.stays.as_slice();
        while let [before @ .., previous, last] = stays {
            let short = elapsed(last.since, last.until) < UNWINDING;
            let unwinds = match last.position {
                Menu => !matches!(previous.position, Unknown | Ringing),
                Ringing | Unknown => previous.position != Unknown,
                Queue | Phone => previous.position == Talk,
                _ => false,
            };
            if !(short && unwinds) {
                break;
            }
            stays = stays.get(..=before.len()).unwrap_or(before);
        }
        stays.last()
    }
}
