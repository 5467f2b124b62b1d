//! Calendars as exported by programs, malformed calendars, and other files.

use super::super::calendar::*;
use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y\r\n{events}END:VCALENDAR\r\n")
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:1@example.com\r\n{}\r\nEND:VEVENT\r\n", lines.trim().replace('\n', "\r\n"))
}

fn read(text: &str) -> (Holidays, Vec<String>) {
    let (holidays, warnings) = Holidays::parse(text).unwrap();
    (holidays, warnings.into_iter().map(|warning| format!("{}: {}", warning.line, warning.text)).collect())
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// Returns the holiday at a time in Berlin.
fn at<'a>(holidays: &'a Holidays, time: &str) -> Option<&'a str> {
    let at: jiff::civil::DateTime = time.parse().unwrap();
    holidays.name_at(at.to_zoned(berlin()).unwrap().timestamp(), &berlin())
}

/// Returns the days of an event in a year, as `MM-DD`.
fn days(lines: &str, year: i16) -> Vec<String> {
    let (holidays, warnings) = read(&calendar(&event(lines)));
    assert_eq!(warnings, Vec::<String>::new(), "{lines}");
    let first = jiff::civil::date(year, 1, 1);
    let all = first.series(jiff::Span::new().days(1)).take_while(|day| day.year() == year);
    let is = |day: &jiff::civil::Date| at(&holidays, &day.at(12, 0, 0, 0).to_string()).is_some();
    all.filter(is).map(|day| day.strftime("%m-%d").to_string()).collect()
}

#[test]
fn holiday_whole_day_midnight_to_midnight_in_schedule_zone() {
    let lines = "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227\nSUMMARY:Christmas\\, all of it";
    let (holidays, warnings) = read(&calendar(&event(lines)));
    assert!(warnings.is_empty() && holidays.len() == 1);
    assert_eq!(at(&holidays, "2026-12-23T23:59:59"), None);
    assert_eq!(at(&holidays, "2026-12-24T00:00:00"), Some("Christmas, all of it"));
    assert_eq!(at(&holidays, "2026-12-26T23:59:59"), Some("Christmas, all of it"));
    assert_eq!(at(&holidays, "2026-12-27T00:00:00"), None);
}

#[test]
fn holiday_without_end_or_same_day_end_is_one_day() {
    for end in ["", "\nDTEND;VALUE=DATE:20260501", "\nDURATION:P1D", "\nDTEND;VALUE=DATE:20260502"] {
        assert_eq!(days(&format!("DTSTART;VALUE=DATE:20260501{end}"), 2026), ["05-01"], "{end}");
        assert_eq!(days(&format!("DTSTART:20260501{end}"), 2026), ["05-01"], "{end}");
    }
}

#[test]
fn holiday_hours_in_their_own_zone() {
    let closed = |lines: &str, time: &str| {
        let (holidays, warnings) = read(&calendar(&event(lines)));
        assert!(warnings.is_empty(), "{warnings:?}");
        at(&holidays, time).is_some()
    };
    let floating = "DTSTART:20261224T120000\nDTEND:20261224T180000";
    assert!(closed(floating, "2026-12-24T12:00:00") && !closed(floating, "2026-12-24T18:00:00"));
    let utc = "DTSTART:20261224T120000Z\nDTEND:20261224T180000Z";
    assert!(!closed(utc, "2026-12-24T12:59:59") && closed(utc, "2026-12-24T13:00:00"));
    let york = "DTSTART;TZID=\"America/New_York\":20261224T120000\nDURATION:PT6H";
    assert!(!closed(york, "2026-12-24T17:59:59") && closed(york, "2026-12-24T18:00:00"));
    let mixed = "DTSTART;TZID=Europe/Berlin:20261224T120000\nDTEND:20261224T120000Z";
    assert!(closed(mixed, "2026-12-24T12:59:59") && !closed(mixed, "2026-12-24T13:00:00"));
}

