//! Schema of the config file: one struct per table, optional keys where a default exists. The values are validated in
//! `mod.rs`.

use crate::{
    cards::TemplateLine,
    deliver::{FlowShape, teams_bot::Cloud},
    enrich::SourceConfig,
    model::{
        call::{RingStage, StatusKind},
        delivery::SinkKind,
        phone::Mask,
        secret::SecretRef,
        time::HumanDuration,
    },
    route::{OneOrMany, Rule},
};
use serde::{Deserialize, Deserializer};
use std::{collections::BTreeMap, path::PathBuf};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    /// `[connections.NAME]`
    pub connections: BTreeMap<String, ConnectionTable>,
    /// `[state]`
    pub state: StateTable,
    /// `[sinks.NAME]`
    pub sinks: BTreeMap<String, SinkTable>,
    /// `[network]`
    pub network: NetworkTable,
    /// `[numbers]`: names of the account's numbers.
    pub numbers: BTreeMap<String, String>,
    /// `[people]`: chat users by extension or line.
    pub people: BTreeMap<String, PersonTable>,
    /// `[operator]`
    pub operator: OperatorTable,
    /// `[metrics]`
    pub metrics: MetricsTable,
    /// `[journal]`
    pub journal: JournalTable,
    /// `[cards]`
    pub cards: CardsTable,
    /// `[hours.NAME]`: days with their hours, `time_zone`, `holidays`.
    pub hours: BTreeMap<String, BTreeMap<String, OneOrMany<String>>>,
    /// `[[routes]]`
    pub routes: Vec<Rule>,
    /// `[[enrich]]`
    pub enrich: Vec<SourceConfig>,
}

/// A person who gets direct messages.
#[derive(Debug, Deserialize)]
pub(super) struct PersonTable {
    /// Member id in Slack.
    pub slack: String,
    /// Sink whose Slack app writes; default: the only one.
    pub sink: Option<String>,
}

/// One GoTo connection.
#[derive(Debug, Deserialize)]
pub(super) struct ConnectionTable {
    /// Id of the OAuth client from GoTo's developer portal.
    pub client_id: String,
    /// Secret of the OAuth client; a public client has none.
    pub client_secret: Option<SecretRef>,
    /// Accounts to subscribe to; empty: every account of the user.
    #[serde(default, deserialize_with = "list")]
    pub account_keys: Vec<String>,
    /// Redirect URI, registered on the client letter by letter.
    pub redirect_uri: Option<String>,
    /// A first refresh token, instead of `poprelay login`.
    pub refresh_token: Option<SecretRef>,
    /// A personal access token, instead of a login.
    pub pat: Option<SecretRef>,
    /// Number of lanes.
    pub lanes: Option<u8>,
    /// Region of the account's numbers.
    pub region: Option<String>,
    /// Directions reported: `inbound`, `outbound`.
    #[serde(default = "default_directions", deserialize_with = "list")]
    pub directions: Vec<String>,
    /// Whether calls between colleagues are reported.
    #[serde(default)]
    pub internal: bool,
    /// Whether mailboxes are queried.
    #[serde(default)]
    pub voicemail: bool,
    /// Whether the names of the account's numbers are fetched.
    #[serde(default)]
    pub number_names: bool,
    /// Base URL of the REST API.
    pub api_url: Option<String>,
    /// Base URL of the OAuth server.
    pub auth_url: Option<String>,
}

/// State directory, durability, recording, retention.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateTable {
    /// Path of the state directory.
    pub dir: Option<PathBuf>,
    /// Failures that a committed card survives.
    pub durability: Option<DurabilityValue>,
    /// Whether calls are recorded, pseudonymized, for `poprelay replay`.
    #[serde(default)]
    pub record: bool,
    /// Retention of settled deliveries.
    pub retention: Option<HumanDuration>,
}

/// Values of `durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DurabilityValue {
    /// Survives power loss.
    PowerLoss,
    /// Survives a crash of the daemon, not of the machine.
    Crash,
}

