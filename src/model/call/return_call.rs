//! Return calls: later calls with the number of a missed call. Decides how a call counts for the missed calls before it, and
//! which return call counts for one. Recap, open list and cards share these decisions.

use super::{Call, CallDirection, CallStatus, CallUpdate, Person, StatusKind, TalkParty};
use crate::model::time::{Timestamp, elapsed};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Effect of a call on the earlier missed calls of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnKind {
    /// A colleague called the number, and no answer is proven.
    Tried,
    /// A colleague called the number, and the called side answered.
    CalledBack,
    /// The caller called again, and a person answered.
    GotThrough,
}

impl ReturnKind {
    /// Returns the kind of a call; `None` if it leaves earlier missed calls open. `outcome` is [`StatusKind::Ringing`] for
    /// an unknown end without a proven answer.
    #[must_use]
    pub const fn of(outbound: bool, outcome: StatusKind, needs_callback: bool) -> Option<Self> {
        match (outbound, outcome) {
            (true, StatusKind::Answered | StatusKind::Ended) => Some(Self::CalledBack),
            (true, _) => Some(Self::Tried),
            (false, StatusKind::Answered | StatusKind::Ended) if !needs_callback => Some(Self::GotThrough),
            (false, _) => None,
        }
    }

    /// Returns whether the caller was reached.
    #[must_use]
    pub const fn is_reached(self) -> bool {
        matches!(self, Self::CalledBack | Self::GotThrough)
    }

    /// Returns the name used in the store and in webhook events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tried => "tried",
            Self::CalledBack => "called_back",
            Self::GotThrough => "got_through",
        }
    }
}

/// A return call, as known at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnCall {
    /// Kind of the return call.
    pub kind: ReturnKind,
    /// The colleague who called, or whom the caller reached; of a transferred call the first.
    pub colleague: Option<Person>,
    /// Start of the call.
    pub started_at: Timestamp,
    /// Time of the update.
    pub at: Timestamp,
    /// Whether the call has ended.
    pub is_over: bool,
    /// The time of all talks, if known. `None` during the call.
    pub talked: Option<Duration>,
}

impl ReturnCall {
    /// Returns the return call that an update shows. A ring decides nothing yet. Internal calls and calls without a full
    /// number are not return calls.
    #[must_use]
    pub fn of(update: &CallUpdate) -> Option<Self> {
        let CallUpdate { call, status, at } = update;
        call.caller.number.as_e164()?;
        let outbound = match call.direction {
            CallDirection::Inbound => false,
            CallDirection::Outbound => true,
            CallDirection::Internal => return None,
        };
        let outcome = match status {
            CallStatus::Ringing => return None,
            _ if call.end_unknown && (call.answered_at.is_some() || !call.course.talks.is_empty()) => {
                StatusKind::Answered
            }
            _ if call.end_unknown => StatusKind::Ringing,
            status => status.kind(),
        };
        Some(Self {
            kind: ReturnKind::of(outbound, outcome, call.course.needs_callback)?,
            colleague: colleague(call, status).filter(|person| person.name.is_some() || person.extension.is_some()),
            started_at: call.started_at,
            at: *at,
            is_over: status.kind().is_final(),
            talked: if let CallStatus::Ended { talk_time } = status { *talk_time } else { None },
        })
    }
}

/// Returns the colleague who called, or who answered first.
fn colleague(call: &Call, status: &CallStatus) -> Option<Person> {
    if let Some(first) = call.transfers.first() {
        return Some(first.from.clone());
    }
    if let CallStatus::Answered { answered_by, .. } = status {
        return Some(answered_by.clone());
    }
    match (call.course.talks.first().map(|talk| &talk.with), &call.people[..]) {
        (Some(TalkParty::Person(person)), _) | (None, [person]) => Some(person.clone()),
        (None, [maker, ..]) if call.direction == CallDirection::Outbound => Some(maker.clone()),
        (Some(TalkParty::Outside(_)) | None, _) => None,
    }
}

/// The return call that counts for a missed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The return call.
    pub call: ReturnCall,
    /// The time from the end of the missed call to the beginning of the return call.
    pub after: Duration,
}

impl Callback {
    /// Returns whether a return call that began at `returned` counts for a missed call that began at `missed`.
    #[must_use]
    pub fn counts(missed: Timestamp, returned: Timestamp) -> bool {
        returned > missed
    }

    /// Returns the callback of a missed call with this beginning and end: the first return call that reached the caller, or
    /// else the last try.
    #[must_use]
    pub fn decide(missed: Timestamp, ended: Timestamp, calls: &[ReturnCall]) -> Option<Self> {
        let later = || calls.iter().filter(|call| Self::counts(missed, call.started_at));
        let reached = later().filter(|call| call.kind.is_reached()).min_by_key(|call| call.started_at);
        let call = reached.or_else(|| later().max_by_key(|call| call.started_at))?;
        Some(Self { call: call.clone(), after: elapsed(ended, call.started_at) })
    }

    /// Returns whether the caller was reached.
    #[must_use]
    pub const fn is_reached(&self) -> bool {
        self.call.kind.is_reached()
    }
}
