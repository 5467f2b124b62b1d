//! The course of a call: where the caller is, who talked and for how long, what was left undone. Decides nothing.

use super::{Callback, Person, Queue};
use crate::model::{phone::PhoneNumber, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the snapshots and reports of a call show of its course.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// How far the call has come before a person answers.
    pub stage: RingStage,
    /// Where the caller is; of an ended call where the caller was last.
    pub position: CallerPosition,
    /// Since when the caller waits for a person: the first phone that rings or the first queue, a hand-over restarts it.
    pub waits_since: Option<Timestamp>,
    /// How long phones rang since the last talk, or since the beginning.
    pub rang: Duration,
    /// Who talked, in the order of their first word.
    pub talks: Vec<Talk>,
    /// The last hand-over, while it is unanswered.
    pub handed_on: Option<HandOver>,
    /// The mailbox that the call reached.
    pub mailbox: Option<Mailbox>,
    /// Where the caller gave up waiting.
    pub gave_up: Option<GaveUp>,
    /// Who hung up at the end of the talk of an inbound call, where that is proven.
    pub hung_up: Option<HungUp>,
    /// The outside number that the call was forwarded to.
    pub forwarded_to: Option<PhoneNumber>,
    /// The call was recorded.
    pub recorded: bool,
    /// The caller waits for a call back.
    pub needs_callback: bool,
    /// The later call that returns this missed one.
    pub callback: Option<Callback>,
    /// The call never left the menu.
    pub menu_only: bool,
}

/// How far a call has come: when a ring card is due. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RingStage {
    /// In a menu.
    Start,
    /// In a queue.
    Queue,
    /// A phone rings, or nothing explains why none does.
    #[default]
    Phone,
}

/// Where a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerPosition {
    /// Not known.
    #[default]
    Unknown,
    /// The call rings, and no phone is known.
    Ringing,
    /// In a menu or another dial plan.
    Menu,
    /// In a queue, whether or not phones ring.
    Queue,
    /// A phone rings.
    Phone,
    /// With a person.
    Talk,
    /// On hold.
    Hold,
    /// Parked.
    Parked,
    /// Handed on, not answered yet.
    Transfer,
    /// In a mailbox.
    Mailbox,
}

/// The talk of one person with the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// Who talked.
    pub with: TalkParty,
    /// Since when.
    pub since: Timestamp,
    /// The time in which both were connected; `None` where a missing snapshot hides a part of it.
    pub talked: Option<Duration>,
    /// The time on hold, not part of `talked`.
    pub held: Duration,
    /// How long the caller had waited for this person.
    pub waited: Option<Duration>,
    /// The queue that brought the call.
    pub queue: Option<Queue>,
}

/// The other side of a talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TalkParty {
    /// A colleague.
    Person(Person),
    /// An outside number that the call was forwarded to.
    Outside(PhoneNumber),
}

impl TalkParty {
    /// Returns whether it is this colleague.
    #[must_use]
    pub fn is(&self, person: &Person) -> bool {
        matches!(self, Self::Person(with) if with == person)
    }
}

/// A call handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// Who handed it on.
    pub by: Option<Person>,
    /// Whose phones rang since.
    pub to: Vec<Person>,
    /// The destination's extension, or number.
    pub destination: Option<String>,
    /// When.
    pub at: Timestamp,
    /// How long phones rang.
    pub rang: Duration,
}

/// A mailbox that a call reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mailbox {
    /// Whether a message was left, if known.
    pub message: Option<bool>,
    /// The length of the message.
    pub length: Option<Duration>,
    /// Whose mailbox it is, if known.
    pub owner: Option<Person>,
}

/// A caller who gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GaveUp {
    /// Where.
    pub position: CallerPosition,
    /// The queue, of a caller who gave up in one.
    pub queue: Option<Queue>,
    /// After how long there.
    pub after: Duration,
}

/// Who ended a talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HungUp {
    /// The caller.
    Caller,
    /// A colleague.
    Person(Person),
    /// The outside number that the call was forwarded to.
    Outside,
}
