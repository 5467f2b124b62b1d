//! Cards: the content of a delivery, independent of any chat. The outbox stores cards; `cards` renders them for a sink.

mod summary;

pub use summary::{CardLatency, GapSummary, PendingCallback, Recap};

use super::{
    call::{CallDirection, CallStatus, CallUpdate, ReturnKind, RingStage, StatusKind},
    claim::{Claim, ClaimReminder, Claims},
    mention::{SlackMention, TeamsMention},
    phone::Mask,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Content of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "card")]
pub enum Card {
    /// A call update with the caller info.
    Call(Box<CallCard>),
    /// Calls of an event gap.
    GapSummary(GapSummary),
    /// Daily digest of a sink.
    Recap(Recap),
    /// A daemon problem, for the operator.
    Alert(Alert),
}

impl Card {
    /// Returns whether the card has a mention for Slack or Teams.
    #[must_use]
    pub fn has_mentions(&self) -> bool {
        let Self::Call(card) = self else { return false };
        !(card.options.slack_mentions.is_empty() && card.options.teams_mentions.is_empty())
    }

    /// Returns the card without its mentions.
    #[must_use]
    pub fn without_mentions(&self) -> Self {
        let mut card = self.clone();
        if let Self::Call(card) = &mut card {
            card.options.slack_mentions.clear();
            card.options.teams_mentions.clear();
        }
        card
    }
}

/// A call update with the caller info of the look-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCard {
    /// The call update.
    pub update: CallUpdate,
    /// Results of the look-up.
    #[serde(default)]
    pub caller_info: CallerInfo,
    /// Card options of the route.
    #[serde(default)]
    pub options: CardOptions,
    /// Reason for which the card goes to its sink; `None` for cards of an earlier version.
    #[serde(default)]
    pub routed: Option<RouteDecision>,
    /// Claims of the missed call. Only the outbox changes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// The reminder of a claim, if the card is one: a reply to the message of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder: Option<ClaimReminder>,
}

impl CallCard {
    /// Creates a card with default options and without a route decision.
    #[must_use]
    pub fn new(update: CallUpdate, found: CallerInfo) -> Self {
        let options = CardOptions::default();
        Self { update, caller_info: found, options, routed: None, claims: None, reminder: None }
    }

    /// Returns the claim in force.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claims.as_ref()?.current.as_ref()
    }

    /// Returns the reminder of the claim in force, found due at `at`. The reminder mentions the claimant only.
    #[must_use]
    pub fn to_reminder(&self, at: Timestamp) -> Option<Self> {
        let reminder = ClaimReminder { claim: self.claim()?.clone(), at };
        let options = CardOptions { mask: self.options.mask, compact: true, ..CardOptions::default() };
        Some(Self { options, claims: None, reminder: Some(reminder), ..self.clone() })
    }

    /// Returns whether the caller was missed and not reached since: a person of the team should call back.
    #[must_use]
    pub fn needs_callback(&self) -> bool {
        let CallUpdate { call, status, .. } = &self.update;
        let is_missed = matches!(status, CallStatus::Missed { .. } | CallStatus::Voicemail { .. });
        let is_reached = call.course.callback.as_ref().is_some_and(|callback| callback.call.kind != ReturnKind::Tried);
        is_missed && !is_reached && call.direction == CallDirection::Inbound
    }
}

/// Card options of a route, in addition to those of the sink.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CardOptions {
    /// Mask of phone numbers; overrides the sink's mask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
    /// Mentions in Slack.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slack_mentions: Vec<SlackMention>,
    /// Mentions in Teams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams_mentions: Vec<TeamsMention>,
    /// Whether to render the title and one line only.
    pub compact: bool,
    /// Stage of a call at which its ring is posted; overrides the sink's `ring_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_at: Option<RingStage>,
    /// Whether a call that never left the menu is posted; overrides the sink's `menu_only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu_only: Option<bool>,
}

/// Route decision: time and reason for which a card was routed to its sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteDecision {
    /// Time of the decision: schedules were evaluated at this time.
    pub at: Timestamp,
    /// Reason of the decision.
    pub by: RouteReason,
}

/// Reason for which a card is routed to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteReason {
    /// A rule, by its position (from 1) in the config at that time.
    Rule(usize),
    /// The config has no rules: every card goes to every sink.
    NoRules,
    /// An earlier update of the call went to the sink.
    PreviousSink,
}

/// Caller info: the facts of the sources about a caller.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallerInfo {
    /// Matching contacts.
    pub matched: Match,
    /// Earlier calls of the caller.
    pub history: Option<CallerHistory>,
    /// Names of the sources that failed or timed out: the card is marked as possibly incomplete.
    pub failed_sources: Vec<String>,
}

/// Result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "match")]
pub enum Match {
    /// No look-up: no sources, or a number that cannot be looked up.
    #[default]
    NotLookedUp,
    /// Sources were queried, none has the number.
    NoMatch,
    /// Exactly one contact.
    One {
        /// The merged contact.
        contact: Box<Contact>,
    },
    /// Several contacts: all are listed, none is chosen.
    Several {
        /// The matching contacts.
        contacts: Vec<Contact>,
    },
}

/// A person or company in a source. All text is untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// Name of the person.
    pub name: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// Customer tier.
    pub tier: Option<String>,
    /// Responsible colleague.
    pub owner: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// `https:` link to the record.
    pub link: Option<String>,
    /// Other fields, in the order of the config.
    pub facts: Vec<Fact>,
    /// Config name of the source.
    pub source: String,
}

/// A labeled field of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Label ("Open tickets").
    pub label: String,
    /// Value.
    pub value: String,
    /// Config name of the source.
    pub source: String,
}

/// Earlier calls of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallerHistory {
    /// The previous call.
    pub last_call: Option<PastCall>,
    /// Calls in the last 7 days, without this one.
    pub calls_in_week: u32,
    /// Calls in the last 30 days, without this one.
    pub calls_in_month: u32,
    /// Missed calls since the last call with the caller that was answered.
    pub missed_since: u32,
    /// Whether the caller was missed or called minutes ago: the card is highlighted.
    pub urgent: bool,
    /// Count of back-to-back calls; `None` for a single call.
    pub repeat_calls: Option<RepeatCalls>,
}

/// Back-to-back calls of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatCalls {
    /// Position of this call among those in `within`, from 2.
    pub nth: u32,
    /// The config's `calls_within` of the history.
    pub within: Duration,
}

/// An earlier call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastCall {
    /// Start of the call.
    pub at: Timestamp,
    /// Final status of the call.
    pub outcome: StatusKind,
    /// Name of the colleague who answered, if any.
    pub answered_by: Option<String>,
}

/// Alert: a daemon problem, posted to the operator's sink and logged to the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The problem, one sentence.
    pub title: String,
    /// The remedy, one or two sentences.
    pub advice: String,
    /// Whether the problem is resolved (firing otherwise).
    pub resolved: bool,
}

impl Card {
    /// Returns the time of the event on the card; `None` for an alert, which has no event time.
    #[must_use]
    pub fn occurred_at(&self) -> Option<Timestamp> {
        match self {
            Self::Call(card) => Some(card.reminder.as_ref().map_or(card.update.at, |reminder| reminder.at)),
            Self::GapSummary(recap) => Some(recap.to),
            Self::Recap(recap) => Some(recap.to),
            Self::Alert(_) => None,
        }
    }
}

/// A ring card posted later than this shows its age (a phone rings some 20 to 30 s).
pub const LATE_AFTER: Duration = Duration::from_secs(30);
