//! The history of calls, as its users see it. The trait is in `model` because `outbox` implements it and `enrich` uses it, and
//! neither stage imports the other.

use super::{
    call::{Call, CallDirection, CallStatus, CallUpdate, StatusKind},
    call_record::CallRecord,
    card::PastCall,
    delivery::OutboxError,
    ids::SinkName,
    phone::E164,
    time::Timestamp,
};
use std::{future::Future, pin::Pin, time::Duration};

/// Two records of a number with starts this close are one call. A snapshot and its report differ by less, and no caller
/// hangs up, dials and rings again so fast.
pub const SAME_CALL_WINDOW: Duration = Duration::from_secs(10);

/// Failure of a history query.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The history is disabled.
    #[error("the history is disabled")]
    Disabled,
    /// The store that has the whole history is away. A part of it would make a known caller a new one.
    #[error("the history is incomplete while its store is away")]
    Incomplete,
    /// The store failed; its error is the source.
    #[error("the history query failed")]
    Store(#[from] OutboxError),
}

/// Returns the key of a call in the history. Call ids are unique within an account.
#[must_use]
pub fn history_key(call: &Call) -> String {
    format!("{}/{}", call.account.as_str(), call.id.as_str())
}

/// Recorded part of a call update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEntry {
    /// See [`history_key`].
    pub call: String,
    /// Number of the external party, if known.
    pub number: Option<E164>,
    /// Start of the call.
    pub started: Timestamp,
    /// Time of the update.
    pub at: Timestamp,
    /// Status of the update.
    pub status: StatusKind,
    /// Name or extension of the person who answered, if known.
    pub answered_by: Option<String>,
    /// Call made by the account.
    pub outbound: bool,
    /// The end of the call was not received.
    pub end_unknown: bool,
    /// Time from start to answer, or to the end without one.
    pub waited: Option<Duration>,
    /// Sinks that receive a card of the update, each once.
    pub sinks: Vec<SinkName>,
    /// The caller waits for a callback.
    pub needs_callback: bool,
}

impl CallEntry {
    /// Returns the entry of an update; `None` for an internal call, which is not recorded.
    #[must_use]
    pub fn of(update: &CallUpdate, mut sinks: Vec<SinkName>) -> Option<Self> {
        sinks.dedup();
        let call = &update.call;
        let (person, waited) = match &update.status {
            CallStatus::Answered { answered_by, waited } => {
                (Some(answered_by), Some(*waited).filter(|_| call.is_wait_known()))
            }
            CallStatus::Missed { waited, .. } => (None, Some(*waited)),
            CallStatus::Ringing | CallStatus::Voicemail { .. } | CallStatus::Ended { .. } => (None, None),
        };
        (call.direction != CallDirection::Internal).then(|| Self {
            call: history_key(call),
            number: call.caller.number.as_e164().cloned(),
            started: call.started_at,
            at: update.at,
            status: update.status.kind(),
            answered_by: person.and_then(|it| it.name.clone().or_else(|| it.extension.clone())),
            outbound: call.direction == CallDirection::Outbound,
            end_unknown: call.end_unknown,
            waited,
            sinks,
            needs_callback: call.course.needs_callback,
        })
    }
}

/// A query for the calls of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The number.
    pub number: E164,
    /// Key of a call that does not count: the one that rings.
    pub call: Option<String>,
    /// Calls until then count.
    pub at: Timestamp,
    /// Age of the missed calls in [`CallCounts::missed_recently`].
    pub missed_within: Duration,
    /// Age of the calls in [`CallCounts::recent`].
    pub calls_within: Duration,
}

/// Calls of a number. An unanswered outbound call is in none of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallCounts {
    /// The previous call.
    pub last_call: Option<PastCall>,
    /// Inbound calls in the last 7 days.
    pub in_week: u32,
    /// Inbound calls in the last 30 days.
    pub in_month: u32,
    /// Missed calls since the last call that was answered.
    pub missed_since: u32,
    /// Those of `missed_since` within the query's `missed_within`.
    pub missed_recently: u32,
    /// Inbound calls within the query's `calls_within`.
    pub recent: u32,
}

/// Call as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// Number of the external party, if known.
    pub number: Option<E164>,
    /// Start of the call.
    pub started: Timestamp,
    /// Last known status. `Ringing` if the end is unknown, or for an unanswered outbound call.
    pub outcome: StatusKind,
    /// Call made by the account.
    pub outbound: bool,
    /// Time from start to answer, or to the end without one.
    pub waited: Option<Duration>,
    /// Time of the first status after ringing.
    pub decided_at: Option<Timestamp>,
    /// Sinks that received a card of the call.
    pub sinks: Vec<SinkName>,
    /// The caller waits for a callback.
    pub needs_callback: bool,
}

/// Answer of a history query.
pub type HistoryFuture<T> = Pin<Box<dyn Future<Output = Result<T, HistoryError>> + Send>>;

/// The recorded calls.
pub trait CallHistory: Send + Sync {
    /// Counts the calls of a number.
    fn find(&self, query: HistoryQuery) -> HistoryFuture<CallCounts>;

    /// Returns all calls that started or were decided since `from`, oldest first.
    fn since(&self, from: Timestamp) -> HistoryFuture<Vec<RecordedCall>>;

    /// Imports calls of a number that another system reports, before any later query. Replaces earlier imports of the number;
    /// recorded calls stay.
    fn import(&self, number: E164, calls: Vec<CallRecord>);
}