#[test]
fn yearly_rule_expected_days() {
    let table: [(&str, i16, &[&str]); 16] = [
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY", 2030, &["01-01"]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY", 2019, &[]),
        ("DTSTART;VALUE=DATE:20201126\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", 2026, &["11-26"]),
        ("DTSTART;VALUE=DATE:20200525\nRRULE:FREQ=YEARLY;BYDAY=-1MO;BYMONTH=5", 2026, &["05-25"]),
        ("DTSTART;VALUE=DATE:20200525\nRRULE:FREQ=YEARLY;BYDAY=-1MO;BYMONTH=5", 2027, &["05-31"]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;INTERVAL=4", 2024, &["01-01"]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;INTERVAL=4", 2026, &[]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;UNTIL=20240101", 2024, &["01-01"]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;UNTIL=20231231T235959Z", 2024, &[]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;COUNT=3", 2022, &["01-01"]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;COUNT=3", 2023, &[]),
        ("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY", 2026, &[]),
        ("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY", 2028, &["02-29"]),
        ("DTSTART;VALUE=DATE:20200131\nRRULE:FREQ=YEARLY;BYMONTHDAY=-1;BYMONTH=1,2", 2026, &["01-31", "02-28"]),
        (
            "DTSTART;VALUE=DATE:20221122\nRRULE:FREQ=YEARLY;BYDAY=TU;BYMONTH=11;BYMONTHDAY=2,3,4,5,6,7,8",
            2026,
            &["11-03"],
        ),
        (
            "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20260101\nRDATE;VALUE=DATE:20260102,20260105",
            2026,
            &["01-02", "01-05"],
        ),
    ];
    for (lines, year, expected) in table {
        assert_eq!(days(lines, year), expected, "{lines} in {year}");
    }
}

#[test]
fn yearly_rule_event_over_new_year_spans_both_years() {
    let lines = "DTSTART;VALUE=DATE:20201230\nDTEND;VALUE=DATE:20210103\nRRULE:FREQ=YEARLY";
    assert_eq!(days(lines, 2027), ["01-01", "01-02", "12-30", "12-31"]);
}

#[test]
fn parse_malformed_event_warns_by_line_keeps_rest() {
    let good = event("DTSTART;VALUE=DATE:20260501\nSUMMARY:May Day");
    let malformed = [
        ("BEGIN:VEVENT\r\nSUMMARY:no date\r\nEND:VEVENT\r\n", "4: event without a valid DTSTART: skipped"),
        ("BEGIN:VEVENT\r\nDTSTART:tomorrow\r\nEND:VEVENT\r\n", "5: not a date: skipped"),
        ("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261399\r\nEND:VEVENT\r\n", "5: not a date: skipped"),
        (
            "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260601\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\n",
            "6: unsupported recurrence rule (FREQ=WEEKLY): only the first day is used",
        ),
        (
            "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260601\r\nRRULE:FREQ=YEARLY;BYSETPOS=1\r\nEND:VEVENT\r\n",
            "6: unsupported recurrence rule (BYSETPOS=1): only the first day is used",
        ),
        (
            "BEGIN:VEVENT\r\nDTSTART;TZID=Mars:20260601T100000\r\nDTEND;TZID=Mars:20260601T110000\r\nEND:VEVENT\r\n",
            "4: unknown time zone: the time zone of the schedule is used",
        ),
        (
            "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260601\r\nDTEND;VALUE=DATE:20260101\r\nEND:VEVENT\r\n",
            "4: event length is not between zero and one year: skipped",
        ),
        (
            "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:00010101\r\nDTEND;VALUE=DATE:99991231\r\nEND:VEVENT\r\n",
            "4: event length is not between zero and one year: skipped",
        ),
        ("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260601\r\n", "4: event without END:VEVENT: skipped"),
        ("<html>\r\n", "4: not a calendar line: skipped"),
        (
            "BEGIN:VEVENT\r\nDTSTART:20260601T100000\r\nEND:VEVENT\r\n",
            "4: event length is not between zero and one year: skipped",
        ),
    ];
    for (text, expected) in malformed {
        let (holidays, warnings) = read(&calendar(&format!("{text}{good}")));
        assert!(warnings.iter().any(|it| it == expected), "{text}: {warnings:?}");
        assert_eq!(at(&holidays, "2026-05-01T10:00:00"), Some("May Day"), "{text}");
    }
}

