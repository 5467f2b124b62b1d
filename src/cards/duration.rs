//! Formats durations, ages and times for people.

use crate::model::time::{Timestamp, elapsed};
use jiff::tz::TimeZone;
use std::time::Duration;

/// Formats a duration to the nearest second: `21 s`, `3 min 20 s`, `14 min`, `2 h 5 min`.
pub(super) fn format_duration(duration: Duration) -> String {
    let seconds = duration.saturating_add(Duration::from_millis(500)).as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min @ 10.., _) | (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

/// Formats an age: `21 s ago`, `3 min ago`, `5 h ago`, `12 days ago`. A time after `now` counts as now.
pub(super) fn format_age(at: Timestamp, now: Timestamp) -> String {
    let seconds = elapsed(at, now).as_secs();
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s ago"),
        (0, 0, min) => format!("{min} min ago"),
        (0, h, _) => format!("{h} h ago"),
        (1, _, _) => "1 day ago".to_owned(),
        (days, _, _) => format!("{days} days ago"),
    }
}

/// Formats a time with its zone: `14:03 EST`, with the day unless today, with the year unless this year.
pub(super) fn format_zoned_time(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    format!("{} {}", format_time(at, now, zone), zone_name(at, zone))
}

/// Formats a time range: `from 14:03 to 14:20 EST`.
pub(super) fn format_time_range(from: Timestamp, to: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    format!("from {} to {}", format_time(from, now, zone), format_zoned_time(to, now, zone))
}

/// Formats a time like [`format_zoned_time`] without its zone, for lists that print the zone once.
pub(super) fn format_time(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = if then.date() == today.date() {
        "%H:%M"
    } else if then.year() == today.year() {
        "%-d %b %H:%M"
    } else {
        "%-d %b %Y %H:%M"
    };
    then.strftime(format).to_string()
}

/// Returns the zone name: `EST`, or `UTC-03` for a zone without letters.
fn zone_name(at: Timestamp, zone: &TimeZone) -> String {
    let info = zone.to_offset_info(at);
    let name = info.abbreviation();
    if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name.to_owned() }
}

/// Formats an ordinal: `2nd`, `11th`, `23rd`.
pub(super) fn format_ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Formats a count with its noun: `1 call`, `2 calls`.
pub(super) fn pluralize(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn format_duration_two_largest_units() {
        let formatted: Vec<String> =
            [0, 21, 60, 200, 840, 3600, 7500].map(|s| format_duration(Duration::from_secs(s))).into_iter().collect();
        assert_eq!(formatted, ["0 s", "21 s", "1 min", "3 min 20 s", "14 min", "1 h", "2 h 5 min"]);
    }

    #[test]
    fn format_age_largest_unit() {
        let now = at("2026-11-23T19:03:00Z");
        let formatted =
            ["2026-11-23T19:04:00Z", "2026-11-23T19:00:00Z", "2026-11-23T14:00:00Z", "2026-11-22T14:00:00Z"];
        assert_eq!(formatted.map(|t| format_age(at(t), now)), ["0 s ago", "3 min ago", "5 h ago", "1 day ago"]);
        assert_eq!(format_age(at("2026-11-11T14:00:00Z"), now), "12 days ago");
    }

    #[test]
    fn format_zoned_time_day_and_year_only_if_different() {
        let now = at("2026-11-23T19:03:00Z");
        let new_york = TimeZone::get("America/New_York").unwrap();
        assert_eq!(format_zoned_time(now, now, &new_york), "14:03 EST");
        assert_eq!(format_zoned_time(at("2026-11-23T03:00:00Z"), now, &new_york), "22 Nov 22:00 EST");
        assert_eq!(format_zoned_time(at("2025-07-01T12:00:00Z"), now, &new_york), "1 Jul 2025 08:00 EDT");
        let sao_paulo = TimeZone::get("America/Sao_Paulo").unwrap();
        assert_eq!(format_zoned_time(now, now, &sao_paulo), "16:03 UTC-03");
        assert_eq!(format_time_range(at("2026-11-23T18:00:00Z"), now, now, &new_york), "from 13:00 to 14:03 EST");
    }
}
