//! Decides which sinks get a call update, and with which card options. Pure: the update, the caller info, the time and
//! the schedules are arguments.
//!
//! # Invariants
//! - Rules are tried in order. The first match wins; a rule with `continue` lets the next rules be tried too. An update
//!   without a matching rule goes nowhere; a last rule without `match` is the default. Without rules every update goes to
//!   every sink.
//! - A rule matches if all keys of `match` hold and no key of `unless` does. Each key of `unless` is an exception of its own,
//!   so two exceptions need no second rule.
//! - A muted rule matches and sends nothing: its calls do not fall through to the next rule. Nothing is kept for later;
//!   after a holiday, rings of the holiday are useless.
//! - If two matching rules name one sink, the sink gets one card, with the options of the first rule.
//! - Updates after a ring also go to the sinks of the ring ([`add_previous_sinks`]). The readers of a ring need its end, even
//!   if the office has closed or a transfer has changed the queue. `outcomes` alone decides which statuses a sink gets
//!   ([`sink_wants`]).
//! - A look-up result after the deadline routes later updates only: a second sink could not act before the phone stops
//!   ringing. The result is added to live messages and pending cards.
//!
//! `rule` has the options of one rule, `condition` evaluates conditions, `hours` (with `calendar` and `rrule`) schedules,
//! `mute` the muted days, `mentions` the mentions; `lint` finds rules that have no effect.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod calendar;
mod condition;
mod hours;
mod ics_time;
mod lint;
mod mentions;
mod mute;
mod number_pattern;
mod one_or_many;
mod recap_schedule;
mod rrule;
mod rule;
#[cfg(test)]
mod tests;

use crate::model::{
    call::{CallUpdate, StatusKind},
    card::{CallerInfo, CardOptions, RouteReason},
    ids::SinkName,
    time::Timestamp,
};
pub use calendar::{CalendarWarning, Holidays, NotACalendar};
pub use condition::{Condition, ConditionKey};
pub use hours::{Schedule, ScheduleError, ScheduleState, Schedules, WeeklyHours, weekdays};
pub use lint::RuleProblem;
pub use mentions::{MentionWhen, Mentions};
pub use mute::DateRange;
pub use number_pattern::NumberPattern;
pub use one_or_many::OneOrMany;
pub use recap_schedule::RecapSchedule;
pub use rule::{Rule, RuleOutcome, RuleTrace};
use std::path::Path;

/// Name in the `sinks` of a rule for the people whose phones ring.
pub const PERSON: &str = "person";

/// Rules of a config with all sinks and the schedules.
///
/// ```
/// use poprelay::model::{
///     call::{Call, CallStatus, CallUpdate, Caller},
///     card::CallerInfo,
///     phone::{PhoneNumber, Region},
///     time::Timestamp,
/// };
/// use poprelay::route::{RouteInput, Routes, Rule};
///
/// let rules: Vec<Rule> = serde_json::from_str(r#"[{"match": {"withheld": true}, "sinks": []}, {"sinks": ["desk"]}]"#)?;
/// let routes = Routes::new(rules, vec!["desk".try_into()?]);
/// let at: Timestamp = "2026-11-23T15:20:00Z".parse()?;
/// for (number, sinks) in [(Some("+15145550142"), 1), (Some("anonymous"), 0)] {
///     let caller = Caller { name: None, number: PhoneNumber::parse(number, Region::US) };
///     let call = Call::new("call-1".try_into()?, "main".try_into()?, "42".try_into()?, Region::US, caller, at);
///     let update = CallUpdate { call, status: CallStatus::Ringing, at };
///     let input = RouteInput { update: &update, caller_info: &CallerInfo::default(), at };
///     assert_eq!(routes.decide(&input).len(), sinks);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    rules: Vec<Rule>,
    all: Vec<SinkName>,
    schedules: Schedules,
    has_people: bool,
}

/// Input of a routing decision.
#[derive(Debug, Clone, Copy)]
pub struct RouteInput<'a> {
    /// Call update to route.
    pub update: &'a CallUpdate,
    /// Caller info.
    pub caller_info: &'a CallerInfo,
    /// Time for which schedules are evaluated.
    pub at: Timestamp,
}

/// Sink that gets a call update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Sink name.
    pub sink: SinkName,
    /// Options of its card.
    pub options: CardOptions,
    /// Reason of the decision.
    pub reason: RouteReason,
}

