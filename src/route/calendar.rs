//! Holidays from an iCalendar file (RFC 5545): events of whole days or hours, once or yearly. Reports unreadable lines
//! and keeps the rest. Does not decide which schedule a holiday closes.
//!
//! # Rejected
//! The iCalendar crates: each brings a second time library. This parser reads only what holidays need, within bounds.

use super::{
    ics_time::{IcsTime, parse_time, time_of},
    rrule::{UnsupportedRule, YearlyRule},
};
use crate::runtime::content_line::{ContentLine, unfold};
use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Events read from a file: national holidays of ten years are about 200.
const MAX_EVENTS: usize = 2_000;
/// Warnings reported for a file.
const MAX_WARNINGS: usize = 20;
/// Length of an event: a longer holiday is a mistake.
const MAX_EVENT_LENGTH: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Dates read from `RDATE` or `EXDATE` of an event.
const MAX_LISTED_DATES: usize = 500;
/// Characters of the name of an event.
const MAX_NAME_CHARS: usize = 80;

/// Holidays of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holidays(Vec<Holiday>);

/// Part of a file that is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarWarning {
    /// Line number, from 1.
    pub line: usize,
    /// Description and consequence.
    pub text: String,
}

/// The file is not a calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an iCalendar file: the first line is not BEGIN:VCALENDAR")]
pub struct NotACalendar;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Holiday {
    name: String,
    first: DateTime,
    /// `None`: the time zone of the schedule.
    zone: Option<TimeZone>,
    length: SignedDuration,
    yearly: Option<YearlyRule>,
    added: Vec<Date>,
    excluded: Vec<Date>,
}

impl Holidays {
    /// Parses the text of a file; returns the holidays and the warnings.
    ///
    /// # Errors
    /// [`NotACalendar`] if the text is not a calendar.
    pub fn parse(text: &str) -> Result<(Self, Vec<CalendarWarning>), NotACalendar> {
        let mut lines = unfold(text).filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().ok_or(NotACalendar)?;
        if !first.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case("BEGIN:VCALENDAR") {
            return Err(NotACalendar);
        }
        let mut parser = Parser::default();
        for (number, line) in lines {
            parser.line(number, &line);
        }
        if let Some(open) = parser.open.take() {
            parser.warn(open.line, "event without END:VEVENT: skipped");
        }
        Ok((Self(parser.events), parser.warnings))
    }

    /// Returns the name of the holiday at time `at`. `zone` applies to events without a zone.
    #[must_use]
    pub fn name_at(&self, at: Timestamp, zone: &TimeZone) -> Option<&str> {
        self.0.iter().find(|event| event.covers(at, zone)).map(|event| event.name.as_str())
    }

    /// Returns the number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Holiday {
    fn covers(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(self.zone.as_ref().unwrap_or(zone).clone()).datetime();
        let days = self.length.as_hours() / 24 + 1;
        let mut day = local.date();
        for _ in 0..=days {
            let begin = day.to_datetime(self.first.time());
            if self.starts_on(day) && begin <= local && local < begin.saturating_add(self.length) {
                return true;
            }
            let Ok(before) = day.yesterday() else { return false };
            day = before;
        }
        false
    }

    fn starts_on(&self, day: Date) -> bool {
        let by_rule = || self.yearly.as_ref().is_some_and(|rule| rule.starts_on(day, self.first));
        (day == self.first.date() || self.added.contains(&day) || by_rule()) && !self.excluded.contains(&day)
    }
}

/// Event under construction.
#[derive(Default)]
struct EventBuilder {
    line: usize,
    /// Depth of nested components, such as an alarm; their lines are ignored.
    nesting: usize,
    name: String,
    first: Option<IcsTime>,
    end: Option<IcsTime>,
    duration: Option<SignedDuration>,
    rule: Option<(usize, String)>,
    added: Vec<Date>,
    excluded: Vec<Date>,
    is_cancelled: bool,
}

#[derive(Default)]
struct Parser {
    events: Vec<Holiday>,
    warnings: Vec<CalendarWarning>,
    open: Option<EventBuilder>,
}

