//! Walks through the snapshots of a call in order and adds up its course: who rang, who talked and for how long, where the
//! caller was. Decides nothing of what is emitted, or of the outcome.

mod mailbox_stay;

use super::{
    observation::{Observation, PartyState, QueueId},
    parties::{Parties, PartyId, Role},
    position::Position,
    talk_log::{Scene, TalkLog},
    timeline::Timeline,
};
use crate::model::{
    call::{CallDirection, CallerPosition, RingStage},
    time::{Timestamp, elapsed},
};
use mailbox_stay::MailboxStay;
use std::time::Duration;

/// Longest final menu that does not count. After its last stay a call unwinds through its plans, in 20 to 85 ms.
const UNWINDING: Duration = Duration::from_secs(1);

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
    /// Every snapshot has a shape that is known.
    pub(super) understood: bool,
    /// A snapshot could be a talk in a shape that is not known.
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
    /// Whom it rang last, without a pause, and whether in a queue.
    last_ring: (Vec<PartyId>, bool),
    was_ringing: bool,
    was_queue: Option<QueueId>,
    was_mailbox: bool,
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
            let sharp = (follows(at), next.is_some_and(|(at, _)| follows(at)));
            walk.step(at, observation, lasted, sharp, parties, direction);
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
        sharp: (bool, bool),
        parties: &Parties,
        direction: CallDirection,
    ) {
        let with_role = |role: Role| seen.parties.iter().filter(move |(id, _)| parties.role(*id, direction) == role);
        // Of several outside lines the busiest counts.
        let served = with_role(Role::Served).map(|(_, state)| state).max_by_key(|state| busy(state));
        let others = with_role(Role::Other).chain(with_role(Role::Maker));
        let doing = |wanted: PartyState| -> Vec<PartyId> {
            others.clone().filter(|(_, state)| *state == wanted).map(|(id, _)| *id).collect()
        };
        let connected = doing(PartyState::Connected);
        // A plan that plays a clip may have the caller CONNECTED, before a person ever was.
        let plays = seen.in_plan && connected.is_empty() && self.talks.answer().is_none();
        let served =
            served.map(|state| if plays && *state == PartyState::Connected { &PartyState::InSystem } else { state });
        // The maker of an outbound call rings until the far side answers.
        let rings = |id: &PartyId| parties.role(*id, direction) == Role::Other;
        let ringing: Vec<PartyId> = doing(PartyState::Ringing).into_iter().filter(rings).collect();
        let talking = match served {
            Some(PartyState::Connected) => connected.clone(),
            // The colleague who began an internal call has handed it on.
            None if direction == CallDirection::Internal && connected.len() > 1 => connected.clone(),
            _ => Vec::new(),
        };
        self.recorded |= seen.recorded;
        self.transferred |= matches!(served, Some(PartyState::Transfer(_) | PartyState::OnHold { .. }));
        self.in_system |= served == Some(&PartyState::InSystem);
        self.leaving = direction == CallDirection::Inbound && served == Some(&PartyState::Leaving);
        self.judge(seen, served, &connected, &talking, others.clone().any(|(_, state)| *state == PartyState::Unknown));
        self.doubtful |= served == Some(&PartyState::Connected)
            && talking.is_empty()
            && with_role(Role::System { known: false }).any(|(_, state)| *state == PartyState::Connected);
        self.far_side |= match direction {
            CallDirection::Inbound | CallDirection::Outbound => served.is_some(),
            CallDirection::Internal => others.clone().next().is_some() || seen.queue.is_some(),
        };
        self.enter_queue(seen);
        self.ring(seen, &ringing);
        for id in ringing.iter().chain(&talking) {
            if direction == CallDirection::Inbound && parties.outside(*id).is_some() {
                self.forwarded_to = Some(*id);
            }
        }
        let is_ringing =
            !ringing.is_empty() || direction == CallDirection::Outbound && served == Some(&PartyState::Ringing);
        let waits = matches!(served, Some(PartyState::Ringing | PartyState::InSystem | PartyState::Transfer(_)));
        if talking.is_empty() && waits && (is_ringing || seen.queue.is_some()) {
            self.wait_is_exact = if self.waits_since.is_none() { sharp.0 } else { self.wait_is_exact };
            self.waits_since.get_or_insert(seen.at);
        }
        self.reach(is_ringing || !talking.is_empty(), seen, served);
        let waits_since = self.waits_since.filter(|_| self.wait_is_exact);
        let scene = Scene { at, time: seen.at, lasted, sharp, queue: seen.queue, waits_since };
        self.talks.record(&scene, served, &connected, &talking, &ringing);
        self.may_talk = served == Some(&PartyState::Unknown)
            && others.clone().any(|(_, state)| matches!(state, PartyState::Connected | PartyState::Unknown));
        if self.may_talk {
            self.talks.handing_over = None;
        }
        if is_ringing {
            self.rang_for += lasted;
        }
        if !talking.is_empty() {
            (self.waits_since, self.rang_for) = (None, Duration::ZERO);
            // A mailbox after a talk is not that of whom the call rang before it.
            self.last_ring = (Vec::new(), false);
        }
        self.enter_mailbox(seen);
        self.stay(seen, served, is_ringing, !talking.is_empty(), lasted);
        self.ringing = ringing;
        self.connected = connected;
    }

    /// Records whether the shapes of a snapshot are known.
    fn judge(
        &mut self,
        seen: &Observation,
        served: Option<&PartyState>,
        connected: &[PartyId],
        talking: &[PartyId],
        other_unknown: bool,
    ) {
        if seen.ending {
            return;
        }
        let served_unknown = matches!(served, None | Some(PartyState::Unknown));
        self.understood &= !served_unknown && !seen.odd;
        self.doubtful |= talking.is_empty()
            && (served_unknown && !connected.is_empty()
                || other_unknown && matches!(served, None | Some(PartyState::Unknown | PartyState::Connected)));
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

    fn ring(&mut self, seen: &Observation, ringing: &[PartyId]) {
        if !ringing.is_empty() && !self.was_ringing {
            self.last_ring = (Vec::new(), false);
        }
        self.was_ringing = !ringing.is_empty();
        for id in ringing {
            for known in [&mut self.rang, &mut self.last_ring.0] {
                if !known.contains(id) {
                    known.push(*id);
                }
            }
            self.last_ring.1 |= seen.queue.is_some();
        }
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

/// Returns the rank of an outside line: of two lines the higher counts.
const fn busy(state: &PartyState) -> u8 {
    match state {
        PartyState::Leaving => 0,
        PartyState::Unknown => 1,
        PartyState::Ringing => 2,
        PartyState::InSystem => 3,
        PartyState::Parked | PartyState::Transfer(_) | PartyState::OnHold { .. } => 4,
        PartyState::Connected => 5,
    }
}
