//! Renders the callback of a missed call: the colleague who called back, the delay, and the length of the talk.

use super::{
    duration::{format_duration, format_time},
    names::format_person,
};
use crate::model::{
    call::{Callback, ReturnKind},
    time::Timestamp,
};
use jiff::tz::TimeZone;

/// Renders the line: `Called back by Dana Roy (1015) after 12 min, talked 3 min`, `Dana Roy (1015) tried at 14:32, no answer`.
pub(super) fn callback_line(callback: &Callback, now: Timestamp, zone: &TimeZone) -> String {
    let Callback { call, after } = callback;
    let colleague = call.colleague.as_ref().and_then(format_person);
    let after = format_duration(*after);
    let talked = call.talked.map(|talked| format!(", talked {}", format_duration(talked))).unwrap_or_default();
    match (call.kind, colleague) {
        (ReturnKind::Tried, colleague) => {
            let who = colleague.unwrap_or_else(|| "A colleague".to_owned());
            format!("{who} tried at {}, no answer", format_time(call.started_at, now, zone))
        }
        (ReturnKind::CalledBack, Some(colleague)) => format!("Called back by {colleague} after {after}{talked}"),
        (ReturnKind::CalledBack, None) => format!("Called back after {after}{talked}"),
        (ReturnKind::GotThrough, Some(colleague)) => {
            format!("Called again after {after}, answered by {colleague}{talked}")
        }
        (ReturnKind::GotThrough, None) => format!("Called again after {after}, answered{talked}"),
    }
}

/// Returns the beginning of the title of a missed call whose caller was reached.
pub(super) const fn callback_title(callback: &Callback) -> Option<&'static str> {
    match callback.call.kind {
        ReturnKind::Tried => None,
        ReturnKind::CalledBack => Some("Called back: "),
        ReturnKind::GotThrough => Some("Got through: "),
    }
}
