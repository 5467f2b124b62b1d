//! `[[routes]]` and `[hours.NAME]`: builds rules with their schedules and loads holiday files. `route` interprets
//! rules and schedules.

use super::{Diagnostic, SinkConfig, Validator, holiday_file};
use crate::{
    model::{delivery::SinkKind, ids::SinkName},
    route::{Holidays, OneOrMany, Routes, Rule, Schedule, Schedules, WeeklyHours},
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, path::Path, sync::Arc};

type ScheduleTable = BTreeMap<String, OneOrMany<String>>;

impl Validator<'_> {
    /// Builds the rules and reports their problems by key. `zone` is the cards' time zone.
    pub(super) fn routes(
        &mut self,
        rules: Vec<Rule>,
        sinks: Vec<SinkName>,
        has_people: bool,
        tables: &BTreeMap<String, ScheduleTable>,
        zone: TimeZone,
    ) -> Routes {
        let hours = tables.iter().map(|(name, table)| (name.clone(), self.hours(name, table, &zone))).collect();
        let routes = Routes::new(rules, sinks)
            .with_schedules(Schedules { time_zone: zone, by_name: hours })
            .with_people(has_people);
        for problem in routes.check() {
            let found = Diagnostic::at(self.source, problem.key, problem.text);
            if problem.is_harmless { self.warnings.push(found) } else { self.problems.push(found) }
        }
        routes
    }

    /// Warns of sinks where a rule's mention has no effect: each chat has its own ids.
    pub(super) fn check_mentions(&mut self, routes: &Routes, sinks: &[SinkConfig]) {
        for (at, rule) in routes.rules().iter().enumerate() {
            let Some(mention) = &rule.mention else { continue };
            let (slack, teams) = (mention.slack.values().next(), mention.teams.values().next());
            for sink in sinks.iter().filter(|sink| rule.sinks.contains(&sink.name)) {
                let why = match sink.kind {
                    SinkKind::Slack | SinkKind::SlackApp if slack.is_none() => "`slack` is empty",
                    SinkKind::Teams | SinkKind::TeamsApp if teams.is_none() => "`teams` is empty",
                    SinkKind::SlackTrigger => "a Slack workflow cannot mention people",
                    SinkKind::Slack | SinkKind::SlackApp | SinkKind::Teams | SinkKind::TeamsApp => continue,
                    _ => "only Slack and Teams have mentions",
                };
                let text = format!("mention has no effect at {}: {why}", sink.name);
                self.warnings.push(Diagnostic::at(self.source, format!("routes.{at}.mention"), text));
            }
        }
    }

    fn hours(&mut self, name: &str, table: &ScheduleTable, zone: &TimeZone) -> Schedule {
        let at = |key: &str| format!("hours.{name}.{key}");
        let before = self.problems.len();
        let mut hours = Schedule { time_zone: zone.clone(), week: WeeklyHours::default(), holidays: BTreeMap::new() };
        for (key, value) in table {
            match key.as_str() {
                "time_zone" => match value.values().map(|name| TimeZone::get(name)).next() {
                    Some(Ok(zone)) if value.values().count() == 1 => hours.time_zone = zone,
                    _ => self.error(at(key), "unknown time zone, expected an IANA name, as in \"America/New_York\""),
                },
                "holidays" => value.values().for_each(|path| {
                    hours.holidays.insert(path.into(), Arc::new(self.holidays(&at(key), path)));
                }),
                days => {
                    if let Err(error) = hours.week.add(days, value) {
                        self.error(at(days), error.to_string());
                    }
                }
            }
        }
        // A day with a problem of its own may be the only one.
        if self.problems.len() == before && hours.week.is_never_open() {
            self.error(format!("hours.{name}"), "never open. Add its days, as in mon-fri = \"09:00-17:30\"");
        }
        hours
    }

    /// Loads a holiday file. An unusable file costs its holidays, not the calls.
    fn holidays(&mut self, key: &str, path: &str) -> Holidays {
        let mut warn = |text: String| self.warnings.push(Diagnostic::at(self.source, key, text));
        match holiday_file::read(Path::new(path)) {
            Ok((holidays, found)) => {
                found.into_iter().for_each(|warning| warn(format!("{path}:{}: {}", warning.line, warning.text)));
                if holidays.is_empty() {
                    warn(format!("{path}: no readable event"));
                }
                holidays
            }
            Err(why) => {
                warn(format!("{path}: {why}, its holidays are ignored"));
                Holidays::default()
            }
        }
    }
}
