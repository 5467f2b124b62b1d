//! `poprelay route`: shows the rule and the sinks of each update of a recorded call, and the failing conditions of the
//! other rules. Sends nothing.

use super::{
    Failure, Outcome, recording,
    trial::{self, Trial, by, hours, is_told, manner, rules, trials},
};
use crate::daemon::config::{Config, SinkConfig};
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
pub async fn run(args: &RouteArgs, config: &Config, out: &mut impl Write) -> Outcome {
    let at = args.at.as_deref().map(|at| trial::time(at, config)).transpose()?;
    let told = recording::tellings(&args.event, config)?;
    if told.is_empty() {
        return Err(recording::bad(&args.event, "no call update in this recording: no external call"));
    }
    let trials = trials(config, &told, at).await?;
    let text = match args.json {
        true => format!("{:#}\n", Value::Array(trials.iter().map(|trial| as_json(trial, config)).collect())),
        false => trials.iter().map(|trial| as_text(trial, config)).collect(),
    };
    out.write_all(text.as_bytes()).map_err(|error| Failure::new(74, error))
}

fn sink<'a>(trial: &Trial<'_>, config: &'a Config, name: &str) -> Option<(&'a SinkConfig, bool)> {
    let sink = config.sinks.iter().find(|sink| sink.name.as_str() == name)?;
    Some((sink, is_told(sink, trial.telling)))
}

fn as_text(trial: &Trial<'_>, config: &Config) -> String {
    let moment = trial.telling.moment.kind().as_str();
    let mut lines = vec![format!("{moment} of call {}, decided at {:.0}", trial.telling.call.id, trial.at)];
    lines.extend(hours(&config.routes, trial.at).map(|line| format!("  {line}")));
    lines.extend(rules(&trial.explained).map(|line| format!("  {line}")));
    for routed in &trial.routed {
        let effect = match sink(trial, config, routed.sink.as_str()) {
            Some((_, false)) => {
                format!("updates a pending card only, the sink's outcomes exclude {moment}")
            }
            _ => format!("posts a card{}", manner(&routed.manner)),
        };
        lines.push(format!("  → {}, {effect}, because {}", routed.sink, reason(routed.by)));
    }
    if trial.routed.is_empty() {
        lines.push("  → no sink".to_owned());
    }
    format!("{}\n\n", lines.join("\n"))
}

fn reason(route_reason: crate::model::card::RoutedBy) -> String {
    match route_reason {
        crate::model::card::RoutedBy::Rule(_) => format!("{} matches", by(route_reason)),
        _ => by(route_reason),
    }
}

fn as_json(trial: &Trial<'_>, config: &Config) -> Value {
    let routed = trial.routed.iter().map(|routed| {
        let told = sink(trial, config, routed.sink.as_str()).is_none_or(|(_, told)| told);
        json!({ "sink": routed.sink, "told": told, "by": routed.by, "manner": routed.manner })
    });
    json!({
        "call": trial.telling.call.id, "moment": trial.telling.moment.kind(), "at": trial.at,
        "hours": config.routes.schedules().at(trial.at), "rules": trial.explained,
        "routed": routed.collect::<Vec<_>>(),
    })
}
