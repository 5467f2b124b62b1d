//! The course of a call: the caller's position, the talks and their lengths, open tasks. Decides nothing.

use super::{Callback, Person, Queue};
use crate::model::{phone::PhoneNumber, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The course of a call, as its snapshots and reports show it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// Stage of the call before a person answers.
    pub stage: RingStage,
    /// Position of the caller; of an ended call the last position.
    pub position: CallerPosition,
    /// Start of the wait for a person: the first phone that rings or the first queue. A hand-over restarts the wait.
    pub waits_since: Option<Timestamp>,
    /// Time for which phones rang since the last talk, or since the beginning.
    pub rang: Duration,
    /// Talks, in the order of their starts.
    pub talks: Vec<Talk>,
    /// The last hand-over, while no person has answered it.
    pub handed_on: Option<HandOver>,
    /// The mailbox that the call reached.
    pub mailbox: Option<Mailbox>,
    /// Position in which the caller hung up during the wait.
    pub gave_up: Option<GaveUp>,
    /// Side that hung up at the end of the talk of an inbound call, if that is proven.
    pub hung_up: Option<HungUp>,
    /// The outside number that the call was forwarded to.
    pub forwarded_to: Option<PhoneNumber>,
    /// Whether the call was recorded.
    pub recorded: bool,
    /// Whether the caller waits for a call back.
    pub needs_callback: bool,
    /// The later call that returns this missed one.
    pub callback: Option<Callback>,
    /// Whether the call never left the menu.
    pub menu_only: bool,
}

/// Progress of a call: decides when a ring card is due. Ordered.
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

/// Position of a caller.
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
    /// The party that talked with the caller.
    pub with: TalkParty,
    /// Start of the talk.
    pub since: Timestamp,
    /// The time in which both were connected; `None` where a missing snapshot hides a part of it.
    pub talked: Option<Duration>,
    /// The time on hold, not part of `talked`.
    pub held: Duration,
    /// Time for which the caller had waited for this person.
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
    /// The person who handed the call on.
    pub by: Option<Person>,
    /// The people whose phones rang since.
    pub to: Vec<Person>,
    /// The destination's extension, or number.
    pub destination: Option<String>,
    /// The queue that took the call since, if any.
    #[serde(default)]
    pub queue: Option<Queue>,
    /// Time of the hand-over.
    pub at: Timestamp,
    /// Time for which phones rang.
    pub rang: Duration,
}

impl HandOver {
    /// Returns the people whom the call was handed to, and the others whose phones rang since: agents of the queue, members of
    /// a group, deputies.
    #[must_use]
    pub fn receivers(&self) -> (Vec<Person>, Vec<Person>) {
        match (&self.destination, &self.queue) {
            (Some(extension), _) => {
                self.to.iter().cloned().partition(|person| person.extension.as_ref() == Some(extension))
            }
            (None, Some(_)) => (Vec::new(), self.to.clone()),
            (None, None) => (self.to.clone(), Vec::new()),
        }
    }
}

/// A mailbox that a call reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mailbox {
    /// Whether a message was left, if known.
    pub message: Option<bool>,
    /// The length of the message.
    pub length: Option<Duration>,
    /// Owner of the mailbox, if known.
    pub owner: Option<Person>,
}

/// A caller who hung up during the wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GaveUp {
    /// Position of the caller.
    pub position: CallerPosition,
    /// The queue, if the caller hung up in one.
    pub queue: Option<Queue>,
    /// Time in this position.
    pub after: Duration,
}

/// The side that ended a talk.
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
