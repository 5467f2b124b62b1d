//! Holidays out of an iCalendar file (RFC 5545), as calendars export them: events of whole days or hours, once or yearly.
//! A bounded reader of what holidays need, because the crates for it bring a second library of time. It decides what an
//! event covers; which schedule a holiday closes is `hours`'s. What it cannot read is told by line, the rest counts.

use super::{
    property::{Property, Time, time, unfolded},
    yearly::{Foreign, Yearly},
};
use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Events that are read of a file: national holidays of ten years are some 200.
const EVENTS: usize = 2_000;
/// Oddities that are told of a file.
const TOLD: usize = 20;
/// Longest event: a holiday that lasts longer is a mistake.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Dates listed beside a rule (`RDATE`, `EXDATE`) that are read of an event.
const LISTED: usize = 500;
/// Longest name of an event, in characters.
const NAME: usize = 80;

/// The holidays of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holidays(Vec<Event>);

/// Something in a file that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// Where, from 1.
    pub line: usize,
    /// What it is, and what is done about it.
    pub text: String,
}

/// A file that is no calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no iCalendar file: it does not begin with BEGIN:VCALENDAR")]
pub struct NoCalendar;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    name: String,
    first: DateTime,
    /// `None`: the schedule's own zone.
    zone: Option<TimeZone>,
    length: SignedDuration,
    yearly: Option<Yearly>,
    also: Vec<Date>,
    not: Vec<Date>,
}

impl Holidays {
    /// Reads a file's text, and says what of it does not count.
    ///
    /// # Errors
    /// [`NoCalendar`] for anything else than a calendar.
    pub fn read(text: &str) -> Result<(Self, Vec<Oddity>), NoCalendar> {
        let mut lines = unfolded(text).filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().ok_or(NoCalendar)?;
        if !first.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case("BEGIN:VCALENDAR") {
            return Err(NoCalendar);
        }
        let mut reading = Reading::default();
        for (number, line) in lines {
            reading.line(number, &line);
        }
        if let Some(open) = reading.open.take() {
            reading.odd(open.line, "an event that does not end: left out");
        }
        Ok((Self(reading.events), reading.oddities))
    }

