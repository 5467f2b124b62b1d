//! Opening hours: a week of spans in a time zone, less the holidays. Decides whether a schedule is open at a time, and why
//! not; it reads no file and no clock.
//!
//! A schedule goes by the clock on the wall. Where the clocks are put forward, the hour that is skipped never comes, and a
//! span that lies in it is not open that day; where they are put back, the hour that comes twice is open twice.

use super::{any_of::AnyOf, calendar::Holidays};
use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A schedule: `[hours.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Where its clock hangs.
    pub zone: TimeZone,
    /// When it is open.
    pub week: Week,
    /// When it is not open after all, by the file that says so. Shared with the other schedules that name the file.
    pub holidays: BTreeMap<PathBuf, Arc<Holidays>>,
}

/// Whether a schedule is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is.
    Open,
    /// It is not, at this time of the week.
    Closed,
    /// It would be open or not, but this holiday closes it.
    Holiday(String),
}

impl Hours {
    /// Whether it is open at a time.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Standing {
        if let Some(name) = self.holidays.values().find_map(|file| file.at(at, &self.zone)) {
            return Standing::Holiday(name.to_owned());
        }
        let local = at.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        if self.week.is_open(local.weekday(), minute) { Standing::Open } else { Standing::Closed }
    }
}

/// The spans of a week, a day's in minutes from its midnight; an end that is not after its begin is on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Week {
    days: [Option<Vec<(u16, u16)>>; 7],
}

/// Why a line of a schedule says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHours {
    /// The key is no day.
    #[error("no day: write \"mon\" or \"mon-fri\"; beside the days there are time_zone and holidays")]
    NoDay,
    /// The day was said by another key too.
    #[error("{0} is said twice: give each day one line")]
    Twice(&'static str),
    /// The value is no span.
    #[error("no hours: write \"09:00-17:30\", a list of such, or [] for closed")]
    NoSpan,
}

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Week {
    /// Adds a line of the config: `mon-fri = "09:00-17:30"`.
    ///
    /// # Errors
    /// [`BadHours`]; nothing is added then.
    pub fn say(&mut self, days: &str, spans: &AnyOf<String>) -> Result<(), BadHours> {
        let spans: Vec<_> = spans.values().map(|text| span(text)).collect::<Option<_>>().ok_or(BadHours::NoSpan)?;
        for day in run(days).ok_or(BadHours::NoDay)? {
            let name = NAMES.get(day).copied().unwrap_or_default();
            match self.days.get_mut(day) {
                Some(said @ None) => *said = Some(spans.clone()),
                Some(Some(_)) => return Err(BadHours::Twice(name)),
                None => return Err(BadHours::NoDay),
            }
        }
        Ok(())
    }

    /// Whether there is no time at which it is open.
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
        let since_yesterday = |(from, to): &(u16, u16)| to <= from && minute < *to;
        spans(weekday).iter().any(today) || spans(weekday.previous()).iter().any(since_yesterday)
    }
}

/// The days of `mon` or `mon-fri`.
#[must_use]
pub fn days(text: &str) -> Option<Vec<Weekday>> {
    run(text)?.map(|day| Weekday::from_monday_zero_offset(i8::try_from(day).ok()?).ok()).collect()
}

/// Seven at most, from the first, over Sunday if need be.
fn run(text: &str) -> Option<impl Iterator<Item = usize> + use<>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    Some((0..7).map(move |step| (first + step) % 7).take((last + 7 - first) % 7 + 1))
}

fn day(text: &str) -> Option<usize> {
    const WHOLE: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let text = text.trim().to_ascii_lowercase();
    NAMES.iter().position(|name| *name == text).or_else(|| WHOLE.iter().position(|name| *name == text))
}

/// `09:00-17:30`; an end of 24:00 is the midnight after.
fn span(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once(['-', '–'])?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    (from < DAY && from != to).then_some((from, to))
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() <= 2 && !text.starts_with('+'));
    let at = number(hours)?.checked_mul(60)?.checked_add(number(minutes).filter(|minutes| *minutes < 60)?)?;
    (at <= DAY).then_some(at)
}

/// The schedules of a config, by their names, and the zone of dates that have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedules {
    /// Where a rule's `mute` counts its days.
    pub zone: TimeZone,
    /// `[hours.NAME]`
    pub hours: BTreeMap<String, Hours>,
}

impl Default for Schedules {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, hours: BTreeMap::new() }
    }
}

impl Schedules {
    /// Whether the schedule of a name is open; one that there is not never is.
    #[must_use]
    pub fn is_open(&self, name: &str, at: Timestamp) -> bool {
        self.hours.get(name).is_some_and(|hours| hours.at(at) == Standing::Open)
    }

    /// The files of all their holidays, each once.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let files: BTreeSet<&Path> =
            self.hours.values().flat_map(|hours| hours.holidays.keys()).map(PathBuf::as_path).collect();
        files.into_iter()
    }

    /// With these holidays in every schedule that names their file.
    #[must_use]
    pub fn with_holidays(mut self, file: &Path, holidays: Holidays) -> Self {
        let holidays = Arc::new(holidays);
        for known in self.hours.values_mut().filter_map(|hours| hours.holidays.get_mut(file)) {
            *known = Arc::clone(&holidays);
        }
        self
    }

    /// How all of them stand.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> BTreeMap<&str, Standing> {
        self.hours.iter().map(|(name, hours)| (name.as_str(), hours.at(at))).collect()
    }
}
