//! The config as it is written: one struct a table, every key optional where the design has a default. It only reads;
//! what the values mean is decided in `mod.rs`.

use crate::{
    cards::LineName,
    enrich::SourceConfig,
    model::{call::MomentKind, phone::Mask, secret::SecretRef, time::Span},
    route::{AnyOf, Rule},
};
use serde::{Deserialize, Deserializer};
use std::{collections::BTreeMap, path::PathBuf};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct File {
    /// `[connections.NAME]`
    pub connections: BTreeMap<String, ConnectionTable>,
    /// `[state]`
    pub state: StateTable,
    /// `[sinks.NAME]`
    pub sinks: BTreeMap<String, SinkTable>,
    /// `[operator]`
    pub operator: OperatorTable,
    /// `[journal]`
    pub journal: JournalTable,
    /// `[cards]`
    pub cards: CardsTable,
    /// `[hours.NAME]`: days with their hours, `time_zone`, `holidays`.
    pub hours: BTreeMap<String, BTreeMap<String, AnyOf<String>>>,
    /// `[[routes]]`
    pub routes: Vec<Rule>,
    /// `[[enrich]]`
    pub enrich: Vec<SourceConfig>,
}

/// One GoTo login.
#[derive(Debug, Deserialize)]
pub struct ConnectionTable {
    /// The OAuth client made at GoTo's developer portal.
    pub client_id: String,
    /// Its secret; a public client has none.
    pub client_secret: Option<SecretRef>,
    /// Accounts to subscribe to; empty: every account of the login.
    #[serde(default, deserialize_with = "list")]
    pub account_keys: Vec<String>,
    /// Must be registered on the client, letter by letter.
    pub redirect_uri: Option<String>,
    /// A first refresh token, instead of `poprelay login`.
    pub refresh_token: Option<SecretRef>,
    /// Live channels held at the same time.
    pub lanes: Option<u8>,
    /// Region of the account's numbers.
    pub region: Option<String>,
    /// Which calls with the outside are told.
    #[serde(default = "inbound", deserialize_with = "list")]
    pub directions: Vec<String>,
    /// Whether calls between colleagues are told.
    #[serde(default)]
    pub internal: bool,
    /// Whether mailboxes are looked into.
    #[serde(default)]
    pub voicemail: bool,
    /// Base of the REST API.
    pub api_url: Option<String>,
    /// Base of the OAuth server.
    pub auth_url: Option<String>,
}

/// Where the daemon keeps what must outlive it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StateTable {
    /// The directory.
    pub dir: Option<PathBuf>,
    /// What a committed card survives.
    pub durability: Option<DurabilityWord>,
    /// Whether calls are recorded, masked, for `poprelay replay`.
    #[serde(default)]
    pub record: bool,
    /// How long settled deliveries are kept.
    pub retention: Option<Span>,
}

/// `durability` in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DurabilityWord {
    /// Power loss.
    PowerLoss,
    /// A crash of the daemon, not of the machine.
    Crash,
}

/// One chat channel.
#[derive(Debug, Deserialize)]
pub struct SinkTable {
    /// `slack`, `teams` or `slack-app`.
    #[serde(rename = "type")]
    pub kind: SinkWord,
    /// The webhook's URL, a secret.
    pub url: Option<SecretRef>,
    /// A Slack app's bot token.
    pub token: Option<SecretRef>,
    /// Id of the channel that a Slack app posts to.
    pub channel: Option<String>,
    /// Base of Slack's Web API.
    pub api_url: Option<String>,
    /// Whether a Slack app also says outcomes in the thread of a call's message.
    pub thread: Option<bool>,
    /// How fast the chat takes messages.
    pub pace: Option<PaceWord>,
    /// Which moments besides the ring are told.
    pub outcomes: Option<Vec<MomentKind>>,
    /// When it is told what came in since the time before.
    pub recap: Option<RecapWord>,
    /// How much of callers' numbers the channel sees.
    #[serde(default)]
    pub mask: Mask,
}

/// `type` of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkWord {
    /// Slack incoming webhook or workflow trigger, told apart by the URL.
    Slack,
    /// Teams Workflows webhook.
    Teams,
    /// Slack's Web API, whose messages are edited.
    SlackApp,
}

/// `recap = "17:30"`, a list of times, or a table with the days beside them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum RecapWord {
    /// Every day.
    Daily(Times),
    /// On some days of the week.
    OnDays {
        /// The times.
        at: Times,
        /// As in `[hours.NAME]`; every day if left out.
        days: Option<Times>,
    },
}

/// One text or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// One.
    One(String),
    /// More.
    Many(Vec<String>),
}

impl Times {
    /// All.
    pub fn words(&self) -> &[String] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Many(words) => words,
        }
    }
}

/// `pace = { per_second = 1, burst = 4 }` or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum PaceWord {
    /// A rate.
    Rate {
        /// Messages a second.
        #[serde(default = "one")]
        per_second: f64,
        /// Messages at once after a silence.
        #[serde(default = "four")]
        burst: u32,
    },
    /// A word.
    Word(Off),
}

/// The one word a pace can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Off {
    /// The sink takes all it gets.
    Off,
}

const fn one() -> f64 {
    1.0
}

const fn four() -> u32 {
    4
}

/// Where the daemon tells its own troubles.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OperatorTable {
    /// A sink's name.
    pub sink: Option<String>,
}

/// What the journal says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct JournalTable {
    /// As `--log`, which goes before it.
    pub level: Option<String>,
}

/// How cards are written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CardsTable {
    /// IANA name of the zone in which times are written.
    pub time_zone: Option<String>,
    /// How long a card waits for all its look-ups together.
    pub deadline: Option<Span>,
    /// Labels of the facts that are shown, in their order.
    #[serde(deserialize_with = "some_list")]
    pub facts: Option<Vec<String>>,
    /// Whether a card says which source knows the caller.
    pub why: Option<bool>,
    /// `[cards.lines]`
    pub lines: LinesTable,
}

/// The operator's own words for lines of a call's card: templates.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LinesTable {
    /// State and caller.
    pub title: Option<String>,
    /// Why it is urgent.
    pub alert: Option<String>,
    /// Company and number.
    pub caller: Option<String>,
    /// What happens to the call.
    pub state: Option<String>,
    /// Which of our numbers and queues.
    pub called: Option<String>,
    /// When the call began.
    pub began: Option<String>,
}

impl LinesTable {
    /// The lines that have a template.
    pub fn given(&self) -> impl Iterator<Item = (LineName, &str)> {
        let lines = [
            (LineName::Title, &self.title),
            (LineName::Alert, &self.alert),
            (LineName::Caller, &self.caller),
            (LineName::State, &self.state),
            (LineName::Called, &self.called),
            (LineName::Began, &self.began),
        ];
        lines.into_iter().filter_map(|(name, template)| template.as_deref().map(|template| (name, template)))
    }
}

fn some_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    list(deserializer).map(Some)
}

fn inbound() -> Vec<String> {
    vec!["inbound".to_owned()]
}

/// A list, or one text with commas: the environment can only say the latter.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Many(Vec<String>),
        One(String),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::Many(words) => words,
        Words::One(text) => text.split(',').map(|w| w.trim().to_owned()).filter(|w| !w.is_empty()).collect(),
    })
}
