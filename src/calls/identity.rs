//! The parties of one snapshot: the caller, the called party, the account's number. Stateless.

use crate::model::{
    call::{AccountNumber, CallSnapshot, Caller, Participant, ParticipantKind, Person},
    phone::{PhoneNumber, Region},
};

/// Rank of a caller on the outside line itself.
pub(super) const PSTN: u8 = 2;

/// Returns the caller with a rank: the outside line's caller before any other, a shown number before a withheld one.
pub(super) fn caller(participants: &[Participant]) -> Option<(u8, &Caller)> {
    let shown = |caller: &Caller| u8::from(caller.number.is_present());
    let ranked = participants.iter().filter_map(|participant| match &participant.kind {
        ParticipantKind::PhoneNumber { caller: Some(caller), .. } => Some((PSTN + shown(caller), caller)),
        ParticipantKind::Other { caller: Some(caller), .. } => Some((shown(caller), caller)),
        _ => None,
    });
    // The first of the best: `max_by_key` alone would return the last.
    ranked.rev().max_by_key(|(rank, _)| *rank)
}

/// Returns the account number that was called: the number of the caller's outside line before any other.
pub(super) fn account_number(participants: &[Participant]) -> Option<(u8, &AccountNumber)> {
    let ranked = participants.iter().filter_map(|participant| match &participant.kind {
        // A participant without a number of its own has no account number.
        ParticipantKind::PhoneNumber { account_number, caller, .. }
            if account_number.number.is_present() || account_number.label.is_some() =>
        {
            Some((u8::from(caller.is_some()), account_number))
        }
        _ => None,
    });
    ranked.rev().max_by_key(|(rank, _)| *rank)
}

/// Returns the participants that are colleagues.
pub(super) fn lines(participants: &[Participant]) -> impl Iterator<Item = (&Participant, &Person)> {
    participants.iter().filter_map(|party| match &party.kind {
        ParticipantKind::Line(person) | ParticipantKind::Agent(person) => Some((party, person)),
        _ => None,
    })
}

/// Returns whether an outside line takes part.
pub(super) fn has_outside_line(participants: &[Participant]) -> bool {
    participants.iter().any(|party| matches!(party.kind, ParticipantKind::PhoneNumber { .. }))
}

/// Whom an outbound call calls, with its rank: the outside line's called party, or else what was dialled. The line's own
/// number is the account's.
pub(super) fn callee(event: &CallSnapshot) -> Option<(u8, Caller)> {
    let named = event.state.participants.iter().find_map(|party| match &party.kind {
        ParticipantKind::PhoneNumber { callee: Some(callee), .. } => Some((PSTN, callee.clone())),
        _ => None,
    });
    named.or_else(|| event.dialed.clone().map(|number| (0, Caller { name: None, number })))
}

/// Returns the line that began a call between lines: the one that is its own originator, or else the first of the list.
pub(super) fn initiator(participants: &[Participant]) -> Option<(u8, &Person)> {
    let began = lines(participants).find(|(party, _)| party.id.is_some() && party.originator == party.id);
    let (rank, (_, person)) = began.map(|began| (1, began)).or_else(|| Some((0, lines(participants).next()?)))?;
    Some((rank, person))
}

/// Returns a colleague in the form of a caller.
pub(super) fn colleague(person: &Person, region: Region) -> Caller {
    Caller { name: person.name.clone(), number: PhoneNumber::parse(person.extension.as_deref(), region) }
}
