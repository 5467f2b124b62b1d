//! The parties of a call, each once: people by their line, across LINE, AGENT and devices. States are in `observation`.

use super::position::Position;
use crate::model::{
    call::{CallDirection, Caller, Participant, ParticipantKind, Person},
    ids::ParticipantId,
    phone::PhoneNumber,
};

/// Parties kept for one call. A card names a handful; the largest ring group of a snapshot is far below.
const MAX_PARTIES: usize = 64;
/// Participant ids kept for one call: a queue that rings its agents again makes new ones each round.
const MAX_IDS: usize = 512;

/// A party of a call: its index in [`Parties`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartyId(pub(super) u8);

/// Identity of a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartyIdentity {
    /// An outside line: of the caller, or of the number that a plan or a colleague dialed (`callee`).
    Phone { calls: bool, callee: Option<Caller> },
    /// A colleague.
    Person(Person),
    /// A party that is not a person, or of an unknown kind.
    Other { known: bool },
}

/// The parties of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Parties {
    list: Vec<PartyIdentity>,
    ids: Vec<(ParticipantId, PartyId)>,
    /// The party that began the call: the first participant that is its own originator.
    began: Option<(Position, PartyId)>,
}

impl Parties {
    /// Adds a participant. Returns its party; `None` beyond the maximum of parties.
    pub(super) fn add(&mut self, at: Position, participant: &Participant) -> Option<PartyId> {
        let party = self.place(&participant.kind)?;
        if let Some(id) = &participant.id {
            if self.ids.len() < MAX_IDS && self.find(id).is_none() {
                self.ids.push((id.clone(), party));
            }
            let began = participant.originator.as_ref() == Some(id);
            if began && self.began.is_none_or(|(since, _)| at < since) {
                self.began = Some((at, party));
            }
        }
        Some(party)
    }

    fn place(&mut self, kind: &ParticipantKind) -> Option<PartyId> {
        let new = match kind {
            ParticipantKind::PhoneNumber { caller, callee, .. } => {
                PartyIdentity::Phone { calls: caller.is_some(), callee: callee.clone() }
            }
            ParticipantKind::Line(person) | ParticipantKind::Agent(person) => PartyIdentity::Person(person.clone()),
            ParticipantKind::Virtual(_) => PartyIdentity::Other { known: true },
            ParticipantKind::Other { caller: Some(_), .. } => PartyIdentity::Phone { calls: true, callee: None },
            ParticipantKind::Other { .. } => PartyIdentity::Other { known: false },
        };
        self.insert(new)
    }

    fn insert(&mut self, new: PartyIdentity) -> Option<PartyId> {
        let known = self.list.iter().position(|known| is_same(known, &new));
        let at = known.unwrap_or(self.list.len());
        match self.list.get_mut(at) {
            Some(known) => complete(known, new),
            None if at < MAX_PARTIES => self.list.push(new),
            None => return None,
        }
        u8::try_from(at).ok().map(PartyId)
    }

    /// Returns the party of a participant id.
    pub(super) fn find(&self, id: &ParticipantId) -> Option<PartyId> {
        self.ids.iter().find(|(known, _)| known == id).map(|(_, party)| *party)
    }

    /// Returns whether a participant with this id takes part.
    pub(super) fn has(&self, id: &ParticipantId) -> bool {
        self.find(id).is_some()
    }

    /// Returns the party that began the call.
    pub(super) fn began(&self) -> Option<PartyId> {
        self.began.map(|(_, party)| party)
    }

    fn first_person(&self) -> Option<PartyId> {
        let at = self.list.iter().position(|party| matches!(party, PartyIdentity::Person(_)))?;
        u8::try_from(at).ok().map(PartyId)
    }

    /// Returns the identity of a party.
    pub(super) fn get(&self, id: PartyId) -> Option<&PartyIdentity> {
        self.list.get(usize::from(id.0))
    }

    /// Returns the colleague that a party is.
    pub(super) fn person(&self, id: PartyId) -> Option<&Person> {
        match self.get(id)? {
            PartyIdentity::Person(person) => Some(person),
            PartyIdentity::Phone { .. } | PartyIdentity::Other { .. } => None,
        }
    }

    /// Returns the colleague with this extension.
    pub(super) fn by_extension(&self, extension: &str) -> Option<&Person> {
        self.list.iter().find_map(|party| match party {
            PartyIdentity::Person(person) if person.extension.as_deref() == Some(extension) => Some(person),
            _ => None,
        })
    }

