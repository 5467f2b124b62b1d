//! Dry run: looks up and plans the call updates of a recording with the daemon's own functions, and formats the result
//! for several commands. Sends and stores nothing.

use super::{CliError, outbox::stored_history};
use crate::{
    config::Config,
    daemon::{pipeline::plan, settings::Settings, startup},
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallCard, CallerInfo, Card, CardOptions, RouteDecision, RouteReason},
        delivery::{EnqueueMode, NewDelivery},
        ids::{ConversationSpaceId, SinkName},
        phone::Mask,
        time::{Now, Timestamp},
    },
    route::{ConditionKey, RouteInput, Routes, RuleOutcome, RuleTrace, ScheduleState},
    runtime::http::HttpStack,
};
use jiff::civil;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// A call update with its caller info and its planned cards.
pub struct DryRun<'a> {
    /// The call update.
    pub update: &'a CallUpdate,
    /// Look-up result.
    pub caller_info: CallerInfo,
    /// Time of the decision.
    pub at: Timestamp,
    /// Outcome of each rule.
    pub traces: Vec<RuleTrace>,
    /// One card for each sink that gets the update.
    pub cards: Vec<PlannedCard>,
}

/// The planned card of a call update at one sink.
pub struct PlannedCard {
    /// Sink of the card.
    pub sink: SinkName,
    /// The card.
    pub card: CallCard,
    /// Reason for which the card goes to the sink.
    pub reason: RouteReason,
    /// Whether the card is posted. Otherwise the update only refreshes a card that still waits.
    pub is_posted: bool,
    /// Whether the card would be a separate message.
    pub is_message: bool,
}

/// Plans each update, at its own time or at `at`.
///
/// # Errors
/// 69 without a network, 78 for invalid enrichment sources.
pub async fn dry_run<'a>(
    config: &Config,
    updates: &'a [CallUpdate],
    at: Option<Timestamp>,
) -> Result<Vec<DryRun<'a>>, CliError> {
    let network = HttpStack::open(config.http.clone()).map_err(CliError::unavailable)?;
    let enricher = startup::build_enricher(config, &network, stored_history(config)).map_err(CliError::config)?;
    let settings = Settings::from_config(config, enricher);
    let mut stored: BTreeMap<&ConversationSpaceId, StoredCards> = BTreeMap::new();
    let mut posted: BTreeSet<(&ConversationSpaceId, StatusKind, SinkName)> = BTreeSet::new();
    let mut runs = Vec::new();
    for update in updates {
        let at = at.unwrap_or(update.at);
        let now = Now { instant: Instant::now(), timestamp: at };
        let caller_info = settings.enricher.lookup(&update.call, now).await;
        let traces = settings.routes.explain(&RouteInput { update, caller_info: &caller_info, at });
        let stored = stored.entry(&update.call.id).or_default();
        let deliveries = plan::plan(&settings, update, &caller_info, stored.previous_sinks(), at);
        let mut cards = planned_cards(deliveries);
        for card in cards.iter_mut().filter(|card| card.is_message) {
            // As in the outbox: one message for each status. A live message is edited.
            card.is_posted &= posted.insert((&update.call.id, update.status.kind(), card.sink.clone()));
        }
        cards.iter().for_each(|card| stored.add(card, update.status.kind()));
        runs.push(DryRun { update, caller_info, at, traces, cards });
    }
    Ok(runs)
}

/// Returns the planned card of each sink: a sink with a live message may have two deliveries of one card.
fn planned_cards(deliveries: Vec<NewDelivery>) -> Vec<PlannedCard> {
    let mut cards: Vec<PlannedCard> = Vec::new();
    for NewDelivery { key, card, mode } in deliveries {
        let Card::Call(card) = card else { continue };
        let is_posted = mode != EnqueueMode::UpdatePending;
        if let Some(last) = cards.last_mut().filter(|last| last.sink == key.sink) {
            last.is_posted |= is_posted;
        } else if let Some(RouteDecision { by: reason, .. }) = card.routed {
            let is_message = mode == EnqueueMode::Insert;
            cards.push(PlannedCard { sink: key.sink, card: *card, reason, is_posted, is_message });
        }
    }
    cards
}

/// The cards of one call that the outbox holds: sink, status (`None`: the live message), options. In order of insertion.
#[derive(Debug, Default)]
struct StoredCards(Vec<(SinkName, Option<StatusKind>, CardOptions)>);

impl StoredCards {
    /// Records the card that the outbox then has for a sink. A sink without a card to update gets nothing.
    fn add(&mut self, card: &PlannedCard, status: StatusKind) {
        let status = (card.is_message || !card.is_posted).then_some(status);
        let options = &card.card.options;
        match self.0.iter_mut().find(|(sink, known, _)| *sink == card.sink && *known == status) {
            // A message is written once; an update of a waiting card and a live message replace the options.
            Some((_, _, last)) if !card.is_message => last.clone_from(options),
            None if card.is_posted => self.0.push((card.sink.clone(), status, options.clone())),
            _ => {}
        }
    }

    /// Returns the sinks, each with the options of its last card, as the outbox does.
    fn previous_sinks(&self) -> Vec<(SinkName, CardOptions)> {
        let mut sinks: Vec<(SinkName, CardOptions)> = Vec::new();
        for (sink, _, options) in &self.0 {
            match sinks.iter_mut().find(|(known, _)| known == sink) {
                Some((_, last)) => last.clone_from(options),
                None => sinks.push((sink.clone(), options.clone())),
            }
        }
        sinks
    }
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

/// Describes why an update is routed to a sink, as a clause after "because".
#[must_use]
pub fn describe_because(by: RouteReason) -> String {
    match by {
        RouteReason::Rule(rule) => format!("rule {rule} matches"),
        RouteReason::NoRules | RouteReason::PreviousSink => describe_reason(by),
    }
}

/// Describes the card options of a rule; empty if the rule sets none.
#[must_use]
pub fn describe_options(options: &CardOptions) -> String {
    let mask = options.mask.map(|mask| match mask {
        Mask::None => "numbers in full",
        Mask::Last4 | Mask::Last2 | Mask::All => "numbers masked",
    });
    let slack = options.slack_mentions.iter().map(|mention| mention.as_str());
    let mentions =
        slack.chain(options.teams_mentions.iter().map(|mention| mention.name())).collect::<Vec<_>>().join(", ");
    let mentions = (!mentions.is_empty()).then(|| format!("mentions {mentions}"));
    let compact = options.compact.then(|| "compact".to_owned());
    let parts: Vec<String> = [mask.map(str::to_owned), mentions, compact].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

#[cfg(test)]
mod tests;
