//! `[[routes]]` and `[hours.NAME]`: rules with the schedules they ask. Reads the holiday files; what rules and schedules
//! mean is decided by `route`.

use super::{Problem, Reading, SinkConfig};
use crate::{
    model::{delivery::SinkKind, ids::SinkName},
    route::{AnyOf, Holidays, Hours, Routes, Rule, Schedules, Week},
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, fs::File, io::Read as _};

/// Largest holiday file: national holidays of ten years are some 60 KB.
const LARGEST: u64 = 1024 * 1024;

type Table = BTreeMap<String, AnyOf<String>>;

impl Reading<'_> {
    /// The rules, with what is wrong with them told by key. `zone` is that of the cards.
    pub(super) fn routes(
        &mut self,
        rules: Vec<Rule>,
        sinks: Vec<SinkName>,
        tables: &BTreeMap<String, Table>,
        zone: TimeZone,
    ) -> Routes {
        let hours = tables.iter().map(|(name, table)| (name.clone(), self.hours(name, table, &zone))).collect();
        let routes = Routes::new(rules, sinks).with_schedules(Schedules { zone, hours });
        for problem in routes.check() {
            let found = Problem::at(self.source, problem.key, problem.text);
            if problem.is_harmless { self.warnings.push(found) } else { self.problems.push(found) }
        }
        routes
    }

    /// A mention that no sink of its rule can make is told: Slack's ids are Slack's.
    pub(super) fn mentions(&mut self, routes: &Routes, sinks: &[SinkConfig]) {
        let is_deaf = |name: &SinkName| {
            let kind = sinks.iter().find(|sink| sink.name == *name).map(|sink| sink.kind);
            matches!(kind, Some(SinkKind::Teams | SinkKind::TeamsConnector | SinkKind::SlackTrigger))
        };
        for (at, rule) in routes.rules().iter().enumerate() {
            for sink in rule.sinks.iter().filter(|sink| rule.mention.is_some() && is_deaf(sink)) {
                let text = format!("{sink} mentions nobody: only a Slack webhook and a Slack app do");
                self.warnings.push(Problem::at(self.source, format!("routes.{at}.mention"), text));
            }
        }
    }

    fn hours(&mut self, name: &str, table: &Table, zone: &TimeZone) -> Hours {
        let at = |key: &str| format!("hours.{name}.{key}");
        let mut hours = Hours { zone: zone.clone(), week: Week::default(), holidays: Holidays::default() };
        for (key, value) in table {
            match key.as_str() {
                "time_zone" => match value.values().map(|name| TimeZone::get(name)).next() {
                    Some(Ok(zone)) if value.values().count() == 1 => hours.zone = zone,
                    _ => self.wrong(at(key), "no such time zone: an IANA name, as in \"America/New_York\""),
                },
                "holidays" => value.values().for_each(|path| hours.holidays.join(self.holidays(&at(key), path))),
                days => {
                    if let Err(error) = hours.week.say(days, value) {
                        self.wrong(at(days), error.to_string());
                    }
                }
            }
        }
        if hours.week.is_never_open() {
            self.wrong(format!("hours.{name}"), "it is never open: write its days, as in mon-fri = \"09:00-17:30\"");
        }
        hours
    }

    /// A file that cannot be used costs its holidays, not the calls.
    fn holidays(&mut self, key: &str, path: &str) -> Holidays {
        let mut warn = |text: String| self.warnings.push(Problem::at(self.source, key, text));
        let text = match read(path) {
            Ok(text) => text,
            Err(why) => {
                warn(format!("{path}: {why}; its holidays do not count"));
                return Holidays::default();
            }
        };
        match Holidays::read(&text) {
            Ok((holidays, odd)) => {
                odd.into_iter().for_each(|odd| warn(format!("{path}:{}: {}", odd.line, odd.text)));
                if holidays.is_empty() {
                    warn(format!("{path}: no event in it can be read"));
                }
                holidays
            }
            Err(error) => {
                warn(format!("{path}: {error}; its holidays do not count"));
                Holidays::default()
            }
        }
    }
}

fn read(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|size| size <= LARGEST);
    if fits { Ok(String::from_utf8_lossy(&bytes).into_owned()) } else { Err("larger than 1 MiB".to_owned()) }
}
