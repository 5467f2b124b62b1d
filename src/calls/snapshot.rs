//! One snapshot, read by itself: who calls, on which of our numbers, who is on it, where the caller stands. No memory.

use crate::model::{
    call::{AccountNumber, CallSnapshot, CallSystem, Caller, Participant, ParticipantKind, ParticipantStatus, Person},
    phone::PhoneNumber,
};

/// People kept of one snapshot: a ring group on a card is read up to here.
const PEOPLE: usize = 32;

/// Where a caller who talks to nobody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Menu,
    Queue,
    Voicemail,
}

/// The rank of a caller that the outside line itself carries.
pub(super) const PSTN: u8 = 2;

/// Who calls and how sure that is: the outside line's caller first, wherever it stands in the list, then anybody's; a
/// shown number before a hidden one.
pub(super) fn caller(participants: &[Participant]) -> Option<(u8, &Caller)> {
    let shown = |caller: &Caller| u8::from(caller.number != PhoneNumber::Withheld);
    let ranked = participants.iter().filter_map(|participant| match &participant.kind {
        ParticipantKind::PhoneNumber { caller: Some(caller), .. } => Some((PSTN + shown(caller), caller)),
        ParticipantKind::Other { caller: Some(caller), .. } => Some((shown(caller), caller)),
        _ => None,
    });
    // The first of the best: `max_by_key` alone would take the last.
    ranked.rev().max_by_key(|(sure, _)| *sure)
}

/// Which of our numbers was called: the one the caller came in on before any other.
pub(super) fn ours(participants: &[Participant]) -> Option<(u8, &AccountNumber)> {
    let ranked = participants.iter().filter_map(|participant| match &participant.kind {
        // One without a number of its own is no number of ours.
        ParticipantKind::PhoneNumber { account_number: ours, caller, .. }
            if ours.number != PhoneNumber::Withheld || ours.label.is_some() =>
        {
            Some((u8::from(caller.is_some()), ours))
        }
        _ => None,
    });
    ranked.rev().max_by_key(|(sure, _)| *sure)
}

/// The parties that are people.
pub(super) fn lines(participants: &[Participant]) -> impl Iterator<Item = (&Participant, &Person)> {
    participants.iter().filter_map(|party| match &party.kind {
        ParticipantKind::Line(person) | ParticipantKind::Agent(person) => Some((party, person)),
        _ => None,
    })
}

/// Whether the outside line is connected.
pub(super) fn outside_talks(participants: &[Participant]) -> bool {
    let is_outside = |party: &&Participant| matches!(party.kind, ParticipantKind::PhoneNumber { .. });
    participants.iter().filter(is_outside).any(|party| party.status == ParticipantStatus::Connected)
}

/// The people of a snapshot that `does` picks, each once.
pub(super) fn people(participants: &[Participant], does: impl Fn(&ParticipantStatus) -> bool) -> Vec<Person> {
    let mut people = Vec::new();
    for (_, person) in lines(participants).filter(|(party, _)| does(&party.status)) {
        if people.len() < PEOPLE && !people.contains(person) {
            people.push(person.clone());
        }
    }
    people
}

/// Names under which mailboxes go. How GoTo writes one is unknown; the languages are those of its interface.
const MAILBOXES: [&str; 8] = [
    "voicemail",
    "voice mail",
    "mailbox",
    "messagerie",
    "boîte vocale",
    "buzón de voz",
    "correo de voz",
    "anrufbeantworter",
];

fn is_mailbox(name: &str) -> bool {
    let name = name.to_lowercase().replace('_', " ");
    MAILBOXES.iter().any(|mailbox| name.contains(mailbox))
}

/// Where a snapshot shows the caller to stand.
pub(super) fn place(event: &CallSnapshot) -> Option<Place> {
    let parties = event.state.participants.iter().filter_map(|party| match (&party.kind, &party.status) {
        (ParticipantKind::Virtual(Some(name)), ParticipantStatus::Connected | ParticipantStatus::Disconnecting)
            if is_mailbox(name) =>
        {
            Some(Place::Voicemail)
        }
        _ => None,
    });
    let machines = event.state.systems.iter().filter_map(|system| match system {
        CallSystem::Queue(_) => Some(Place::Queue),
        CallSystem::DialPlan => Some(Place::Menu),
        CallSystem::Other(value) => is_mailbox(value).then_some(Place::Voicemail),
    });
    parties.chain(machines).max()
}
