//! The outcome of each rule, the schedules and the sinks of each update of a recording.

use crate::{
    cli::dry_run::{DryRun, describe_because, describe_options, describe_rules, describe_schedules},
    config::Config,
};
use serde_json::{Value, json};

/// Prints the decisions of all updates.
pub(super) fn text(runs: &[DryRun<'_>], config: &Config, json: bool) -> String {
    match json {
        true => format!("{:#}\n", Value::Array(runs.iter().map(|run| as_json(run, config)).collect())),
        false => runs.iter().map(|run| as_text(run, config)).collect(),
    }
}

fn as_text(run: &DryRun<'_>, config: &Config) -> String {
    let status = run.update.status.kind().as_str();
    let mut lines = vec![format!("{status} of call {}, decided at {:.0}", run.update.call.id, run.at)];
    lines.extend(describe_schedules(&config.routes, run.at).map(|line| format!("  {line}")));
    lines.extend(describe_rules(&run.traces).map(|line| format!("  {line}")));
    for card in &run.cards {
        let effect = match card.is_posted {
            false => format!("updates a waiting card only, the sink's outcomes exclude {status}"),
            true => format!("posts a card{}", describe_options(&card.card.options)),
        };
        lines.push(format!("  → {}, {effect}, because {}", card.sink, describe_because(card.reason)));
    }
    if run.cards.is_empty() {
        lines.push("  → no sink".to_owned());
    }
    format!("{}\n\n", lines.join("\n"))
}

fn as_json(run: &DryRun<'_>, config: &Config) -> Value {
    let routed = run.cards.iter().map(
        |card| json!({ "sink": card.sink, "posted": card.is_posted, "by": card.reason, "options": card.card.options }),
    );
    json!({
        "call": run.update.call.id, "status": run.update.status.kind(), "at": run.at,
        "hours": config.routes.schedules().states_at(run.at), "rules": run.traces,
        "routed": routed.collect::<Vec<_>>(),
    })
}
