//! `poprelay explain`: prints the route decisions, deliveries and responses of a call from the outbox. Evaluates the
//! current config for the same card and time, and marks differences.

use super::{
    CliError, CliResult,
    dry_run::{describe_options, describe_reason, describe_rules, describe_schedules},
    outbox::{admin_error, format_attempt, place, shared_database},
};
use crate::{
    config::Config,
    model::{
        call::StatusKind,
        card::{CallCard, Card, RouteReason},
        delivery::{Attempt, Subject},
        phone::Mask,
        time::Timestamp,
    },
    outbox::{self, DeliveryState, StoredDelivery},
    route::{RouteInput, Routes},
    runtime::text::printable,
};
use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use std::{collections::BTreeSet, io::Write};

/// Minimum length of an ID prefix.
const MIN_ID_CHARS: usize = 4;

/// Arguments of `poprelay explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Call ID from the journal, or its first characters
    #[arg(value_name = "CALL")]
    pub call: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

type DeliveryHistory = (StoredDelivery, Vec<Attempt>);

/// Prints the decisions and deliveries of a call.
///
/// # Errors
/// 65 for an unknown or ambiguous ID, 69 without an outbox, 74 if `out` cannot be written, 77 for missing permission.
pub fn run(args: &ExplainArgs, config: &Config, out: &mut impl Write) -> CliResult {
    if args.call.len() < MIN_ID_CHARS {
        return Err(CliError::usage(format!("a call ID needs at least {MIN_ID_CHARS} characters")));
    }
    let shared = shared_database(config);
    let history = outbox::deliveries_of_call(place(config, shared.as_ref()), &args.call).map_err(admin_error)?;
    let calls: BTreeSet<&str> = history.iter().filter_map(|(letter, _)| call_id(letter)).collect();
    match calls.into_iter().collect::<Vec<_>>().as_slice() {
        [] => Err(CliError::data(anyhow!(
            "no delivery of this call in the outbox: no rule selected a sink, the call is older than {} days, or the ID is \
             wrong",
            config.retention.as_secs() / 86_400
        ))),
        [_] => {
            let text = if args.json { as_json(&history, config) } else { as_text(&history, config) };
            out.write_all(text.as_bytes()).map_err(|error| CliError::new(74, error))
        }
        matches => {
            let first = matches.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            Err(CliError::data(anyhow!("{} calls match: {}", matches.len(), printable(&first))))
        }
    }
}

fn call_id(letter: &StoredDelivery) -> Option<&str> {
    match &letter.subject {
        Some(Subject::Call(call)) => Some(call.as_str()),
        Some(Subject::Named(_)) | None => None,
    }
}

fn call_card(letter: &StoredDelivery) -> Option<&CallCard> {
    match &letter.card {
        Some(Card::Call(card)) => Some(card),
        _ => None,
    }
}

/// Returns the time of the route decision, or of the enqueue for cards of an earlier version.
fn decided_at(letter: &StoredDelivery) -> Option<Timestamp> {
    call_card(letter).and_then(|card| card.routed.as_ref()).map(|routed| routed.at).or(letter.enqueued_at)
}

fn as_text(history: &[DeliveryHistory], config: &Config) -> String {
    let mut lines = Vec::new();
    if let Some(first) = history.iter().find_map(|(letter, _)| call_card(letter)) {
        let call = &first.update.call;
        let number =
            call.caller.number.format(call.region, Mask::Last2).unwrap_or_else(|| "a withheld number".to_owned());
        lines.push(format!(
            "call {}, {} {}, started {:.0}",
            call.id,
            call.direction.as_str(),
            printable(&number),
            call.started_at
        ));
    }
    let mut printed: Option<(Option<StatusKind>, Option<Timestamp>)> = None;
    for (letter, attempts) in history {
        let now = (letter.status, decided_at(letter));
        if printed != Some(now) {
            printed = Some(now);
            lines.extend(decision(letter, config));
        }
        lines.push(delivery(letter));
        lines.extend(attempts.iter().enumerate().map(|(n, attempt)| format!("    {}", format_attempt(n, attempt))));
        lines.extend(config_change(letter, &config.routes).map(|text| format!("    {text}")));
    }
    lines.push(format!("rules and schedules: {} in its current state", config.path.display()));
    lines.join("\n") + "\n"
}

