//! Schema of the config file: one struct per table, optional keys where a default exists. The values are validated in
//! `mod.rs`.

use super::sink_table::SinkTable;
use crate::{
    cards::TemplateLine,
    enrich::SourceConfig,
    model::{secret::SecretRef, time::HumanDuration},
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
    pub slack: Option<String>,
    /// E-mail address of a member in Slack.
    pub email: Option<String>,
    /// Object id of a user in the directory of a Teams app.
    pub teams: Option<String>,
    /// Sink whose app writes; default: the only one of the chat.
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
    /// PostgreSQL database that several daemons share.
    pub database: Option<DatabaseTable>,
}

/// The shared database.
#[derive(Debug, Deserialize)]
pub(super) struct DatabaseTable {
    /// URL, with the password.
    pub url: SecretRef,
    /// PEM file of the authority that issued the server's certificate.
    pub ca: Option<PathBuf>,
    /// Schema of the tables.
    pub schema: Option<String>,
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
