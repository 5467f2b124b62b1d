//! One snapshot, reduced to the states of its parties, the queue and the mailbox. Stateless.

use super::{
    parties::{Parties, PartyId},
    position::Position,
};
use crate::model::{
    call::{CallSnapshot, Participant, ParticipantStatus, Phase, Queue, SystemKind, TransferParty, VoicemailResult},
    time::Timestamp,
};
use std::{mem::discriminant, time::Duration};

/// Participants read from one snapshot: more than any ring group that a card could name.
const MAX_PARTICIPANTS: usize = 64;
/// Queues kept for one call: a card names the last three.
const MAX_QUEUES: usize = 16;

/// A reduced snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) at: Timestamp,
    pub(super) ending: bool,
    pub(super) parties: Vec<(PartyId, PartyState)>,
    /// The queue that is CONNECTED.
    pub(super) queue: Option<QueueId>,
    pub(super) mailbox: Option<MailboxState>,
    /// Whether a dial plan, a queue or a mailbox has the call.
    pub(super) in_plan: bool,
    /// Whether a system of an unknown type takes part, and no known one.
    pub(super) odd: bool,
    /// Whether a system of a known type takes part.
    pub(super) has_known_system: bool,
    pub(super) recorded: bool,
}

/// A queue of a call: its index in [`Queues`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueId(pub(super) u8);

/// State of a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartyState {
    Ringing,
    Connected,
    /// In a menu, a queue or a mailbox.
    InSystem,
    OnHold {
        by: Option<PartyId>,
    },
    Parked,
    Transfer(Box<PendingTransfer>),
    Leaving,
    Unknown,
}

/// A transfer in progress.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PendingTransfer {
    pub(super) by: Option<PartyId>,
    pub(super) by_extension: Option<String>,
    pub(super) extension: Option<String>,
}

/// State of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailboxState {
    /// The greeting, or a message being left.
    Open,
    /// A message was left.
    Left(Option<Duration>),
    /// Nothing was left.
    Nothing,
    /// The mailbox has ended, with an unknown result.
    Gone,
}

/// The queues of a call, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Queues(Vec<Queue>);

impl Queues {
    fn add(&mut self, queue: &Queue) -> Option<QueueId> {
        let known = self.0.iter().position(|known| known.name == queue.name);
        let at = known.unwrap_or(self.0.len());
        match self.0.get_mut(at) {
            Some(known) => known.extension = known.extension.take().or_else(|| queue.extension.clone()),
            None if at < MAX_QUEUES => self.0.push(queue.clone()),
            None => return None,
        }
        u8::try_from(at).ok().map(QueueId)
    }

    /// Returns the queue of an id.
    pub(super) fn get(&self, id: QueueId) -> Option<&Queue> {
        self.0.get(usize::from(id.0))
    }

    /// Adds the queues of another call. Returns the new id of each.
    pub(super) fn join(&mut self, other: &Self) -> Vec<Option<QueueId>> {
        other.0.iter().map(|queue| self.add(queue)).collect()
    }
}

/// Reads a snapshot that was taken at `time`.
pub(super) fn observe(
    event: &CallSnapshot,
    at: Position,
    time: Timestamp,
    parties: &mut Parties,
    queues: &mut Queues,
) -> Observation {
    let mut seen: Vec<(PartyId, PartyState)> = Vec::new();
    // All participants are added before a state is read: a transfer may name a participant further down the list.
    let added: Vec<(PartyId, &Participant)> = event
        .state
        .participants
        .iter()
        .take(MAX_PARTICIPANTS)
        .filter_map(|one| Some((parties.add(at, one)?, one)))
        .collect();
    for (party, participant) in added {
        let state = party_state(&participant.status, parties);
        match seen.iter_mut().find(|(known, _)| *known == party) {
            // Two devices of one person: the more active one counts.
            Some((_, known)) if rank(&state) > rank(known) => *known = state,
            Some(_) => {}
            None => seen.push((party, state)),
        }
    }
    let systems = &event.state.systems;
    let connected = |status: &ParticipantStatus| {
        !matches!(status, ParticipantStatus::Disconnecting | ParticipantStatus::Disconnected)
    };
    // Not recorded yet: a parking spot that is a system.
    let is_park = |kind: &SystemKind| matches!(kind, SystemKind::Other(word) if word.contains("PARK"));
    if systems.iter().any(|system| is_park(&system.kind) && connected(&system.status)) {
        seen.iter_mut()
            .filter(|(_, state)| *state == PartyState::InSystem)
            .for_each(|(_, state)| *state = PartyState::Parked);
    }
    let queue = systems.iter().rev().find_map(|system| match &system.kind {
        SystemKind::Queue(queue) if connected(&system.status) => Some(queue),
        _ => None,
    });
    let mailbox = systems.iter().rev().find_map(|system| match &system.kind {
        SystemKind::Voicemail { result: Some(VoicemailResult::Success), length } => Some(MailboxState::Left(*length)),
        SystemKind::Voicemail { result: Some(VoicemailResult::Failed), .. } => Some(MailboxState::Nothing),
        SystemKind::Voicemail { result: Some(VoicemailResult::Other(_)), .. } => Some(MailboxState::Gone),
        SystemKind::Voicemail { result: None, .. } if connected(&system.status) => Some(MailboxState::Open),
        SystemKind::Voicemail { result: None, .. } => Some(MailboxState::Gone),
        _ => None,
    });
    let is_odd = |kind: &SystemKind| matches!(kind, SystemKind::Other(_));
    Observation {
        at: time,
        ending: event.state.phase == Phase::Ending,
        parties: seen,
        queue: queue.and_then(|queue| queues.add(queue)),
        mailbox,
        in_plan: systems.iter().any(|system| !is_odd(&system.kind) && connected(&system.status)),
        has_known_system: systems.iter().any(|system| !is_odd(&system.kind)),
        odd: !systems.is_empty() && systems.iter().all(|system| is_odd(&system.kind)),
        recorded: event.state.recorded,
    }
}

