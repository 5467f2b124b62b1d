//! Dates on which a rule is muted: `mute = "2026-12-24/2026-12-26"`. Does not choose the time zone.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::Deserialize;

/// One day, days up to and including the last, or a range of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DateRange {
    from: DateTime,
    to: DateTime,
}

impl TryFrom<String> for DateRange {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str =
            "expected days or times, as in \"2026-12-24/2026-12-26\" or \"2026-12-24T12:00/2027-01-02T08:00\"";
        let (from, to) = text.split_once('/').unwrap_or((&text, &text));
        let range =
            Self { from: parse_bound(from, false).ok_or(EXPECTED)?, to: parse_bound(to, true).ok_or(EXPECTED)? };
        if range.from < range.to { Ok(range) } else { Err("expected days in order, the first not after the last") }
    }
}

/// Parses the start or end of a day, or a time.
fn parse_bound(text: &str, is_end: bool) -> Option<DateTime> {
    let text = text.trim();
    if text.contains(['T', 't', ' ']) {
        return text.parse().ok();
    }
    let day: Date = text.parse().ok()?;
    let day = if is_end { day.tomorrow().ok()? } else { day };
    Some(day.to_datetime(jiff::civil::Time::midnight()))
}

impl DateRange {
    /// Returns whether `at` is in the range, in local time of `zone`.
    pub(super) fn contains(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(zone.clone()).datetime();
        self.from <= local && local < self.to
    }
}
