//! Rules as written in a config, against call updates: truth tables.

mod calendar;
mod conditions;
mod config;
mod hours;

use super::*;
use crate::model::{
    call::{AccountNumber, Call, CallStatus, Caller, MissedReason, Person, Queue},
    card::{CallerHistory, Contact, Match, PastCall},
    mention::SlackMention,
    phone::{Mask, PhoneNumber, Region},
};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    routes: Vec<Rule>,
}

fn routes(config: &str) -> Routes {
    let config: Config = toml::from_str(config).unwrap();
    let sinks = ["desk", "support", "sales"].map(|name| name.try_into().unwrap()).into();
    Routes::new(config.routes, sinks).with_schedules(schedules())
}

/// Returns the schedules of an office in New York.
fn schedules() -> Schedules {
    let zone = TimeZone::get("America/New_York").unwrap();
    let mut week = WeeklyHours::default();
    week.add("mon-fri", &vec!["09:00-17:30".to_owned()].into()).unwrap();
    let office = Schedule { time_zone: zone.clone(), week, holidays: BTreeMap::new() };
    Schedules { time_zone: zone, by_name: [("office".to_owned(), office)].into() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Monday noon in New York.
const NOON: &str = "2026-11-23T17:00:00Z";

fn decided(routes: &Routes, update: &CallUpdate) -> Vec<SinkName> {
    decided_of(routes, update, &CallerInfo::default(), NOON)
}

fn decided_of(routes: &Routes, update: &CallUpdate, found: &CallerInfo, time: &str) -> Vec<SinkName> {
    routes
        .decide(&RouteInput { update, caller_info: found, at: at(time) })
        .into_iter()
        .map(|routed| routed.sink)
        .collect()
}

fn parse_error(config: &str) -> String {
    toml::from_str::<Config>(config).err().unwrap().to_string()
}

fn update(status: CallStatus) -> CallUpdate {
    let at = "2026-05-01T14:03:20Z".parse().unwrap();
    CallUpdate {
        call: Call {
            account_number: Some(AccountNumber {
                number: PhoneNumber::parse(Some("+15145550100"), Region::US),
                label: Some("Main line (24/7)".into()),
            }),
            queues: vec![Queue { name: "Support".into(), extension: Some("8001".into()) }],
            people: vec![Person { name: Some("Bob Roy".into()), extension: Some("0015".into()), line: None }],
            ..Call::new(
                "one".try_into().unwrap(),
                "main".try_into().unwrap(),
                "42".try_into().unwrap(),
                Region::US,
                Caller { name: None, number: PhoneNumber::parse(Some("+15145550199"), Region::US) },
                at,
            )
        },
        status,
        at,
    }
}

fn ringing() -> CallUpdate {
    update(CallStatus::Ringing)
}

fn names(sinks: &[SinkName]) -> Vec<&str> {
    sinks.iter().map(SinkName::as_str).collect()
}

/// Returns whether a rule with this `match` matches the update.
fn rule_matches(condition: &str, update: &CallUpdate) -> bool {
    rule_matches_with(condition, update, &CallerInfo::default(), NOON)
}

/// Evaluates like [`rule_matches`] with caller info and time; checks that `unless` gives the opposite result.
fn rule_matches_with(condition: &str, update: &CallUpdate, found: &CallerInfo, time: &str) -> bool {
    let rule = |table: &str| routes(&format!("[[routes]]\n{table} = {{ {condition} }}\nsinks = ['desk']"));
    let matches = !decided_of(&rule("match"), update, found, time).is_empty();
    let excluded = decided_of(&rule("unless"), update, found, time).is_empty();
    assert!(condition.is_empty() || condition.contains(", ") || matches == excluded, "{condition}");
    matches
}

#[test]
fn decide_first_match_wins_unless_continue() {
    let rules = |first: &str, second: &str| {
        format!(
            "[[routes]]\nmatch = {{ queue = 'Support' }}\nsinks = ['support']\n{first}\n\
             [[routes]]\nmatch = {{ caller = '+1*' }}\nsinks = ['desk', 'support']\n{second}\n\
             [[routes]]\nsinks = ['sales']"
        )
    };
    let go = "continue = true";
    let table =
        [("", "", vec!["support"]), (go, "", vec!["support", "desk"]), (go, go, vec!["support", "desk", "sales"])];
    for (first, second, sinks) in table {
        assert_eq!(names(&decided(&routes(&rules(first, second)), &ringing())), sinks);
    }
    let mut elsewhere = ringing();
    elsewhere.call.queues.clear();
    elsewhere.call.caller.number = PhoneNumber::Withheld;
    assert_eq!(names(&decided(&routes(&rules("", "")), &elsewhere)), ["sales"]);
}

#[test]
fn decide_no_rules_all_sinks_else_matching_only() {
    assert_eq!(names(&decided(&routes(""), &ringing())), ["desk", "support", "sales"]);
    assert_eq!(
        names(&decided(&routes("[[routes]]\nmatch = { queue = 'Sales' }\nsinks = ['sales']"), &ringing())),
        [""; 0]
    );
    let muted = "[[routes]]\nmatch = { withheld = false }\nsinks = []\n[[routes]]\nsinks = ['desk']";
    assert_eq!(names(&decided(&routes(muted), &ringing())), [""; 0], "a rule without sinks ends the search");
}

#[test]
fn explain_lists_failing_conditions_per_rule() {
    let routes = routes(
        "[[routes]]\nmatch = { queue = 'Sales', caller = '+44*', status = 'ringing' }\nsinks = ['sales']\n\
         [[routes]]\nunless = { hours = 'office', region = 'CA', queue = 'Sales' }\nsinks = ['sales']\n\
         [[routes]]\nmute = '2026-11-23'\nsinks = ['sales']\ncontinue = true\n\
         [[routes]]\nmatch = { queue = 'Support' }\nsinks = ['support']\n\
         [[routes]]\nsinks = ['desk']",
    );
    let (update, found) = (ringing(), CallerInfo::default());
    let explained = routes.explain(&RouteInput { update: &update, caller_info: &found, at: at(NOON) });
    let results: Vec<RuleOutcome> = explained.into_iter().map(|rule| rule.result).collect();
    let failed = RuleOutcome::Failed { not: vec![ConditionKey::Queue, ConditionKey::Caller], unless: vec![] };
    let excluded = RuleOutcome::Failed { not: vec![], unless: vec![ConditionKey::Region, ConditionKey::Hours] };
    assert_eq!(results, [failed, excluded, RuleOutcome::Muted, RuleOutcome::Matched, RuleOutcome::NotReached]);
}

#[test]
fn sink_wants_ringing_and_configured_outcomes() {
    use StatusKind::{Answered, Ended, Missed, Ringing, Voicemail};
    let table = [(Ringing, true), (Answered, false), (Missed, true), (Voicemail, true), (Ended, false)];
    for (kind, expected) in table {
        assert_eq!(sink_wants(kind, &DEFAULT_OUTCOMES), expected);
        assert_eq!(sink_wants(kind, &[]), kind == Ringing);
        assert!(sink_wants(kind, &[Answered, Missed, Voicemail, Ended]));
    }
}

fn found(tags: &[&str], tier: Option<&str>) -> CallerInfo {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let contact = Box::new(Contact { tags, tier: tier.map(str::to_owned), ..Contact::default() });
    CallerInfo { matched: Match::One { contact }, ..CallerInfo::default() }
}

#[test]
fn mute_rule_sends_nothing_on_its_dates_only() {
    let rules =
        |mute: &str| routes(&format!("[[routes]]\nmute = {mute}\nsinks = ['desk']\n[[routes]]\nsinks = ['sales']"));
    let sinks_at =
        |mute: &str, time: &str| names(&decided_of(&rules(mute), &ringing(), &CallerInfo::default(), time)).concat();
    let days = "'2026-12-24/2026-12-26'";
    // New York is UTC-5.
    for (time, sink) in [
        ("2026-12-24T04:59:59Z", "desk"),
        ("2026-12-24T05:00:00Z", ""),
        ("2026-12-27T04:59:59Z", ""),
        ("2026-12-27T05:00:00Z", "desk"),
    ] {
        assert_eq!(sinks_at(days, time), sink, "{time}");
    }
    assert_eq!(sinks_at("['2026-12-24T12:00/2026-12-24T13:00', '2027-01-01']", "2026-12-24T17:30:00Z"), "");
    assert_eq!(sinks_at("['2026-12-24T12:00/2026-12-24T13:00', '2027-01-01']", "2026-12-24T18:00:00Z"), "desk");
    for bad in ["'24.12.2026'", "'2026-12-26/2026-12-24'", "'2026-02-30'", "''", "'/'"] {
        assert!(parse_error(&format!("[[routes]]\nsinks = []\nmute = {bad}")).contains("expected days"), "{bad}");
    }
}

#[test]
fn decide_sink_once_with_options_of_first_rule() {
    let routes = routes(
        "[[routes]]\nmatch = { queue = 'Support' }\nsinks = ['desk']\ncompact = true\nmask = 'last4'\ncontinue = true\n\
         [[routes]]\nsinks = ['desk', 'sales']\nmention = { slack = 'S0123', when = 'always' }",
    );
    let (update, found) = (ringing(), CallerInfo::default());
    let routed = routes.decide(&RouteInput { update: &update, caller_info: &found, at: at(NOON) });
    let mention = vec![SlackMention::try_from("S0123".to_owned()).unwrap()];
    assert_eq!(routed[0].options, CardOptions { mask: Some(Mask::Last4), compact: true, ..CardOptions::default() });
    assert_eq!(routed[1].options, CardOptions { slack_mentions: mention, ..CardOptions::default() });
    assert_eq!(routed.iter().map(|it| it.reason).collect::<Vec<_>>(), [RouteReason::Rule(1), RouteReason::Rule(2)]);
}

#[test]
fn mentions_only_urgent_and_actionable_statuses() {
    let mentions = |when: &str, update: &CallUpdate, urgent: bool| {
        let routes = routes(&format!("[[routes]]\nsinks = ['desk']\nmention = {{ slack = ['U01', 'here']{when} }}"));
        let history = Some(CallerHistory { urgent, ..CallerHistory::default() });
        let found = CallerInfo { history, ..CallerInfo::default() };
        routes.decide(&RouteInput { update, caller_info: &found, at: at(NOON) })[0].options.slack_mentions.len()
    };
    let missed = update(CallStatus::Missed { waited: Duration::ZERO, reason: MissedReason::Unknown });
    let ended = update(CallStatus::Ended { talk_time: None });
    assert_eq!((mentions("", &ringing(), false), mentions("", &ringing(), true)), (0, 2));
    let always = ", when = 'always'";
    assert_eq!((mentions(always, &ringing(), false), mentions(always, &missed, false)), (2, 2));
    assert_eq!((mentions(always, &ended, true), mentions("", &ended, true)), (0, 0));
    let teams =
        routes("[[routes]]\nsinks = ['desk']\nmention = { teams = 'Eve Li <eve@example.com>', when = 'always' }");
    let people = |update: &CallUpdate| {
        let asked = RouteInput { update, caller_info: &CallerInfo::default(), at: at(NOON) };
        let routed = teams.decide(&asked).remove(0).options;
        add_previous_sinks(vec![], vec![("desk".try_into().unwrap(), routed)], update.status.kind())
            .remove(0)
            .options
            .teams_mentions
            .len()
    };
    assert_eq!((people(&missed), people(&ended)), (1, 0));
    for bad in ["'Alice'", "'U'", "'<!here>'", "'everyone'", "'u0123'", "7"] {
        let text = parse_error(&format!("[[routes]]\nsinks = []\nmention = {{ slack = {bad} }}"));
        assert!(text.contains("expected") || text.contains("a text in quotes"), "{bad}: {text}");
    }
}

#[test]
fn previous_sinks_added_to_sinks_of_rules() {
    let routed =
        |sink: &str, by| Destination { sink: sink.try_into().unwrap(), options: CardOptions::default(), reason: by };
    let quiet = CardOptions {
        compact: true,
        slack_mentions: vec![SlackMention::try_from("here".to_owned()).unwrap()],
        ..CardOptions::default()
    };
    let earlier = || vec![("desk".try_into().unwrap(), quiet.clone()), ("sales".try_into().unwrap(), quiet.clone())];
    let by_rule = || vec![routed("sales", RouteReason::Rule(2))];
    let missed = add_previous_sinks(by_rule(), earlier(), StatusKind::Missed);
    assert_eq!(missed[0], routed("sales", RouteReason::Rule(2)), "options of a rule override those of the ring");
    let at_desk =
        Destination { sink: "desk".try_into().unwrap(), options: quiet.clone(), reason: RouteReason::PreviousSink };
    assert_eq!(missed[1..], [at_desk]);
    let answered = add_previous_sinks(vec![], earlier(), StatusKind::Answered);
    assert!(
        answered.iter().all(|it| it.options.compact && it.options.slack_mentions.is_empty()),
        "an answer mentions no one"
    );
}