fn party_state(status: &ParticipantStatus, parties: &Parties) -> PartyState {
    match status {
        ParticipantStatus::Ringing => PartyState::Ringing,
        ParticipantStatus::Connected => PartyState::Connected,
        ParticipantStatus::InSystem => PartyState::InSystem,
        ParticipantStatus::OnHold { by } => PartyState::OnHold { by: by.as_ref().and_then(|by| parties.find(by)) },
        ParticipantStatus::InTransfer(transfer) => {
            let party = |side: &Option<TransferParty>| parties.find(side.as_ref()?.participant.as_ref()?);
            let extension = |side: &Option<TransferParty>| side.as_ref()?.extension.clone();
            PartyState::Transfer(Box::new(PendingTransfer {
                by: party(&transfer.initiator),
                by_extension: extension(&transfer.initiator),
                extension: extension(&transfer.destination),
            }))
        }
        ParticipantStatus::Disconnecting | ParticipantStatus::Disconnected => PartyState::Leaving,
        // The full words are unknown; these parts of them are known.
        ParticipantStatus::Other(word) if word.contains("PARK") => PartyState::Parked,
        ParticipantStatus::Other(word) if word.contains("HOLD") => PartyState::OnHold { by: None },
        ParticipantStatus::Other(word) if word.contains("TRANSFER") => PartyState::Transfer(Box::default()),
        ParticipantStatus::Other(_) => PartyState::Unknown,
    }
}

/// Returns the rank of a state: of two states of one person the higher counts.
const fn rank(state: &PartyState) -> u8 {
    match state {
        PartyState::Leaving => 0,
        PartyState::Unknown => 1,
        PartyState::InSystem => 2,
        PartyState::Ringing => 3,
        PartyState::Parked => 4,
        PartyState::Transfer(_) => 5,
        PartyState::OnHold { .. } => 6,
        PartyState::Connected => 7,
    }
}

impl Observation {
    /// Returns whether both are of the same snapshot. The person who holds or transfers may be known for one only.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same = |a: &(PartyId, PartyState), b: &(PartyId, PartyState)| {
            a.0 == b.0 && discriminant(&a.1) == discriminant(&b.1)
        };
        self.ending == other.ending
            && self.parties.len() == other.parties.len()
            && self.parties.iter().zip(&other.parties).all(|(a, b)| same(a, b))
            && (self.queue, self.mailbox, self.in_plan) == (other.queue, other.mailbox, other.in_plan)
    }

    /// Renumbers parties and queues for a call that this one joins.
    pub(super) fn renumbered(mut self, parties: &[Option<PartyId>], queues: &[Option<QueueId>]) -> Self {
        let party = |id: PartyId| parties.get(usize::from(id.0)).copied().flatten();
        let moved = std::mem::take(&mut self.parties).into_iter().filter_map(|(id, state)| {
            let state = match state {
                PartyState::OnHold { by } => PartyState::OnHold { by: by.and_then(party) },
                PartyState::Transfer(to) => {
                    PartyState::Transfer(Box::new(PendingTransfer { by: to.by.and_then(party), ..*to }))
                }
                other => other,
            };
            Some((party(id)?, state))
        });
        self.parties = moved.collect();
        self.queue = self.queue.and_then(|id| queues.get(usize::from(id.0)).copied().flatten());
        self
    }
}
