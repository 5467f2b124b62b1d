//! Dates and times of an iCalendar file (RFC 5545). Does not interpret events.

use crate::runtime::content_line::ContentLine;
use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Date or time as written in the file.
#[derive(Debug, Clone)]
pub(super) struct IcsTime {
    pub(super) at: DateTime,
    pub(super) is_day: bool,
    /// `Err`: an unknown zone.
    pub(super) zone: Result<Option<TimeZone>, ()>,
}

/// Parses the value of a line as a date or time in the zone of `TZID`.
pub(super) fn time_of(line: &ContentLine) -> Option<IcsTime> {
    parse_time(&line.value, line.parameter("TZID"))
}

/// Parses a date or time in the named zone.
pub(super) fn parse_time(text: &str, zone: Option<&str>) -> Option<IcsTime> {
    let text = text.trim().to_ascii_uppercase();
    if !text.contains('T') {
        let day = Date::strptime("%Y%m%d", &text).ok()?;
        return Some(IcsTime { at: day.to_datetime(jiff::civil::Time::midnight()), is_day: true, zone: Ok(None) });
    }
    let bare = text.trim_end_matches('Z');
    let at = DateTime::strptime("%Y%m%dT%H%M%S", bare).ok()?;
    let zone = match zone {
        _ if bare.len() < text.len() => Ok(Some(TimeZone::UTC)),
        None => Ok(None),
        Some(name) => TimeZone::get(name).map(Some).map_err(|_| ()),
    };
    Some(IcsTime { at, is_day: false, zone })
}