/// Statuses that a sink gets besides ringing, unless `outcomes` is set.
pub const DEFAULT_OUTCOMES: [StatusKind; 2] = [StatusKind::Missed, StatusKind::Voicemail];

/// Returns whether a sink with these `outcomes` gets a message for a status. Ringing always does; other statuses update
/// a pending card unless they are listed.
#[must_use]
pub fn sink_wants(kind: StatusKind, outcomes: &[StatusKind]) -> bool {
    kind == StatusKind::Ringing || outcomes.contains(&kind)
}

impl Routes {
    /// Creates routes from the rules in order and all sinks of the config, without schedules.
    #[must_use]
    pub fn new(rules: Vec<Rule>, all: Vec<SinkName>) -> Self {
        Self { rules, all, schedules: Schedules::default(), has_people: false }
    }

    /// Sets the schedules.
    #[must_use]
    pub fn with_schedules(self, schedules: Schedules) -> Self {
        Self { schedules, ..self }
    }

    /// Sets whether rules may send to [`PERSON`].
    #[must_use]
    pub fn with_people(self, has_people: bool) -> Self {
        Self { has_people, ..self }
    }

    /// Returns a copy with new holidays of a changed file.
    #[must_use]
    pub fn with_holidays(&self, file: &Path, holidays: Holidays) -> Self {
        Self { schedules: self.schedules.clone().with_holidays(file, holidays), ..self.clone() }
    }

    /// Returns the rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns the schedules.
    #[must_use]
    pub fn schedules(&self) -> &Schedules {
        &self.schedules
    }

    /// Returns the sinks for a call update, each once, in the order of the rules.
    #[must_use]
    pub fn decide(&self, input: &RouteInput<'_>) -> Vec<Destination> {
        if self.rules.is_empty() {
            let everywhere = |sink: &SinkName| Destination {
                sink: sink.clone(),
                options: CardOptions::default(),
                reason: RouteReason::NoRules,
            };
            return self.all.iter().map(everywhere).collect();
        }
        let mut destinations: Vec<Destination> = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let result = self.evaluate(rule, input);
            if result == RuleOutcome::Matched {
                let options = rule.card_options(input);
                for sink in &rule.sinks {
                    if !destinations.iter().any(|it| it.sink == *sink) {
                        let by = RouteReason::Rule(at.saturating_add(1));
                        destinations.push(Destination { sink: sink.clone(), options: options.clone(), reason: by });
                    }
                }
            }
            if result.stops_after(rule) {
                break;
            }
        }
        destinations
    }

    /// Returns the outcome of each rule for a call update.
    #[must_use]
    pub fn explain(&self, input: &RouteInput<'_>) -> Vec<RuleTrace> {
        let mut stopped = false;
        let explain = |(at, rule): (usize, &Rule)| {
            let result = if stopped { RuleOutcome::NotReached } else { self.evaluate(rule, input) };
            stopped |= result.stops_after(rule);
            RuleTrace { rule: at.saturating_add(1), result, sinks: rule.sinks.clone() }
        };
        self.rules.iter().enumerate().map(explain).collect()
    }

    fn evaluate(&self, rule: &Rule, input: &RouteInput<'_>) -> RuleOutcome {
        let not: Vec<ConditionKey> = rule.conditions.failing(input, &self.schedules).collect();
        let unless: Vec<ConditionKey> = rule.unless.matching(input, &self.schedules).collect();
        match (not.is_empty() && unless.is_empty(), rule.is_muted(input.at, &self.schedules)) {
            (false, _) => RuleOutcome::Failed { not, unless },
            (true, true) => RuleOutcome::Muted,
            (true, false) => RuleOutcome::Matched,
        }
    }
}

/// Adds the sinks of earlier updates of the call. `earlier` has these sinks with the options of their last card.
#[must_use]
pub fn add_previous_sinks(
    mut destinations: Vec<Destination>,
    earlier: Vec<(SinkName, CardOptions)>,
    status: StatusKind,
) -> Vec<Destination> {
    for (sink, options) in earlier {
        if !destinations.iter().any(|it| it.sink == sink) {
            destinations.push(Destination {
                sink,
                options: mentions::inherit(&options, status),
                reason: RouteReason::PreviousSink,
            });
        }
    }
    destinations
}
