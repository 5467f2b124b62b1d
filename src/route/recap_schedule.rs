//! Recap times of a sink. Pure: the time and the zone are arguments.

use super::weekdays;
use crate::model::time::Timestamp;
use jiff::{
    ToSpan,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use std::fmt;

/// Most recap times a day.
const MAX_TIMES: usize = 24;
const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// Recap times of a sink: times of day on days of the week, in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecapSchedule {
    times: Vec<Time>,
    days: Vec<Weekday>,
}

impl RecapSchedule {
    /// Parses times of day and days as in `[hours.NAME]`; without days, every day.
    ///
    /// # Errors
    /// The expected form.
    pub fn read(times: &[String], days: Option<&[String]>) -> Result<Self, String> {
        let mut parsed: Vec<Time> = times
            .iter()
            .map(|text| Time::strptime("%H:%M", text.trim()).ok())
            .collect::<Option<_>>()
            .filter(|times: &Vec<Time>| (1..=MAX_TIMES).contains(&times.len()))
            .ok_or_else(|| format!("expected a time such as \"17:30\", or a list of up to {MAX_TIMES}"))?;
        parsed.sort();
        parsed.dedup();
        let days: Option<Vec<Vec<Weekday>>> =
            days.map_or_else(|| Some(vec![WEEK.to_vec()]), |words| words.iter().map(|text| weekdays(text)).collect());
        let days = days.map(|days| days.concat()).filter(|days| !days.is_empty());
        Ok(Self { times: parsed, days: days.ok_or("expected days such as \"mon\" or \"mon-fri\", or a list")? })
    }

    /// Returns the first recap time after `at`. A time skipped by a clock change moves forward by that change; of a
    /// repeated time the first counts.
    #[must_use]
    pub fn next(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.around(at, zone).filter(|end| *end > at).min()
    }

    /// Returns the last recap time before `at`.
    #[must_use]
    pub fn last(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.around(at, zone).filter(|end| *end < at).max()
    }

    /// Returns the recap times from a week before to a week after `at`: at least one on each side.
    fn around(&self, at: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        let today = at.to_zoned(zone.clone()).date();
        let dates = (-8..=8_i64).filter_map(move |days| today.checked_add(days.days()).ok());
        let dates = dates.filter(|date| self.days.contains(&date.weekday()));
        let ends = dates.flat_map(|date| self.times.iter().map(move |time| date.to_datetime(*time)));
        ends.filter_map(|end| zone.to_ambiguous_timestamp(end).compatible().ok())
    }
}

impl fmt::Display for RecapSchedule {
    /// Writes `at 13:00 and 17:30`, with the days unless all are included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times: Vec<String> = self.times.iter().map(|time| time.strftime("%H:%M").to_string()).collect();
        write!(f, "at {}", times.join(" and "))?;
        let days = WEEK.iter().filter(|day| self.days.contains(day));
        let days: Vec<String> = days.map(|day| format!("{day:?}").chars().take(3).collect()).collect();
        if days.len() < WEEK.len() { write!(f, " on {}", days.join(" ")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(times: &[&str], days: &[&str]) -> RecapSchedule {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let days = words(days);
        RecapSchedule::read(&words(times), Some(days.as_slice()).filter(|days| !days.is_empty())).unwrap()
    }

    fn zone() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Checks schedules around 23 November 2026, a Monday; New York is 5 hours behind in winter, 4 in summer.
    #[test]
    fn schedule_handles_days_and_clock_changes() {
        for (times, days, now, last, next) in [
            (&["17:30"][..], &[][..], "2026-11-23T22:29:59Z", "2026-11-22T22:30:00Z", "2026-11-23T22:30:00Z"),
            (&["17:30"], &[], "2026-11-23T22:30:00Z", "2026-11-22T22:30:00Z", "2026-11-24T22:30:00Z"),
            (&["17:30"], &["mon-fri"], "2026-11-23T22:30:00Z", "2026-11-20T22:30:00Z", "2026-11-24T22:30:00Z"),
            (&["17:30"], &["mon-fri"], "2026-11-20T23:00:00Z", "2026-11-20T22:30:00Z", "2026-11-23T22:30:00Z"),
            (&["9:00"], &["tue"], "2026-11-24T14:00:00Z", "2026-11-17T14:00:00Z", "2026-12-01T14:00:00Z"),
            (&["22:00", "06:00", "14:00"], &[], "2026-11-23T22:00:00Z", "2026-11-23T19:00:00Z", "2026-11-24T03:00:00Z"),
            // 8 March: 02:30 is left out and becomes 03:30. 1 November: 01:30 comes twice, the first counts.
            (&["02:30"], &[], "2026-03-08T07:00:00Z", "2026-03-07T07:30:00Z", "2026-03-08T07:30:00Z"),
            (&["01:30"], &[], "2026-11-01T05:30:00Z", "2026-10-31T05:30:00Z", "2026-11-02T06:30:00Z"),
            (&["17:30"], &[], "2026-11-01T12:00:00Z", "2026-10-31T21:30:00Z", "2026-11-01T22:30:00Z"),
        ] {
            let schedule = schedule(times, days);
            assert_eq!(schedule.next(at(now), &zone()), Some(at(next)), "after {now}");
            assert_eq!(schedule.last(at(now), &zone()), Some(at(last)), "before {now}");
        }
    }

    #[test]
    fn schedule_rejects_invalid_times_and_displays_valid_ones() {
        let read = |time: &str, day: &str| RecapSchedule::read(&[time.to_owned()], Some(&[day.to_owned()]));
        assert_eq!(read("17:30", "mon-fri").unwrap().to_string(), "at 17:30 on Mon Tue Wed Thu Fri");
        assert_eq!(schedule(&["14:00", "6:00", "14:00"], &[]).to_string(), "at 06:00 and 14:00");
        for (time, day) in [("25:00", "mon"), ("half five", "mon"), ("", "mon"), ("17:30", "someday"), ("17:30", "")] {
            assert!(read(time, day).is_err(), "{time} {day}");
        }
        assert!(
            RecapSchedule::read(&[], None).is_err() && RecapSchedule::read(&["09:00".to_owned()], Some(&[])).is_err()
        );
        assert!(RecapSchedule::read(&vec!["09:00".to_owned(); MAX_TIMES + 1], None).is_err());
    }
}
