//! Finds mistakes in route rules without a call: rules that can never match are errors, rules without effect are
//! warnings.

use super::{Condition, PERSON, Routes, Rule};
use crate::{model::ids::SinkName, runtime::text::printable_start};
use std::collections::BTreeSet;

/// Mistake in the route rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// Config key, such as `routes.0.match.queue`.
    pub key: String,
    /// Description for the operator.
    pub text: String,
    /// Whether the problem is a warning only.
    pub is_harmless: bool,
}

impl RuleProblem {
    fn error(key: String, text: String) -> Self {
        Self { key, text, is_harmless: false }
    }

    fn no_effect(key: String, text: String) -> Self {
        Self { key, text, is_harmless: true }
    }
}

impl Routes {
    /// Returns all mistakes in the rules.
    #[must_use]
    pub fn check(&self) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            self.check_sinks(at, rule, &mut problems);
            self.check_conditions(at, rule, &mut problems);
            problems.extend(self.check_order(at, rule));
        }
        let reached: BTreeSet<&SinkName> = self.rules.iter().flat_map(|rule| &rule.sinks).collect();
        if self.has_people && !reached.iter().any(|sink| sink.as_str() == PERSON) {
            let text = "no rule has \"person\" in its sinks: no direct message is sent".to_owned();
            problems.push(RuleProblem::no_effect("people".to_owned(), text));
        }
        let unreached = self.all.iter().filter(|sink| !self.rules.is_empty() && !reached.contains(sink));
        problems.extend(unreached.map(|sink| {
            RuleProblem::no_effect(format!("sinks.{sink}"), "no rule names this sink: it gets no calls".to_owned())
        }));
        problems
    }

    fn check_sinks(&self, at: usize, rule: &Rule, problems: &mut Vec<RuleProblem>) {
        let is_known = |sink: &SinkName| self.all.contains(sink) || self.has_people && sink.as_str() == PERSON;
        for sink in rule.sinks.iter().filter(|sink| !is_known(sink)) {
            let text = match sink.as_str() {
                PERSON => "the rule sends to person, but [people] is empty".to_owned(),
                sink => {
                    let known: Vec<&str> = self.all.iter().map(SinkName::as_str).collect();
                    format!(
                        "the rule names the sink {sink}, which is not configured, expected one of {}",
                        known.join(", ")
                    )
                }
            };
            problems.push(RuleProblem::error(format!("routes.{at}.sinks"), text));
        }
        let has_mentions =
            |it: &super::Mentions| it.slack.values().next().is_some() || it.teams.values().next().is_some();
        if rule.mention.as_ref().is_some_and(|mention| !has_mentions(mention)) {
            let text = "the mention is empty: neither `slack` nor `teams` has a value".to_owned();
            problems.push(RuleProblem::no_effect(format!("routes.{at}.mention"), text));
        }
    }

    fn check_conditions(&self, at: usize, rule: &Rule, problems: &mut Vec<RuleProblem>) {
        let impossible = rule.conditions.never_matches().chain(rule.conditions.contradictory());
        for (key, why) in impossible {
            let text = format!("nothing can match {key}: {why}");
            problems.push(RuleProblem::error(format!("routes.{at}.match.{key}"), text));
        }
        for (key, why) in rule.unless.never_matches() {
            let text = format!("{key} excludes nothing: {why}");
            problems.push(RuleProblem::error(format!("routes.{at}.unless.{key}"), text));
        }
        for (key, _) in rule.unless.covered(&rule.conditions).filter(|(_, covers)| *covers) {
            let text = format!("nothing can match: `unless` excludes every {key} that `match` accepts");
            problems.push(RuleProblem::error(format!("routes.{at}.unless.{key}"), text));
        }
        for (table, condition) in [("match", &rule.conditions), ("unless", &rule.unless)] {
            for name in condition.hours.values().filter(|name| !self.schedules.by_name.contains_key(*name)) {
                let text = format!("there is no table [hours.{}]", printable_start(name, 40));
                problems.push(RuleProblem::error(format!("routes.{at}.{table}.hours"), text));
            }
        }
    }

    /// Checks which updates the rules above leave for a rule.
    fn check_order(&self, at: usize, rule: &Rule) -> Option<RuleProblem> {
        let mut above = self.rules.iter().take(at).enumerate().filter(|(_, above)| above.covers(rule));
        let never_reached = |above: usize| {
            format!("never reached: rule {} matches the same calls and does not continue", number(above))
        };
        let no_effect = |above: usize| format!("no effect: rule {} already sends to its sinks", number(above));
        let adds_nothing = |above: &Rule| {
            let ends = !rule.continue_matching && at.saturating_add(1) < self.rules.len();
            !ends && !rule.sinks.is_empty() && rule.sinks.iter().all(|sink| above.sinks.contains(sink))
        };
        let text = above.find_map(|(place, above)| match above.continue_matching {
            false => Some(never_reached(place)),
            true => adds_nothing(above).then(|| no_effect(place)),
        })?;
        Some(RuleProblem::no_effect(format!("routes.{at}"), text))
    }
}

impl Rule {
    /// Returns whether this rule matches everything that `other` matches.
    fn covers(&self, other: &Self) -> bool {
        let excluded: Vec<_> = other.unless.covered(&self.unless).filter(|(_, covers)| *covers).collect();
        let is_excluded = |key| excluded.iter().any(|(excluded, _)| *excluded == key);
        self.conditions.covered(&other.conditions).all(|(_, covers)| covers)
            && given_keys(&self.unless).all(is_excluded)
            && (self.mute.values().next().is_none() || !self.continue_matching)
    }
}

fn given_keys(condition: &Condition) -> impl Iterator<Item = super::ConditionKey> {
    condition.covered(condition).map(|(key, _)| key)
}

/// Converts an index to the rule number for people.
const fn number(at: usize) -> usize {
    at.saturating_add(1)
}
