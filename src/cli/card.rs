//! `poprelay card`: renders the cards of a recorded call for one sink, with the daemon's modules and the recording's clock.
//! Sends and stores nothing and does not query GoTo.

mod page;

use super::{
    CliError, CliResult,
    dry_run::{dry_run, reports_update},
    recording,
};
use crate::{
    cards,
    config::{Config, SinkConfig},
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallCard, Card},
    },
};
use clap::Args;
use std::{io::Write, path::PathBuf};

const STATUSES: [StatusKind; 5] =
    [StatusKind::Ringing, StatusKind::Answered, StatusKind::Missed, StatusKind::Voicemail, StatusKind::Ended];

/// Arguments of `poprelay card`.
#[derive(Debug, Args)]
pub struct CardArgs {
    /// Recording: GoTo's JSON frames one after the other, bare or inside `data`
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// Sink to render for
    #[arg(long, value_name = "NAME")]
    pub sink: String,
    /// Only this status, even if the sink does not report it: ringing, answered, missed, voicemail, ended
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub moment: Option<StatusKind>,
    /// Print the payloads only, one per line
    #[arg(long)]
    pub json: bool,
    /// Print one HTML page that shows the cards like the chat; no external resources, inert links
    #[arg(long, conflicts_with = "json")]
    pub page: bool,
}

fn moment(word: &str) -> Result<StatusKind, String> {
    let known = || STATUSES.map(StatusKind::as_str).join(", ");
    STATUSES.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| format!("expected one of {}", known()))
}

/// Writes the cards of a recording for one sink to `out`.
///
/// # Errors
/// 64 for an unknown sink, 65 for an invalid recording or one without call updates, 78 for invalid enrichment sources, 74
/// if `out` cannot be written.
pub async fn card(args: &CardArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let Some(sink) = config.sinks.iter().find(|sink| sink.name.as_str() == args.sink) else {
        let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
        return Err(CliError::usage(format!("unknown sink; expected one of {}", names.join(", "))));
    };
    let told = recording::updates(&args.event, config)?;
    check_selection(&told, args.moment, sink).map_err(|why| recording::invalid_file(&args.event, &why))?;
    let mut pages = Vec::new();
    for trial in dry_run(config, &told, None).await? {
        let (telling, at) = (trial.update, trial.at);
        if !is_shown(telling, args.moment, sink) {
            continue;
        }
        let destination = trial.destinations.into_iter().find(|routed| routed.sink == sink.name);
        let is_routed = destination.is_some();
        let manner = destination.map(|destination| destination.options).unwrap_or_default();
        let card =
            Card::Call(Box::new(CallCard { options: manner, ..CallCard::new(telling.clone(), trial.caller_info) }));
        let style = cards::RenderOptions { mask: sink.mask, ..config.style.clone() };
        let body = cards::render(sink.kind, &[&card], &style, at, false).body;
        if args.page {
            pages.push((telling.status.kind(), at, body));
            continue;
        }
        let text = match args.json {
            true => format!("{body}\n"),
            false => as_text(telling, sink, is_routed, &cards::lines(&card, &style, at), &body),
        };
        out.write_all(text.as_bytes()).map_err(|error| CliError::new(74, error))?;
    }
    if args.page {
        let text = page::page(&sink.name, sink.kind, &pages);
        out.write_all(text.as_bytes()).map_err(|error| CliError::new(74, error))?;
    }
    Ok(())
}

fn as_text(telling: &CallUpdate, sink: &SinkConfig, is_routed: bool, lines: &[String], body: &str) -> String {
    let route = if is_routed { "" } else { " (no route sends this call there)" };
    let pretty = serde_json::from_str::<serde_json::Value>(body).map_or(body.to_owned(), |body| format!("{body:#}"));
    format!("{}, to {}{route}\n\n  {}\n\n{pretty}\n\n", telling.status.kind().as_str(), sink.name, lines.join("\n  "))
}

fn is_shown(telling: &CallUpdate, only: Option<StatusKind>, sink: &SinkConfig) -> bool {
    only.map_or_else(|| reports_update(sink, telling), |only| only == telling.status.kind())
}

/// Returns an error if the recording has no update for the sink, or none with the requested status.
fn check_selection(told: &[CallUpdate], only: Option<StatusKind>, sink: &SinkConfig) -> Result<(), String> {
    if told.iter().any(|telling| is_shown(telling, only, sink)) {
        return Ok(());
    }
    let has: Vec<&str> = STATUSES
        .into_iter()
        .filter(|kind| told.iter().any(|telling| telling.status.kind() == *kind))
        .map(StatusKind::as_str)
        .collect();
    Err(match has.is_empty() {
        true => "no call update in this recording: no external call".to_owned(),
        false => format!("no card for {}: the recording has {}", sink.name, has.join(", ")),
    })
}
