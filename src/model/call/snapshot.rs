//! A snapshot of a call, as GoTo pushed it or answered a query with it.

use super::{AccountNumber, Caller, Person, Queue};
use crate::model::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId, ParticipantId},
    phone::{PhoneNumber, Region},
    time::Timestamp,
};
use std::time::Duration;

/// One full snapshot of a call, as GoTo pushed it or answered a query with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSnapshot {
    /// The connection that received the snapshot.
    pub connection: ConnectionName,
    /// The account's region: decides how its numbers are read and shown.
    pub region: Region,
    /// The account of the call.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Direction of the call.
    pub direction: WireDirection,
    /// Start of the call, if stated.
    pub created_at: Option<Timestamp>,
    /// The participant that hung up, if stated.
    pub hung_up_by: Option<ParticipantId>,
    /// The dialed number, if stated: the called party of an outbound call.
    pub dialed: Option<PhoneNumber>,
    /// Other conversation spaces that belong to the same call (transfers).
    pub linked: Vec<ConversationSpaceId>,
    /// The snapshot.
    pub state: SnapshotState,
}

/// `metadata.direction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireDirection {
    /// From outside.
    Inbound,
    /// To outside.
    Outbound,
    /// A value that is not known here.
    Other(String),
}

/// `content.state`: a snapshot, not a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotState {
    /// `sequenceNumber`; the first state of a call is 1.
    pub sequence: u64,
    /// `type`.
    pub phase: Phase,
    /// `timestamp`, if readable.
    pub at: Option<Timestamp>,
    /// All participants of the call.
    pub participants: Vec<Participant>,
    /// Queues, menus and mailboxes on the call.
    pub systems: Vec<CallSystem>,
    /// Whether the call is recorded.
    pub recorded: bool,
}

/// `state.type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Ringing in.
    Starting,
    /// In progress: with a person, or with a queue or menu only.
    Active,
    /// Ended.
    Ending,
    /// A value that is not known here.
    Other(String),
}

/// One party of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Id of the party. A missing id is read as the empty leg of its place in the list.
    pub id: Option<ParticipantId>,
    /// `legId`, the same in every conversation that the leg takes part in.
    pub leg: Option<ParticipantId>,
    /// The party or machine that added this party; the own id if this party began the call.
    pub originator: Option<ParticipantId>,
    /// Kind of the party.
    pub kind: ParticipantKind,
    /// Status of the party.
    pub status: ParticipantStatus,
}

/// `participant.type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParticipantKind {
    /// The outside line.
    PhoneNumber {
        /// The account's number that was called (or calls).
        account_number: AccountNumber,
        /// The outside caller of an inbound call.
        caller: Option<Caller>,
        /// The called party of an outbound call.
        callee: Option<Caller>,
    },
    /// A user's line.
    Line(Person),
    /// A contact-centre agent reached through a queue.
    Agent(Person),
    /// A party that is not a person (auto attendant, mailbox).
    Virtual(Option<String>),
    /// A kind that is not known here, with its caller, if any.
    Other {
        /// `type.value`.
        value: String,
        /// `type.caller`, at any depth.
        caller: Option<Caller>,
    },
}

/// `participant.status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParticipantStatus {
    /// `RINGING`.
    Ringing,
    /// `CONNECTED`.
    Connected,
    /// `IN_INTERACTIVE_VOICE_RESPONSE`: in a menu, a queue or a mailbox, also while phones ring.
    InSystem,
    /// `ON_HOLD`.
    OnHold {
        /// The participant that put this one on hold.
        by: Option<ParticipantId>,
    },
    /// `IN_DIRECT_TRANSFER` and `IN_WARM_TRANSFER`.
    InTransfer(Box<Transferring>),
    /// `DISCONNECTING`.
    Disconnecting,
    /// `DISCONNECTED`.
    Disconnected,
    /// A value that is not known here, or none.
    Other(String),
}

/// A transfer in progress, as the status of the transferred participant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transferring {
    /// Whether a consultation preceded the transfer.
    pub warm: bool,
    /// The person who hands the call on, in this conversation.
    pub initiator: Option<TransferParty>,
    /// The same person in the consultation.
    pub transferrer: Option<TransferParty>,
    /// The person or system that the call goes to.
    pub destination: Option<TransferParty>,
}

/// One side of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransferParty {
    /// `participantId`.
    pub participant: Option<ParticipantId>,
    /// `conversationSpaceId`.
    pub conversation: Option<ConversationSpaceId>,
    /// `extensionNumber`, or `number` of a destination: a person's extension or a queue's.
    pub extension: Option<String>,
    /// `name`.
    pub name: Option<String>,
}

/// `interactiveVoiceResponseSystems[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSystem {
    /// `type`.
    pub kind: SystemKind,
    /// `status`: `CONNECTED` or `DISCONNECTING`.
    pub status: ParticipantStatus,
}

/// Kind of a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemKind {
    /// `CALL_QUEUE`.
    Queue(Queue),
    /// `DIAL_PLAN`: a menu or another plan that routes the call.
    DialPlan,
    /// `VOICEMAIL`.
    Voicemail {
        /// `voicemailStatus`, stated when the caller leaves the mailbox.
        result: Option<VoicemailResult>,
        /// `duration` of the message.
        length: Option<Duration>,
    },
    /// Another system, by its `type.value`.
    Other(String),
}

/// `voicemailStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoicemailResult {
    /// `SUCCESS`: a message was left.
    Success,
    /// `FAILED`: the greeting was played, no message was left.
    Failed,
    /// A value that is not known here.
    Other(String),
}
