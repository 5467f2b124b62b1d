//! Lines of an iCalendar file (RFC 5545): unfolding, name, parameters and value, dates and times. Does not interpret
//! events.

use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Joins folded lines (RFC 5545, 3.1) and returns each with the number of its first line.
pub(super) fn unfold(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.lines().enumerate().peekable();
    std::iter::from_fn(move || {
        let (at, first) = lines.next()?;
        let mut line = first.to_owned();
        while let Some((_, more)) = lines.next_if(|(_, next)| next.starts_with([' ', '\t'])) {
            line.extend(more.chars().skip(1));
        }
        Some((at.saturating_add(1), line))
    })
}

/// Content line: `NAME;PARAMETER=VALUE:VALUE`.
pub(super) struct Property {
    pub(super) name: String,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) value: String,
}

impl Property {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut quoted = false;
        let colon = line.find(|c| {
            quoted ^= c == '"';
            c == ':' && !quoted
        })?;
        let (head, value) = line.split_at_checked(colon)?;
        let mut parts = head.split(';');
        let name = parts.next()?.trim().to_ascii_uppercase();
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned()))
        };
        let value = value.chars().skip(1).collect();
        Some(Self { name, parameters: parts.filter_map(parameter).collect(), value })
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Parses the value as a date or time in the zone of `TZID`.
    pub(super) fn parse_time(&self) -> Option<IcsTime> {
        parse_time(&self.value, self.parameter("TZID"))
    }
}

/// Date or time as written in the file.
#[derive(Debug, Clone)]
pub(super) struct IcsTime {
    pub(super) at: DateTime,
    pub(super) is_day: bool,
    /// `Err`: an unknown zone.
    pub(super) zone: Result<Option<TimeZone>, ()>,
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
