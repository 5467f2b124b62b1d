//! Finds, reads and validates the config file. All problems of a file are reported together, each with its line and
//! key; invalid values are never replaced by guesses. Environment variables can set any key:
//! `POPRELAY__CONNECTIONS__MAIN__CLIENT_ID`.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod cards;
mod chat_options;
mod connection;
mod database;
mod diagnostics;
mod direction_filter;
mod expected;
mod holiday_file;
mod keys;
mod metrics;
mod network;
mod parse;
mod people;
mod permissions;
mod routes;
mod schema;
mod secrets;
mod sink;
mod sink_table;
mod state_dir;
mod suggestion;
mod teams_app;
mod urls;

pub use connection::{ConnectionConfig, token_file};
pub use database::{DEFAULT_SCHEMA, DatabaseConfig};
pub use diagnostics::{ConfigError, Diagnostic};
pub use direction_filter::DirectionFilter;
pub use holiday_file::read as read_holiday_file;
pub use keys::known_keys;
pub use metrics::MetricsListen;
pub use sink::SinkConfig;
pub use state_dir::of_any_config as state_dir_of_any_config;

use crate::{
    cards::RenderOptions,
    deliver::slack_setup::AppFeatures,
    enrich::SourceConfig,
    model::{ids::SinkName, phone::E164},
    route::Routes,
    runtime::{http::HttpSettings, log_filter},
};
use parse::parse;
use schema::{DurabilityValue, File};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Shortest retention. A delivery that is stored keeps a card from being posted again after an event gap.
const MIN_RETENTION: Duration = Duration::from_secs(3_600);

/// A validated config.
#[derive(Debug)]
pub struct Config {
    /// Path of the file.
    pub path: PathBuf,
    /// Folder of `{ credential = … }`: `$CREDENTIALS_DIRECTORY`, outside systemd the config's folder. Commands typed
    /// by root then find the files that the unit's LoadCredential= takes from there.
    pub credentials: PathBuf,
    /// GoTo connections; at least one.
    pub connections: Vec<ConnectionConfig>,
    /// State directory.
    pub state_dir: PathBuf,
    /// Whether a committed card survives power loss, not only a crash of the daemon.
    pub power_loss_safe: bool,
    /// Whether calls are recorded, pseudonymized, for `poprelay replay`.
    pub record: bool,
    /// Retention of settled deliveries.
    pub retention: Duration,
    /// PostgreSQL database shared with other daemons; `None`: the outbox is a file of this one.
    pub database: Option<DatabaseConfig>,
    /// Sinks; at least one.
    pub sinks: Vec<SinkConfig>,
    /// The way to the network: proxy and private certificate authority.
    pub http: HttpSettings,
    /// Sinks of direct messages by extension or line; these sinks are also in `sinks`.
    pub people: BTreeMap<String, SinkName>,
    /// Sink of the alerts.
    pub operator: Option<SinkName>,
    /// Address of the metrics listener; `None`: no listener.
    pub metrics_listen: Option<MetricsListen>,
    /// SHA-256 of the file, the first 12 hex digits.
    pub hash: String,
    /// Log level or filter, overridden by the command line.
    pub journal: String,
    /// Render options, where a sink has none.
    pub style: RenderOptions,
    /// Common deadline of a card's look-ups.
    pub deadline: Duration,
    /// Names of the account's numbers.
    pub numbers: HashMap<E164, String>,
    /// Routing rules.
    pub routes: Routes,
    /// Look-up sources, in order of precedence.
    pub enrich: Vec<SourceConfig>,
    /// Warnings: valid values that deserve attention.
    pub warnings: Vec<Diagnostic>,
}

impl Config {
    /// Creates a diagnostic found while using the config, with its line if the file is unchanged.
    #[must_use]
    pub fn diagnostic(&self, key: &str, text: String) -> Diagnostic {
        let source = fs::read_to_string(&self.path).unwrap_or_default();
        Diagnostic::at(&source, key.replace('[', ".").replace(']', ""), text)
    }
}

/// Returns the path used without `--config`: in `$CONFIGURATION_DIRECTORY` (systemd), else in `/etc/poprelay`.
#[must_use]
pub fn default_path() -> PathBuf {
    env::var_os("CONFIGURATION_DIRECTORY")
        .map_or_else(|| PathBuf::from("/etc/poprelay"), PathBuf::from)
        .join("config.toml")
}

/// Reads and validates a config file.
///
/// # Errors
/// [`ConfigError`]: every problem with line and key.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let source = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        hint: match source.kind() {
            std::io::ErrorKind::NotFound => " (start from config.example.toml, or name another file with --config)",
            std::io::ErrorKind::PermissionDenied => " (let the daemon's user read it: mode 0640, its group)",
            std::io::ErrorKind::InvalidData => " (the file is not UTF-8 text)",
            std::io::ErrorKind::IsADirectory => " (name the file with --config)",
            _ => "",
        },
        source,
    })?;
    let invalid = |problems| ConfigError::Invalid { path: path.to_owned(), problems };
    if permissions::allows_others(path, permissions::OTHERS_WRITE) {
        let text = format!("all users can write the file. Run: chmod o-w {}", path.display());
        return Err(invalid(vec![Diagnostic { key: String::new(), line: None, text }]));
    }
    let file = parse(&source).map_err(invalid)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map_or_else(|| folder.to_owned(), PathBuf::from);
    let owner_warning = permissions::foreign_owner(path).map(|user| Diagnostic {
        key: String::new(),
        line: None,
        text: format!("user {user} owns the file and can change it. Run: chown root {}", path.display()),
    });
    let warnings = owner_warning.into_iter().collect();
    let is_exposed = permissions::allows_others(path, permissions::OTHERS_READ);
    let mut validator = Validator {
        source: &source,
        credentials,
        is_exposed,
        exposed_keys: Vec::new(),
        problems: Vec::new(),
        warnings,
    };
    let config = validator.validate(path, file);
    match config {
        Some(config) if validator.problems.is_empty() => Ok(config),
        _ => Err(invalid(validator.problems)),
    }
}

