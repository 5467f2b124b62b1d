//! `poprelay check`: validates a config and describes its effect.

mod database;
mod leg;
pub mod online;
mod slack_app;

use super::{CliError, CliResult, check_contacts};
use crate::{
    config::{self, Config, ConnectionConfig, Diagnostic, SinkConfig},
    daemon::{recording, startup},
    deliver::{FlowShape, chats},
    goto::{scopes, token_file},
    model::{call::StatusKind, delivery::SinkKind, phone::Mask, time::Now},
    runtime::http::HttpStack,
};
use clap::Args;
use std::{fs, io, io::Write, os::unix::fs::PermissionsExt as _, path::Path};

/// Arguments of `poprelay check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print errors only
    #[arg(long)]
    pub quiet: bool,
    /// Also connect to GoTo, the chats and the look-up sources, and name each leg that fails; posts nothing
    #[arg(long)]
    pub online: bool,
    /// Print what was understood of each contacts file: columns, rows, three sample cards
    #[arg(long, conflicts_with = "quiet")]
    pub contacts: bool,
    /// Hide digits on the sample cards: none, last4, last2, all
    #[arg(long, value_name = "MASK", value_parser = mask, requires = "contacts", default_value = "none")]
    pub mask: Mask,
}

fn mask(word: &str) -> Result<Mask, String> {
    let word = serde_json::Value::String(word.to_owned());
    serde_json::from_value(word).map_err(|_| "expected one of none, last4, last2, all".to_owned())
}

/// Describes the effect of a loaded config. The loader reports syntax errors.
///
/// # Errors
/// 78 for invalid enrichment sources, 77 if other users may read a token file, 74 if `out` cannot be written.
pub fn check(args: &CheckArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let tokens = config.connections.iter().map(|c| config::token_file(&config.state_dir, &c.name));
    let exposed: Vec<_> = tokens.filter(|path| is_readable_by_others(path)).collect();
    if let Some(path) = exposed.first() {
        let path = path.display();
        return Err(CliError::permission(anyhow::anyhow!(
            "other users may read the token file {path}; run chmod 600 {path}"
        )));
    }
    let network = HttpStack::open(config.http.clone()).map_err(CliError::unavailable)?;
    let source_warnings = startup::check_sources(config, &network).map_err(CliError::config)?;
    if args.quiet {
        return Ok(());
    }
    describe(config, &source_warnings, out).map_err(|error| CliError::new(74, error))?;
    if args.contacts {
        check_contacts::describe(config, args.mask, Now::current().timestamp, out)?;
    }
    Ok(())
}

fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

fn describe(config: &Config, source_warnings: &[Diagnostic], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "config     {} is valid", config.path.display())?;
    for connection in &config.connections {
        writeln!(out, "{}", describe_connection(connection, &config.state_dir, config.database.is_some()))?;
    }
    for sink in &config.sinks {
        writeln!(out, "{}", describe_sink(sink))?;
    }
    let deadline = config.deadline.as_millis();
    match config.enrich.len() {
        0 => writeln!(out, "look-up    own call history only")?,
        1 => writeln!(out, "look-up    1 source, {deadline} ms deadline")?,
        sources => writeln!(out, "look-up    {sources} sources, {deadline} ms deadline for all")?,
    }
    for source in &config.enrich {
        if let (Some(preset), Some(fields)) = (&source.preset, source.searched_fields()) {
            let name = source.name.as_ref().unwrap_or(preset);
            let also = match source.also.len() {
                0 => String::new(),
                count => format!(", and by {count} further search{}", if count == 1 { "" } else { "es" }),
            };
            writeln!(out, "source     {name}: searches {fields}{also}")?;
        }
    }
    let survives = if config.power_loss_safe { "a power loss" } else { "a crash of the daemon" };
    writeln!(out, "state      {}; enqueued cards survive {survives}", config.state_dir.display())?;
    if let Some(database) = &config.database {
        let (place, tls) = (database.server.place(), database.server.describe_tls());
        writeln!(out, "database   {place}, schema {}, shared with other daemons; {tls}", database.schema)?;
    }
    if config.record {
        let folder = config.state_dir.join(recording::RECORDINGS_DIR);
        writeln!(out, "recording  calls into {}, without names and numbers of callers", folder.display())?;
    }
    match &config.operator {
        Some(sink) => writeln!(out, "alerts     to {sink} and to the journal")?,
        None => writeln!(out, "alerts     to the journal only ([operator] sink = … adds a chat)")?,
    }
    if let Some(listen) = &config.metrics_listen {
        writeln!(out, "metrics    on {listen}: /metrics, /healthz, /readyz")?;
    }
    for warning in config.warnings.iter().chain(source_warnings) {
        writeln!(out, "warning    {}: {}", warning.place(), warning.text)?;
    }
    Ok(())
}

