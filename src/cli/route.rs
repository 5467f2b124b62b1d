//! `poprelay route`: shows the rule and the sinks of each update of a recorded call, and the failing conditions of the
//! other rules. Sends nothing.

use super::{
    CliError, CliResult,
    dry_run::{self, DryRun, describe_options, describe_reason, describe_rules, describe_schedules, dry_run},
    recording,
};
use crate::config::Config;
use clap::Args;
use serde_json::{Value, json};
use std::{io::Write, path::PathBuf};

/// Arguments of `poprelay route`.
#[derive(Debug, Args)]
pub struct RouteArgs {
    /// Recording: GoTo's JSON frames one after the other, bare or inside `data`
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// Evaluate the rules at this time [default: the time of the recording]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Writes the outcome of each rule and the destinations of each update of a recording.
///
/// # Errors
/// 64 for an invalid time, 65 for an invalid recording or one without call updates, 78 for invalid enrichment sources, 74
/// if `out` cannot be written.
pub async fn run(args: &RouteArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let at = args.at.as_deref().map(|at| dry_run::parse_time(at, config)).transpose()?;
    let told = recording::updates(&args.event, config)?;
    if told.is_empty() {
        return Err(recording::invalid_file(&args.event, "no call update in this recording: no external call"));
    }
    let trials = dry_run(config, &told, at).await?;
    let text = match args.json {
        true => format!("{:#}\n", Value::Array(trials.iter().map(|trial| as_json(trial, config)).collect())),
        false => trials.iter().map(|trial| as_text(trial, config)).collect(),
    };
    out.write_all(text.as_bytes()).map_err(|error| CliError::new(74, error))
}

fn as_text(trial: &DryRun<'_>, config: &Config) -> String {
    let moment = trial.update.status.kind().as_str();
    let mut lines = vec![format!("{moment} of call {}, decided at {:.0}", trial.update.call.id, trial.at)];
    lines.extend(describe_schedules(&config.routes, trial.at).map(|line| format!("  {line}")));
    lines.extend(describe_rules(&trial.traces).map(|line| format!("  {line}")));
    for routed in &trial.cards {
        let effect = match routed.is_posted {
            false => format!("updates a pending card only, the sink's outcomes exclude {moment}"),
            true => format!("posts a card{}", describe_options(&routed.card.options)),
        };
        lines.push(format!("  → {}, {effect}, because {}", routed.sink, reason(routed.reason)));
    }
    if trial.cards.is_empty() {
        lines.push("  → no sink".to_owned());
    }
    format!("{}\n\n", lines.join("\n"))
}

fn reason(route_reason: crate::model::card::RouteReason) -> String {
    match route_reason {
        crate::model::card::RouteReason::Rule(_) => format!("{} matches", describe_reason(route_reason)),
        _ => describe_reason(route_reason),
    }
}

fn as_json(trial: &DryRun<'_>, config: &Config) -> Value {
    let routed = trial.cards.iter().map(
        |card| json!({ "sink": card.sink, "told": card.is_posted, "by": card.reason, "manner": card.card.options }),
    );
    json!({
        "call": trial.update.call.id, "moment": trial.update.status.kind(), "at": trial.at,
        "hours": config.routes.schedules().states_at(trial.at), "rules": trial.traces,
        "routed": routed.collect::<Vec<_>>(),
    })
}
