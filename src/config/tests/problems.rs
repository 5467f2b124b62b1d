//! Tests of the number and the text of the problems of a config.

use super::*;

#[test]
fn sink_with_a_problem_still_has_its_name() {
    let operator = "[operator]\nsink = \"front-desk\"\n[[routes]]\nsinks = [\"front-desk\"]\n";
    for (good, bad) in [
        ("https://hooks", "ftp://hooks"),
        ("url = ", "pace = { burst = 0 }\nurl = "),
        ("url = ", "recap = \"25:00\"\nurl = "),
        ("url = ", "channel = \"C1\"\nurl = "),
    ] {
        let all = problems(&(GOOD.replace(good, bad) + operator));
        assert!(all.len() == 1 && all[0].contains("sinks.front-desk"), "{bad}: {all:?}");
    }
    let text = |name: &str| problems(&format!("{GOOD}[operator]\nsink = \"{name}\"\n")).remove(0);
    assert_eq!(text("front-desc"), "11:operator.sink: no sink has this name; did you mean \"front-desk\"?");
    assert_eq!(text("office"), "11:operator.sink: no sink has this name, expected one of front-desk");
}

#[test]
fn table_without_its_name_is_the_only_problem() {
    for (good, bad, text) in [
        ("[connections.main]", "[connections]", "2:connections: expected tables with a name, as in [connections.main]"),
        ("[sinks.front-desk]", "[[sinks]]", "7:sinks: expected tables with a name, as in [sinks.front-desk]"),
    ] {
        assert_eq!(problems(&GOOD.replace(good, bad)), [text]);
    }
}

#[test]
fn value_in_quotes_is_no_boolean_and_no_number() {
    for (good, bad, text) in [
        (
            "client_secret",
            "lanes = \"2\"\nclient_secret",
            "4:connections.main.lanes: expected a whole number, without quotes",
        ),
        ("url =", "menu_only = \"yes\"\nurl =", "9:sinks.front-desk.menu_only: expected true or false, without quotes"),
    ] {
        assert_eq!(problems(&GOOD.replace(good, bad)), [text]);
    }
    let cards = format!("{GOOD}[cards]\nshow_sources = \"yes\"\n");
    assert_eq!(problems(&cards), ["11:cards.show_sources: expected true or false, without quotes"]);
}

#[test]
fn retention_below_an_hour_is_rejected() {
    let with = |text: &str| format!("{GOOD}[state]\nretention = \"{text}\"\n");
    assert!(problems(&with("0d"))[0].starts_with("11:state.retention: expected at least \"1h\""));
    assert_eq!(read(&with("1h")).unwrap().retention, Duration::from_secs(3_600));
}

#[test]
fn directory_as_a_config_has_one_reason() {
    let dir = tempfile::tempdir().unwrap();
    let error = anyhow::Error::new(load(dir.path()).unwrap_err());
    let text = format!("{error:#}");
    assert!(text.contains("(name the file with --config): Is a directory"), "{text}");
}
