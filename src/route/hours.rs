//! Schedules: weekly opening hours in a time zone, minus holidays. Returns whether a schedule is open at a time. Reads
//! no file and no clock.
//!
//! Schedules use local time. A span within the hour skipped in spring is not open that day; the hour repeated in autumn
//! is open twice.

use super::{calendar::Holidays, one_or_many::OneOrMany};
use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Minutes of a day.
const MINUTES_PER_DAY: u16 = 24 * 60;

/// Schedule of a `[hours.NAME]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Time zone of the schedule.
    pub time_zone: TimeZone,
    /// Opening hours of a week.
    pub week: WeeklyHours,
    /// Holidays by file. Shared with other schedules that use the file.
    pub holidays: BTreeMap<PathBuf, Arc<Holidays>>,
}

/// State of a schedule at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// Within opening hours.
    Open,
    /// Outside opening hours.
    Closed,
    /// Closed by this holiday, within or outside opening hours.
    Holiday(String),
}

impl Schedule {
    /// Returns the state at a time.
    #[must_use]
    pub fn state_at(&self, at: Timestamp) -> ScheduleState {
        if let Some(name) = self.holidays.values().find_map(|file| file.name_at(at, &self.time_zone)) {
            return ScheduleState::Holiday(name.to_owned());
        }
        let local = at.to_zoned(self.time_zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        if self.week.is_open(local.weekday(), minute) { ScheduleState::Open } else { ScheduleState::Closed }
    }
}

/// Opening hours of a week. Spans are minutes from midnight; an end not after the start is on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WeeklyHours {
    days: [Option<Vec<(u16, u16)>>; 7],
}

/// Invalid line of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The key is not a weekday.
    #[error("expected a weekday such as \"mon\" or \"mon-fri\", or `time_zone`, or `holidays`")]
    NotAWeekday,
    /// The day is set by another key too.
    #[error("{0} is set twice. Write one line per day.")]
    DuplicateDay(&'static str),
    /// The value is not a span.
    #[error("expected hours such as \"09:00-17:30\", a list of them, or [] for closed")]
    NotASpan,
}

const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl WeeklyHours {
    /// Adds a line of the config: `mon-fri = "09:00-17:30"`.
    ///
    /// # Errors
    /// [`ScheduleError`]; then nothing is added.
    pub fn add(&mut self, days: &str, spans: &OneOrMany<String>) -> Result<(), ScheduleError> {
        let spans: Vec<_> =
            spans.values().map(|text| parse_span(text)).collect::<Option<_>>().ok_or(ScheduleError::NotASpan)?;
        for day in day_range(days).ok_or(ScheduleError::NotAWeekday)? {
            let name = DAY_NAMES.get(day).copied().unwrap_or_default();
            match self.days.get_mut(day) {
                Some(hours @ None) => *hours = Some(spans.clone()),
                Some(Some(_)) => return Err(ScheduleError::DuplicateDay(name)),
                None => return Err(ScheduleError::NotAWeekday),
            }
        }
        Ok(())
    }

    /// Returns whether the week has no opening hours.
    #[must_use]
    pub fn is_never_open(&self) -> bool {
        self.days.iter().flatten().all(Vec::is_empty)
    }

    fn is_open(&self, weekday: Weekday, minute: u16) -> bool {
        let spans = |day: Weekday| {
            let at = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
            self.days.get(at).and_then(Option::as_deref).unwrap_or_default()
        };
        let today = |(from, to): &(u16, u16)| *from <= minute && (minute < *to || to <= from);
        let overnight = |(from, to): &(u16, u16)| to <= from && minute < *to;
        spans(weekday).iter().any(today) || spans(weekday.previous()).iter().any(overnight)
    }
}

/// Parses `mon` or `mon-fri`.
#[must_use]
pub fn weekdays(text: &str) -> Option<Vec<Weekday>> {
    day_range(text)?.map(|day| Weekday::from_monday_zero_offset(i8::try_from(day).ok()?).ok()).collect()
}

/// Parses a range of at most seven days, which may wrap around Sunday. Monday is 0.
fn day_range(text: &str) -> Option<impl Iterator<Item = usize> + use<>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (parse_day(first)?, parse_day(last)?);
    Some((0..7).map(move |step| (first + step) % 7).take((last + 7 - first) % 7 + 1))
}

fn parse_day(text: &str) -> Option<usize> {
    const FULL_NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let text = text.trim().to_ascii_lowercase();
    DAY_NAMES.iter().position(|name| *name == text).or_else(|| FULL_NAMES.iter().position(|name| *name == text))
}

/// Parses `09:00-17:30`; 24:00 is the following midnight.
fn parse_span(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once(['-', '–'])?;
    let (from, to) = (parse_minutes(from)?, parse_minutes(to)?);
    (from < MINUTES_PER_DAY && from != to).then_some((from, to))
}

/// Parses `09:00` or `9` to minutes from midnight.
fn parse_minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() <= 2 && !text.starts_with('+'));
    let at = number(hours)?.checked_mul(60)?.checked_add(number(minutes).filter(|minutes| *minutes < 60)?)?;
    (at <= MINUTES_PER_DAY).then_some(at)
}

/// Schedules of a config by name, and the time zone of muted dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedules {
    /// Time zone of the `mute` dates of rules.
    pub time_zone: TimeZone,
    /// Schedules of the `[hours.NAME]` tables.
    pub by_name: BTreeMap<String, Schedule>,
}

impl Default for Schedules {
    fn default() -> Self {
        Self { time_zone: TimeZone::UTC, by_name: BTreeMap::new() }
    }
}

impl Schedules {
    /// Returns whether the named schedule is open; an unknown one never is.
    #[must_use]
    pub fn is_open(&self, name: &str, at: Timestamp) -> bool {
        self.by_name.get(name).is_some_and(|hours| hours.state_at(at) == ScheduleState::Open)
    }

    /// Returns the holiday files of all schedules, each once.
    pub fn holiday_files(&self) -> impl Iterator<Item = &Path> {
        let files: BTreeSet<&Path> =
            self.by_name.values().flat_map(|hours| hours.holidays.keys()).map(PathBuf::as_path).collect();
        files.into_iter()
    }

    /// Replaces the holidays of `file` in every schedule that uses it.
    #[must_use]
    pub fn with_holidays(mut self, file: &Path, holidays: Holidays) -> Self {
        let holidays = Arc::new(holidays);
        for current in self.by_name.values_mut().filter_map(|hours| hours.holidays.get_mut(file)) {
            *current = Arc::clone(&holidays);
        }
        self
    }

    /// Returns the state of every schedule.
    #[must_use]
    pub fn states_at(&self, at: Timestamp) -> BTreeMap<&str, ScheduleState> {
        self.by_name.iter().map(|(name, hours)| (name.as_str(), hours.state_at(at))).collect()
    }
}
