//! Dry run: looks up and routes the call updates of a recording with the daemon's modules, and formats the result for
//! several commands. Sends and stores nothing.

use super::Failure;
use crate::{
    daemon::{
        book,
        config::{Config, SinkConfig},
        network, opening,
    },
    model::{
        call::{MomentKind, Telling},
        card::{Findings, Manner, RoutedBy},
        ids::{ConversationSpaceId, SinkName},
        phone::Mask,
        time::{Now, Timestamp},
    },
    route::{self, Asked, Explained, Key, Routed, Routes, Standing, Tried},
};
use jiff::civil;
use std::{collections::BTreeMap, time::Instant};

/// A call update with its caller info and route decision.
pub struct Trial<'a> {
    /// The call update.
    pub telling: &'a Telling,
    /// Look-up result.
    pub found: Findings,
    /// Time of the decision.
    pub at: Timestamp,
    /// Outcome of each rule.
    pub explained: Vec<Explained>,
    /// Sinks that get the update.
    pub routed: Vec<Routed>,
}

/// Routes each update, at its own time or at `at`.
///
/// # Errors
/// 69 without a network, 78 for invalid enrichment sources.
pub async fn trials<'a>(
    config: &Config,
    told: &'a [Telling],
    at: Option<Timestamp>,
) -> Result<Vec<Trial<'a>>, Failure> {
    let network = network::open().map_err(Failure::unavailable)?;
    let enricher = opening::enricher(config, &network).map_err(Failure::config)?;
    let mut previous_sinks: BTreeMap<&ConversationSpaceId, Vec<(SinkName, Manner)>> = BTreeMap::new();
    let mut trials = Vec::new();
    for telling in told {
        let at = at.unwrap_or(telling.at);
        let found = enricher.find(&telling.call, Now { tick: Instant::now(), clock: at }).await;
        let input = Asked { telling, found: &found, at };
        let (explained, mut routed) = (config.routes.explain(&input), config.routes.decide(&input));
        let known_sinks = previous_sinks.entry(&telling.call.id).or_default();
        if telling.moment.kind() != MomentKind::Ringing {
            routed = route::follow(routed, known_sinks.clone(), telling.moment.kind());
        }
        for Routed { sink, manner, .. } in &routed {
            let shows = config.sinks.iter().any(|candidate| candidate.name == *sink && is_told(candidate, telling));
            match known_sinks.iter_mut().find(|(name, _)| name == sink) {
                Some((_, last)) => last.clone_from(manner),
                // A sink without a card to update gets nothing.
                None if shows => known_sinks.push((sink.clone(), manner.clone())),
                None => {}
            }
        }
        trials.push(Trial { telling, found, at, explained, routed });
    }
    Ok(trials)
}

/// Returns whether a sink shows an update that is routed to it.
#[must_use]
pub fn is_told(sink: &SinkConfig, telling: &Telling) -> bool {
    sink.kind.edits() || book::is_told(telling, &sink.outcomes)
}

/// Parses `--at`, with an offset or in the time zone of the cards.
///
/// # Errors
/// 64 for an invalid time.
pub fn time(text: &str, config: &Config) -> Result<Timestamp, Failure> {
    let local = || {
        let local: civil::DateTime = text.parse().ok()?;
        local.to_zoned(config.style.time_zone.clone()).ok().map(|time| time.timestamp())
    };
    let expected = "--at expects a time, as in 2026-12-24T10:00 or 2026-12-24T10:00:00-05:00";
    text.parse().ok().or_else(local).ok_or_else(|| Failure::usage(expected))
}

/// Describes the state of each schedule, one line each.
pub fn hours(routes: &Routes, at: Timestamp) -> impl Iterator<Item = String> {
    routes.schedules().at(at).into_iter().map(|(name, standing)| match standing {
        Standing::Open => format!("hours {name}: open"),
        Standing::Closed => format!("hours {name}: closed"),
        Standing::Holiday(holiday) => format!("hours {name}: closed for {holiday}"),
    })
}

/// Describes the outcome of each rule, one line each.
pub fn rules(explained: &[Explained]) -> impl Iterator<Item = String> {
    let keys = |keys: &[Key]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    explained.iter().map(move |Explained { rule, result, sinks }| {
        let to = match sinks.as_slice() {
            [] => "no sink".to_owned(),
            sinks => sinks.iter().map(SinkName::as_str).collect::<Vec<_>>().join(", "),
        };
        match result {
            Tried::Matched => format!("rule {rule}: matches, to {to}"),
            Tried::Muted => format!("rule {rule}: matches, muted"),
            Tried::NotReached => format!("rule {rule}: not reached"),
            Tried::Failed { not, unless } if unless.is_empty() => format!("rule {rule}: no match: {}", keys(not)),
            Tried::Failed { not, unless } if not.is_empty() => format!("rule {rule}: no match: unless {}", keys(unless)),
            Tried::Failed { not, unless } => {
                format!("rule {rule}: no match: {}; unless {}", keys(not), keys(unless))
            }
        }
    })
}

/// Describes why an update is routed to a sink.
#[must_use]
pub fn by(by: RoutedBy) -> String {
    match by {
        RoutedBy::Rule(rule) => format!("rule {rule}"),
        RoutedBy::NoRules => "there are no rules".to_owned(),
        RoutedBy::Earlier => "the call's ringing card went there".to_owned(),
    }
}

/// Describes the card options of a rule; empty if the rule sets none.
#[must_use]
pub fn manner(manner: &Manner) -> String {
    let mask = manner.mask.map(|mask| match mask {
        Mask::None => "numbers in full",
        Mask::Last4 | Mask::Last2 | Mask::All => "numbers masked",
    });
    let slack = manner.mention.iter().map(|mention| mention.as_str());
    let mentions = slack.chain(manner.teams.iter().map(|mention| mention.name())).collect::<Vec<_>>().join(", ");
    let mentions = (!mentions.is_empty()).then(|| format!("mentions {mentions}"));
    let quiet = manner.quiet.then(|| "quiet".to_owned());
    let parts: Vec<String> = [mask.map(str::to_owned), mentions, quiet].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}