fn describe_connection(connection: &ConnectionConfig, state_dir: &Path, is_shared: bool) -> String {
    let accounts = match connection.account_keys.len() {
        0 => "every account of the login".to_owned(),
        1 => "1 account".to_owned(),
        more => format!("{more} accounts"),
    };
    let stored = token_file::read(&config::token_file(state_dir, &connection.name));
    let login = match (stored, &connection.refresh_token) {
        _ if connection.pat.is_some() => "personal access token, exchanged each hour".to_owned(),
        (Ok(stored), _) => describe_grant(connection, stored.scope.as_deref()),
        (Err(token_file::Error::Missing), Some(_)) => {
            "not logged in, will use the refresh_token of the config".to_owned()
        }
        (Err(token_file::Error::Missing), None) if is_shared => format!(
            "not logged in on this host, will use the login of another; run poprelay login --connection {} on one of them",
            connection.name
        ),
        (Err(token_file::Error::Missing), None) => {
            format!("not logged in; run poprelay login --connection {}", connection.name)
        }
        (Err(error), _) => error.to_string(),
    };
    let (name, lanes, region) = (&connection.name, connection.lanes, connection.region);
    format!("connection {name}: {accounts}, {lanes} lanes, region {region}; {login}")
}

/// Compares the stored grant with the scopes that the config needs.
fn describe_grant(connection: &ConnectionConfig, granted: Option<&str>) -> String {
    let missing = scopes::missing(&scopes::needed(connection.voicemail, connection.number_names), granted);
    match (granted, missing.is_empty()) {
        (None, _) => "logged in".to_owned(),
        (Some(_), true) => "logged in with every scope".to_owned(),
        (Some(_), false) => {
            let advice = scopes::advice(connection.name.as_str(), false);
            format!("logged in, but scopes are missing: {}. {advice}", scopes::describe(&missing))
        }
    }
}

fn describe_sink(sink: &SinkConfig) -> String {
    let chat = match sink.kind {
        SinkKind::Slack => "Slack webhook",
        SinkKind::SlackTrigger => "Slack workflow trigger",
        SinkKind::Teams if sink.shape == FlowShape::Card => "Teams workflow that posts a bare card",
        SinkKind::Teams => "Teams workflow",
        SinkKind::SlackApp if sink.person => "direct messages of a Slack app",
        SinkKind::TeamsApp if sink.person => "direct messages of a Teams app",
        SinkKind::SlackApp => "Slack app",
        other => chats::find(other).map_or(other.as_str(), |chat| chat.title),
    };
    let pace = match sink.pace {
        Some((per_second, burst)) => format!("{per_second} per second, burst {burst}"),
        None => "no rate limit".to_owned(),
    };
    let statuses: Vec<&str> =
        [StatusKind::Ringing].iter().chain(&sink.outcomes).map(|status| status.as_str()).collect();
    let statuses = match (sink.kind.supports_edit(), sink.reply_in_thread) {
        (false, _) => statuses.join(", "),
        (true, false) => "one live message per call".to_owned(),
        (true, true) => {
            let replies: Vec<&str> = sink.outcomes.iter().map(|status| status.as_str()).collect();
            format!("one live message per call, in its thread {}", replies.join(", "))
        }
    };
    let mask = if sink.mask == Mask::None { "" } else { ", numbers masked" };
    let recap = sink.recap.as_ref().map_or_else(String::new, |schedule| format!("; recap {schedule}"));
    format!("sink       {}: {chat}, {}; {pace}{mask}{recap}", sink.name, statuses)
}
