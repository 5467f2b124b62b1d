//! Which sinks hear of a call: rules, tried from the first. Pure. What a rule may ask is `condition`'s; what a sink is
//! sent of a moment it is routed is [`tells`]'s.

mod any_of;
mod condition;
#[cfg(test)]
mod tests;

use crate::model::{
    call::{MomentKind, Telling},
    ids::SinkName,
};
pub use any_of::AnyOf;
pub use condition::{Condition, Digits, Key};
use serde::Deserialize;
use std::collections::BTreeSet;

/// One `[[routes]]` table of the config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What a telling must be. Absent or empty: anything.
    #[serde(rename = "match", default)]
    pub when: Condition,
    /// Who hears of it. Empty: nobody, which ends the search like any other rule.
    pub sinks: Vec<SinkName>,
    /// Whether the rules below are tried too.
    #[serde(rename = "continue", default)]
    pub goes_on: bool,
}

/// The rules of a config with the sinks they lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    rules: Vec<Rule>,
    all: Vec<SinkName>,
}

/// What one rule made of a telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Its place in the config, from 1.
    pub rule: usize,
    /// What became of it.
    pub result: Tried,
    /// The sinks it names.
    pub sinks: Vec<SinkName>,
}

/// Whether a rule matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// All its conditions hold.
    Matched,
    /// These conditions do not hold.
    Failed(Vec<Key>),
    /// A rule above matched and does not continue.
    NotReached,
}

/// Something in the rules that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A rule names a sink that the config does not have.
    #[error("rule {rule} names the sink {sink}, which is not configured")]
    UnknownSink {
        /// Place of the rule, from 1.
        rule: usize,
        /// The name.
        sink: SinkName,
    },
    /// A rule can never be reached.
    #[error("rule {rule} is never reached: rule {above} matches all it could, and does not continue")]
    Unreachable {
        /// Place of the rule, from 1.
        rule: usize,
        /// The rule above.
        above: usize,
    },
    /// A condition that nothing can ever fulfil.
    #[error("rule {rule}: nothing can match {key}: {why}")]
    Impossible {
        /// Place of the rule, from 1.
        rule: usize,
        /// The condition.
        key: Key,
        /// What is wrong and what to write.
        why: &'static str,
    },
}

/// The moments that a sink is told of besides ringing, unless its `outcomes` say otherwise.
pub const DEFAULT_OUTCOMES: [MomentKind; 2] = [MomentKind::Missed, MomentKind::Voicemail];

/// Whether a sink with these `outcomes` gets a message for a moment. Ringing always; the other moments only bring a card
/// that still waits up to date unless they are named.
#[must_use]
pub fn tells(kind: MomentKind, outcomes: &[MomentKind]) -> bool {
    kind == MomentKind::Ringing || outcomes.contains(&kind)
}

impl Routes {
    /// The rules in their order, and all sinks of the config: without rules everything goes to all of them. With rules,
    /// what no rule matches goes nowhere; a last rule without `match` is the default.
    #[must_use]
    pub fn new(rules: Vec<Rule>, all: Vec<SinkName>) -> Self {
        Self { rules, all }
    }

    /// The sinks for a telling, each once, in the order of the rules: those of the first rule that matches, and of the
    /// matching ones after it as long as each says `continue`.
    #[must_use]
    pub fn sinks(&self, telling: &Telling) -> Vec<SinkName> {
        let mut sinks = Vec::new();
        if self.rules.is_empty() {
            sinks.clone_from(&self.all);
        }
        for rule in self.rules.iter().filter(|rule| rule.when.holds(telling)) {
            for sink in &rule.sinks {
                if !sinks.contains(sink) {
                    sinks.push(sink.clone());
                }
            }
            if !rule.goes_on {
                break;
            }
        }
        sinks
    }

    /// What each rule makes of a telling.
    #[must_use]
    pub fn explain(&self, telling: &Telling) -> Vec<Explained> {
        let mut stopped = false;
        let explain = |(at, rule): (usize, &Rule)| {
            let failed = rule.when.failed(telling);
            let result = match failed.is_empty() {
                _ if stopped => Tried::NotReached,
                true => Tried::Matched,
                false => Tried::Failed(failed),
            };
            stopped |= result == Tried::Matched && !rule.goes_on;
            Explained { rule: at.saturating_add(1), result, sinks: rule.sinks.clone() }
        };
        self.rules.iter().enumerate().map(explain).collect()
    }

    /// What cannot be meant.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let known: BTreeSet<&SinkName> = self.all.iter().collect();
        let mut problems = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let place = at.saturating_add(1);
            let unknown = rule.sinks.iter().filter(|sink| !known.contains(sink));
            problems.extend(unknown.map(|sink| Problem::UnknownSink { rule: place, sink: sink.clone() }));
            let impossible = rule.when.impossible();
            problems.extend(impossible.map(|(key, why)| Problem::Impossible { rule: place, key, why }));
            let mut above = self.rules.iter().take(at);
            let hides = |above: &Rule| !above.goes_on && (above.when.is_empty() || above.when == rule.when);
            if let Some(above) = above.position(hides) {
                problems.push(Problem::Unreachable { rule: place, above: above.saturating_add(1) });
            }
        }
        problems
    }
}
