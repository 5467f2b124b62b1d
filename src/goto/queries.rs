//! Queues of the queries to GoTo, one for each task that answers them. The answers are [`ConnectionEvent`]s.
//!
//! [`ConnectionEvent`]: super::ConnectionEvent

use super::{CallerActivityQuery, VoicemailQuery};
use crate::model::{call::StatesQuery, ids::ConversationSpaceId};
use tokio::sync::mpsc;

/// Queued queries about calls; further ones are dropped.
const CALL_CAPACITY: usize = 256;
/// Queued queries of each other kind; further ones are dropped.
const CAPACITY: usize = 16;

/// A query about one call. A failed one is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallQuery {
    /// Missing states.
    States(StatesQuery),
    /// Report of the ended call; retried until one exists.
    Report(ConversationSpaceId),
}

/// Sender of queries. Never waits: a full queue drops the query.
#[derive(Debug, Clone)]
pub struct QuerySender {
    calls: mpsc::Sender<CallQuery>,
    caller_activity: mpsc::Sender<CallerActivityQuery>,
    voicemail: mpsc::Sender<VoicemailQuery>,
}

/// Receivers of the queries of a [`QuerySender`].
#[derive(Debug)]
pub struct QueryReceivers {
    /// Queries about calls.
    pub calls: mpsc::Receiver<CallQuery>,
    /// Queries for the past calls of a number.
    pub caller_activity: mpsc::Receiver<CallerActivityQuery>,
    /// Queries for the length of a message; not received without [`Settings::voicemail`](super::Settings::voicemail).
    pub voicemail: mpsc::Receiver<VoicemailQuery>,
}

/// Creates the queues of one connection.
#[must_use]
pub fn query_queues() -> (QuerySender, QueryReceivers) {
    let (calls_in, calls) = mpsc::channel(CALL_CAPACITY);
    let (caller_activity_in, caller_activity) = mpsc::channel(CAPACITY);
    let (voicemail_in, voicemail) = mpsc::channel(CAPACITY);
    let sender = QuerySender { calls: calls_in, caller_activity: caller_activity_in, voicemail: voicemail_in };
    (sender, QueryReceivers { calls, caller_activity, voicemail })
}

impl QuerySender {
    /// Sends a query about a call. Returns whether the queue had room.
    pub fn call(&self, query: CallQuery) -> bool {
        self.calls.try_send(query).is_ok()
    }

    /// Returns how many reports may be queried now. Half of the queue is left to the states of live calls.
    #[must_use]
    pub fn report_room(&self) -> usize {
        self.calls.capacity().div_ceil(2)
    }

    /// Sends a query for the past calls of a number. Returns whether the queue had room.
    pub fn caller_activity(&self, query: CallerActivityQuery) -> bool {
        self.caller_activity.try_send(query).is_ok()
    }

    /// Sends a query for the length of a message. Without room, or without mailboxes in the config, the card shows a
    /// message without its length.
    pub fn voicemail(&self, query: VoicemailQuery) {
        drop(self.voicemail.try_send(query));
    }
}
