//! Which sinks hear of a moment, and in which manner: rules, tried from the first. Pure: the call, what is known of the
//! caller, the time and the schedules are arguments.
//!
//! # How it is decided
//! - The first rule that matches wins; one that says `continue` lets the next be tried too. What no rule matches goes
//!   nowhere; a last rule without `match` is the default; no rules at all: everything to every sink.
//! - A rule matches if all of its `match` holds and nothing of its `unless` does. Each key of `unless` is an exception of
//!   its own, so that two of them need no rule more.
//! - A rule that is muted matches and tells nobody: its calls do not fall through to the next rule. Nothing is kept for
//!   later: on the day after, nobody wants the calls of the holiday as if they rang.
//! - If two matching rules lead to one sink, it is told once, in the manner of the first.
//! - What follows a ring goes where the ring went ([`follow`]), in its manner, beside what the rules say of it now: who saw
//!   a call ring wants to know its end, though the office has closed meanwhile or a transfer has changed its queue. What a
//!   sink is told of the moments it is routed is its `outcomes`' alone ([`tells`]).
//! - What a source says after the card's deadline routes the moments that follow, which ask it again and find its answer
//!   kept. It does not route again what was routed: a phone stops ringing before a second sink could act on it, and the
//!   first one has already been told. It is added to the messages that live and the cards that still wait.
//!
//! `condition` says what may be asked, `hours` (with `calendar` and `yearly`) when a schedule is open, `days` what mutes,
//! `manner` how it is drawn, `check` what cannot be meant.

mod any_of;
mod calendar;
mod check;
mod condition;
mod days;
mod digits;
mod hours;
mod manner;
mod property;
#[cfg(test)]
mod tests;
mod yearly;

use crate::model::{
    call::{MomentKind, Telling},
    card::{Findings, Manner, RoutedBy},
    ids::SinkName,
    phone::Mask,
    time::Timestamp,
};
pub use any_of::AnyOf;
pub use calendar::{Holidays, NoCalendar, Oddity};
pub use check::Problem;
pub use condition::{Condition, Key};
pub use days::Days;
pub use digits::Digits;
pub use hours::{BadHours, Hours, Schedules, Standing, Week, days};
pub use manner::{Mentions, When};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One `[[routes]]` table of the config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What must be so. Absent or empty: anything.
    #[serde(rename = "match", default)]
    pub when: Condition,
    /// What must not be so, each key alone.
    #[serde(default)]
    pub unless: Condition,
    /// Who hears of it. Empty: nobody, which ends the search like any other rule.
    pub sinks: Vec<SinkName>,
    /// Whether the rules below are tried too.
    #[serde(rename = "continue", default)]
    pub goes_on: bool,
    /// When it tells nobody.
    #[serde(default)]
    pub mute: AnyOf<Days>,
    /// How much of numbers its cards show, in place of what the sink says.
    #[serde(default)]
    pub mask: Option<Mask>,
    /// Whom its cards mention.
    #[serde(default)]
    pub mention: Option<Mentions>,
    /// Its cards are a title and one line.
    #[serde(default)]
    pub quiet: bool,
}

/// The rules of a config with the sinks they lead to and the schedules they ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    rules: Vec<Rule>,
    all: Vec<SinkName>,
    schedules: Schedules,
}

/// What is decided about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What happened.
    pub telling: &'a Telling,
    /// What is known of the caller.
    pub found: &'a Findings,
    /// The time at which schedules are looked up.
    pub at: Timestamp,
}

/// A sink that hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// Which.
    pub sink: SinkName,
    /// How.
    pub manner: Manner,
    /// Why.
    pub by: RoutedBy,
}

/// What one rule made of a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Its place in the config, from 1.
    pub rule: usize,
    /// What became of it.
    pub result: Tried,
    /// The sinks it names.
    pub sinks: Vec<SinkName>,
}

