//! What in the rules cannot be meant: found without a call, by what the rules say of each other. A rule that cannot work
//! is wrong; one that only does nothing works as it is written and is told.

use super::{Condition, Routes, Rule};
use crate::model::ids::SinkName;
use std::collections::BTreeSet;

/// Something in the rules that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, as in `routes.0.match.queue`.
    pub key: String,
    /// What is wrong with it and what was meant.
    pub text: String,
    /// The rest works as it is written.
    pub is_harmless: bool,
}

impl Problem {
    fn wrong(key: String, text: String) -> Self {
        Self { key, text, is_harmless: false }
    }

    fn idle(key: String, text: String) -> Self {
        Self { key, text, is_harmless: true }
    }
}

impl Routes {
    /// What cannot be meant.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            self.check_sinks(at, rule, &mut problems);
            self.check_conditions(at, rule, &mut problems);
            problems.extend(self.check_place(at, rule));
        }
        let reached: BTreeSet<&SinkName> = self.rules.iter().flat_map(|rule| &rule.sinks).collect();
        let lost = self.all.iter().filter(|sink| !self.rules.is_empty() && !reached.contains(sink));
        problems.extend(
            lost.map(|sink| {
                Problem::idle(format!("sinks.{sink}"), "no rule leads to it: it hears of no call".to_owned())
            }),
        );
        problems
    }

    fn check_sinks(&self, at: usize, rule: &Rule, problems: &mut Vec<Problem>) {
        for sink in rule.sinks.iter().filter(|sink| !self.all.contains(sink)) {
            let text = format!("rule {} names the sink {sink}, which is not configured", place(at));
            problems.push(Problem::wrong(format!("routes.{at}.sinks"), text));
        }
        let mentions = |it: &super::Mentions| it.slack.values().next().is_some() || it.teams.values().next().is_some();
        if rule.mention.as_ref().is_some_and(|mention| !mentions(mention)) {
            let text = format!("rule {} mentions nobody: its `slack` and `teams` name none", place(at));
            problems.push(Problem::idle(format!("routes.{at}.mention"), text));
        }
    }

    fn check_conditions(&self, at: usize, rule: &Rule, problems: &mut Vec<Problem>) {
        let impossible = rule.when.impossible().chain(rule.when.contradictory());
        for (key, why) in impossible {
            let text = format!("rule {}: nothing can match {key}: {why}", place(at));
            problems.push(Problem::wrong(format!("routes.{at}.match.{key}"), text));
        }
        for (key, why) in rule.unless.impossible() {
            let text = format!("rule {}: {key} can except nothing: {why}", place(at));
            problems.push(Problem::wrong(format!("routes.{at}.unless.{key}"), text));
        }
        for (key, _) in rule.unless.covered(&rule.when).filter(|(_, covers)| *covers) {
            let text = format!("rule {}: nothing can match: all that `match` takes by {key} is excepted", place(at));
            problems.push(Problem::wrong(format!("routes.{at}.unless.{key}"), text));
        }
        for (table, condition) in [("match", &rule.when), ("unless", &rule.unless)] {
            for name in condition.hours.values().filter(|name| !self.schedules.hours.contains_key(*name)) {
                let text = format!("rule {}: there is no table [hours.{}]", place(at), shown(name));
                problems.push(Problem::wrong(format!("routes.{at}.{table}.hours"), text));
            }
        }
    }

    /// What the rules above leave of one.
    fn check_place(&self, at: usize, rule: &Rule) -> Option<Problem> {
        let mut above = self.rules.iter().take(at).enumerate().filter(|(_, above)| above.takes_all_of(rule));
        let unreached = |above: usize| {
            format!(
                "rule {} is never reached: rule {} matches all it could, and does not continue",
                place(at),
                place(above)
            )
        };
        let idle =
            |above: usize| format!("rule {} adds nothing: rule {} tells its sinks before", place(at), place(above));
        let adds_nothing = |above: &Rule| {
            let ends = !rule.goes_on && at.saturating_add(1) < self.rules.len();
            !ends && !rule.sinks.is_empty() && rule.sinks.iter().all(|sink| above.sinks.contains(sink))
        };
        let text = above.find_map(|(place, above)| match above.goes_on {
            false => Some(unreached(place)),
            true => adds_nothing(above).then(|| idle(place)),
        })?;
        Some(Problem::idle(format!("routes.{at}"), text))
    }
}

impl Rule {
    /// Whether all that `other` matches is matched by this one.
    fn takes_all_of(&self, other: &Self) -> bool {
        let excepted: Vec<_> = other.unless.covered(&self.unless).filter(|(_, covers)| *covers).collect();
        let is_excepted = |key| excepted.iter().any(|(excepted, _)| *excepted == key);
        self.when.covered(&other.when).all(|(_, covers)| covers)
            && given(&self.unless).all(is_excepted)
            && (self.mute.values().next().is_none() || !self.goes_on)
    }
}

fn given(condition: &Condition) -> impl Iterator<Item = super::Key> {
    condition.covered(condition).map(|(key, _)| key)
}

/// A rule's place as a person counts.
const fn place(at: usize) -> usize {
    at.saturating_add(1)
}

/// A name of the config, as far as it is fit to be shown.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}
