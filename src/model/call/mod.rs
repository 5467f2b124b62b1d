//! A call: what GoTo sends of it ([`CallSnapshot`], [`Report`]), and what may be posted about it ([`CallUpdate`]).
//! Enums that come from the wire keep unknown values.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod course;
mod report;
mod return_call;
mod snapshot;

pub use course::{CallerPosition, Course, GaveUp, HandOver, HungUp, Mailbox, RingStage, Talk, TalkParty};
pub use report::{FullReport, Report, ReportedMailbox, ReportedMessage, ReportedQueue};
pub use return_call::{Callback, ReturnCall, ReturnKind};
pub use snapshot::{
    CallSnapshot, CallSystem, Participant, ParticipantKind, ParticipantStatus, Phase, SnapshotState, SystemKind,
    TransferParty, Transferring, VoicemailResult, WireDirection,
};

use super::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
    phone::{PhoneNumber, Region},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

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
    /// `lineId`, to tell two people of one name apart.
    pub line: Option<String>,
}

/// One of the numbers of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountNumber {
    /// The number.
    pub number: PhoneNumber,
    /// Its label in GoTo ("Main line").
    pub label: Option<String>,
}

/// The caller as the network names them. The name is untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// CNAM or what GoTo has.
    pub name: Option<String>,
    /// The number.
    pub number: PhoneNumber,
}

/// A call as far as it is known at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The call.
    pub id: ConversationSpaceId,
    /// The connection that received it.
    pub connection: ConnectionName,
    /// The account's region: how its numbers are shown.
    pub region: Region,
    /// The account it belongs to.
    pub account: AccountKey,
    /// Which way it goes.
    #[serde(default)]
    pub direction: CallDirection,
    /// The other side: who calls; of an outbound call who is called; of an internal one the colleague who calls, whose
    /// number is an extension.
    pub caller: Caller,
    /// The account's number that was called, or calls.
    pub account_number: Option<AccountNumber>,
    /// The queues it went through, in order.
    pub queues: Vec<Queue>,
    /// The people it rings (while ringing) or rang, then who talks; of an outbound call the colleagues who call.
    pub people: Vec<Person>,
    /// The answered transfers, in order: the first [`MAX_TRANSFERS`](Self::MAX_TRANSFERS).
    #[serde(default)]
    pub transfers: Vec<Transfer>,
    /// When a person answered it first, if a snapshot shows that.
    #[serde(default)]
    pub answered_at: Option<Timestamp>,
    /// When it entered the last of its queues, if it entered one.
    #[serde(default)]
    pub queued_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Timestamp,
    /// Its first snapshot already showed a phone ringing or a talk, and earlier ones were missed.
    pub first_seen_late: bool,
    /// The outcome is not known: snapshots are missing, and GoTo has no report that decides. The final status is then
    /// [`CallStatus::Ended`] without a talk time, whether or not a person answered.
    #[serde(default)]
    pub end_unknown: bool,
    /// The final status was emitted before, and this one is better.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// Where the caller is, who talked, what was left undone.
    #[serde(default)]
    pub course: Course,
}

impl Call {
    /// Transfers kept of one call: a card shows the first and the last ones.
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
}

/// Which way a call goes.
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
    /// As config, journal and store write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }
}

/// Why a final status is emitted a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revision {
    /// More is known: a duration, a message in the mailbox. Worth an edit of a posted card, not another message.
    Completed,
    /// The status was wrong: a person had answered the call that was posted as missed. Worth a message everywhere.
    Corrected,
    /// The outcome was not known, and is known now. Worth a message wherever that outcome is posted.
    Resolved,
    /// The caller was called back, or called again and got through, or that proved wrong
    /// ([`Course::callback`]). Worth an edit of a posted card, and a short message where `called_back` is selected.
    CalledBack,
}

/// One answered transfer of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Who talked before.
    pub from: Person,
    /// Who talks since.
    pub to: Person,
    /// Since when.
    pub at: Timestamp,
}

/// The status of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum CallStatus {
    /// It is in a menu, in a queue, or rings phones: see [`RingStage`].
    Ringing,
    /// A person answered. Emitted again for each transfer, with the new person; of an outbound call the called side
    /// answered.
    Answered {
        /// The colleague who talks; of an outbound call the one who called. Without a name for an outside number that the
        /// call was forwarded to.
        answered_by: Person,
        /// How long the caller waited, from the first phone that rang or the first queue.
        waited: Duration,
    },
    /// It ended and no person answered.
    Missed {
        /// The time from the beginning of the call to its end.
        waited: Duration,
        /// Why it was missed.
        reason: MissedReason,
    },
    /// The caller left a message, whether or not a person had answered; or reached a mailbox and may have left one.
    Voicemail {
        /// The length of the message, if known.
        duration: Option<Duration>,
    },
    /// It ended after a person answered; or with an outcome that is not known.
    Ended {
        /// The time of all talks, if known.
        talk_time: Option<Duration>,
    },
}

/// Why a call was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedReason {
    /// Phones rang, a queue or a mailbox was reached, and no person answered.
    NobodyAnswered,
    /// The caller gave up in the queue.
    LeftQueue,
    /// The caller gave up in a menu.
    LeftMenu,
    /// Not known.
    Unknown,
}

/// The kind of a [`CallStatus`]: the part of a delivery's key, and what a sink's `outcomes` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusKind {
    /// See [`CallStatus::Ringing`].
    Ringing,
    /// See [`CallStatus::Answered`].
    Answered,
    /// See [`CallStatus::Missed`].
    Missed,
    /// See [`CallStatus::Voicemail`].
    Voicemail,
    /// See [`CallStatus::Ended`].
    Ended,
    /// A missed caller was called back or got through: see [`Revision::CalledBack`].
    CalledBack,
}

impl StatusKind {
    /// As config, journal and store write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Missed => "missed",
            Self::Voicemail => "voicemail",
            Self::Ended => "ended",
            Self::CalledBack => "called_back",
        }
    }

    /// Whether it is the end of the call.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Missed | Self::Voicemail | Self::Ended | Self::CalledBack)
    }
}

impl CallStatus {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> StatusKind {
        match self {
            Self::Ringing => StatusKind::Ringing,
            Self::Answered { .. } => StatusKind::Answered,
            Self::Missed { .. } => StatusKind::Missed,
            Self::Voicemail { .. } => StatusKind::Voicemail,
            Self::Ended { .. } => StatusKind::Ended,
        }
    }
}

/// One update of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallUpdate {
    /// The call as it is known at the time.
    pub call: Call,
    /// What happened to it.
    pub status: CallStatus,
    /// When it happened.
    pub at: Timestamp,
}

impl CallUpdate {
    /// Returns what the update reports: the status of the call, or that the missed caller was called back.
    #[must_use]
    pub fn kind(&self) -> StatusKind {
        if self.call.revision == Some(Revision::CalledBack) { StatusKind::CalledBack } else { self.status.kind() }
    }
}