/// Returns the features of a Slack app that the file uses. Secrets are not read: the app must exist before its tokens. An
/// unreadable file uses nothing.
#[must_use]
pub fn app_features(path: &Path) -> AppFeatures {
    let file = fs::read_to_string(path).ok().and_then(|source| parse(&source).ok());
    file.map_or_else(AppFeatures::default, |file| AppFeatures {
        buttons: file.sinks.values().any(|sink| sink.app_token.is_some()),
        direct_messages: file.people.values().any(|person| person.teams.is_none()),
        emails: file.people.values().any(|person| person.email.is_some()),
    })
}

/// Returns the start of a file's SHA-256: enough to distinguish two configs.
fn hash(source: &str) -> String {
    Sha256::digest(source).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Validation of one file: collects problems and warnings.
struct Validator<'a> {
    source: &'a str,
    credentials: PathBuf,
    /// Whether all users can read the file.
    is_exposed: bool,
    /// Keys of the file whose value is a secret.
    exposed_keys: Vec<String>,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Validator<'_> {
    fn validate(&mut self, path: &Path, file: File) -> Option<Config> {
        // A sink with a problem of its own has a name: what names it is right.
        let names: Vec<SinkName> =
            file.sinks.keys().filter_map(|name| SinkName::try_from(name.as_str()).ok()).collect();
        let connections: Vec<_> =
            file.connections.into_iter().filter_map(|(name, table)| self.connection(&name, table)).collect();
        let mut sinks: Vec<_> = file.sinks.into_iter().filter_map(|(name, table)| self.sink(&name, table)).collect();
        let is_valid = self.problems.is_empty();
        if is_valid && connections.is_empty() {
            self.error("connections", "no GoTo connection: add a [connections.main] table with its client_id");
        }
        if is_valid && sinks.is_empty() {
            self.error("sinks", "no sink: add a [sinks.NAME] table with type and url");
        }
        self.check_recap_history(&sinks, &file.enrich);
        let operator = file.operator.sink.and_then(|name| self.operator(&name, &names));
        let journal = file.journal.level.unwrap_or_else(|| "info".to_owned());
        if log_filter::parse(&journal).is_err() {
            self.error(
                "journal.level",
                "expected error, warn, info, debug, or a filter such as info,poprelay::goto=debug",
            );
        }
        let metrics_listen = self.metrics_listen(file.metrics.listen.as_deref());
        let http = self.network(file.network);
        let numbers = file.numbers.into_iter().filter_map(|(number, name)| self.number_name(&number, &name)).collect();
        let style = self.style(&file.cards);
        if file.state.retention.is_some_and(|span| span.0 < MIN_RETENTION) {
            self.error(
                "state.retention",
                "expected at least \"1h\": stored deliveries prevent a second post of a card",
            );
        }
        let state_dir = file.state.dir.or_else(state_dir::default);
        if state_dir.is_none() {
            self.error("state.dir", "missing, and neither $STATE_DIRECTORY nor $HOME is set");
        }
        for (at, source) in file.enrich.iter().enumerate() {
            let headers = source.headers.iter().map(|(name, value)| (format!("headers.{name}"), value));
            let token = source.token.iter().map(|token| ("token".to_owned(), token));
            headers.chain(token).for_each(|(key, secret)| self.note_inline(&format!("enrich.{at}.{key}"), secret));
        }
        let database = file.state.database.and_then(|table| self.database(table));
        self.warn_exposed(path);
        let has_people = !file.people.is_empty();
        // Without its sink a person would be a second problem of the same mistake.
        let people = if is_valid { self.people(file.people, &mut sinks) } else { BTreeMap::new() };
        let zone = style.as_ref().map_or(jiff::tz::TimeZone::UTC, |style| style.time_zone.clone());
        let routes = self.routes(file.routes, names, has_people, &file.hours, zone);
        self.check_mentions(&routes, &sinks);
        Some(Config {
            numbers,
            path: path.to_owned(),
            credentials: self.credentials.clone(),
            connections,
            state_dir: state_dir?,
            power_loss_safe: file.state.durability != Some(DurabilityValue::Crash),
            record: file.state.record,
            retention: file.state.retention.map_or(Duration::from_secs(30 * 86_400), |span| span.0),
            database,
            sinks,
            http,
            people,
            operator,
            metrics_listen,
            hash: hash(self.source),
            journal,
            style: style?,
            deadline: file.cards.deadline.map_or(Duration::from_millis(800), |span| span.0),
            routes,
            enrich: file.enrich,
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    /// Finds the sink of the alerts.
    fn operator(&mut self, name: &str, names: &[SinkName]) -> Option<SinkName> {
        let sink = names.iter().find(|known| known.as_str() == name);
        if sink.is_none() {
            let known: Vec<&str> = names.iter().map(SinkName::as_str).collect();
            let text = match suggestion::nearest(known.iter().copied(), name) {
                Some(nearest) => format!("no sink has this name; did you mean \"{nearest}\"?"),
                None if known.is_empty() => "no sink has this name".to_owned(),
                None => format!("no sink has this name, expected one of {}", known.join(", ")),
            };
            self.error("operator.sink", text);
        }
        sink.cloned()
    }

    fn error(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.problems.push(Diagnostic::at(self.source, key, text));
    }
}

#[cfg(test)]
mod tests;
