//! Times and lengths as a person says them. Decides their wording only.

use crate::model::time::{Timestamp, elapsed};
use jiff::tz::TimeZone;
use std::time::Duration;

/// `21 s`, `3 min 20 s`, `14 min`, `2 h 5 min`.
pub(super) fn lasting(length: Duration) -> String {
    let seconds = length.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min @ 10.., _) | (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

/// `21 s ago`, `3 min ago`, `5 h ago`, `12 days ago`; a time ahead of `now` counts as now.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = elapsed(at, now).as_secs();
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s ago"),
        (0, 0, min) => format!("{min} min ago"),
        (0, h, _) => format!("{h} h ago"),
        (1, _, _) => "1 day ago".to_owned(),
        (days, _, _) => format!("{days} days ago"),
    }
}

/// `14:03 EST`, with the day if it is not `now`'s, and the year if that is another.
pub(super) fn clock(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    format!("{} {}", hour(at, now, zone), zone_name(at, zone))
}

/// `from 14:03 to 14:20 EST`.
pub(super) fn window(from: Timestamp, to: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    format!("from {} to {}", hour(from, now, zone), clock(to, now, zone))
}

/// [`clock`] without its zone, for lists whose zone is said once.
pub(super) fn hour(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (there, here) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let shape = if there.date() == here.date() {
        "%H:%M"
    } else if there.year() == here.year() {
        "%-d %b %H:%M"
    } else {
        "%-d %b %Y %H:%M"
    };
    there.strftime(shape).to_string()
}

/// `EST`; zones that have no letters of their own (`-03`) are told from an hour by `UTC-03`.
fn zone_name(at: Timestamp, zone: &TimeZone) -> String {
    let info = zone.to_offset_info(at);
    let name = info.abbreviation();
    if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name.to_owned() }
}

/// `2nd`, `11th`, `23rd`.
pub(super) fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// `1 call`, `2 calls`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn lengths_are_as_exact_as_anyone_cares() {
        let said: Vec<String> =
            [0, 21, 60, 200, 840, 3600, 7500].map(|s| lasting(Duration::from_secs(s))).into_iter().collect();
        assert_eq!(said, ["0 s", "21 s", "1 min", "3 min 20 s", "14 min", "1 h", "2 h 5 min"]);
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let now = at("2026-11-23T19:03:00Z");
        let said = ["2026-11-23T19:04:00Z", "2026-11-23T19:00:00Z", "2026-11-23T14:00:00Z", "2026-11-22T14:00:00Z"];
        assert_eq!(said.map(|t| ago(at(t), now)), ["0 s ago", "3 min ago", "5 h ago", "1 day ago"]);
        assert_eq!(ago(at("2026-11-11T14:00:00Z"), now), "12 days ago");
    }

    #[test]
    fn a_time_names_its_zone_and_its_day_where_it_is_another() {
        let now = at("2026-11-23T19:03:00Z");
        let new_york = TimeZone::get("America/New_York").unwrap();
        assert_eq!(clock(now, now, &new_york), "14:03 EST");
        assert_eq!(clock(at("2026-11-23T03:00:00Z"), now, &new_york), "22 Nov 22:00 EST");
        assert_eq!(clock(at("2025-07-01T12:00:00Z"), now, &new_york), "1 Jul 2025 08:00 EDT");
        let sao_paulo = TimeZone::get("America/Sao_Paulo").unwrap();
        assert_eq!(clock(now, now, &sao_paulo), "16:03 UTC-03");
        assert_eq!(window(at("2026-11-23T18:00:00Z"), now, now, &new_york), "from 13:00 to 14:03 EST");
    }
}
