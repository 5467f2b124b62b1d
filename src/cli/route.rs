//! `poprelay route`: which rule sends the moments of a recorded call where, and by which of its conditions the others do
//! not. Nothing is sent.

use super::{
    Failure, Outcome, recording,
    trial::{self, Trial, by, hours, is_told, manner, rules, trials},
};
use crate::daemon::config::{Config, SinkConfig};
use clap::Args;
use serde_json::{Value, json};
use std::{io::Write, path::PathBuf};

/// `poprelay route`
#[derive(Debug, Args)]
pub struct RouteArgs {
    /// Frames as GoTo pushes them: JSON, one after the other, in `data` or bare
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// Decide as if it were this time; default: the recording's own
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// For scripts
    #[arg(long)]
    pub json: bool,
}

/// Says of each moment of a recording what each rule makes of it, and where it goes.
///
/// # Errors
/// 64 for a time that is none, 65 for a file that is no recording or of which nothing is told, 78 for sources of
/// enrichment that are wrong, 74 if `out` is gone.
pub async fn run(args: &RouteArgs, config: &Config, out: &mut impl Write) -> Outcome {
    let at = args.at.as_deref().map(|at| trial::time(at, config)).transpose()?;
    let told = recording::tellings(&args.event, config)?;
    if told.is_empty() {
        return Err(recording::bad(&args.event, "nothing in it is told: no call from outside"));
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
        let told = match sink(trial, config, routed.sink.as_str()) {
            Some((_, false)) => {
                format!("only a card that still waits is brought up to date: its outcomes leave {moment} out")
            }
            _ => format!("told{}", manner(&routed.manner)),
        };
        lines.push(format!("  → {}, {told}, because {}", routed.sink, because(routed.by)));
    }
    if trial.routed.is_empty() {
        lines.push("  → nobody".to_owned());
    }
    format!("{}\n\n", lines.join("\n"))
}

fn because(it: crate::model::card::RoutedBy) -> String {
    match it {
        crate::model::card::RoutedBy::Rule(_) => format!("{} matches", by(it)),
        _ => by(it),
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
