//! What a config would do with the moments of a recording, in the daemon's own rooms from the look-up to the routes; and
//! the words for it that several commands share. Nothing is sent, and nothing is remembered of the callers.

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

/// One moment, and what the config does with it.
pub struct Trial<'a> {
    /// What happened.
    pub telling: &'a Telling,
    /// What is known of the caller.
    pub found: Findings,
    /// The time at which it is decided.
    pub at: Timestamp,
    /// What each rule makes of it.
    pub explained: Vec<Explained>,
    /// Where it goes.
    pub routed: Vec<Routed>,
}

/// Decides of each moment, as of its own time or of `at`.
///
/// # Errors
/// 69 without a network, 78 for sources of enrichment that are wrong.
pub async fn trials<'a>(
    config: &Config,
    told: &'a [Telling],
    at: Option<Timestamp>,
) -> Result<Vec<Trial<'a>>, Failure> {
    let network = network::open().map_err(Failure::unavailable)?;
    let enricher = opening::enricher(config, &network).map_err(Failure::config)?;
    let mut earlier: BTreeMap<&ConversationSpaceId, Vec<(SinkName, Manner)>> = BTreeMap::new();
    let mut trials = Vec::new();
    for telling in told {
        let at = at.unwrap_or(telling.at);
        let found = enricher.find(&telling.call, Now { tick: Instant::now(), clock: at }).await;
        let asked = Asked { telling, found: &found, at };
        let (explained, mut routed) = (config.routes.explain(&asked), config.routes.decide(&asked));
        let before = earlier.entry(&telling.call.id).or_default();
        if telling.moment.kind() != MomentKind::Ringing {
            routed = route::follow(routed, before.clone(), telling.moment.kind());
        }
        for Routed { sink, manner, .. } in &routed {
            let told = config.sinks.iter().any(|it| it.name == *sink && is_told(it, telling));
            match before.iter_mut().find(|(known, _)| known == sink) {
                Some((_, last)) => last.clone_from(manner),
                // Where there is no card to bring up to date, nothing went.
                None if told => before.push((sink.clone(), manner.clone())),
                None => {}
            }
        }
        trials.push(Trial { telling, found, at, explained, routed });
    }
    Ok(trials)
}

/// Whether a sink gets something to see of a moment that is routed to it.
#[must_use]
pub fn is_told(sink: &SinkConfig, telling: &Telling) -> bool {
    sink.kind.edits() || book::is_told(telling, &sink.outcomes)
}

/// Reads `--at`: with its offset, or by the clock on the wall of the cards' zone.
///
/// # Errors
/// 64 for what is no time.
pub fn time(text: &str, config: &Config) -> Result<Timestamp, Failure> {
    let local = || {
        let local: civil::DateTime = text.parse().ok()?;
        local.to_zoned(config.style.time_zone.clone()).ok().map(|time| time.timestamp())
    };
    let meant = "--at expects a time, as in 2026-12-24T10:00 or 2026-12-24T10:00:00-05:00";
    text.parse().ok().or_else(local).ok_or_else(|| Failure::usage(meant))
}

/// How the schedules stand, a line each.
pub fn hours(routes: &Routes, at: Timestamp) -> impl Iterator<Item = String> {
    routes.schedules().at(at).into_iter().map(|(name, standing)| match standing {
        Standing::Open => format!("hours {name}: open"),
        Standing::Closed => format!("hours {name}: closed"),
        Standing::Holiday(holiday) => format!("hours {name}: closed for {holiday}"),
    })
}

/// What the rules made of a moment, a line each.
pub fn rules(explained: &[Explained]) -> impl Iterator<Item = String> {
    let keys = |keys: &[Key]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    explained.iter().map(move |Explained { rule, result, sinks }| {
        let to = match sinks.as_slice() {
            [] => "nobody".to_owned(),
            sinks => sinks.iter().map(SinkName::as_str).collect::<Vec<_>>().join(", "),
        };
        match result {
            Tried::Matched => format!("rule {rule}: matches, to {to}"),
            Tried::Muted => format!("rule {rule}: matches and is muted, to nobody"),
            Tried::NotReached => format!("rule {rule}: not reached"),
            Tried::Failed { not, unless } if unless.is_empty() => format!("rule {rule}: no, for {}", keys(not)),
            Tried::Failed { not, unless } if not.is_empty() => format!("rule {rule}: no, except for {}", keys(unless)),
            Tried::Failed { not, unless } => {
                format!("rule {rule}: no, for {} and except for {}", keys(not), keys(unless))
            }
        }
    })
}

/// Why something goes to a sink, in a few words.
#[must_use]
pub fn by(by: RoutedBy) -> String {
    match by {
        RoutedBy::Rule(rule) => format!("rule {rule}"),
        RoutedBy::NoRules => "there are no rules".to_owned(),
        RoutedBy::Earlier => "the call's ring went there".to_owned(),
    }
}

/// How it is drawn beside what the sink says; empty where a rule says nothing.
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