/// Whether a rule matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tried {
    /// All its conditions hold.
    Matched,
    /// They hold, and it is muted: nobody is told by it.
    Muted,
    /// It does not match.
    Failed {
        /// What it asks that is not so.
        not: Vec<Key>,
        /// Its exceptions that are so.
        unless: Vec<Key>,
    },
    /// A rule above matched and does not continue.
    NotReached,
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
    /// The rules in their order, and all sinks of the config; no schedules yet.
    #[must_use]
    pub fn new(rules: Vec<Rule>, all: Vec<SinkName>) -> Self {
        Self { rules, all, schedules: Schedules::default() }
    }

    /// With the schedules that the rules ask.
    #[must_use]
    pub fn with_schedules(self, schedules: Schedules) -> Self {
        Self { schedules, ..self }
    }

    /// The same with the holidays of a file that has changed.
    #[must_use]
    pub fn with_holidays(&self, file: &Path, holidays: Holidays) -> Self {
        Self { schedules: self.schedules.clone().with_holidays(file, holidays), ..self.clone() }
    }

    /// The rules, in their order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The schedules that the rules ask.
    #[must_use]
    pub fn schedules(&self) -> &Schedules {
        &self.schedules
    }

    /// The sinks for a moment, each once, in the order of the rules.
    #[must_use]
    pub fn decide(&self, asked: &Asked<'_>) -> Vec<Routed> {
        if self.rules.is_empty() {
            let everywhere =
                |sink: &SinkName| Routed { sink: sink.clone(), manner: Manner::default(), by: RoutedBy::NoRules };
            return self.all.iter().map(everywhere).collect();
        }
        let mut routed: Vec<Routed> = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let result = self.try_one(rule, asked);
            if result == Tried::Matched {
                let manner = rule.manner(asked);
                for sink in &rule.sinks {
                    if !routed.iter().any(|it| it.sink == *sink) {
                        let by = RoutedBy::Rule(at.saturating_add(1));
                        routed.push(Routed { sink: sink.clone(), manner: manner.clone(), by });
                    }
                }
            }
            if result.ends(rule) {
                break;
            }
        }
        routed
    }

    /// What each rule makes of a moment.
    #[must_use]
    pub fn explain(&self, asked: &Asked<'_>) -> Vec<Explained> {
        let mut stopped = false;
        let explain = |(at, rule): (usize, &Rule)| {
            let result = if stopped { Tried::NotReached } else { self.try_one(rule, asked) };
            stopped |= result.ends(rule);
            Explained { rule: at.saturating_add(1), result, sinks: rule.sinks.clone() }
        };
        self.rules.iter().enumerate().map(explain).collect()
    }

    fn try_one(&self, rule: &Rule, asked: &Asked<'_>) -> Tried {
        let not: Vec<Key> = rule.when.failed(asked, &self.schedules).collect();
        let unless: Vec<Key> = rule.unless.met(asked, &self.schedules).collect();
        match (not.is_empty() && unless.is_empty(), rule.is_muted(asked.at, &self.schedules)) {
            (false, _) => Tried::Failed { not, unless },
            (true, true) => Tried::Muted,
            (true, false) => Tried::Matched,
        }
    }
}

impl Tried {
    /// Whether the rules after `rule` are not tried.
    fn ends(&self, rule: &Rule) -> bool {
        matches!(self, Self::Matched | Self::Muted) && !rule.goes_on
    }
}

impl Rule {
    fn is_muted(&self, at: Timestamp, schedules: &Schedules) -> bool {
        self.mute.values().any(|days| days.cover(at, &schedules.zone))
    }

    fn manner(&self, asked: &Asked<'_>) -> Manner {
        let mention = self.mention.as_ref().filter(|mention| mention.apply(asked));
        let slack = mention.into_iter().flat_map(|mention| mention.slack.values()).cloned();
        let teams = mention.into_iter().flat_map(|mention| mention.teams.values()).cloned();
        Manner { mask: self.mask, mention: slack.collect(), teams: teams.collect(), quiet: self.quiet }
    }
}

/// What follows a ring goes where earlier moments of the call went, too: `earlier` are the sinks with the manner of their
/// last card.
#[must_use]
pub fn follow(mut routed: Vec<Routed>, earlier: Vec<(SinkName, Manner)>, moment: MomentKind) -> Vec<Routed> {
    for (sink, manner) in earlier {
        if !routed.iter().any(|it| it.sink == sink) {
            routed.push(Routed { sink, manner: manner::carried(&manner, moment), by: RoutedBy::Earlier });
        }
    }
    routed
}
