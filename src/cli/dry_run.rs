//! Dry run: looks up and routes the call updates of a recording with the daemon's modules, and formats the result for
//! several commands. Sends and stores nothing.

use super::CliError;
use crate::{
    config::{Config, SinkConfig},
    daemon::{settings, startup},
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallerInfo, CardOptions, RouteReason},
        ids::{ConversationSpaceId, SinkName},
        phone::Mask,
        time::{Now, Timestamp},
    },
    route::{self, ConditionKey, Destination, RouteInput, Routes, RuleOutcome, RuleTrace, ScheduleState},
    runtime::http::HttpStack,
};
use jiff::civil;
use std::{collections::BTreeMap, time::Instant};

/// A call update with its caller info and route decision.
pub struct DryRun<'a> {
    /// The call update.
    pub update: &'a CallUpdate,
    /// Look-up result.
    pub caller_info: CallerInfo,
    /// Time of the decision.
    pub at: Timestamp,
    /// Outcome of each rule.
    pub traces: Vec<RuleTrace>,
    /// Sinks that get the update.
    pub destinations: Vec<Destination>,
}

/// Routes each update, at its own time or at `at`.
///
/// # Errors
/// 69 without a network, 78 for invalid enrichment sources.
pub async fn dry_run<'a>(
    config: &Config,
    told: &'a [CallUpdate],
    at: Option<Timestamp>,
) -> Result<Vec<DryRun<'a>>, CliError> {
    let network = HttpStack::open(config.http.clone()).map_err(CliError::unavailable)?;
    let enricher = startup::build_enricher(config, &network).map_err(CliError::config)?;
    let mut previous_sinks: BTreeMap<&ConversationSpaceId, Vec<(SinkName, CardOptions)>> = BTreeMap::new();
    let mut trials = Vec::new();
    for telling in told {
        let at = at.unwrap_or(telling.at);
        let found = enricher.lookup(&telling.call, Now { instant: Instant::now(), timestamp: at }).await;
        let input = RouteInput { update: telling, caller_info: &found, at };
        let (explained, mut routed) = (config.routes.explain(&input), config.routes.decide(&input));
        let known_sinks = previous_sinks.entry(&telling.call.id).or_default();
        if telling.status.kind() != StatusKind::Ringing {
            routed = route::add_previous_sinks(routed, known_sinks.clone(), telling.status.kind());
        }
        for Destination { sink, options: manner, .. } in &routed {
            let shows =
                config.sinks.iter().any(|candidate| candidate.name == *sink && reports_update(candidate, telling));
            match known_sinks.iter_mut().find(|(name, _)| name == sink) {
                Some((_, last)) => last.clone_from(manner),
                // A sink without a card to update gets nothing.
                None if shows => known_sinks.push((sink.clone(), manner.clone())),
                None => {}
            }
        }
        trials.push(DryRun { update: telling, caller_info: found, at, traces: explained, destinations: routed });
    }
    Ok(trials)
}

/// Returns whether a sink shows an update that is routed to it.
#[must_use]
pub fn reports_update(sink: &SinkConfig, telling: &CallUpdate) -> bool {
    sink.kind.supports_edit() || settings::notifies(telling, &sink.outcomes)
}

/// Parses `--at`, with an offset or in the time zone of the cards.
///
/// # Errors
/// 64 for an invalid time.
pub fn parse_time(text: &str, config: &Config) -> Result<Timestamp, CliError> {
    let local = || {
        let local: civil::DateTime = text.parse().ok()?;
        local.to_zoned(config.style.time_zone.clone()).ok().map(|time| time.timestamp())
    };
    let expected = "--at expects a time, as in 2026-12-24T10:00 or 2026-12-24T10:00:00-05:00";
    text.parse().ok().or_else(local).ok_or_else(|| CliError::usage(expected))
}

/// Describes the state of each schedule, one line each.
pub fn describe_schedules(routes: &Routes, at: Timestamp) -> impl Iterator<Item = String> {
    routes.schedules().states_at(at).into_iter().map(|(name, standing)| match standing {
        ScheduleState::Open => format!("hours {name}: open"),
        ScheduleState::Closed => format!("hours {name}: closed"),
        ScheduleState::Holiday(holiday) => format!("hours {name}: closed for {holiday}"),
    })
}

/// Describes the outcome of each rule, one line each.
pub fn describe_rules(explained: &[RuleTrace]) -> impl Iterator<Item = String> {
    let keys = |keys: &[ConditionKey]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    explained.iter().map(move |RuleTrace { rule, result, sinks }| {
        let to = match sinks.as_slice() {
            [] => "no sink".to_owned(),
            sinks => sinks.iter().map(SinkName::as_str).collect::<Vec<_>>().join(", "),
        };
        match result {
            RuleOutcome::Matched => format!("rule {rule}: matches, to {to}"),
            RuleOutcome::Muted => format!("rule {rule}: matches, muted"),
            RuleOutcome::NotReached => format!("rule {rule}: not reached"),
            RuleOutcome::Failed { not, unless } if unless.is_empty() => format!("rule {rule}: no match: {}", keys(not)),
            RuleOutcome::Failed { not, unless } if not.is_empty() => {
                format!("rule {rule}: no match: unless {}", keys(unless))
            }
            RuleOutcome::Failed { not, unless } => {
                format!("rule {rule}: no match: {}; unless {}", keys(not), keys(unless))
            }
        }
    })
}

/// Describes why an update is routed to a sink.
#[must_use]
pub fn describe_reason(by: RouteReason) -> String {
    match by {
        RouteReason::Rule(rule) => format!("rule {rule}"),
        RouteReason::NoRules => "there are no rules".to_owned(),
        RouteReason::PreviousSink => "the call's ringing card went there".to_owned(),
    }
}

/// Describes the card options of a rule; empty if the rule sets none.
#[must_use]
pub fn describe_options(manner: &CardOptions) -> String {
    let mask = manner.mask.map(|mask| match mask {
        Mask::None => "numbers in full",
        Mask::Last4 | Mask::Last2 | Mask::All => "numbers masked",
    });
    let slack = manner.slack_mentions.iter().map(|mention| mention.as_str());
    let mentions =
        slack.chain(manner.teams_mentions.iter().map(|mention| mention.name())).collect::<Vec<_>>().join(", ");
    let mentions = (!mentions.is_empty()).then(|| format!("mentions {mentions}"));
    let quiet = manner.compact.then(|| "quiet".to_owned());
    let parts: Vec<String> = [mask.map(str::to_owned), mentions, quiet].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}
