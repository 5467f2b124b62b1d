//! One routing rule: its table in the config, its card options and muted days, and its outcome for a call update. Does not
//! evaluate conditions and does not choose among rules.

use super::{
    RouteInput,
    condition::{Condition, ConditionKey},
    hours::Schedules,
    mentions::Mentions,
    mute::DateRange,
    one_or_many::OneOrMany,
};
use crate::model::{call::RingStage, card::CardOptions, ids::SinkName, phone::Mask, time::Timestamp};
use serde::{Deserialize, Serialize};

/// One `[[routes]]` table of the config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Conditions that must hold. Absent or empty: always true.
    #[serde(rename = "match", default)]
    pub conditions: Condition,
    /// Exceptions: no key may hold.
    #[serde(default)]
    pub unless: Condition,
    /// Sinks of the rule. Empty: no sink; the rule still ends the search.
    pub sinks: Vec<SinkName>,
    /// Whether the rules below are tried too.
    #[serde(rename = "continue", default)]
    pub continue_matching: bool,
    /// Dates on which the rule sends nothing.
    #[serde(default)]
    pub mute: OneOrMany<DateRange>,
    /// Visible part of phone numbers on the cards; replaces the mask of the sink.
    #[serde(default)]
    pub mask: Option<Mask>,
    /// People and groups that the cards mention.
    #[serde(default)]
    pub mention: Option<Mentions>,
    /// Whether the cards are a title and one line.
    #[serde(default)]
    pub compact: bool,
    /// Stage of a call at which its ring is posted; replaces the `ring_at` of the sink.
    #[serde(default)]
    pub ring_at: Option<RingStage>,
    /// Whether calls that never left the menu are posted; replaces the `menu_only` of the sink.
    #[serde(default)]
    pub menu_only: Option<bool>,
}

impl Rule {
    pub(super) fn is_muted(&self, at: Timestamp, schedules: &Schedules) -> bool {
        self.mute.values().any(|days| days.contains(at, &schedules.time_zone))
    }

    pub(super) fn card_options(&self, input: &RouteInput<'_>) -> CardOptions {
        let mention = self.mention.as_ref().filter(|mention| mention.applies(input));
        let slack = mention.into_iter().flat_map(|mention| mention.slack.values()).cloned();
        let teams = mention.into_iter().flat_map(|mention| mention.teams.values()).cloned();
        CardOptions {
            mask: self.mask,
            slack_mentions: slack.collect(),
            teams_mentions: teams.collect(),
            compact: self.compact,
            ring_at: self.ring_at,
            menu_only: self.menu_only,
        }
    }
}

/// Result of one rule for a call update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    /// Position of the rule in the config, from 1.
    pub rule: usize,
    /// Outcome of the rule.
    pub result: RuleOutcome,
    /// Sinks of the rule.
    pub sinks: Vec<SinkName>,
}

/// Outcome of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// All conditions hold.
    Matched,
    /// All conditions hold, but the rule is muted.
    Muted,
    /// The rule does not match.
    Failed {
        /// Keys of `match` that do not hold.
        not: Vec<ConditionKey>,
        /// Keys of `unless` that hold.
        unless: Vec<ConditionKey>,
    },
    /// A rule above matched and does not continue.
    NotReached,
}

impl RuleOutcome {
    /// Returns whether the rules after `rule` are skipped.
    pub(super) fn stops_after(&self, rule: &Rule) -> bool {
        matches!(self, Self::Matched | Self::Muted) && !rule.continue_matching
    }
}
