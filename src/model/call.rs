//! A call: what GoTo says of it ([`CallEvent`]), and what the team may hear of it ([`Telling`]).
//! Enums that come from the wire keep what they do not know.

use super::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId, ParticipantId},
    phone::{Number, Region},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One full snapshot of a call, as GoTo pushed it or answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    /// The login that heard it.
    pub connection: ConnectionName,
    /// The account's region: how its numbers were read and will be shown.
    pub region: Region,
    /// The account it belongs to.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Who called whom.
    pub direction: Direction,
    /// When the call came into being, if said.
    pub created: Option<Timestamp>,
    /// Who hung up, if said.
    pub hung_up_by: Option<ParticipantId>,
    /// Other conversation spaces that belong to the same call (transfers).
    pub linked: Vec<ConversationSpaceId>,
    /// The snapshot.
    pub state: CallState,
}

/// `metadata.direction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    /// From outside.
    Inbound,
    /// To outside.
    Outbound,
    /// A value that is not known here.
    Other(String),
}

/// `content.state`: a snapshot, not a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallState {
    /// `sequenceNumber`; the first state of a call is 1.
    pub sequence: u64,
    /// `type`.
    pub phase: Phase,
    /// `timestamp`, if readable.
    pub at: Option<Timestamp>,
    /// Everyone on the call.
    pub participants: Vec<Participant>,
    /// Queues, menus and other machines on the call.
    pub systems: Vec<System>,
}

/// `state.type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Ringing in.
    Starting,
    /// Under way: with a person, or with a queue or menu only.
    Active,
    /// Over.
    Ending,
    /// A value that is not known here.
    Other(String),
}

/// One party of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its id; missing ones are read as the empty leg of their place in the list.
    pub id: Option<ParticipantId>,
    /// What it is.
    pub kind: ParticipantKind,
    /// What it does.
    pub status: Status,
}

/// `participant.type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParticipantKind {
    /// The outside line.
    PhoneNumber {
        /// Our number that was called (or calls).
        ours: OurNumber,
        /// The outside caller of an inbound call.
        caller: Option<Caller>,
    },
    /// A user's line.
    Line(Person),
    /// A contact-centre agent reached through a queue.
    Agent(Person),
    /// A party that is no person (auto attendant, mailbox).
    Virtual(Option<String>),
    /// A kind that is not known here, with the caller it may carry.
    Other {
        /// `type.value`.
        value: String,
        /// `type.caller`, wherever it stands.
        caller: Option<Caller>,
    },
}

/// `participant.status.value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Rings.
    Ringing,
    /// Talks (or, for a queue or menu, listens).
    Connected,
    /// Goes.
    Disconnecting,
    /// Has gone.
    Disconnected,
    /// A value that is not known here, or none.
    Other(String),
}

/// `interactiveVoiceResponseSystems[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum System {
    /// A call queue.
    Queue(Queue),
    /// A menu or another plan that routes the call.
    DialPlan,
    /// Another machine, by its `type.value` (`VOICEMAIL`, …).
    Other(String),
}

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
    /// Who calls.
    pub caller: Caller,
    /// Which of our numbers was called.
    pub ours: Option<OurNumber>,
    /// The queues it went through, in order.
    pub queues: Vec<Queue>,
    /// Whom it rings (while ringing) or rang.
    pub people: Vec<Person>,
    /// When it began.
    pub started: Timestamp,
    /// It was heard of only when it was already under way.
    pub late: bool,
}

/// What the team may hear of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Moment {
    /// It rings somebody, waits in a queue, or stands in a menu.
    Ringing,
    /// A person took it.
    Answered {
        /// Who.
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

/// What GoTo reports of a call after its end (`REPORT_SUMMARY`, `report-summaries`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The login that heard it.
    pub connection: ConnectionName,
    /// The account's region.
    pub region: Region,
    /// The account it belongs to.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Who called whom.
    pub direction: Direction,
    /// When it came into being.
    pub created: Option<Timestamp>,
    /// When a person took it, if one did.
    pub answered: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Who called.
    pub caller: Option<Caller>,
    /// `callerOutcome`, open: `NORMAL`, `LEFT_DIAL_PLAN`, `LEFT_VOICEMAIL`, …
    pub outcome: Option<String>,
    /// The lines and agents on it.
    pub people: Vec<Person>,
}
