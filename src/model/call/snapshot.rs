//! A call's snapshot as GoTo pushed it or answered it, before anything is concluded from it.

use super::{AccountNumber, Caller, Person, Queue};
use crate::model::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId, ParticipantId},
    phone::{PhoneNumber, Region},
    time::Timestamp,
};

/// One full snapshot of a call, as GoTo pushed it or answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSnapshot {
    /// The login that heard it.
    pub connection: ConnectionName,
    /// The account's region: how its numbers were read and will be shown.
    pub region: Region,
    /// The account it belongs to.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Who called whom.
    pub direction: WireDirection,
    /// When the call came into being, if said.
    pub created_at: Option<Timestamp>,
    /// Who hung up, if said.
    pub hung_up_by: Option<ParticipantId>,
    /// What was dialled, if said: the called party of an outbound call.
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
    /// Everyone on the call.
    pub participants: Vec<Participant>,
    /// Queues, menus and other machines on the call.
    pub systems: Vec<CallSystem>,
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
    /// The party or machine that brought it in; its own id if it began the call.
    pub originator: Option<ParticipantId>,
    /// What it is.
    pub kind: ParticipantKind,
    /// What it does.
    pub status: ParticipantStatus,
}

/// `participant.type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParticipantKind {
    /// The outside line.
    PhoneNumber {
        /// Our number that was called (or calls).
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
pub enum ParticipantStatus {
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
pub enum CallSystem {
    /// A call queue.
    Queue(Queue),
    /// A menu or another plan that routes the call.
    DialPlan,
    /// Another machine, by its `type.value` (`VOICEMAIL`, …).
    Other(String),
}
