//! The report of a call, which GoTo writes after the end.

use super::{CallSnapshot, Caller, Person, Queue, VoicemailResult, WireDirection};
use crate::model::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
    phone::Region,
    time::Timestamp,
};
use std::time::Duration;

/// GoTo's report of an ended call (`REPORT_SUMMARY`, `report-summaries`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The connection that received the report.
    pub connection: ConnectionName,
    /// The account's region.
    pub region: Region,
    /// The account of the call.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Direction of the call.
    pub direction: WireDirection,
    /// Start of the call.
    pub created_at: Option<Timestamp>,
    /// `callAnswered`: time at which a person or a system answered.
    pub answered_at: Option<Timestamp>,
    /// End of the call.
    pub ended_at: Option<Timestamp>,
    /// The caller.
    pub caller: Option<Caller>,
    /// `callerOutcome`, open: `NORMAL`, `LEFT_DIAL_PLAN`, `LEFT_VOICEMAIL`, …
    pub outcome: Option<String>,
    /// Lines and agents of the call.
    pub people: Vec<Person>,
    /// Facts of the full report (`reports/{id}`) beyond a summary.
    pub full: Option<Box<FullReport>>,
}

#[cfg(test)]
impl Report {
    /// Returns the summary of an inbound call that took 9 s, for tests.
    pub fn summary(call: &str, outcome: &str, ended_at: Timestamp) -> Self {
        Self {
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            call: call.try_into().unwrap(),
            direction: WireDirection::Inbound,
            created_at: ended_at.checked_sub(Duration::from_secs(9)).ok(),
            answered_at: None,
            ended_at: Some(ended_at),
            caller: None,
            outcome: (!outcome.is_empty()).then(|| outcome.to_owned()),
            people: Vec::new(),
            full: None,
        }
    }
}

/// The part of a full report that a summary lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FullReport {
    /// `callStates[]`, in the shape of pushed snapshots.
    pub snapshots: Vec<CallSnapshot>,
    /// The queues of the top list.
    pub queues: Vec<ReportedQueue>,
    /// The mailboxes of the top list.
    pub mailboxes: Vec<ReportedMailbox>,
    /// The agents of the top list: each answered in a queue.
    pub agents: Vec<Person>,
    /// The messages of `actions[]`.
    pub messages: Vec<ReportedMessage>,
    /// Whether a recording exists.
    pub recorded: bool,
}

/// A queue of a full report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedQueue {
    /// The queue.
    pub queue: Queue,
    /// `leftQueueReason`, open: `ANSWERED`, `ABANDON`, …
    pub left: Option<String>,
    /// `callerWaitDuration`.
    pub waited: Option<Duration>,
}

/// A mailbox of a full report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedMailbox {
    /// `voicemailStatus`.
    pub result: Option<VoicemailResult>,
    /// `duration`.
    pub length: Option<Duration>,
}

/// A `VOICEMAIL_NEW` of `actions[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedMessage {
    /// `extensionNumber` of the mailbox's owner.
    pub extension: Option<String>,
    /// `durationMs`.
    pub length: Option<Duration>,
}

impl ReportedMailbox {
    /// Returns whether a message was left, if that is known.
    #[must_use]
    pub fn message(&self) -> Option<bool> {
        match self.result {
            Some(VoicemailResult::Success) => Some(true),
            Some(VoicemailResult::Failed) => Some(false),
            Some(VoicemailResult::Other(_)) | None => None,
        }
    }
}
