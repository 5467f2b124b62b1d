//! Deliveries (one card for one sink) and the [`Outbox`] trait. The trait is in `model` because `outbox` implements it and
//! `deliver` uses it, and neither stage imports the other.

mod outbox;

pub use outbox::{Outbox, OutboxError};

use super::{
    call::StatusKind,
    card::Card,
    ids::{ConversationSpaceId, SinkName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Endpoint kind of a sink: decides how cards are rendered and responses interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkKind {
    /// A Slack incoming webhook.
    Slack,
    /// A Slack Workflow Builder trigger: flat strings, 10 a minute.
    SlackTrigger,
    /// A Teams Workflows (Power Automate) webhook.
    Teams,
    /// Slack's Web API with a bot token: the live message of a call is edited.
    SlackApp,
    /// A program of the operator: signed JSON, or a body defined by the operator.
    Webhook,
    /// A topic of an ntfy server: notifications on phones, replaced as the call moves.
    Ntfy,
    /// A Discord webhook: the live message of a call is edited.
    Discord,
    /// A Mattermost incoming webhook.
    Mattermost,
    /// A Google Chat webhook: one thread per call.
    GoogleChat,
    /// A Teams app with a bot: the live message of a call is edited.
    TeamsApp,
}

impl SinkKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Slack,
        Self::SlackTrigger,
        Self::Teams,
        Self::SlackApp,
        Self::Webhook,
        Self::Ntfy,
        Self::Discord,
        Self::Mattermost,
        Self::GoogleChat,
        Self::TeamsApp,
    ];

    /// Returns the name used in the config and by `poprelay responses`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::SlackTrigger => "slack-trigger",
            Self::Teams => "teams",
            Self::SlackApp => "slack-app",
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Discord => "discord",
            Self::Mattermost => "mattermost",
            Self::GoogleChat => "google-chat",
            Self::TeamsApp => "teams-app",
        }
    }

    /// Returns whether posted messages can be edited, which live messages need ([`EnqueueMode::UpsertLive`]).
    #[must_use]
    pub const fn supports_edit(self) -> bool {
        matches!(self, Self::SlackApp | Self::Ntfy | Self::Discord | Self::TeamsApp)
    }

    /// Returns whether a message can get replies ([`EnqueueMode::Reply`]).
    #[must_use]
    pub const fn has_threads(self) -> bool {
        matches!(self, Self::SlackApp | Self::TeamsApp)
    }
}

/// Reference to a posted message, in the chat's own ids. Edits and replies need the reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    /// Channel id. In Teams the id of a conversation: the channel's id, a semicolon and the thread.
    pub channel: String,
    /// Message id within the channel (Slack's `ts`). Other chats' ids follow the time of the post in seconds and a point.
    pub ts: String,
}

impl MessageRef {
    /// Returns the channel's id without the thread.
    #[must_use]
    pub fn channel_id(&self) -> &str {
        self.channel.split_once(';').map_or(self.channel.as_str(), |(channel, _)| channel)
    }
}

/// Way in which a delivery is posted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PostMode {
    /// A new message.
    #[default]
    Post,
    /// The live message of a call, edited with each update.
    Live {
        /// The posted message; `None` before the first post.
        message: Option<MessageRef>,
        /// Whether an earlier message was deleted or is not editable any more. A second repost is not allowed.
        reposted: bool,
    },
    /// A reply in the thread of the live message.
    ThreadReply {
        /// The live message; `None` if never posted: the reply becomes a new message.
        message: Option<MessageRef>,
    },
}

impl PostMode {
    /// Returns the message to edit or to reply to, if any.
    #[must_use]
    pub const fn message_ref(&self) -> Option<&MessageRef> {
        match self {
            Self::Live { message: place, .. } | Self::ThreadReply { message: place } => place.as_ref(),
            Self::Post => None,
        }
    }

    /// Returns the message to edit; `None` for a new post.
    #[must_use]
    pub const fn edited_message(&self) -> Option<&MessageRef> {
        match self {
            Self::Live { message: at, .. } => at.as_ref(),
            Self::Post | Self::ThreadReply { .. } => None,
        }
    }
}

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderedMessage {
    /// The JSON body, sent as `application/json; charset=utf-8`.
    pub body: String,
    /// Headers that depend on the card; names and values are valid in HTTP.
    pub headers: Vec<(String, String)>,
    /// Number of input cards in the message, counted from the first. The rest did not fit and needs another message.
    pub cards_included: usize,
}