    /// The holiday that `at` falls on, by its name. `zone` is that of events without one.
    #[must_use]
    pub fn at(&self, at: Timestamp, zone: &TimeZone) -> Option<&str> {
        self.0.iter().find(|event| event.covers(at, zone)).map(|event| event.name.as_str())
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Event {
    fn covers(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(self.zone.as_ref().unwrap_or(zone).clone()).datetime();
        let days = self.length.as_hours() / 24 + 1;
        let mut day = local.date();
        for _ in 0..=days {
            let begin = day.to_datetime(self.first.time());
            if self.begins(day) && begin <= local && local < begin.saturating_add(self.length) {
                return true;
            }
            let Ok(before) = day.yesterday() else { return false };
            day = before;
        }
        false
    }

    fn begins(&self, day: Date) -> bool {
        let by_rule = || self.yearly.as_ref().is_some_and(|rule| rule.begins(day, self.first));
        (day == self.first.date() || self.also.contains(&day) || by_rule()) && !self.not.contains(&day)
    }
}

/// An event whose lines are being read.
#[derive(Default)]
struct Open {
    line: usize,
    /// Components inside of it, an alarm for one, whose lines are not its own.
    inside: usize,
    name: String,
    first: Option<Time>,
    end: Option<Time>,
    duration: Option<SignedDuration>,
    rule: Option<(usize, String)>,
    also: Vec<Date>,
    not: Vec<Date>,
    is_void: bool,
}

#[derive(Default)]
struct Reading {
    events: Vec<Event>,
    oddities: Vec<Oddity>,
    open: Option<Open>,
}

impl Reading {
    fn odd(&mut self, line: usize, text: impl Into<String>) {
        if self.oddities.len() < TOLD {
            self.oddities.push(Oddity { line, text: text.into() });
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        let Some(property) = Property::read(line) else {
            return self.odd(number, "no line of a calendar: left out");
        };
        let component = property.value.trim().to_ascii_uppercase();
        match (property.name.as_str(), component.as_str(), self.open.as_mut()) {
            ("BEGIN", "VEVENT", open) => {
                let unended = open.map(|open| open.line);
                self.open = Some(Open { line: number, ..Open::default() });
                if let Some(line) = unended {
                    self.odd(line, "an event that does not end: left out");
                }
            }
            ("END", "VEVENT", Some(_)) => self.close(),
            ("BEGIN", _, Some(open)) => open.inside = open.inside.saturating_add(1),
            ("END", _, Some(open)) => open.inside = open.inside.saturating_sub(1),
            (_, _, Some(open)) if open.inside == 0 => {
                if let Err(text) = open.take(number, &property) {
                    self.odd(number, text);
                }
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.is_void {
            return;
        }
        if self.events.len() >= EVENTS {
            return self.odd(open.line, format!("more than {EVENTS} events: left out"));
        }
        let line = open.line;
        match open.event() {
            Ok((event, odd)) => {
                self.events.push(event);
                odd.into_iter().for_each(|Oddity { line, text }| self.odd(line, text));
            }
            Err(text) => self.odd(line, text),
        }
    }
}

impl Open {
    fn take(&mut self, line: usize, property: &Property) -> Result<(), &'static str> {
        match property.name.as_str() {
            "SUMMARY" => self.name = name(&property.value),
            "DTSTART" => self.first = Some(property.time().ok_or("no date: left out")?),
            "DTEND" => self.end = Some(property.time().ok_or("no date: left out")?),
            "DURATION" => {
                let span: Span = property.value.trim().parse().map_err(|_| "no duration: left out")?;
                let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
                self.duration = Some(length.map_err(|_| "no duration: left out")?);
            }
            "RRULE" => self.rule = Some((line, property.value.clone())),
            "RDATE" => Self::list(&mut self.also, property)?,
            "EXDATE" => Self::list(&mut self.not, property)?,
            "STATUS" => self.is_void = property.value.trim().eq_ignore_ascii_case("CANCELLED"),
            "RECURRENCE-ID" => return Err("a change of one day of a series: the series counts as it was"),
            _ => {}
        }
        Ok(())
    }

    fn list(days: &mut Vec<Date>, property: &Property) -> Result<(), &'static str> {
        for text in property.value.split(',') {
            let day =
                time(text, property.parameter("TZID")).ok_or("a list of dates with one that is none: left out")?;
            if days.len() < LISTED {
                days.push(day.at.date());
            }
        }
        Ok(())
    }

    /// The event, and what of it does not count.
    fn event(self) -> Result<(Event, Vec<Oddity>), &'static str> {
        let mut odd = Vec::new();
        let first = self.first.ok_or("an event without a readable DTSTART: left out")?;
        let zone = first.zone.unwrap_or_else(|()| {
            let text = "a time zone that nobody knows: its times count in the schedule's own".to_owned();
            odd.push(Oddity { line: self.line, text });
            None
        });
        let day = SignedDuration::from_hours(24);
        let length = match (self.end, self.duration) {
            (Some(end), _) => first.at.duration_until(moved(&end, zone.as_ref())),
            (None, Some(length)) => length,
            (None, None) if first.is_day => day,
            (None, None) => SignedDuration::ZERO,
        };
        // Some programs end a holiday of one day on that day.
        let length = if first.is_day && length.is_zero() { day } else { length };
        if length <= SignedDuration::ZERO || length > LONGEST {
            return Err("an event that ends before it begins, at once, or after more than a year: left out");
        }
        let yearly = self.rule.and_then(|(line, rule)| match Yearly::read(&rule, first.at) {
            Ok(rule) => Some(rule),
            Err(Foreign(what)) => {
                let text = format!("a rule that is not understood ({what}): only its first day counts");
                odd.push(Oddity { line, text });
                None
            }
        });
        let name = if self.name.is_empty() { "a holiday".to_owned() } else { self.name };
        Ok((Event { name, first: first.at, zone, length, yearly, also: self.also, not: self.not }, odd))
    }
}

/// An end in the zone of its start.
fn moved(end: &Time, zone: Option<&TimeZone>) -> DateTime {
    match (&end.zone, zone) {
        (Ok(Some(theirs)), Some(ours)) if theirs != ours => {
            let moved = end.at.to_zoned(theirs.clone()).map(|at| at.with_time_zone(ours.clone()).datetime());
            moved.unwrap_or(end.at)
        }
        _ => end.at,
    }
}

/// A text of the file as a name: its escapes undone, on one line, not too long.
fn name(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut name = String::new();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => chars.next().map_or('\\', |c| if c == 'n' || c == 'N' { ' ' } else { c }),
            c => c,
        };
        name.push(if c.is_control() { ' ' } else { c });
    }
    name.chars().take(NAME).collect::<String>().trim().to_owned()
}
