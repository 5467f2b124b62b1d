//! Tests of opening hours, holidays and routes.

use super::*;

const OFFICE: &str = r#"
[hours.office]
mon-fri = "09:00-17:30"
time_zone = "Europe/Berlin"
holidays = "{ICS}"
[[routes]]
match = { hours = "office" }
sinks = ["front-desk"]
mute = ["2026-12-24/2026-12-26"]
"#;

fn office(holidays: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("days.ics");
    fs::write(&path, holidays).unwrap();
    read(&(GOOD.to_owned() + &OFFICE.replace("{ICS}", path.to_str().unwrap())))
}

#[test]
fn hours_use_their_zone_and_holidays() {
    use crate::route::ScheduleState;
    let day = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261123\nSUMMARY:Our day\nEND:VEVENT\n";
    let config = office(&format!("BEGIN:VCALENDAR\n{day}END:VCALENDAR\n")).unwrap();
    assert_eq!(config.warnings, []);
    let office = &config.routes.schedules().by_name["office"];
    let at = |time: &str| office.state_at(time.parse().unwrap());
    assert_eq!(at("2026-11-23T10:00:00Z"), ScheduleState::Holiday("Our day".into()));
    assert_eq!((at("2026-11-24T08:00:00Z"), at("2026-11-24T07:59:00Z")), (ScheduleState::Open, ScheduleState::Closed));
}

#[test]
fn invalid_holiday_file_is_a_warning() {
    let warned = |text: &str| office(text).unwrap().warnings.remove(0);
    let none = warned("Name,Phone\n");
    assert_eq!((none.key.as_str(), none.line), ("hours.office.holidays", Some(14)));
    assert!(
        none.text.ends_with(
            "days.ics: not an iCalendar file: the first line is not BEGIN:VCALENDAR, its holidays are ignored"
        ),
        "{}",
        none.text
    );
    let odd = warned("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nEND:VEVENT\n");
    assert!(odd.text.ends_with("days.ics:3: not a date: skipped"), "{}", odd.text);
    let missing = read(&(GOOD.to_owned() + &OFFICE.replace("{ICS}", "/nonexistent.ics"))).unwrap();
    assert!(missing.warnings[0].text.contains("/nonexistent.ics: No such file"), "{:?}", missing.warnings);
}

#[test]
fn invalid_hours_and_routes_have_key_and_line() {
    let table = [
        ("Europe/Berlin", "Europe/Berln", "13:hours.office.time_zone: unknown time zone"),
        ("\"09:00-17:30\"", "[]", "11:hours.office: never open"),
        ("\"09:00-17:30\"", "\"9 to 5\"", "12:hours.office.mon-fri: expected hours such as \"09:00-17:30\""),
        ("mon-fri", "mon-fry", "12:hours.office.mon-fry: expected a weekday"),
        ("hours = \"office\"", "hours = \"ofice\"", "16:routes.0.match.hours: there is no table [hours.ofice]"),
        ("2026-12-26", "2026-12-23", "18:routes.0.mute.0: expected days"),
        ("mute", "mtue", "18:routes.0.mtue: unknown key; did you mean `mute`?"),
        ("hours = \"office\"", "region = \"Mars\"", "16:routes.0.match.region: expected two letters"),
        ("hours = \"office\"", "known = \"yes\"", "16:routes.0.match.known: expected true or false, without quotes"),
        ("hours = \"office\"", "que = \"x\"", "16:routes.0.match.que: unknown key; did you mean `queue`?"),
        ("sinks = [\"front-desk\"]", "", "15:routes.0: the key `sinks` is missing"),
        ("[[routes]]", "[routes]", "15:routes: expected a list of tables: write [[routes]]"),
        ("[hours.office]", "[hours]", "11:hours: expected tables with a name, as in [hours.office]"),
    ];
    for (good, bad, start) in table {
        let text = GOOD.to_owned() + &OFFICE.replace("holidays = \"{ICS}\"\n", "# none\n").replacen(good, bad, 1);
        let all = problems(&text);
        assert!(all.iter().any(|it| it.starts_with(start)), "{start}: {all:?}");
    }
    // A day with a problem is not also a table without days.
    let text = GOOD.to_owned() + "[hours.office]\nmon-fry = \"09:00-17:00\"\n";
    assert_eq!(problems(&text).len(), 1);
}

#[test]
fn mention_without_effect_is_a_warning() {
    let teams = "[sinks.support]\ntype = \"teams\"\nurl = \"http://127.0.0.1:1/w\"\n[[routes]]\nsinks = [\"front-desk\", \"support\"]\nmention = { slack = \"S0123\" }\n";
    let config = read(&(GOOD.to_owned() + teams)).unwrap();
    let warning = config.warnings.iter().find(|it| it.key == "routes.0.mention").unwrap();
    assert_eq!(warning.text, "mention has no effect at support: `teams` is empty");
    let both = teams.replace("\"S0123\"", "\"S0123\", teams = \"Dana Cole <dana@example.com>\"");
    assert!(read(&(GOOD.to_owned() + &both)).unwrap().warnings.iter().all(|it| it.key != "routes.0.mention"));
    let wrong = problems(&(GOOD.to_owned() + &teams.replace("slack = \"S0123\"", "teams = \"dana@example.com\"")));
    assert!(wrong.iter().any(|it| it.contains("Dana Cole <dana@example.com>")), "{wrong:?}");
}
