//! Which way a call goes, by one snapshot or a report. No memory.

use super::identity::{PSTN, callee, caller, has_outside_line, lines};
use crate::model::{
    call::{Bound, CallEvent, Direction, Report},
    phone::Number,
};

/// Which way a snapshot's call goes, with the rank of that. GoTo says INBOUND or OUTBOUND; a call between colleagues is
/// OUTBOUND and has no outside line. `None`: not known.
pub(super) fn direction_of(event: &CallEvent) -> Option<(u8, Bound)> {
    let parties = &event.state.participants;
    let outside = has_outside_line(parties);
    match event.direction {
        Direction::Inbound => Some((2, Bound::Inbound)),
        Direction::Outbound if outside => Some((2, Bound::Outbound)),
        Direction::Outbound if lines(parties).count() > 1 => Some((1, Bound::Internal)),
        Direction::Outbound if !event.state.systems.is_empty() => Some((1, Bound::Internal)),
        Direction::Outbound => Some((0, Bound::Outbound)),
        Direction::Other(_) if caller(parties).is_some_and(|(rank, _)| rank >= PSTN) => Some((2, Bound::Inbound)),
        Direction::Other(_) if callee(event).is_some_and(|(_, callee)| callee.number.known().is_some()) => {
            Some((2, Bound::Outbound))
        }
        Direction::Other(_) if outside => None,
        Direction::Other(_) => lines(parties).next().map(|_| (0, Bound::Internal)),
    }
}

/// Which way a reported call went; `None` if not known.
pub(super) fn from_report(report: &Report) -> Option<Bound> {
    let number = report.caller.as_ref().map(|caller| &caller.number);
    match (&report.direction, number) {
        (Direction::Inbound, _) => Some(Bound::Inbound),
        (Direction::Outbound, Some(Number::Short(_))) => Some(Bound::Internal),
        (Direction::Outbound, _) => Some(Bound::Outbound),
        (Direction::Other(_), Some(Number::Known(_))) => Some(Bound::Inbound),
        (Direction::Other(_), Some(Number::Short(_))) => Some(Bound::Internal),
        (Direction::Other(_), _) => None,
    }
}
