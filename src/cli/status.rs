//! `poprelay status`: prints the state of the daemon, its connections and its sinks from the state directory, with advice
//! for problems. The exit code serves monitoring.

use super::{CliError, CliResult, outbox::admin_error};
use crate::{
    config::{self, Config},
    daemon::system::state_dir,
    goto::{
        scopes,
        token::REFRESH_TOKEN_DAYS,
        token_file::{self, StoredToken},
    },
    model::time::{Timestamp, elapsed},
    outbox::{self, AdminError, Overview, SinkStats},
    runtime::text::printable_start,
};
use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use std::{io::Write, time::Duration};

/// A connection without a live lane for this long is down; the daemon logs "connection down" after the same 2 minutes.
const DOWN_AFTER: Duration = Duration::from_secs(120);

/// Arguments of `poprelay status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// State read from the state directory.
struct StatusReport {
    running: bool,
    logins: Vec<ConnectionState>,
    sinks: Vec<(String, SinkStats)>,
}

/// State of one connection.
struct ConnectionState {
    name: String,
    heard: Option<Timestamp>,
    /// Uses a personal access token, which is not stored.
    pat: bool,
    /// Stored token, or the reason why it is not usable.
    token: Result<StoredToken, String>,
    /// Missing scopes of the stored token, with their losses; empty if all are granted or none is known.
    missing_scopes: String,
}

/// Prints the state.
///
/// # Errors
/// 69 after the output if no daemon runs or a connection is down, 77 without permission, 74 if `out` cannot be written.
pub fn run(args: &StatusArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let report = read_state(config)?;
    let now = Timestamp::now();
    let text = if args.json { format!("{:#}\n", report.json()) } else { report.text(now) };
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| CliError::new(74, error))?;
    match report.problem(now) {
        Some(problem) => Err(CliError::unavailable(anyhow!(problem))),
        None => Ok(()),
    }
}

fn read_state(config: &Config) -> Result<StatusReport, CliError> {
    let dir = &config.state_dir;
    let running = state_dir::is_locked(dir).map_err(|error| {
        CliError::permission(anyhow!("{}: {error}; run the command as root or as the daemon's user", dir.display()))
    })?;
    let overview = match outbox::overview(dir) {
        Ok(overview) => overview,
        // No error: before the first start there is no outbox.
        Err(AdminError::Missing(_)) => Overview::default(),
        Err(error) => return Err(admin_error(error)),
    };
    let login = |connection: &config::ConnectionConfig| {
        let token = token_file::read(&config::token_file(dir, &connection.name)).map_err(|error| error.to_string());
        let granted = token.as_ref().ok().and_then(|kept| kept.scope.as_deref());
        ConnectionState {
            name: connection.name.to_string(),
            heard: overview.last_heartbeats.get(connection.name.as_str()).copied(),
            pat: connection.pat.is_some(),
            missing_scopes: scopes::describe(&scopes::missing(
                &scopes::needed(connection.voicemail, connection.number_names),
                granted,
            )),
            token,
        }
    };
    let logins = config.connections.iter().map(login).collect();
    let mut sinks = overview.sinks;
    for sink in &config.sinks {
        sinks.entry(sink.name.to_string()).or_default();
    }
    Ok(StatusReport { running, logins, sinks: sinks.into_iter().collect() })
}

impl StatusReport {
    fn problem(&self, now: Timestamp) -> Option<String> {
        if !self.running {
            return Some("no daemon runs with this state directory; run systemctl start poprelay".to_owned());
        }
        let down = self.logins.iter().find(|login| login.is_down(now))?;
        Some(format!("connection {} is down; see journalctl -u poprelay -p warning", down.name))
    }

    fn text(&self, now: Timestamp) -> String {
        let mut text = format!("daemon  {}\n", if self.running { "running" } else { "not running" });
        let name = |name: &str| printable_start(name, 40);
        for login in &self.logins {
            text.push_str(&format!("login   {}: {}\n", name(&login.name), login.describe(now)));
        }
        for (sink, standing) in &self.sinks {
            text.push_str(&format!("sink    {}: {}\n", name(sink), describe_sink(standing, now)));
        }
        text
    }

    fn json(&self) -> Value {
        let logins = self.logins.iter().map(|login| {
            json!({
                "name": login.name,
                "heard_up_to": login.heard,
                "token_issued": login.token.as_ref().ok().map(|kept| kept.issued),
                "token_problem": login.token.as_ref().err().filter(|_| !login.pat),
                "missing_scopes": login.missing_scopes,
            })
        });
        let sinks = self.sinks.iter().map(|(name, standing)| {
            json!({
                "name": name,
                "waiting": standing.waiting,
                "oldest": standing.oldest_enqueued,
                "dead": standing.dead,
                "last_delivered": standing.last_delivered,
                "last_answer": standing.last_response,
            })
        });
        json!({
            "running": self.running,
            "logins": logins.collect::<Vec<_>>(),
            "sinks": sinks.collect::<Vec<_>>(),
        })
    }
}

impl ConnectionState {
    fn is_down(&self, now: Timestamp) -> bool {
        self.heard.is_none_or(|heard| elapsed(heard, now) > DOWN_AFTER)
    }

    fn describe(&self, now: Timestamp) -> String {
        let state = match self.heard {
            None => "no events received".to_owned(),
            Some(heard) if self.is_down(now) => format!("down, last live {}", format_age(heard, now)),
            Some(heard) => format!("live, last heartbeat {}", format_age(heard, now)),
        };
        let days = |kept: &StoredToken| REFRESH_TOKEN_DAYS.saturating_sub(elapsed(kept.issued, now).as_secs() / 86_400);
        match &self.token {
            _ if self.pat => format!("{state}; personal access token"),
            Ok(kept) if !self.missing_scopes.is_empty() => {
                format!(
                    "{state}; logged in, valid for {} days without a refresh; missing scopes: {}",
                    days(kept),
                    self.missing_scopes
                )
            }
            Ok(kept) => format!("{state}; logged in, valid for {} days without a refresh", days(kept)),
            Err(reason) => format!("{state}; {reason} (poprelay login --connection {})", self.name),
        }
    }
}

fn describe_sink(standing: &SinkStats, now: Timestamp) -> String {
    let mut parts = vec![match (standing.waiting, standing.oldest_enqueued) {
        (0, _) => "no card waiting".to_owned(),
        (1, Some(oldest)) => format!("1 card waiting, enqueued {}", format_age(oldest, now)),
        (waiting, Some(oldest)) => format!("{waiting} cards waiting, oldest enqueued {}", format_age(oldest, now)),
        (waiting, None) => format!("{waiting} cards waiting"),
    }];
    if let Some(answer) = &standing.last_response {
        parts.push(format!("last response: {}", printable_start(answer, 120)));
    }
    match standing.dead {
        0 => {}
        dead => parts.push(format!("{dead} dead letters (poprelay outbox list --state dead)")),
    }
    parts.push(
        standing
            .last_delivered
            .map_or("no card delivered".to_owned(), |at| format!("last card {}", format_age(at, now))),
    );
    parts.join("; ")
}

fn format_age(at: Timestamp, now: Timestamp) -> String {
    match elapsed(at, now).as_secs() {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7_200 => format!("{} min ago", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
