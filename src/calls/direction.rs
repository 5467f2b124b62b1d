//! Which way a call goes, by one snapshot or a report. No memory.

use super::identity::{PSTN, callee, caller, has_outside_line, lines};
use crate::model::{
    call::{CallDirection, CallSnapshot, Report, WireDirection},
    phone::PhoneNumber,
};

/// Which way a snapshot's call goes, with the rank of that. GoTo sends INBOUND or OUTBOUND; a call between colleagues is
/// OUTBOUND and has no outside line. `None`: not known.
pub(super) fn direction_of(event: &CallSnapshot) -> Option<(u8, CallDirection)> {
    let parties = &event.state.participants;
    let outside = has_outside_line(parties);
    match event.direction {
        WireDirection::Inbound => Some((2, CallDirection::Inbound)),
        WireDirection::Outbound if outside => Some((2, CallDirection::Outbound)),
        WireDirection::Outbound if lines(parties).count() > 1 => Some((1, CallDirection::Internal)),
        WireDirection::Outbound if !event.state.systems.is_empty() => Some((1, CallDirection::Internal)),
        WireDirection::Outbound => Some((0, CallDirection::Outbound)),
        WireDirection::Other(_) if caller(parties).is_some_and(|(rank, _)| rank >= PSTN) => {
            Some((2, CallDirection::Inbound))
        }
        WireDirection::Other(_) if callee(event).is_some_and(|(_, callee)| callee.number.as_e164().is_some()) => {
            Some((2, CallDirection::Outbound))
        }
        WireDirection::Other(_) if outside => None,
        WireDirection::Other(_) => lines(parties).next().map(|_| (0, CallDirection::Internal)),
    }
}

/// Which way a reported call went; `None` if not known.
pub(super) fn from_report(report: &Report) -> Option<CallDirection> {
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