/// Subject of a delivery: the part of the key beside status and sink.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A call.
    Call(ConversationSpaceId),
    /// Any other subject that is posted once, under a name chosen by the daemon (an event gap, an alert).
    Named(String),
}

/// Key of a delivery: enqueued once, across restarts. A live message's key is (subject, sink); the status changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeliveryKey {
    /// Subject.
    pub subject: Subject,
    /// Status of the subject; recaps, gap summaries and alerts use [`StatusKind::Ended`].
    pub status: StatusKind,
    /// Target sink.
    pub sink: SinkName,
}

/// A card to enqueue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Key of the delivery.
    pub key: DeliveryKey,
    /// Card to post.
    pub card: Card,
    /// Whether to insert a delivery, or to update an earlier one of the call.
    pub mode: EnqueueMode,
}

/// Effect of enqueueing a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnqueueMode {
    /// Inserts a new message and supersedes waiting cards of the same call and sink. A waiting delivery with the key gets the
    /// new card; a settled one is unchanged. Nothing happens if a later status of the call was enqueued first (an answer
    /// after the end). The same holds if a live message already showed the status. [`EnqueueMode::UpsertLive`] likewise skips
    /// posted statuses.
    Insert,
    /// Replaces the card of the newest waiting delivery of the call and sink, live or not; the key is unchanged. A delivered live
    /// message is unchanged: its sink supported edits before and does not any more.
    UpdatePending,
    /// Inserts or updates the one live message of the call at the sink. Only the newest status waits; intermediate ones are not
    /// posted. A settled live message waits again and is posted as an edit. A leased one is followed by the newer status. The
    /// status never goes back; caller info that a later look-up lacks is kept.
    UpsertLive,
    /// Inserts a reply to the live message, once for each update. Nothing happens before the live message is posted: the post
    /// will include the update.
    Reply,
    /// Merges late caller info into the live message, or into the newest waiting card, whatever its status. The call update of
    /// the given card is ignored.
    MergeInfo,
    /// Adds the callback of the given card to the live message, or to the newest waiting card, or removes it. Nothing is
    /// inserted; the rest of the card is unchanged, except for its options.
    MergeCallback,
}

/// Result of enqueueing a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnqueueResult {
    /// A new delivery waits.
    Inserted,
    /// A waiting delivery was updated.
    Updated,
    /// Nothing was done: the key is known, or there is nothing to update.
    Unchanged,
}

/// Row id of a delivery in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub i64);

/// A delivery that waits or is leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Row id.
    pub id: DeliveryId,
    /// Key.
    pub key: DeliveryKey,
    /// Card to post.
    pub card: Card,
    /// Time of the enqueueing.
    pub enqueued_at: Timestamp,
    /// Attempts made so far.
    pub attempts: u32,
    /// Whether to render plain text: the chat rejected the full layout.
    pub plain: bool,
    /// Way to post the delivery.
    pub mode: PostMode,
}

/// One delivery attempt, stored for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Start of the attempt.
    pub at: Timestamp,
    /// Duration.
    pub took: Duration,
    /// HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Response or error: at most 256 bytes, without control characters and URLs.
    pub response: String,
}

/// Outcome of a leased delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The chat accepted the message.
    Delivered,
    /// The chat accepted the message and returned its reference: later updates edit that message.
    Posted(MessageRef),
    /// The live message is not editable any more: post a new message immediately, with the newest status.
    Repost,
    /// Retry later.
    Retry {
        /// Earliest next attempt.
        not_before: Timestamp,
        /// Whether to render plain text from now on.
        plain: bool,
    },
    /// Dead letter, with the reason.
    Dead(String),
    /// Not sent (the worker stops, or the sink is paused): the delivery waits again, without counting an attempt.
    Released,
}

/// End of a lease: the delivery, its outcome, and the attempt, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleRequest {
    /// The delivery.
    pub id: DeliveryId,
    /// The outcome.
    pub settlement: Settlement,
    /// The attempt.
    pub attempt: Option<Attempt>,
}

/// Longest wait before a retry: a longer Retry-After is clamped to 300 s.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