/// One sink: a chat channel.
#[derive(Debug, Deserialize)]
pub(super) struct SinkTable {
    /// Chat: a [`SinkKind`]. A workflow trigger of Slack has `slack` and is known by its URL.
    #[serde(rename = "type")]
    pub kind: SinkKind,
    /// The webhook's URL, a secret.
    pub url: Option<SecretRef>,
    /// A Slack app's bot token; the access token of other chats.
    pub token: Option<SecretRef>,
    /// A Slack app's app-level token: cards of missed calls get buttons.
    pub app_token: Option<SecretRef>,
    /// Channel id an app posts to.
    pub channel: Option<String>,
    /// Base URL of an app's API.
    pub api_url: Option<String>,
    /// Shape of the messages to a Teams flow.
    pub shape: Option<FlowShape>,
    /// Whether an app also replies outcomes in the message's thread.
    pub reply_in_thread: Option<bool>,
    /// Secret that signs the messages of a webhook; the client secret of a Teams app.
    pub secret: Option<SecretRef>,
    /// Headers of a webhook's requests: templates, or secrets.
    pub headers: Option<BTreeMap<String, SecretRef>>,
    /// Template of a webhook's body.
    pub body: Option<String>,
    /// Whether a webhook's requests have the headers of CloudEvents.
    pub cloud_events: Option<bool>,
    /// Tenant of a Teams app: id or domain of the directory.
    pub tenant: Option<String>,
    /// Application id of a Teams app.
    pub app_id: Option<String>,
    /// Cloud of the organization of a Teams app.
    pub cloud: Option<Cloud>,
    /// Base URL of the login of a Teams app.
    pub login_url: Option<String>,
    /// Rate limit of the chat.
    pub pace: Option<PaceValue>,
    /// Statuses posted besides `ringing`.
    pub outcomes: Option<Vec<StatusKind>>,
    /// How far a call has come when its ring is posted: `phone`, `queue` or `start`.
    #[serde(default)]
    pub ring_at: RingStage,
    /// Whether calls that never left the menu are posted.
    #[serde(default)]
    pub menu_only: bool,
    /// Recap times.
    pub recap: Option<RecapValue>,
    /// Masking of callers' numbers.
    #[serde(default)]
    pub mask: Mask,
}

/// `recap = "17:30"`, a list of times, or a table with times and days.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum RecapValue {
    /// Times of every day.
    Daily(TimeList),
    /// Times on some days of the week.
    OnDays {
        /// Times of day.
        at: TimeList,
        /// Days as in `[hours.NAME]`; every day if missing.
        days: Option<TimeList>,
        /// Whether the recap shows the times from call to card.
        #[serde(default)]
        latency: bool,
    },
}

/// One string or a list of strings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum TimeList {
    /// One string.
    One(String),
    /// A list of strings.
    Many(Vec<String>),
}

impl TimeList {
    /// Returns all strings.
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Many(words) => words,
        }
    }
}

/// `pace = { per_second = 1, burst = 4 }` or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum PaceValue {
    /// A rate limit.
    Rate {
        /// Messages per second.
        #[serde(default = "default_per_second")]
        per_second: f64,
        /// Messages in a burst after a pause.
        #[serde(default = "default_burst")]
        burst: u32,
    },
    /// A keyword.
    Keyword(Off),
}

/// The keyword of `pace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Off {
    /// No rate limit.
    Off,
}

const fn default_per_second() -> f64 {
    1.0
}

const fn default_burst() -> u32 {
    4
}

/// The way to the network.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NetworkTable {
    /// Proxy of https requests, as `http://user:password@host:port`.
    pub proxy: Option<SecretRef>,
    /// PEM file of a private certificate authority.
    pub ca: Option<PathBuf>,
}

/// Alerts to the operator.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OperatorTable {
    /// Name of a sink.
    pub sink: Option<String>,
}

/// Metrics.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MetricsTable {
    /// Address of the listener.
    pub listen: Option<String>,
}

/// Log output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JournalTable {
    /// Level or filter, overridden by `--log`.
    pub level: Option<String>,
}

/// Contents of the cards.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CardsTable {
    /// IANA name of the time zone of displayed times.
    pub time_zone: Option<String>,
    /// Common deadline of a card's look-ups.
    pub deadline: Option<HumanDuration>,
    /// Labels of the facts shown, in order.
    #[serde(deserialize_with = "optional_list")]
    pub facts: Option<Vec<String>>,
    /// Whether a card names the source of the caller's name.
    pub show_sources: Option<bool>,
    /// `[cards.lines]`
    pub lines: LinesTable,
}

/// Templates that replace lines of a call's card.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LinesTable {
    /// Status and caller.
    pub title: Option<String>,
    /// Reason of urgency.
    pub alert: Option<String>,
    /// Company and number.
    pub caller: Option<String>,
    /// State of the call.
    pub state: Option<String>,
    /// Account number and queues.
    pub dialed: Option<String>,
    /// Start of the call.
    pub started: Option<String>,
}

impl LinesTable {
    /// Returns the lines with a template.
    pub(super) fn given(&self) -> impl Iterator<Item = (TemplateLine, &str)> {
        let lines = [
            (TemplateLine::Title, &self.title),
            (TemplateLine::Alert, &self.alert),
            (TemplateLine::Caller, &self.caller),
            (TemplateLine::State, &self.state),
            (TemplateLine::Dialed, &self.dialed),
            (TemplateLine::Started, &self.started),
        ];
        lines.into_iter().filter_map(|(name, template)| template.as_deref().map(|template| (name, template)))
    }
}

fn optional_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    list(deserializer).map(Some)
}

fn default_directions() -> Vec<String> {
    vec!["inbound".to_owned()]
}

/// Deserializes a list, or one comma-separated string as set by the environment.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum StringOrList {
        Many(Vec<String>),
        One(String),
    }
    Ok(match StringOrList::deserialize(deserializer)? {
        StringOrList::Many(words) => words,
        StringOrList::One(text) => text.split(',').map(|w| w.trim().to_owned()).filter(|w| !w.is_empty()).collect(),
    })
}
