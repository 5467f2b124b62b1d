//! Days on which a rule keeps quiet: `mute = "2026-12-24/2026-12-26"`. Decides what a text covers; whose zone it is read
//! in is the caller's.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::Deserialize;

/// One day, several to the last inclusive, or from one time to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Days {
    from: DateTime,
    to: DateTime,
}

impl TryFrom<String> for Days {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const MEANT: &str =
            "expected days or times, as in \"2026-12-24/2026-12-26\" or \"2026-12-24T12:00/2027-01-02T08:00\"";
        let (from, to) = text.split_once('/').unwrap_or((&text, &text));
        let days = Self { from: edge(from, false).ok_or(MEANT)?, to: edge(to, true).ok_or(MEANT)? };
        if days.from < days.to { Ok(days) } else { Err("expected days of which the last is not before the first") }
    }
}

/// A day's begin or end, or the time that is written.
fn edge(text: &str, is_end: bool) -> Option<DateTime> {
    let text = text.trim();
    if text.contains(['T', 't', ' ']) {
        return text.parse().ok();
    }
    let day: Date = text.parse().ok()?;
    let day = if is_end { day.tomorrow().ok()? } else { day };
    Some(day.to_datetime(jiff::civil::Time::midnight()))
}

impl Days {
    /// Whether a time is in them, by the clock on the wall of `zone`.
    pub(super) fn cover(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(zone.clone()).datetime();
        self.from <= local && local < self.to
    }
}
