//! Yearly recurrence rules of iCalendar events. Tests single dates; expands no series. Rejects other frequencies.

use crate::runtime::text::printable_start;
use jiff::civil::{Date, DateTime, Weekday};

/// `RRULE:FREQ=YEARLY` with the parts that holidays use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct YearlyRule {
    interval: i16,
    until: Option<DateTime>,
    months: Vec<i8>,
    month_days: Vec<i8>,
    week_days: Vec<(Option<i16>, Weekday)>,
}

/// Unsupported part of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnsupportedRule(pub(super) String);

impl YearlyRule {
    /// Parses the value of an `RRULE` of an event that starts on `first`.
    pub(super) fn parse(rule: &str, first: DateTime) -> Result<Self, UnsupportedRule> {
        let mut yearly = Self { interval: 1, ..Self::default() };
        let mut count = None;
        let mut is_yearly = false;
        for part in rule.split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = name.trim().to_ascii_uppercase();
            let unsupported = || UnsupportedRule(printable_start(part, 40));
            match name.as_str() {
                "FREQ" => is_yearly = value.trim().eq_ignore_ascii_case("YEARLY"),
                "INTERVAL" => {
                    yearly.interval = value.trim().parse().ok().filter(|years| *years > 0).ok_or_else(unsupported)?;
                }
                "COUNT" => count = Some(value.trim().parse::<u32>().map_err(|_| unsupported())?),
                "UNTIL" => yearly.until = Some(parse_until(value).ok_or_else(unsupported)?),
                "BYMONTH" => yearly.months = parse_numbers(value, 1..=12).ok_or_else(unsupported)?,
                "BYMONTHDAY" => yearly.month_days = parse_numbers(value, -31..=31).ok_or_else(unsupported)?,
                "BYDAY" => {
                    yearly.week_days =
                        value.split(',').map(parse_weekday).collect::<Option<_>>().ok_or_else(unsupported)?
                }
                // The first day of the week matters to weekly rules alone.
                "WKST" => {}
                _ => return Err(unsupported()),
            }
            if name == "FREQ" && !is_yearly {
                return Err(unsupported());
            }
        }
        if !is_yearly {
            return Err(UnsupportedRule("a rule without FREQ".to_owned()));
        }
        if yearly.week_days.is_empty() && yearly.month_days.is_empty() {
            yearly.month_days = vec![first.day()];
            if yearly.months.is_empty() {
                yearly.months = vec![first.month()];
            }
        }
        if let Some(count) = count {
            yearly.set_count(count, first).ok_or_else(|| UnsupportedRule("COUNT".to_owned()))?;
        }
        Ok(yearly)
    }

    /// Converts a number of occurrences into the last year; `None` unless every year has exactly one.
    fn set_count(&mut self, count: u32, first: DateTime) -> Option<()> {
        let by_month_day = matches!(*self.month_days.as_slice(), [day] if (1..=28).contains(&day));
        let by_weekday = matches!(*self.week_days.as_slice(), [(Some(nth), _)] if (1..=4).contains(&nth) || nth == -1);
        let is_one = self.months.len() == 1
            && (by_month_day && self.week_days.is_empty() || by_weekday && self.month_days.is_empty());
        if !is_one || count == 0 {
            return None;
        }
        let years = i64::from(count.saturating_sub(1)).saturating_mul(i64::from(self.interval));
        let last = i16::try_from(i64::from(first.year()).saturating_add(years)).unwrap_or(i16::MAX);
        // A last year beyond the calendar means no end.
        self.until = Date::new(last, 12, 31).ok().map(|day| day.at(23, 59, 59, 0));
        Some(())
    }

    /// Returns whether an occurrence starts on `day`.
    pub(super) fn starts_on(&self, day: Date, first: DateTime) -> bool {
        let at = day.to_datetime(first.time());
        at >= first && self.until.is_none_or(|until| at <= until) && self.matches_fields(day, first.date())
    }

    fn matches_fields(&self, day: Date, first: Date) -> bool {
        let years = day.year().saturating_sub(first.year());
        let last = day.days_in_month();
        let in_month =
            |wanted: &i8| *wanted == day.day() || last.saturating_add(1).saturating_add(*wanted) == day.day();
        let weekly = |(nth, weekday): &(Option<i16>, Weekday)| {
            *weekday == day.weekday() && nth.is_none_or(|nth| self.is_nth_weekday(nth, day))
        };
        years.checked_rem(self.interval) == Some(0)
            && (self.months.is_empty() || self.months.contains(&day.month()))
            && (self.month_days.is_empty() || self.month_days.iter().any(in_month))
            && (self.week_days.is_empty() || self.week_days.iter().any(weekly))
    }

    /// Returns whether `day` is the nth of its weekday in the month, or in the year for a rule without months.
    fn is_nth_weekday(&self, nth: i16, day: Date) -> bool {
        let (at, of) = match self.months.is_empty() {
            true => (day.day_of_year(), day.days_in_year()),
            false => (i16::from(day.day()), i16::from(day.days_in_month())),
        };
        let from_start = at.saturating_sub(1) / 7 + 1;
        let from_end = of.saturating_sub(at) / 7 + 1;
        nth == from_start || nth == -from_end
    }
}

/// Parses `UNTIL`: the end of a day, or a time. Ignores the zone: holidays do not end within a day.
fn parse_until(value: &str) -> Option<DateTime> {
    let value = value.trim().trim_end_matches(['Z', 'z']);
    let day = |text| Date::strptime("%Y%m%d", text).ok();
    match value.split_once(['T', 't']) {
        None => day(value).map(|day| day.at(23, 59, 59, 0)),
        Some(_) => DateTime::strptime("%Y%m%dT%H%M%S", value.to_ascii_uppercase()).ok(),
    }
}

/// Parses a list of non-zero numbers.
fn parse_numbers(value: &str, within: std::ops::RangeInclusive<i8>) -> Option<Vec<i8>> {
    let number = |text: &str| text.trim().parse().ok().filter(|number| *number != 0 && within.contains(number));
    value.split(',').map(number).collect()
}

/// Parses a weekday with an optional position: `MO`, `4TH`, `-1MO`.
fn parse_weekday(text: &str) -> Option<(Option<i16>, Weekday)> {
    let text = text.trim().to_ascii_uppercase();
    let (nth, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let day = match day {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    match nth {
        "" => Some((None, day)),
        nth => nth.parse().ok().filter(|nth| *nth != 0 && (-53..=53).contains(nth)).map(|nth| (Some(nth), day)),
    }
}
