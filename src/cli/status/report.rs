//! The data of `poprelay status`: the daemon's status file, the outbox and the token files. Renders them as text and as JSON.

mod words;

use crate::cli::{
    CliError,
    outbox::{admin_error, shared_database},
};
use crate::{
    config::{self, Config, ConnectionConfig},
    daemon::{
        health::stored::{StoredConnection, StoredStatus},
        system::state_dir,
    },
    goto::{
        scopes,
        token_file::{self, StoredToken},
    },
    model::{ids::ConnectionName, time::Timestamp},
    outbox::{self, AdminError, Overview, SinkStats},
    runtime::{
        http::root_cause,
        metrics::{LatencySummary, summarize},
        text::printable_start,
    },
};
use anyhow::anyhow;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{io, path::Path, time::Duration};
use words::{describe_troubles, describe_unread_config, format_age};

/// A connection without a live lane for this long is down; the daemon logs "connection down" after the same 2 minutes.
const DOWN_AFTER: Duration = Duration::from_secs(120);

/// State read from the state directory.
pub(super) struct StatusReport {
    running: bool,
    /// Status of the running daemon; `None` if it does not run or makes no progress.
    daemon: Option<StoredStatus>,
    logins: Vec<ConnectionState>,
    sinks: Vec<SinkReport>,
    /// Reason for which the shared database cannot be read: the sinks are then those of this machine's file.
    shared_problem: Option<String>,
    /// First problem of a config on disk that the daemon has not read yet.
    unread_config_error: Option<String>,
}

/// State of one sink.
struct SinkReport {
    name: String,
    stats: SinkStats,
    /// Times from call to card in the last day.
    latency: Option<LatencySummary>,
    disabled: bool,
    /// Whether presses of its buttons are received, in words.
    buttons: Option<String>,
}

/// State of one connection.
struct ConnectionState {
    name: String,
    /// Last heartbeat, by the local clock.
    last_live: Option<Timestamp>,
    /// Where its login comes from.
    login: LoginSource,
    /// Stored token, or the reason why it is not usable.
    token: Result<StoredToken, String>,
    /// Missing scopes of the stored token, with their losses; empty if all are granted or none is known.
    missing_scopes: String,
    /// Lanes, as the daemon last stored them.
    lanes: Option<StoredConnection>,
}

/// Source of a connection's login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoginSource {
    /// The token file.
    Stored,
    /// A personal access token, which is not stored.
    Pat,
    /// The token of the config; GoTo has given no other one yet, and nothing is stored.
    ConfigToken,
    /// Unknown: the config cannot be loaded, and no token is stored.
    Unknown,
}

impl StatusReport {
    /// Reads the state of the config's state directory.
    ///
    /// # Errors
    /// 77 without permission, 78 for a state directory that is none, 74 or 65 for an outbox that cannot be read.
    pub(super) fn read(config: &Config) -> Result<Self, CliError> {
        Self::read_dir(&config.state_dir, Some(config))
    }

