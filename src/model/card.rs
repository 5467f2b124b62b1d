//! A card: what is said, before any chat's form of it. It is what the outbox stores; `cards` draws it when it is sent.

use super::{
    call::{MomentKind, Telling},
    ids::ConnectionName,
    mention::{Mention, TeamsMention},
    phone::{Mask, Number, Region},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What one delivery says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "card")]
pub enum Card {
    /// A moment of a call, with what is known of the caller.
    Call(Box<CallCard>),
    /// What came and went while nobody listened.
    Recap(Recap),
    /// What a sink heard of since its recap before.
    Shift(Shift),
    /// The daemon's own trouble, for the operator.
    Notice(Notice),
}

/// A moment of a call plus what enrichment found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCard {
    /// What happened.
    pub telling: Telling,
    /// Who it is, as far as the sources know.
    #[serde(default)]
    pub found: Findings,
    /// How the route wants it drawn.
    #[serde(default)]
    pub manner: Manner,
    /// Why it goes to its sink; `None` for cards of an earlier version.
    #[serde(default)]
    pub routed: Option<Routing>,
}

impl CallCard {
    /// A card that has told nothing yet, and of which nothing is asked but to say it.
    #[must_use]
    pub fn new(telling: Telling, found: Findings) -> Self {
        Self { telling, found, manner: Manner::default(), routed: None }
    }
}

/// How a route wants a card drawn, beside what its sink says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manner {
    /// How much of numbers is seen, in place of what the sink says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
    /// Who is mentioned in Slack.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mention: Vec<Mention>,
    /// Who is mentioned in Teams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<TeamsMention>,
    /// Title and one line alone.
    pub quiet: bool,
}

/// Why and when a card was routed to its sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// When it was decided: the moment that hours were looked up at.
    pub at: Timestamp,
    /// By what.
    pub by: RoutedBy,
}

/// What leads a card to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutedBy {
    /// The rule of this place in the config of that time, from 1.
    Rule(usize),
    /// There were no rules: everything goes to every sink.
    NoRules,
    /// An earlier moment of the call went there.
    Earlier,
}

/// What the sources know of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// Who it is.
    pub who: Match,
    /// What this daemon saw of the caller before.
    pub history: Option<History>,
    /// Sources that were too slow or failed, by name: the card says that it may be incomplete.
    pub silent: Vec<String>,
}

/// The honest results of a look-up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "match")]
pub enum Match {
    /// Nobody was asked: no sources, or no number that could be looked up.
    #[default]
    NotAsked,
    /// Sources were asked and nobody knows the number.
    Nobody,
    /// Exactly one.
    One {
        /// The merged contact.
        contact: Box<Contact>,
    },
    /// More than one: they are listed, none is chosen.
    Several {
        /// The candidates.
        contacts: Vec<Contact>,
    },
}

/// A person or company that a source knows. All text is untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// Name of the person.
    pub name: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// Customer tier.
    pub tier: Option<String>,
    /// Colleague in charge.
    pub owner: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// `https:` link to the record.
    pub link: Option<String>,
    /// Everything else, in the order of the config.
    pub facts: Vec<Fact>,
    /// Source that knows the contact, by its config name.
    pub source: String,
}

/// One thing that a source says of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is ("Open tickets").
    pub label: String,
    /// What it says.
    pub value: String,
    /// Source, by its config name.
    pub source: String,
}

/// What was seen of a caller before this call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// The call before this one.
    pub last: Option<PastCall>,
    /// Calls in the last 7 days, this one not counted.
    pub week: u32,
    /// Calls in the last 30 days, this one not counted.
    pub month: u32,
    /// Missed since somebody last talked to the caller.
    pub missed_since: u32,
    /// The caller was missed or called minutes ago: the card is marked.
    pub urgent: bool,
    /// The caller calls back to back; `None` for a call that stands alone.
    pub again: Option<Again>,
}

/// How often a caller calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// Which call in `within` this one is: 2 or more.
    pub nth: u32,
    /// The history's `calls_within`.
    pub within: Duration,
}

/// One call of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastCall {
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: MomentKind,
    /// Who took it, if somebody did.
    pub with: Option<String>,
}

/// What came and went in a blind window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recap {
    /// The login that was blind.
    pub connection: ConnectionName,
    /// Start of the window.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// The calls that ended in it, oldest first. Each is a telling of its last moment.
    pub calls: Vec<Telling>,
    /// How much of numbers is seen, in place of what the sink says: a rule's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

/// The calls from outside that a sink heard of in a shift, and who of the missed ones still waits to be called back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Shift {
    /// Start of the shift.
    pub from: Timestamp,
    /// Its end, when it is to be told.
    pub to: Timestamp,
    /// The daemon did not run at its end.
    pub late: bool,
    /// Calls of which something became known in it: answered, missed, or lost sight of.
    pub calls: u32,
    /// Those that somebody took.
    pub answered: u32,
    /// Those that nobody took.
    pub missed: u32,
    /// Those of the missed that left a message.
    pub voicemails: u32,
    /// Missed calls that show no number to call back.
    pub withheld: u32,
    /// The longest that a caller waited, until somebody took the call or nobody did.
    pub longest_wait: Option<Duration>,
    /// Who was missed and not called back, the last one first; as many as are listed.
    pub waiting: Vec<Waiting>,
    /// How many more there are than `waiting` lists.
    pub more: u32,
    /// How their numbers are read at home; `None`: as in the US.
    pub region: Option<Region>,
}

/// A caller who was missed and whom nobody has talked to or called since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The number.
    pub number: Number,
    /// Who it is, if a source knows exactly one. Untrusted text.
    #[serde(default)]
    pub name: Option<String>,
    /// How often the caller was missed in the shift.
    pub times: u32,
    /// When the last of these calls began.
    pub last: Timestamp,
    /// The caller left a message.
    #[serde(default)]
    pub voicemail: bool,
}

/// The daemon's own trouble, said to the operator in the chat as well as in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is, one sentence.
    pub title: String,
    /// What to do, one or two sentences.
    pub advice: String,
    /// Whether it is over again (a green notice after a red one).
    pub over: bool,
}

impl Card {
    /// When the thing it tells happened, `None` for a notice, which is told as of now.
    #[must_use]
    pub fn happened(&self) -> Option<Timestamp> {
        match self {
            Self::Call(card) => Some(card.telling.at),
            Self::Recap(recap) => Some(recap.to),
            Self::Shift(shift) => Some(shift.to),
            Self::Notice(_) => None,
        }
    }
}

/// A ring that could not be posted within this time says its age (a phone rings some 20 to 30 s).
pub const FRESH: Duration = Duration::from_secs(30);
