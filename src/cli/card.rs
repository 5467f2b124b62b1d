//! `poprelay card`: renders the cards of a recorded call for one sink, with the daemon's modules and the recording's clock.
//! Sends and stores nothing and does not query GoTo.

mod page;

use super::{
    CliError, CliResult,
    dry_run::{DryRun, dry_run},
    recording,
};
use crate::{
    cards,
    config::{Config, SinkConfig},
    daemon::settings,
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
    let updates = recording::updates(&args.event, config)?;
    let runs = dry_run(config, &updates, None).await?;
    check_selection(&runs, args.moment, sink).map_err(|why| recording::invalid_file(&args.event, &why))?;
    let mut pages = Vec::new();
    for run in &runs {
        let Some((card, is_routed)) = shown(run, args.moment, sink) else { continue };
        let (update, at, card) = (run.update, run.at, Card::Call(Box::new(card)));
        let style = cards::RenderOptions { mask: sink.mask, ..config.style.clone() };
        let body = cards::render(sink.kind, &[&card], &style, at, false).body;
        if args.page {
            pages.push((update.status.kind(), at, body));
            continue;
        }
        let text = match args.json {
            true => format!("{body}\n"),
            false => as_text(update, sink, is_routed, &cards::lines(&card, &style, at), &body),
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

/// Returns the card of an update at the sink, and whether a route sends it there. A requested status is shown in any
/// case; without a request, an update without a route is shown if the sink would report it.
fn shown(run: &DryRun<'_>, only: Option<StatusKind>, sink: &SinkConfig) -> Option<(CallCard, bool)> {
    let planned = run.cards.iter().find(|card| card.sink == sink.name);
    let is_wanted = match (only, planned) {
        (Some(only), _) => only == run.update.status.kind() && is_due(run, sink),
        (None, Some(planned)) => planned.is_posted,
        (None, None) => {
            is_due(run, sink) && (sink.kind.supports_edit() || settings::notifies(run.update, &sink.outcomes))
        }
    };
    let card = || CallCard::new(run.update.clone(), run.caller_info.clone());
    is_wanted.then(|| (planned.map_or_else(card, |planned| planned.card.clone()), planned.is_some()))
}

/// Returns whether the call has come as far as the sink's `ring_at` asks for.
fn is_due(run: &DryRun<'_>, sink: &SinkConfig) -> bool {
    let course = &run.update.call.course;
    run.update.status.kind() != StatusKind::Ringing || course.stage >= sink.ring_at
}

/// Returns an error if the recording has no update for the sink, or none with the requested status.
fn check_selection(runs: &[DryRun<'_>], only: Option<StatusKind>, sink: &SinkConfig) -> Result<(), String> {
    if runs.iter().any(|run| shown(run, only, sink).is_some()) {
        return Ok(());
    }
    let has: Vec<&str> = STATUSES
        .into_iter()
        .filter(|kind| runs.iter().any(|run| run.update.status.kind() == *kind))
        .map(StatusKind::as_str)
        .collect();
    Err(match has.is_empty() {
        true => "no call update in this recording: no external call".to_owned(),
        false => format!("no card for {}: the recording has {}", sink.name, has.join(", ")),
    })
}
