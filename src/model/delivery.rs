//! A delivery: one card that one sink still has to be told; and the contract of the queue that keeps it. The trait stands
//! here because two stages meet at it: `outbox` implements it, `deliver` works from it, and neither knows the other.

use super::{
    call::{MomentKind, Telling},
    card::Card,
    ids::{ConversationSpaceId, SinkName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{future::Future, time::Duration};

/// What kind of endpoint a sink is; decides how a card is drawn and what an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkKind {
    /// A Slack incoming webhook.
    Slack,
    /// A Slack Workflow Builder trigger: flat strings, 10 a minute.
    SlackTrigger,
    /// A Teams Workflows (Power Automate) webhook.
    Teams,
    /// A retired Office 365 connector (`webhook.office.com`).
    TeamsConnector,
    /// Slack's Web API with a bot's token: a call's message is edited as the call moves.
    SlackApp,
}

impl SinkKind {
    /// Whether a message, once posted, can be changed: its cards live ([`Rule::Live`]).
    #[must_use]
    pub const fn edits(self) -> bool {
        matches!(self, Self::SlackApp)
    }
}

/// Where a chat shows a message, in the chat's own words: what an edit and a reply have to name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The channel's id.
    pub channel: String,
    /// The message in it (Slack's `ts`).
    pub message: String,
}

/// What a delivery becomes in the chat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Form {
    /// A message of its own, said once.
    #[default]
    Message,
    /// The one message of a call, which becomes what the call becomes.
    Living {
        /// Where it stands; `None`: it is still to be posted.
        at: Option<Place>,
        /// An earlier message of it was lost (deleted, or closed for edits): another one is not posted.
        lost: bool,
    },
    /// A reply under the call's living message.
    Reply {
        /// The message; `None` if it was never posted: the reply then is a message of its own.
        to: Option<Place>,
    },
}

impl Form {
    /// The message that it changes or replies to, if there is one.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::Living { at: place, .. } | Self::Reply { to: place } => place.as_ref(),
            Self::Message => None,
        }
    }

    /// The message that is changed rather than posted, if it is one.
    #[must_use]
    pub const fn edit_of(&self) -> Option<&Place> {
        match self {
            Self::Living { at, .. } => at.as_ref(),
            Self::Message | Self::Reply { .. } => None,
        }
    }
}

/// A message ready to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The JSON body, sent as `application/json; charset=utf-8`.
    pub body: String,
    /// How many of the cards that were handed in it says, from the first: the rest did not fit and wait for the next.
    pub used: usize,
}

/// What a delivery is about: the part of its key beside moment and sink.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A call.
    Call(ConversationSpaceId),
    /// Something else that is told once, by a name of the daemon's choice (a recap's window, a notice's event).
    Other(String),
}

/// A delivery's key: admitted once, across restarts. A living card's is (subject, sink) alone, its moment moves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// What it is about.
    pub subject: Subject,
    /// Which moment of it; recaps and notices use [`MomentKind::Ended`].
    pub moment: MomentKind,
    /// Who is told.
    pub sink: SinkName,
}

/// A card on its way into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Its key.
    pub key: Key,
    /// What to say.
    pub card: Card,
    /// Whether the moment is told on its own, or only brings a waiting earlier card of the call up to date.
    pub rule: Rule,
}

/// What an admission does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A message of its own. Earlier cards of the same call and sink that still wait are settled as superseded. If the
    /// key is known and still waits, its card is renewed; if it is known and gone, nothing happens. Nor does anything if
    /// the moment was overtaken by a later one of its call (an answer after the end): a card never goes back in time. What
    /// a living card has shown (the sink could edit then) is told already, and what messages have said is to [`Rule::Live`].
    Tell,
    /// No message of its own: the newest waiting card of the call and sink, living or not, is renewed with this one (its
    /// key stays). A living card that was told stays as it is: its sink was one that edits, and is none now.
    Renew,
    /// The call's one living card at this sink, whatever the moment. The first makes it; each later one revises it, so
    /// that what waits is always the newest state and nothing between is said. A settled one waits again, and goes out as
    /// an edit of its message. One that is on the wire is followed by the newer state. Never back in time; what a later
    /// look-up could not find again is kept.
    Live,
    /// A reply under the living card, once for each thing told. Nothing, if that card is still to be posted: its message
    /// will say it.
    Reply,
    /// The card brings only what the sources found, later than its moment: it goes onto the living card, or the newest
    /// one that waits, whatever state that has reached. The card's telling is not looked at.
    Learn,
}