#[test]
fn parse_other_components_ignored() {
    let zone = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n\
                RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    let todo = "BEGIN:VTODO\r\nDTSTART;VALUE=DATE:20260501\r\nEND:VTODO\r\n";
    let cancelled = event("DTSTART;VALUE=DATE:20260502\nSTATUS:CANCELLED");
    let alarm = event(
        "DTSTART;VALUE=DATE:20260503\nBEGIN:VALARM\nTRIGGER:-PT10M\nDTSTART:x\nSUMMARY:wake up\nEND:VALARM\nSUMMARY:Day\n  off",
    );
    let (holidays, warnings) = read(&calendar(&format!("{zone}{todo}{cancelled}{alarm}")));
    assert_eq!((holidays.len(), warnings), (1, vec![]));
    assert_eq!(at(&holidays, "2026-05-03T10:00:00"), Some("Day off"), "a folded line is joined");
    let (bom, _) = read(&format!("\u{feff}{}", calendar(&event("DTSTART:20260501\nSUMMARY:x\u{1b}[31m"))));
    assert_eq!(at(&bom, "2026-05-01T10:00:00"), Some("x [31m"));
}

#[test]
fn parse_not_a_calendar_rejected() {
    for text in ["", "\n\n", "Name,Phone\n", "BEGIN:VCARD\nEND:VCARD", "{}", "\0\0", "<html>", "BEGIN:VCALENDARX"] {
        assert_eq!(Holidays::parse(text), Err(NotACalendar), "{text:?}");
    }
}

#[test]
fn parse_hostile_file_bounded() {
    let many = event("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;BYDAY=53MO;COUNT=4000000000").repeat(2_100);
    let (holidays, warnings) = read(&calendar(&many));
    assert_eq!((holidays.len(), warnings.len()), (2_000, 20));
    let listed = format!("DTSTART;VALUE=DATE:20200101\nRDATE:{}", "20260101,".repeat(9_000) + "20260102");
    let (holidays, _) = read(&calendar(&event(&listed)));
    assert_eq!(at(&holidays, "2026-01-02T10:00:00"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parse_any_text_has_at_most_its_events_with_short_names(
        lines in prop::collection::vec(
            prop_oneof![
                Just("BEGIN:VEVENT".to_owned()), Just("END:VEVENT".to_owned()), Just("BEGIN:VALARM".to_owned()),
                "DTSTART(;VALUE=DATE|;TZID=[A-Z]{0,3})?:[0-9]{0,9}(T[0-9]{0,7}Z?)?",
                "DTEND:[0-9]{8}(T[0-9]{6})?", "DURATION:-?P[0-9]{0,12}[DWTH]",
                "RRULE:FREQ=YEARLY(;(BYDAY|BYMONTH|BYMONTHDAY|COUNT|UNTIL|INTERVAL)=[-0-9A-Z,]{0,12}){0,3}",
                "(RDATE|EXDATE):[0-9,TZ]{0,30}", "SUMMARY:.{0,120}", ".{0,20}",
            ],
            0..40,
        ),
        second in -62_135_596_800_i64..253_402_207_000,
    ) {
        let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{}", lines.join("\n"));
        let (holidays, _) = Holidays::parse(&text).unwrap();
        let at = Timestamp::from_second(second).unwrap();
        let begun = lines.iter().filter(|line| line.eq_ignore_ascii_case("BEGIN:VEVENT")).count();
        prop_assert!(holidays.len() <= begun, "{} events of {begun}", holidays.len());
        let name = holidays.name_at(at, &berlin());
        prop_assert!(name.is_none_or(|name| name.chars().count() <= 80 && !name.contains(char::is_control)), "{name:?}");
    }
}