    /// Returns the number that an inbound call was forwarded to, if the party is a dialed outside line.
    pub(super) fn outside(&self, id: PartyId) -> Option<&PhoneNumber> {
        match self.get(id)? {
            PartyIdentity::Phone { callee: Some(callee), .. } => Some(&callee.number),
            PartyIdentity::Phone { .. } | PartyIdentity::Person(_) | PartyIdentity::Other { .. } => None,
        }
    }

    /// Returns the role of a party in a call of this direction.
    pub(super) fn role(&self, id: PartyId, direction: CallDirection) -> Role {
        match (self.get(id), direction) {
            (Some(PartyIdentity::Phone { calls, callee }), CallDirection::Inbound) if *calls || callee.is_none() => {
                Role::Served
            }
            (Some(PartyIdentity::Phone { .. }), CallDirection::Outbound) => Role::Served,
            (Some(PartyIdentity::Person(_)), CallDirection::Internal)
                if self.began().or_else(|| self.first_person()) == Some(id) =>
            {
                Role::Served
            }
            (Some(PartyIdentity::Person(_)), CallDirection::Outbound) if self.began() == Some(id) => Role::Maker,
            (Some(PartyIdentity::Phone { .. } | PartyIdentity::Person(_)), _) => Role::Other,
            (Some(PartyIdentity::Other { known }), _) => Role::System { known: *known },
            (None, _) => Role::System { known: true },
        }
    }

    /// Adds the parties of another call. Returns the new id of each.
    pub(super) fn join(&mut self, other: &Self) -> Vec<Option<PartyId>> {
        let places: Vec<Option<PartyId>> = other.list.iter().map(|party| self.insert(party.clone())).collect();
        for (id, party) in &other.ids {
            let party = places.get(usize::from(party.0)).copied().flatten();
            if let Some(party) = party.filter(|_| self.ids.len() < MAX_IDS && self.find(id).is_none()) {
                self.ids.push((id.clone(), party));
            }
        }
        places
    }
}

/// Role of a party in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The party that is served: the caller of an inbound call, the called party of an outbound call, the calling colleague
    /// of an internal call.
    Served,
    /// The colleague who makes an outbound call.
    Maker,
    /// A party that may answer.
    Other,
    /// A party that is not a person.
    System { known: bool },
}

/// Returns whether two parties are one: a person is its line, else its extension, else its name; one outside line calls.
fn is_same(a: &PartyIdentity, b: &PartyIdentity) -> bool {
    match (a, b) {
        (PartyIdentity::Phone { calls: true, .. }, PartyIdentity::Phone { calls: true, .. }) => true,
        (PartyIdentity::Phone { calls: false, callee: a }, PartyIdentity::Phone { calls: false, callee: b }) => {
            a.as_ref().map(|it| &it.number) == b.as_ref().map(|it| &it.number)
        }
        (PartyIdentity::Person(a), PartyIdentity::Person(b)) => is_same_person(a, b),
        (PartyIdentity::Other { known: a }, PartyIdentity::Other { known: b }) => a == b,
        _ => false,
    }
}

/// Returns whether two lines, agents or devices are one person. A person who works at another desk has a second line with the
/// same name and extension.
pub(super) fn is_same_person(a: &Person, b: &Person) -> bool {
    let same_extension = a.extension.is_some() && a.extension == b.extension;
    match (&a.line, &b.line, &a.extension, &b.extension) {
        (Some(one), Some(other), ..) => one == other || same_extension && a.name.is_some() && a.name == b.name,
        (_, _, Some(a), Some(b)) => a == b,
        _ => a.name == b.name,
    }
}

/// Completes a known party with the facts of a later snapshot.
fn complete(known: &mut PartyIdentity, new: PartyIdentity) {
    match (known, new) {
        (PartyIdentity::Person(known), PartyIdentity::Person(new)) => {
            known.name = known.name.take().or(new.name);
            known.extension = known.extension.take().or(new.extension);
            known.line = known.line.take().or(new.line);
        }
        (PartyIdentity::Phone { callee: Some(known), .. }, PartyIdentity::Phone { callee: Some(new), .. }) => {
            known.name = known.name.take().or(new.name);
        }
        _ => {}
    }
}
