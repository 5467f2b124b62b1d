//! The lines of an iCalendar file (RFC 5545): unfolded, and cut into name, parameters and value; dates and times in them.
//! What an event is made of is `calendar`'s.

use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// The lines of a file, each with the number of its first, continued ones joined (RFC 5545, 3.1).
pub(super) fn unfolded(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.lines().enumerate().peekable();
    std::iter::from_fn(move || {
        let (at, first) = lines.next()?;
        let mut whole = first.to_owned();
        while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with([' ', '\t'])) {
            whole.extend(more.chars().skip(1));
        }
        Some((at.saturating_add(1), whole))
    })
}

/// One line: `NAME;PARAMETER=VALUE:VALUE`.
pub(super) struct Property {
    pub(super) name: String,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) value: String,
}

impl Property {
    pub(super) fn read(line: &str) -> Option<Self> {
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

    /// A date or a time, with the zone it is written in.
    pub(super) fn time(&self) -> Option<Time> {
        time(&self.value, self.parameter("TZID"))
    }
}

/// A date or time as it is written.
#[derive(Debug, Clone)]
pub(super) struct Time {
    pub(super) at: DateTime,
    pub(super) is_day: bool,
    /// `Err`: a zone that nobody knows.
    pub(super) zone: Result<Option<TimeZone>, ()>,
}

/// Reads one, in the zone that its parameter names.
pub(super) fn time(text: &str, zone: Option<&str>) -> Option<Time> {
    let text = text.trim().to_ascii_uppercase();
    if !text.contains('T') {
        let day = Date::strptime("%Y%m%d", &text).ok()?;
        return Some(Time { at: day.to_datetime(jiff::civil::Time::midnight()), is_day: true, zone: Ok(None) });
    }
    let bare = text.trim_end_matches('Z');
    let at = DateTime::strptime("%Y%m%dT%H%M%S", bare).ok()?;
    let zone = match zone {
        _ if bare.len() < text.len() => Ok(Some(TimeZone::UTC)),
        None => Ok(None),
        Some(name) => TimeZone::get(name).map(Some).map_err(|_| ()),
    };
    Some(Time { at, is_day: false, zone })
}
