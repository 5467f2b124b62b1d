//! `poprelay replay`: runs recorded calls through the config. Prints their cards, the payloads of one sink, the outcome
//! of each rule, or the differences from another config. Sends and stores nothing and does not query GoTo.

mod cards;
mod page;
mod payload;
mod rules;

use super::{
    CliError, CliResult,
    dry_run::{dry_run, parse_time},
    recording::{self, invalid_file},
};
use crate::{
    config::{self, Config, SinkConfig},
    model::{call::StatusKind, time::Timestamp},
};
use clap::Args;
use std::{io::Write, path::PathBuf};

const STATUSES: [StatusKind; 6] = [
    StatusKind::Ringing,
    StatusKind::Answered,
    StatusKind::Missed,
    StatusKind::Voicemail,
    StatusKind::Ended,
    StatusKind::CalledBack,
];

/// Arguments of `poprelay replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Recording: GoTo's JSON frames one after the other, bare or inside `data`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the payloads of this sink
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// With --sink: only this status, even if the sink does not report it: ringing, answered, missed, voicemail, ended, called_back
    #[arg(long, value_name = "STATUS", requires = "sink", conflicts_with = "against", value_parser = status)]
    pub status: Option<StatusKind>,
    /// Print the schedules, the outcome of each rule and the sinks of each update
    #[arg(long, conflicts_with_all = ["sink", "against", "page"])]
    pub rules: bool,
    /// Evaluate rules and schedules at this time [default: the time of the recording]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print only the differences from this older config: - before, + with --config
    #[arg(long, value_name = "CONFIG")]
    pub against: Option<PathBuf>,
    /// With --sink: print one HTML page that shows the cards like the chat; no external resources, inert links
    #[arg(long, requires = "sink", conflicts_with_all = ["json", "against"])]
    pub page: bool,
    /// Print JSON; with --sink the payloads only, one per line
    #[arg(long)]
    pub json: bool,
}

fn status(word: &str) -> Result<StatusKind, String> {
    let known = || STATUSES.map(StatusKind::as_str).join(", ");
    STATUSES.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| format!("expected one of {}", known()))
}

/// Replays a recording and writes the selected view.
///
/// # Errors
/// - 64 for an invalid time or an unknown sink.
/// - 65 for an invalid recording or one without call updates.
/// - 69 without a network, 78 for an invalid config, 74 if `out` cannot be written.
pub async fn run(args: &ReplayArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let at = args.at.as_deref().map(|at| parse_time(at, config)).transpose()?;
    let sink = args.sink.as_deref().map(|name| find_sink(config, name)).transpose()?;
    let text = if let Some(path) = &args.against {
        let other = config::load(path).map_err(CliError::config)?;
        cards::differences(&rendered(args, &other, at).await?, &rendered(args, config, at).await?, args.json)
    } else {
        let updates = recording::updates(&args.file, config)?;
        if updates.is_empty() {
            let why = "no call update in this recording: no external call";
            return Err(invalid_file(&args.file, why));
        }
        let runs = dry_run(config, &updates, at).await?;
        match sink {
            Some(sink) => payload::text(args, config, sink, &runs)?,
            None if args.rules => rules::text(&runs, config, args.json),
            None => cards::text(&cards::render(config, runs), args.json),
        }
    };
    out.write_all(text.as_bytes()).map_err(|error| CliError::new(74, error))
}

/// Renders the cards that a config makes of the recording, for one sink or for all.
async fn rendered(
    args: &ReplayArgs,
    config: &Config,
    at: Option<Timestamp>,
) -> Result<Vec<cards::RenderedCard>, CliError> {
    let updates = recording::updates(&args.file, config)?;
    let mut cards = cards::render(config, dry_run(config, &updates, at).await?);
    cards.retain(|card| args.sink.as_ref().is_none_or(|sink| card.sink.as_str() == sink));
    Ok(cards)
}

fn find_sink<'a>(config: &'a Config, name: &str) -> Result<&'a SinkConfig, CliError> {
    config.sinks.iter().find(|sink| sink.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
        CliError::usage(format!("unknown sink; expected one of {}", names.join(", ")))
    })
}