    /// Reads the state of a directory whose config cannot be loaded, for the reason `error`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn read_without_config(dir: &Path, error: &str) -> Result<Self, CliError> {
        let report = Self::read_dir(dir, None)?;
        let is_read = report.daemon.as_ref().is_some_and(|stored| stored.config_error.is_some());
        Ok(Self { unread_config_error: (!is_read).then(|| error.to_owned()), ..report })
    }

    /// Returns whether a daemon runs with the state directory.
    pub(super) const fn is_running(&self) -> bool {
        self.running
    }

    fn read_dir(dir: &Path, config: Option<&Config>) -> Result<Self, CliError> {
        let running = state_dir::is_locked(dir).map_err(|error| unreadable(dir, &error))?;
        let stored = StoredStatus::read(dir);
        let daemon = stored.clone().filter(|stored| running && stored.is_fresh(Timestamp::now()));
        let shared = config.and_then(shared_database);
        let (shared, shared_problem) = match shared.map(|database| outbox::overview(&database)) {
            Some(Ok(overview)) => (Some(overview), None),
            // The cards of this machine are in its file then.
            Some(Err(error)) => (None, Some(root_cause(&error).to_string())),
            None => (None, None),
        };
        let overview = match shared.map_or_else(|| outbox::overview(dir), Ok) {
            Ok(overview) => overview,
            // No error: before the first start there is no outbox.
            Err(AdminError::Missing(_)) => Overview::default(),
            Err(error) => return Err(admin_error(error)),
        };
        let login = |name: &ConnectionName, connection: Option<&ConnectionConfig>| {
            let lanes = daemon.as_ref().and_then(|stored| stored.connections.get(name.as_str())).cloned();
            let offset = SignedDuration::from_millis(lanes.as_ref().map_or(0, |lanes| lanes.clock_offset_ms));
            let to_local = |goto_time: Timestamp| goto_time.checked_sub(offset).unwrap_or(goto_time);
            let token = token_file::read(&config::token_file(dir, name));
            let is_missing = matches!(token, Err(token_file::Error::Missing));
            let token = token.map_err(|error| error.to_string());
            let granted = token.as_ref().ok().and_then(|token| token.scope.as_deref());
            let needed = connection.map(|it| scopes::needed(it.voicemail, it.number_names)).unwrap_or_default();
            ConnectionState {
                name: name.to_string(),
                last_live: overview.last_heartbeats.get(name.as_str()).copied().map(to_local),
                login: LoginSource::of(connection, is_missing),
                missing_scopes: scopes::describe(&scopes::missing(&needed, granted)),
                token,
                lanes,
            }
        };
        let logins = match config {
            Some(config) => config.connections.iter().map(|it| login(&it.name, Some(it))).collect(),
            None => {
                let names = daemon.iter().flat_map(|stored| stored.connections.keys());
                names.filter_map(|name| Some(login(&ConnectionName::try_from(name.as_str()).ok()?, None))).collect()
            }
        };
        let mut sinks = overview.sinks;
        // A person without cards is no news.
        for sink in config.iter().flat_map(|config| &config.sinks).filter(|sink| !sink.person) {
            sinks.entry(sink.name.to_string()).or_default();
        }
        let latency = |name: &str| summarize(stored.as_ref()?.latency.get(name)?);
        let disabled = |name: &str| daemon.as_ref().is_some_and(|stored| stored.disabled.iter().any(|one| one == name));
        let sink = |(name, stats): (String, SinkStats)| {
            let (latency, disabled) = (latency(&name), disabled(&name));
            let buttons = daemon.as_ref().and_then(|stored| stored.buttons.get(&name).cloned());
            SinkReport { name, stats, latency, disabled, buttons }
        };
        let sinks = sinks.into_iter().map(sink).collect();
        Ok(Self { running, daemon, logins, sinks, shared_problem, unread_config_error: None })
    }

    /// Returns the reasons for which the daemon is not ready: not running, no progress, or the problems of its status.
    ///
    /// # Errors
    /// The reasons, on one line.
    pub(super) fn readiness(&self, now: Timestamp) -> Result<(), String> {
        match &self.daemon {
            None => Err(self.problem(now).unwrap_or_else(|| "the daemon is starting, or makes no progress".to_owned())),
            Some(stored) if stored.problems.is_empty() => Ok(()),
            Some(stored) => Err(stored.problems.join("; ")),
        }
    }

    /// Returns the reason for which no calls are received, if any.
    pub(super) fn problem(&self, now: Timestamp) -> Option<String> {
        if !self.running {
            return Some("no daemon runs with this state directory; run systemctl start poprelay".to_owned());
        }
        let down = self.logins.iter().find(|login| login.is_down(now))?;
        Some(format!("connection {} is down; see journalctl -u poprelay -p warning", down.name))
    }

    pub(super) fn text(&self, now: Timestamp) -> String {
        let mut text = format!("daemon  {}\n", self.describe_daemon(now));
        let name = |name: &str| printable_start(name, 40);
        for login in &self.logins {
            text.push_str(&format!("login   {}: {}\n", name(&login.name), login.describe(now)));
            if let Some(reason) = login.reason() {
                text.push_str(&format!("reason  {}: {reason}\n", name(&login.name)));
            }
        }
        for sink in &self.sinks {
            text.push_str(&format!("sink    {}: {}\n", name(&sink.name), sink.describe(now)));
        }
        if let Some(problem) = &self.shared_problem {
            text.push_str(&format!("store   {problem}\n"));
        }
        if let Some(stored) = self.daemon.as_ref().filter(|stored| !stored.hosts.is_empty()) {
            text.push_str(&format!("hosts   {}\n", stored.hosts.join(", ")));
        }
        for (sink, owner) in self.daemon.iter().flat_map(|stored| &stored.owners) {
            text.push_str(&format!("owner   {}: {owner}\n", name(sink)));
        }
        for line in self.daemon.iter().flat_map(describe_troubles) {
            text.push_str(&line);
        }
        text.push_str(&self.unread_config_error.as_deref().map(describe_unread_config).unwrap_or_default());
        text
    }

    fn describe_daemon(&self, now: Timestamp) -> String {
        match &self.daemon {
            Some(stored) => format!("running, version {}, started {}", stored.version, format_age(stored.started, now)),
            None if self.running => "running".to_owned(),
            None => "not running".to_owned(),
        }
    }

    pub(super) fn json(&self, now: Timestamp) -> Value {
        let logins = self.logins.iter().map(|login| {
            json!({
                "name": login.name,
                "last_live_at": login.last_live,
                "token_issued": login.token.as_ref().ok().map(|token| token.issued),
                "token_problem": login.token.as_ref().err().filter(|_| login.login == LoginSource::Stored),
                "missing_scopes": login.missing_scopes,
                "lanes": login.lanes.as_ref().map(|it| it.lanes),
                "live": login.lanes.as_ref().map(|it| it.live),
                "rest_fallback": login.lanes.as_ref().map(|it| it.fallback),
                "reason": login.lanes.as_ref().and_then(|it| it.reason.as_ref()),
                "advice": login.lanes.as_ref().and_then(|it| it.advice.as_ref()),
            })
        });
        let sinks = self.sinks.iter().map(|SinkReport { name, stats, latency, disabled, buttons }| {
            json!({
                "name": name,
                "disabled": disabled,
                "buttons": buttons,
                "call_to_card_seconds": latency,
                "waiting": stats.waiting,
                "oldest": stats.oldest_enqueued,
                "dead": stats.dead,
                "last_delivered": stats.last_delivered,
                "last_answer": stats.last_response,
            })
        });
        json!({
            "running": self.running,
            "ready": self.readiness(now).is_ok(),
            "version": self.daemon.as_ref().map(|stored| &stored.version),
            "started": self.daemon.as_ref().map(|stored| stored.started),
            "store_in_memory": self.daemon.as_ref().map(|stored| stored.store_in_memory),
            "hosts": self.daemon.as_ref().map(|stored| &stored.hosts),
            "owners": self.daemon.as_ref().map(|stored| &stored.owners),
            "store_away": self.daemon.as_ref().and_then(|stored| stored.store_away.as_ref()),
            "config_error": self.daemon.as_ref().and_then(|stored| stored.config_error.as_ref()).or(self.unread_config_error.as_ref()),
            "restart_keys": self.daemon.as_ref().map(|stored| &stored.restart_keys),
            "logins": logins.collect::<Vec<_>>(),
            "sinks": sinks.collect::<Vec<_>>(),
        })
    }
}

impl LoginSource {
    const fn of(connection: Option<&ConnectionConfig>, is_missing: bool) -> Self {
        match connection {
            Some(connection) if connection.pat.is_some() => Self::Pat,
            Some(connection) if is_missing && connection.refresh_token.is_some() => Self::ConfigToken,
            None if is_missing => Self::Unknown,
            Some(_) | None => Self::Stored,
        }
    }
}

/// Creates the error for a state directory that cannot be read. Another user helps only without permission.
fn unreadable(dir: &Path, error: &io::Error) -> CliError {
    let dir = dir.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            CliError::permission(anyhow!("{dir}: {error}; run the command as root or as the daemon's user"))
        }
        io::ErrorKind::NotADirectory => CliError::config(anyhow!("state.dir: {dir} is not a directory")),
        _ => CliError::unavailable(anyhow!("state directory {dir} cannot be read: {error}")),
    }
}