/// What became of an admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// It waits as a new delivery.
    New,
    /// A waiting delivery says it now.
    Renewed,
    /// It was known (or there was nothing to renew): nothing was done.
    Known,
}

/// A delivery's number in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub i64);

/// A delivery that waits, or that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// Its key.
    pub key: Key,
    /// What to say.
    pub card: Card,
    /// When it was admitted.
    pub admitted: Timestamp,
    /// Attempts made so far.
    pub attempts: u32,
    /// It was already tried in full form and refused: draw it plain.
    pub plain: bool,
    /// What it becomes in the chat.
    pub form: Form,
}

/// One attempt, kept for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What was answered or went wrong: at most 256 bytes, no control characters, no URL.
    pub answer: String,
}

/// How a leased delivery ends for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The chat took it.
    Delivered,
    /// The chat took it and said where it stands: a living card's later states are edits of that message.
    Shown(Place),
    /// The living card's message cannot be edited any more: it is to be posted anew, at once, as what it is by then.
    Lost,
    /// Again, not before this time.
    Retry {
        /// Earliest next attempt.
        not_before: Timestamp,
        /// Draw it plain from now on.
        plain: bool,
    },
    /// Given up, with the reason: a dead letter.
    Dead(String),
    /// Never sent after all (the worker stops, or the sink is paused): it waits again, no attempt is counted.
    Released,
}

/// A lease's end: which delivery, how, and the attempt that was made, if one was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// Which.
    pub id: DeliveryId,
    /// How.
    pub settlement: Settlement,
    /// What was tried.
    pub attempt: Option<Attempt>,
}

/// Why the queue could not do it. The queue itself goes on (from memory) when its disk does not; these are the rest.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue's writer has ended: the daemon is stopping.
    #[error("the outbox has stopped")]
    Stopped,
    /// The store refused; its reason is the source.
    #[error("the outbox could not do it")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The durable queue. Small enough for SQLite and for a shared PostgreSQL. Every method is one transaction; none is held
/// across a network call. Clones share one queue.
pub trait Outbox: Clone + Send + Sync + 'static {
    /// Records a moment before it is enriched. Durable when it returns. A known moment is renewed.
    fn note(&self, telling: Telling) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Settles a noted moment (if it was noted) and admits its deliveries, in one transaction. Durable when it returns.
    /// Answers one [`Admitted`] for each admission, in order.
    fn admit(
        &self,
        noted: Option<(ConversationSpaceId, MomentKind)>,
        admissions: Vec<Admission>,
    ) -> impl Future<Output = Result<Vec<Admitted>, QueueError>> + Send;

    /// Moments that were noted and never admitted: what a crash during a look-up left.
    fn noted(&self) -> impl Future<Output = Result<Vec<Telling>, QueueError>> + Send;

    /// What waits for `sink` and is due at `now`, oldest first, at most `most`; of one call only its earliest unsettled
    /// moment (and none while an earlier one is leased or not due), so that moments arrive in order. A due time further
    /// away than any that is ever handed out (the clock jumped back) counts as due.
    fn waiting(
        &self,
        sink: &SinkName,
        now: Timestamp,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Delivery>, QueueError>> + Send;

    /// Takes what still waits of `ids`, with its newest card. What is leased and not settled is free again after a crash.
    fn lease(&self, ids: Vec<DeliveryId>) -> impl Future<Output = Result<Vec<Delivery>, QueueError>> + Send;

    /// Ends leases. Durable when it returns.
    fn settle(&self, settles: Vec<Settle>) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// When the next delivery of `sink` is due, if one waits.
    fn next_due(&self, sink: &SinkName) -> impl Future<Output = Result<Option<Timestamp>, QueueError>> + Send;

    /// Completes when something new may wait for `sink` since the last call: register first, then look.
    fn news(&self, sink: &SinkName) -> impl Future<Output = ()> + Send;
}

/// The longest wait that is ever handed out (Retry-After is clamped to 300 s).
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);
