//! The payloads of a recording for one sink, as the chat would receive them.

use super::{ReplayArgs, STATUSES, page};
use crate::{
    cards,
    cli::{CliError, dry_run::DryRun, recording::invalid_file},
    config::{Config, SinkConfig},
    daemon::settings,
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallCard, Card},
    },
};

/// Prints the payload of each update at the sink.
///
/// # Errors
/// 65 if the recording has no update for the sink, or none with the requested status.
pub(super) fn text(
    args: &ReplayArgs,
    config: &Config,
    sink: &SinkConfig,
    runs: &[DryRun<'_>],
) -> Result<String, CliError> {
    check_selection(runs, args.status, sink).map_err(|why| invalid_file(&args.file, &why))?;
    let style = sink.style(&config.style);
    let (mut text, mut pages) = (String::new(), Vec::new());
    for run in runs {
        let Some((card, is_routed)) = shown(run, args.status, sink) else { continue };
        // Rendered for the time of its status; otherwise every recorded card would be marked late.
        let (update, at, card) = (run.update, run.update.at, Card::Call(Box::new(card)));
        let body = cards::render(sink.kind, &[&card], &style, at, false).body;
        if args.page {
            pages.push((update.status.kind(), at, body));
        } else if args.json {
            text += &format!("{body}\n");
        } else {
            text += &as_text(update, sink, is_routed, &cards::lines(&card, &style, at), &body);
        }
    }
    Ok(if args.page { page::page(&sink.name, sink.kind, &pages) } else { text })
}

fn as_text(update: &CallUpdate, sink: &SinkConfig, is_routed: bool, lines: &[String], body: &str) -> String {
    let route = if is_routed { "" } else { " (no route sends this call there)" };
    let pretty = serde_json::from_str::<serde_json::Value>(body).map_or(body.to_owned(), |body| format!("{body:#}"));
    format!("{}, to {}{route}\n\n  {}\n\n{pretty}\n\n", update.status.kind().as_str(), sink.name, lines.join("\n  "))
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

/// Returns whether the call has come as far as the `ring_at` of the sink requires.
fn is_due(run: &DryRun<'_>, sink: &SinkConfig) -> bool {
    run.update.status.kind() != StatusKind::Ringing || run.update.call.course.stage >= sink.ring_at
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
