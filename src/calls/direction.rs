//! Direction of a call, by one snapshot or a report. Stateless.

use super::identity::{PSTN, callee, caller, has_outside_line, lines};
use crate::model::{
    call::{CallDirection, CallSnapshot, Report, WireDirection},
    phone::PhoneNumber,
};

/// Returns the direction of a snapshot's call, with its rank; `None` if unknown. GoTo sends INBOUND or OUTBOUND. A call
/// between colleagues is OUTBOUND and has no outside line.
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

/// Returns the direction of a reported call; `None` if unknown.
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
