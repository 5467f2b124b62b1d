//! Schedules at the edges of days, weeks and daylight saving time.

use super::super::{hours::*, *};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

fn week(lines: &[(&str, &[&str])]) -> Result<WeeklyHours, ScheduleError> {
    let mut week = WeeklyHours::default();
    for (days, spans) in lines {
        week.add(days, &spans.iter().map(|&text| text.to_owned()).collect::<Vec<_>>().into())?;
    }
    Ok(week)
}

fn hours(zone: &str, lines: &[(&str, &[&str])]) -> Schedule {
    Schedule { time_zone: TimeZone::get(zone).unwrap(), week: week(lines).unwrap(), holidays: BTreeMap::new() }
}

/// Checks for each time of `table` whether the schedule is open.
fn assert_open(hours: &Schedule, table: &[(&str, bool)]) {
    for (time, open) in table {
        let at: Timestamp = time.parse().unwrap();
        assert_eq!(hours.state_at(at) == ScheduleState::Open, *open, "{time}");
    }
}

#[test]
fn schedule_open_from_start_to_before_end() {
    let office = hours("Europe/Berlin", &[("mon-thu", &["09:00-12:00", "13-17:30"]), ("fri", &["9:00-15:00"])]);
    assert_open(
        &office,
        &[
            ("2026-11-23T08:59:59+01:00", false),
            ("2026-11-23T09:00:00+01:00", true),
            ("2026-11-23T11:59:59.999+01:00", true),
            ("2026-11-23T12:00:00+01:00", false),
            ("2026-11-23T13:00:00+01:00", true),
            ("2026-11-23T17:30:00+01:00", false),
            ("2026-11-27T14:59:00+01:00", true),
            ("2026-11-27T15:00:00+01:00", false),
            ("2026-11-28T10:00:00+01:00", false),
            ("2026-11-23T09:00:00Z", true),
            ("2026-11-23T07:59:00Z", false),
        ],
    );
}

#[test]
fn schedule_overnight_span_belongs_to_its_first_day() {
    let night = hours("UTC", &[("fri", &["22:00-06:00"]), ("sun", &["20:00-24:00"]), ("sat", &[])]);
    assert_open(
        &night,
        &[
            ("2026-11-27T05:00:00Z", false),
            ("2026-11-27T21:59:00Z", false),
            ("2026-11-27T22:00:00Z", true),
            ("2026-11-28T05:59:00Z", true),
            ("2026-11-28T06:00:00Z", false),
            ("2026-11-28T22:30:00Z", false),
            ("2026-11-29T23:59:00Z", true),
            ("2026-11-30T00:00:00Z", false),
        ],
    );
    let whole = hours("UTC", &[("sat-sun", &["00:00-24:00"])]);
    assert_open(
        &whole,
        &[("2026-11-28T00:00:00Z", true), ("2026-11-29T23:59:59Z", true), ("2026-11-30T00:00:00Z", false)],
    );
    let weekend = hours("UTC", &[("sat-mon", &["10:00-11:00"])]);
    assert_open(
        &weekend,
        &[("2026-11-30T10:30:00Z", true), ("2026-12-01T10:30:00Z", false), ("2026-11-29T10:30:00Z", true)],
    );
}

#[test]
fn schedule_skipped_hour_closed_repeated_hour_open_twice() {
    // New York skips 2:00 to 3:00 on 2026-03-08 and repeats 1:00 to 2:00 on 2026-11-01.
    let inside = hours("America/New_York", &[("sun", &["02:15-02:45"])]);
    assert_open(&inside, &[("2026-03-08T01:59:59-05:00", false), ("2026-03-08T03:00:00-04:00", false)]);
    let across = hours("America/New_York", &[("sun", &["01:30-02:30"])]);
    assert_open(
        &across,
        &[
            ("2026-03-08T01:29:59-05:00", false),
            ("2026-03-08T01:30:00-05:00", true),
            ("2026-03-08T01:59:59-05:00", true),
            ("2026-03-08T03:00:00-04:00", false),
        ],
    );
    let twice = hours("America/New_York", &[("sun", &["01:00-01:30"])]);
    assert_open(
        &twice,
        &[
            ("2026-11-01T01:15:00-04:00", true),
            ("2026-11-01T01:30:00-04:00", false),
            ("2026-11-01T01:15:00-05:00", true),
            ("2026-11-01T01:30:00-05:00", false),
        ],
    );
    // A night with the change is an hour shorter or longer in UTC.
    let night = hours("America/New_York", &[("sat", &["22:00-06:00"])]);
    assert_open(&night, &[("2026-03-08T05:59:00-04:00", true), ("2026-03-08T06:00:00-04:00", false)]);
    assert_open(&night, &[("2026-11-01T05:59:00-05:00", true), ("2026-11-01T06:00:00-05:00", false)]);
}

#[test]
fn schedule_daylight_saving_keeps_local_hours() {
    let office = hours("Europe/London", &[("mon-fri", &["09:00-17:00"])]);
    assert_open(
        &office,
        &[("2026-03-27T09:00:00Z", true), ("2026-03-30T08:00:00Z", true), ("2026-03-30T16:00:00Z", false)],
    );
}

#[test]
fn weekly_hours_invalid_line_rejected() {
    let error = |days: &str, span: &str| week(&[(days, &[span])]).unwrap_err();
    for span in ["9", "09:00", "09:00-09:00", "24:00-25:00", "09:60-10:00", "-1:00-2:00", "9:00 to 5:00", "", "+9-+10"]
    {
        assert_eq!(error("mon", span), ScheduleError::NotASpan, "{span}");
    }
    for days in ["", "mo", "mon-", "-fri", "mon-tue-wed", "holiday", "lundi"] {
        assert_eq!(error(days, "09:00-10:00"), ScheduleError::NotAWeekday, "{days}");
    }
    assert_eq!(week(&[("mon-fri", &["9-17"]), ("fri", &["9-15"])]).unwrap_err(), ScheduleError::DuplicateDay("fri"));
    assert!(week(&[("Monday-Friday", &[])]).unwrap().is_never_open());
    assert!(!week(&[("sun-sat", &["00:00-00:01"])]).unwrap().is_never_open());
}