/// Evaluates the current config for an update, at the time of the original decision.
fn decision(letter: &StoredDelivery, config: &Config) -> Vec<String> {
    let status = letter.status.map_or("unknown", StatusKind::as_str);
    let (Some(card), Some(at)) = (call_card(letter), decided_at(letter)) else {
        return vec![format!("{status}: card not readable")];
    };
    let mut lines = vec![format!("{status}, decided at {at}")];
    lines.extend(describe_schedules(&config.routes, at).map(|line| format!("  {line}")));
    let explained = config.routes.explain(&RouteInput { update: &card.update, caller_info: &card.caller_info, at });
    lines.extend(describe_rules(&explained).map(|line| format!("  {line}")));
    lines
}

fn delivery(letter: &StoredDelivery) -> String {
    let state = letter.state.map_or("unknown", DeliveryState::as_str);
    let why = letter.reason.as_deref().map(|why| format!(" ({})", printable(why))).unwrap_or_default();
    let routed = call_card(letter).and_then(|card| card.routed.as_ref());
    let reason = routed.map_or_else(|| "not recorded".to_owned(), |routed| describe_reason(routed.by));
    let options = call_card(letter).map(|card| describe_options(&card.options)).unwrap_or_default();
    let when = |at: Option<Timestamp>| at.map_or_else(|| "?".to_owned(), |at| format!("{at:.3}"));
    let settled = letter.settled.map(|at| format!(", settled {}", when(Some(at)))).unwrap_or_default();
    let (id, sink, admitted) = (letter.id.0, printable(&letter.sink), when(letter.enqueued_at));
    format!("  → {sink}{options}, why: {reason}; delivery {id} {state}{why}, enqueued {admitted}{settled}")
}

/// Describes a different decision of the current config. Sinks inherited from the ringing card have no rule.
fn config_change(letter: &StoredDelivery, routes: &Routes) -> Option<String> {
    let card = call_card(letter)?;
    let routed = card.routed.as_ref().filter(|routed| routed.by != RouteReason::PreviousSink)?;
    let input = RouteInput { update: &card.update, caller_info: &card.caller_info, at: routed.at };
    let now = routes.decide(&input).into_iter().find(|destination| destination.sink.as_str() == letter.sink);
    match now {
        Some(now) if now.reason == routed.by => None,
        Some(now) => Some(format!("the config changed: now sent there by {}", describe_reason(now.reason))),
        None => Some("the config changed: now not sent there".to_owned()),
    }
}

fn as_json(history: &[DeliveryHistory], config: &Config) -> String {
    let one = |(letter, attempts): &DeliveryHistory| {
        let input = call_card(letter).zip(decided_at(letter));
        let input = input.map(|(card, at)| RouteInput { update: &card.update, caller_info: &card.caller_info, at });
        json!({
            "id": letter.id, "call": call_id(letter), "status": letter.status, "sink": letter.sink,
            "state": letter.state, "reason": letter.reason, "enqueued": letter.enqueued_at, "settled": letter.settled,
            "routed": call_card(letter).and_then(|card| card.routed.clone()),
            "options": call_card(letter).map(|card| card.options.clone()),
            "hours": decided_at(letter).map(|at| config.routes.schedules().states_at(at)),
            "rules": input.map(|input| config.routes.explain(&input)),
            "changed": config_change(letter, &config.routes).is_some(),
            "attempts": attempts,
        })
    };
    let history: Vec<Value> = history.iter().map(one).collect();
    format!("{:#}\n", json!({ "config": config.path, "deliveries": history }))
}
