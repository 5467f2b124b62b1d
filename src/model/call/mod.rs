//! A call: the data that GoTo sends ([`CallSnapshot`], [`Report`]), and the updates that may be posted ([`CallUpdate`]).
//! Enums that come from the wire keep unknown values.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod course;
mod report;
mod return_call;
mod snapshot;
mod status;

pub use course::{CallerPosition, Course, GaveUp, HandOver, HungUp, Mailbox, RingStage, Talk, TalkParty};
pub use report::{FullReport, Report, ReportedMailbox, ReportedMessage, ReportedQueue};
pub use return_call::{Callback, ReturnCall, ReturnKind};
pub use snapshot::{
    CallSnapshot, CallSystem, Participant, ParticipantKind, ParticipantStatus, Phase, SnapshotState, SystemKind,
    TransferParty, Transferring, VoicemailResult, WireDirection,
};
pub use status::{CallStatus, CallUpdate, MissedReason, Revision, StatusKind};

use super::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
    phone::{PhoneNumber, Region},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A call queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Queue {
    /// `queueName`, or its extension or id where it has no name.
    pub name: String,
    /// `extensionNumber`.
    pub extension: Option<String>,
}

/// A colleague's line. Names are untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// `type.name`.
    pub name: Option<String>,
    /// `extensionNumber`, text because of leading zeros.
    pub extension: Option<String>,
    /// `lineId`, which distinguishes two people of the same name.
    pub line: Option<String>,
}

/// One of the numbers of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountNumber {
    /// The number.
    pub number: PhoneNumber,
    /// Label of the number in GoTo ("Main line").
    pub label: Option<String>,
}

/// The caller as the network names them. The name is untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// CNAM, or the name that GoTo has.
    pub name: Option<String>,
    /// The number.
    pub number: PhoneNumber,
}

/// A call, as known at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The call.
    pub id: ConversationSpaceId,
    /// The connection that received the call.
    pub connection: ConnectionName,
    /// The account's region: decides how its numbers are shown.
    pub region: Region,
    /// The account of the call.
    pub account: AccountKey,
    /// Direction of the call.
    #[serde(default)]
    pub direction: CallDirection,
    /// The other side: the caller of an inbound call, the called party of an outbound call. For an internal call the calling
    /// colleague; that number is an extension.
    pub caller: Caller,
    /// The account's number that was called, or that calls.
    pub account_number: Option<AccountNumber>,
    /// The queues of the call, in order.
    pub queues: Vec<Queue>,
    /// The people whose phones ring or rang, then the person who talks; of an outbound call the colleagues who call.
    pub people: Vec<Person>,
    /// The answered transfers, in order: the first [`MAX_TRANSFERS`](Self::MAX_TRANSFERS).
    #[serde(default)]
    pub transfers: Vec<Transfer>,
    /// Time of the first answer by a person, if the snapshots show it to the second.
    #[serde(default)]
    pub answered_at: Option<Timestamp>,
    /// Time of the entry into the last queue, if any.
    #[serde(default)]
    pub queued_at: Option<Timestamp>,
    /// Start of the call.
    pub started_at: Timestamp,
    /// Whether the first snapshot already showed a ringing phone or a talk: earlier snapshots were missed.
    pub first_seen_late: bool,
    /// Whether the outcome is unknown: snapshots are missing, and GoTo has no report that decides. The final status is then
    /// [`CallStatus::Ended`] without a talk time, whether or not a person answered.
    #[serde(default)]
    pub end_unknown: bool,
    /// Reason for a second final status, if the first was emitted before.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// Position of the caller, talks, and open tasks.
    #[serde(default)]
    pub course: Course,
}

impl Call {
    /// Transfers that are kept for one call: a card shows the first and the last ones.
    pub const MAX_TRANSFERS: usize = 8;

    /// Creates an inbound call without any event.
    #[must_use]
    pub fn new(
        id: ConversationSpaceId,
        connection: ConnectionName,
        account: AccountKey,
        region: Region,
        caller: Caller,
        started_at: Timestamp,
    ) -> Self {
        Self {
            id,
            connection,
            region,
            account,
            direction: CallDirection::Inbound,
            caller,
            account_number: None,
            queues: Vec::new(),
            people: Vec::new(),
            transfers: Vec::new(),
            answered_at: None,
            queued_at: None,
            started_at,
            first_seen_late: false,
            end_unknown: false,
            revision: None,
            course: Course::default(),
        }
    }

    /// Returns whether the wait for the first answer is known: not if the snapshot of the answer was missing.
    #[must_use]
    pub const fn is_wait_known(&self) -> bool {
        self.answered_at.is_some() || self.course.talks.is_empty()
    }
}

/// Direction of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallDirection {
    /// An outside caller calls the account.
    #[default]
    Inbound,
    /// A colleague calls an outside number.
    Outbound,
    /// A colleague calls a colleague.
    Internal,
}

impl CallDirection {
    /// Returns the name used in config, journal and store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }
}

/// One answered transfer of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The person who talked before.
    pub from: Person,
    /// The person who talks since.
    pub to: Person,
    /// Time of the transfer.
    pub at: Timestamp,
}

/// Snapshots of a live call that were not received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesQuery {
    /// The call.
    pub call: ConversationSpaceId,
    /// First sequence number, inclusive.
    pub from: u64,
    /// Last sequence number, inclusive.
    pub to: u64,
}