impl Parser {
    fn warn(&mut self, line: usize, text: impl Into<String>) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(CalendarWarning { line, text: text.into() });
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        let Some(property) = ContentLine::parse(line) else {
            return self.warn(number, "not a calendar line: skipped");
        };
        let component = property.value.trim().to_ascii_uppercase();
        match (property.name.as_str(), component.as_str(), self.open.as_mut()) {
            ("BEGIN", "VEVENT", open) => {
                let unfinished = open.map(|open| open.line);
                self.open = Some(EventBuilder { line: number, ..EventBuilder::default() });
                if let Some(line) = unfinished {
                    self.warn(line, "event without END:VEVENT: skipped");
                }
            }
            ("END", "VEVENT", Some(_)) => self.close(),
            ("BEGIN", _, Some(open)) => open.nesting = open.nesting.saturating_add(1),
            ("END", _, Some(open)) => open.nesting = open.nesting.saturating_sub(1),
            (_, _, Some(open)) if open.nesting == 0 => {
                if let Err(text) = open.set_property(number, &property) {
                    self.warn(number, text);
                }
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.is_cancelled {
            return;
        }
        if self.events.len() >= MAX_EVENTS {
            return self.warn(open.line, format!("more than {MAX_EVENTS} events: skipped"));
        }
        let line = open.line;
        match open.build() {
            Ok((event, warnings)) => {
                self.events.push(event);
                warnings.into_iter().for_each(|CalendarWarning { line, text }| self.warn(line, text));
            }
            Err(text) => self.warn(line, text),
        }
    }
}

impl EventBuilder {
    fn set_property(&mut self, line: usize, property: &ContentLine) -> Result<(), &'static str> {
        match property.name.as_str() {
            "SUMMARY" => self.name = unescape_name(&property.value),
            "DTSTART" => self.first = Some(time_of(property).ok_or("not a date: skipped")?),
            "DTEND" => self.end = Some(time_of(property).ok_or("not a date: skipped")?),
            "DURATION" => {
                let span: Span = property.value.trim().parse().map_err(|_| "not a duration: skipped")?;
                let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
                self.duration = Some(length.map_err(|_| "not a duration: skipped")?);
            }
            "RRULE" => self.rule = Some((line, property.value.clone())),
            "RDATE" => Self::add_dates(&mut self.added, property)?,
            "EXDATE" => Self::add_dates(&mut self.excluded, property)?,
            "STATUS" => self.is_cancelled = property.value.trim().eq_ignore_ascii_case("CANCELLED"),
            "RECURRENCE-ID" => return Err("change of one occurrence: skipped, the series is unchanged"),
            _ => {}
        }
        Ok(())
    }

    fn add_dates(days: &mut Vec<Date>, property: &ContentLine) -> Result<(), &'static str> {
        for text in property.value.split(',') {
            let day = parse_time(text, property.parameter("TZID")).ok_or("date list with an invalid date: skipped")?;
            if days.len() < MAX_LISTED_DATES {
                days.push(day.at.date());
            }
        }
        Ok(())
    }

    /// Builds the event; returns it with the warnings.
    fn build(self) -> Result<(Holiday, Vec<CalendarWarning>), &'static str> {
        let mut warnings = Vec::new();
        let first = self.first.ok_or("event without a valid DTSTART: skipped")?;
        let zone = first.zone.unwrap_or_else(|()| {
            let text = "unknown time zone: the time zone of the schedule is used".to_owned();
            warnings.push(CalendarWarning { line: self.line, text });
            None
        });
        let day = SignedDuration::from_hours(24);
        let length = match (self.end, self.duration) {
            (Some(end), _) => first.at.duration_until(in_zone_of_start(&end, zone.as_ref())),
            (None, Some(length)) => length,
            (None, None) if first.is_day => day,
            (None, None) => SignedDuration::ZERO,
        };
        // Some programs set the end of a one-day holiday to the same day.
        let length = if first.is_day && length.is_zero() { day } else { length };
        if length <= SignedDuration::ZERO || length > MAX_EVENT_LENGTH {
            return Err("event length is not between zero and one year: skipped");
        }
        let yearly = self.rule.and_then(|(line, rule)| match YearlyRule::parse(&rule, first.at) {
            Ok(rule) => Some(rule),
            Err(UnsupportedRule(what)) => {
                let text = format!("unsupported recurrence rule ({what}): only the first day is used");
                warnings.push(CalendarWarning { line, text });
                None
            }
        });
        let name = if self.name.is_empty() { "a holiday".to_owned() } else { self.name };
        Ok((
            Holiday { name, first: first.at, zone, length, yearly, added: self.added, excluded: self.excluded },
            warnings,
        ))
    }
}

/// Converts an end time to the zone of the start.
fn in_zone_of_start(end: &IcsTime, zone: Option<&TimeZone>) -> DateTime {
    match (&end.zone, zone) {
        (Ok(Some(from)), Some(to)) if from != to => {
            let moved = end.at.to_zoned(from.clone()).map(|at| at.with_time_zone(to.clone()).datetime());
            moved.unwrap_or(end.at)
        }
        _ => end.at,
    }
}

/// Unescapes a text of the file and returns it as one line of at most [`MAX_NAME_CHARS`].
fn unescape_name(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut name = String::new();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => chars.next().map_or('\\', |c| if c == 'n' || c == 'N' { ' ' } else { c }),
            c => c,
        };
        name.push(if c.is_control() { ' ' } else { c });
    }
    name.chars().take(MAX_NAME_CHARS).collect::<String>().trim().to_owned()
}
