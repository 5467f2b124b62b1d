//! `poprelay check`: whether a config is good, and what it will do, in words.

use super::{Failure, Outcome};
use crate::{
    daemon::{
        config::{self, Config, ConnectionConfig, Problem, SinkConfig},
        network, opening, record,
    },
    model::{call::MomentKind, delivery::SinkKind, phone::Mask},
};
use clap::Args;
use std::{fs, io, io::Write, os::unix::fs::PermissionsExt as _, path::Path};

/// How to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Say nothing but what is wrong
    #[arg(long)]
    pub quiet: bool,
}

/// Says what a config that could be read will do. One that could not was told by whoever read it.
///
/// # Errors
/// 78 for sources of enrichment that are wrong, 77 if others may read a token, 74 if `out` is gone.
pub fn check(args: &CheckArgs, config: &Config, out: &mut impl Write) -> Outcome {
    let tokens = config.connections.iter().map(|c| config::token_file(&config.state_dir, &c.name));
    let open: Vec<_> = tokens.filter(|path| is_open(path)).collect();
    if let Some(path) = open.first() {
        let path = path.display();
        return Err(Failure::permission(anyhow::anyhow!("others may read the token {path}: chmod 600 {path}")));
    }
    let network = network::open().map_err(Failure::unavailable)?;
    let odd = opening::try_sources(config, &network).map_err(Failure::config)?;
    if args.quiet {
        return Ok(());
    }
    describe(config, &odd, out).map_err(|error| Failure::new(74, error))
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

fn describe(config: &Config, odd: &[Problem], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} is good.", config.path.display())?;
    for connection in &config.connections {
        writeln!(out, "{}", hears(connection, &config.state_dir))?;
    }
    for sink in &config.sinks {
        writeln!(out, "{}", tells(sink))?;
    }
    let deadline = config.deadline.as_millis();
    match config.enrich.len() {
        0 => writeln!(out, "looks up   the history of its own calls only")?,
        1 => writeln!(out, "looks up   1 source, at most {deadline} ms")?,
        sources => writeln!(out, "looks up   {sources} sources, at most {deadline} ms in all")?,
    }
    let durable = if config.power_loss_safe { "power loss" } else { "a crash of the daemon" };
    writeln!(out, "keeps      its state in {}; an accepted card survives {durable}", config.state_dir.display())?;
    if config.record {
        let folder = config.state_dir.join(record::FOLDER);
        writeln!(out, "records    calls into {}, without names and numbers of callers", folder.display())?;
    }
    match &config.operator {
        Some(sink) => writeln!(out, "complains  to {sink} and in the journal")?,
        None => writeln!(out, "complains  in the journal only ([operator] sink = … adds a chat)")?,
    }
    for warning in config.warnings.iter().chain(odd) {
        writeln!(out, "warning    {}: {}", warning.key, warning.text)?;
    }
    Ok(())
}

fn hears(connection: &ConnectionConfig, state_dir: &Path) -> String {
    let accounts = match connection.account_keys.len() {
        0 => "every account of the login".to_owned(),
        1 => "1 account".to_owned(),
        more => format!("{more} accounts"),
    };
    let kept = config::token_file(state_dir, &connection.name).exists();
    let login = match (kept, &connection.refresh_token) {
        (true, _) => "logged in".to_owned(),
        (false, Some(_)) => "will use the first refresh token of the config".to_owned(),
        (false, None) => format!("not logged in yet: poprelay login --connection {}", connection.name),
    };
    let (name, lanes, region) = (&connection.name, connection.lanes, connection.region);
    format!("hears      {name}: {accounts}, {lanes} lanes, numbers of {region}; {login}")
}

fn tells(sink: &SinkConfig) -> String {
    let chat = match sink.kind {
        SinkKind::Slack => "Slack webhook",
        SinkKind::SlackTrigger => "Slack workflow trigger",
        SinkKind::Teams => "Teams workflow",
        SinkKind::TeamsConnector => "Office 365 connector (retired)",
        SinkKind::SlackApp => "Slack app",
    };
    let pace = match sink.pace {
        Some((per_second, burst)) => format!("{per_second} a second, {burst} at once"),
        None => "as they come".to_owned(),
    };
    let moments: Vec<&str> = [MomentKind::Ringing].iter().chain(&sink.outcomes).map(|moment| moment.as_str()).collect();
    let moments = match (sink.kind.edits(), sink.thread) {
        (false, _) => moments.join(", "),
        (true, false) => "one message a call, edited as it moves".to_owned(),
        (true, true) => {
            let replied: Vec<&str> = sink.outcomes.iter().map(|moment| moment.as_str()).collect();
            format!("one message a call, edited as it moves; in its thread {}", replied.join(", "))
        }
    };
    let mask = if sink.mask == Mask::None { "" } else { ", numbers masked" };
    let recap = sink.recap.as_ref().map_or_else(String::new, |schedule| format!("; recap {schedule}"));
    format!("tells      {}: {chat}, {}; {pace}{mask}{recap}", sink.name, moments)
}
