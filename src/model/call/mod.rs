//! A call: what GoTo says of it ([`CallEvent`], [`Report`]), and what the team may hear of it ([`Telling`]).
//! Enums that come from the wire keep what they do not know.

mod course;
mod report;
mod snapshot;

pub use course::{CallerPosition, Course, GaveUp, HandOver, HungUp, Mailbox, RingStage, Talk, TalkParty};
pub use report::{FullReport, Report, ReportedMailbox, ReportedMessage, ReportedQueue};
pub use snapshot::{
    CallEvent, CallState, Direction, Participant, ParticipantKind, Phase, Status, System, SystemKind, TransferParty,
    Transferring, VoicemailResult,
};

use super::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
    phone::{Number, Region},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A call queue on the way.
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

/// One of the account's own numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurNumber {
    /// The number.
    pub number: Number,
    /// Its label in GoTo ("Main line").
    pub label: Option<String>,
}

/// Who calls, as the network says. The name is untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// CNAM or what GoTo has.
    pub name: Option<String>,
    /// The number.
    pub number: Number,
}

/// A call as far as it is known at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The call.
    pub id: ConversationSpaceId,
    /// The login that heard it.
    pub connection: ConnectionName,
    /// The account's region: how its numbers are shown.
    pub region: Region,
    /// The account it belongs to.
    pub account: AccountKey,
    /// Which way it goes.
    #[serde(default)]
    pub bound: Bound,
    /// The other side: who calls; of an outbound call who is called; of an internal one the colleague who calls, whose
    /// number is an extension.
    pub caller: Caller,
    /// Which of our numbers was called, or calls.
    pub ours: Option<OurNumber>,
    /// The queues it went through, in order.
    pub queues: Vec<Queue>,
    /// Whom it rings (while ringing) or rang, then who talks; of an outbound call the colleagues who call.
    pub people: Vec<Person>,
    /// Who handed it on to whom, in order: the first [`TRANSFERS`](Self::TRANSFERS).
    #[serde(default)]
    pub transfers: Vec<Transfer>,
    /// When it was first taken, as far as that was heard.
    #[serde(default)]
    pub answered: Option<Timestamp>,
    /// When it came into the last of its queues, if it passed one.
    #[serde(default)]
    pub queued: Option<Timestamp>,
    /// When it began.
    pub started: Timestamp,
    /// It was heard of only when it was already under way.
    pub late: bool,
    /// Nobody heard how it ended: it was silent for hours, and GoTo had no report of it. Its last moment is then
    /// [`Moment::Ended`] of unknown length, whether or not somebody had taken it.
    #[serde(default)]
    pub lost: bool,
    /// Its last moment was told before, and this one is better.
    #[serde(default)]
    pub revised: Option<Revised>,
    /// Where the caller is, who talked, what was left undone.
    #[serde(default)]
    pub course: Course,
}

impl Call {
    /// Transfers kept of one call: a card is read up to here.
    pub const TRANSFERS: usize = 8;
}

/// Which way a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Somebody outside calls us.
    #[default]
    Inbound,
    /// A colleague calls somebody outside.
    Outbound,
    /// A colleague calls a colleague.
    Internal,
}

impl Bound {
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

/// Why a last moment is told a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revised {
    /// More is known: a length, a message in the mailbox. Worth changing a card that stands, not another message.
    Completed,
    /// What was told was wrong: somebody had taken the call that was told as missed. Worth a word everywhere.
    Corrected,
    /// The outcome was not known, and is known now. Worth a word wherever that outcome is told.
    Resolved,
}

/// One hand-over of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Who talked before.
    pub from: Person,
    /// Who talks since.
    pub to: Person,
    /// Since when.
    pub at: Timestamp,
}

/// What the team may hear of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Moment {
    /// It rings somebody, waits in a queue, or stands in a menu.
    Ringing,
    /// A person took it. Told again for each transfer, with who talks since; of an outbound call the person outside took
    /// it.
    Answered {
        /// Who of us talks; of an outbound call the colleague who called.
        by: Person,
        /// How long after the call began.
        after: Duration,
    },
    /// It ended and nobody took it.
    Missed {
        /// How long it waited.
        after: Duration,
        /// How it was missed.
        why: MissedWhy,
    },
    /// It ended with the mailbox.
    Voicemail {
        /// How long the message is, if known.
        length: Option<Duration>,
    },
    /// It ended after somebody took it.
    Ended {
        /// How long people talked, if known.
        lasted: Option<Duration>,
    },
}

/// How a call was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedWhy {
    /// Phones rang, nobody took it.
    NobodyAnswered,
    /// The caller gave up in the queue.
    LeftQueue,
    /// The caller gave up in a menu.
    LeftMenu,
    /// It is not known how.
    Unknown,
}

/// The kind of a [`Moment`]: the part of a delivery's key, and what a sink's `outcomes` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    /// See [`Moment::Ringing`].
    Ringing,
    /// See [`Moment::Answered`].
    Answered,
    /// See [`Moment::Missed`].
    Missed,
    /// See [`Moment::Voicemail`].
    Voicemail,
    /// See [`Moment::Ended`].
    Ended,
}

impl MomentKind {
    /// As config, journal and store write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Missed => "missed",
            Self::Voicemail => "voicemail",
            Self::Ended => "ended",
        }
    }

    /// Whether nothing of the call comes after it.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Missed | Self::Voicemail | Self::Ended)
    }
}

impl Moment {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> MomentKind {
        match self {
            Self::Ringing => MomentKind::Ringing,
            Self::Answered { .. } => MomentKind::Answered,
            Self::Missed { .. } => MomentKind::Missed,
            Self::Voicemail { .. } => MomentKind::Voicemail,
            Self::Ended { .. } => MomentKind::Ended,
        }
    }
}

/// One thing to say of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The call as it is known now.
    pub call: Call,
    /// What happened.
    pub moment: Moment,
    /// When it happened.
    pub at: Timestamp,
}
