//! Which way a call goes, and who is on its other side, by one snapshot or a report. No memory.

use super::snapshot::{PSTN, caller, lines};
use crate::model::{
    call::{CallDirection, CallSnapshot, Caller, Participant, ParticipantKind, Person, Report, WireDirection},
    phone::{PhoneNumber, Region},
};

/// Which way a snapshot's call goes, with how sure that is. GoTo says inbound or outbound; what it says of a call between
/// two lines is not written anywhere, so that one is known by its parties: lines, and nobody outside. `None`: nobody can tell.
pub(super) fn bound(event: &CallSnapshot) -> Option<(u8, CallDirection)> {
    let parties = &event.state.participants;
    let is_outside = |party: &Participant| matches!(party.kind, ParticipantKind::PhoneNumber { .. });
    let outside = parties.iter().any(is_outside);
    let dials_out = event.dialed.as_ref().is_some_and(|dialed| dialed.as_e164().is_some());
    match event.direction {
        WireDirection::Inbound => Some((2, CallDirection::Inbound)),
        WireDirection::Outbound if outside || dials_out => Some((2, CallDirection::Outbound)),
        WireDirection::Outbound if lines(parties).count() > 1 => Some((1, CallDirection::Internal)),
        WireDirection::Outbound => Some((0, CallDirection::Outbound)),
        WireDirection::Other(_) if caller(parties).is_some_and(|(sure, _)| sure >= PSTN) => {
            Some((2, CallDirection::Inbound))
        }
        WireDirection::Other(_) if callee(event).is_some_and(|(_, callee)| callee.number.as_e164().is_some()) => {
            Some((2, CallDirection::Outbound))
        }
        WireDirection::Other(_) if outside => None,
        WireDirection::Other(_) => lines(parties).next().map(|_| (0, CallDirection::Internal)),
    }
}

/// Whom an outbound call calls, and how sure that is: the outside line's called party, or else what was dialled. The
/// line's own number is ours.
pub(super) fn callee(event: &CallSnapshot) -> Option<(u8, Caller)> {
    let named = event.state.participants.iter().find_map(|party| match &party.kind {
        ParticipantKind::PhoneNumber { callee: Some(callee), .. } => Some((PSTN, callee.clone())),
        _ => None,
    });
    named.or_else(|| event.dialed.clone().map(|number| (0, Caller { name: None, number })))
}

/// Which line began a call between lines: the one that nobody brought in, or else the first of the list.
pub(super) fn initiator(participants: &[Participant]) -> Option<(u8, &Person)> {
    let began = lines(participants).find(|(party, _)| party.id.is_some() && party.originator == party.id);
    let (sure, (_, person)) = began.map(|began| (1, began)).or_else(|| Some((0, lines(participants).next()?)))?;
    Some((sure, person))
}

/// A colleague as the one who calls.
pub(super) fn colleague(person: &Person, region: Region) -> Caller {
    Caller { name: person.name.clone(), number: PhoneNumber::parse(person.extension.as_deref(), region) }
}

/// Which way a reported call went; `None` if nobody can tell.
pub(super) fn of_report(report: &Report) -> Option<CallDirection> {
    let number = report.caller.as_ref().map(|caller| &caller.number);
    match (&report.direction, number) {
        (WireDirection::Inbound, _) => Some(CallDirection::Inbound),
        (WireDirection::Outbound, Some(PhoneNumber::Short(_))) => Some(CallDirection::Internal),
        (WireDirection::Outbound, _) => Some(CallDirection::Outbound),
        (WireDirection::Other(_), Some(PhoneNumber::Known(_))) => Some(CallDirection::Inbound),
        (WireDirection::Other(_), Some(PhoneNumber::Short(_))) => Some(CallDirection::Internal),
        (WireDirection::Other(_), _) => None,
    }
}
