//! Rules as a config writes them, against tellings: truth tables.

mod calendar;
mod conditions;
mod config;
mod hours;

use super::*;
use crate::model::{
    call::{Bound, Call, Caller, MissedWhy, Moment, OurNumber, Person, Queue},
    card::{Contact, History, Match, PastCall},
    mention::Mention,
    phone::{Number, Region},
};
use jiff::tz::TimeZone;
use proptest::prelude::*;
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

/// New York's office and its closed days.
fn schedules() -> Schedules {
    let zone = TimeZone::get("America/New_York").unwrap();
    let mut week = Week::default();
    week.say("mon-fri", &vec!["09:00-17:30".to_owned()].into()).unwrap();
    let office = Hours { zone: zone.clone(), week, holidays: BTreeMap::new() };
    Schedules { zone, hours: [("office".to_owned(), office)].into() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Monday noon in New York.
const NOON: &str = "2026-11-23T17:00:00Z";

fn decided(routes: &Routes, telling: &Telling) -> Vec<SinkName> {
    decided_of(routes, telling, &Findings::default(), NOON)
}

fn decided_of(routes: &Routes, telling: &Telling, found: &Findings, time: &str) -> Vec<SinkName> {
    routes.decide(&Asked { telling, found, at: at(time) }).into_iter().map(|routed| routed.sink).collect()
}

fn refused(config: &str) -> String {
    toml::from_str::<Config>(config).err().unwrap().to_string()
}

fn telling(moment: Moment) -> Telling {
    let at = "2026-05-01T14:03:20Z".parse().unwrap();
    Telling {
        call: Call {
            id: "one".try_into().unwrap(),
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "42".try_into().unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: None, number: Number::read(Some("+15145550199"), Region::US) },
            ours: Some(OurNumber {
                number: Number::read(Some("+15145550100"), Region::US),
                label: Some("Main line (24/7)".into()),
            }),
            queues: vec![Queue { name: "Support".into(), extension: Some("8001".into()) }],
            people: vec![Person { name: Some("Bob Roy".into()), extension: Some("0015".into()), line: None }],
            transfers: Vec::new(),
            answered: None,
            queued: None,
            started: at,
            late: false,
            lost: false,
            revised: None,
            course: crate::model::call::Course::default(),
        },
        moment,
        at,
    }
}

fn ringing() -> Telling {
    telling(Moment::Ringing)
}

fn names(sinks: &[SinkName]) -> Vec<&str> {
    sinks.iter().map(SinkName::as_str).collect()
}

/// Whether a rule with this `match` takes the telling.
fn takes(condition: &str, telling: &Telling) -> bool {
    takes_of(condition, telling, &Findings::default(), NOON)
}

/// Whether a rule with this `match` takes it, and one with this `unless` does not.
fn takes_of(condition: &str, telling: &Telling, found: &Findings, time: &str) -> bool {
    let rule = |table: &str| routes(&format!("[[routes]]\n{table} = {{ {condition} }}\nsinks = ['desk']"));
    let taken = !decided_of(&rule("match"), telling, found, time).is_empty();
    let excepted = decided_of(&rule("unless"), telling, found, time).is_empty();
    assert!(condition.is_empty() || condition.contains(", ") || taken == excepted, "{condition}");
    taken
}

#[test]
fn the_first_rule_that_matches_wins_and_continue_goes_on() {
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
    elsewhere.call.caller.number = Number::Withheld;
    assert_eq!(names(&decided(&routes(&rules("", "")), &elsewhere)), ["sales"]);
}

#[test]
fn without_rules_all_sinks_hear_and_with_rules_only_those_that_match() {
    assert_eq!(names(&decided(&routes(""), &ringing())), ["desk", "support", "sales"]);
    assert_eq!(
        names(&decided(&routes("[[routes]]\nmatch = { queue = 'Sales' }\nsinks = ['sales']"), &ringing())),
        [""; 0]
    );
    let muted = "[[routes]]\nmatch = { withheld = false }\nsinks = []\n[[routes]]\nsinks = ['desk']";
    assert_eq!(names(&decided(&routes(muted), &ringing())), [""; 0], "a rule without sinks keeps a call quiet");
}

#[test]
fn each_rule_is_explained_by_the_conditions_that_do_not_hold() {
    let routes = routes(
        "[[routes]]\nmatch = { queue = 'Sales', caller = '+44*', moment = 'ringing' }\nsinks = ['sales']\n\
         [[routes]]\nunless = { hours = 'office', region = 'CA', queue = 'Sales' }\nsinks = ['sales']\n\
         [[routes]]\nmute = '2026-11-23'\nsinks = ['sales']\ncontinue = true\n\
         [[routes]]\nmatch = { queue = 'Support' }\nsinks = ['support']\n\
         [[routes]]\nsinks = ['desk']",
    );
    let (telling, found) = (ringing(), Findings::default());
    let explained = routes.explain(&Asked { telling: &telling, found: &found, at: at(NOON) });
    let results: Vec<Tried> = explained.into_iter().map(|rule| rule.result).collect();
    let failed = Tried::Failed { not: vec![Key::Queue, Key::Caller], unless: vec![] };
    let excepted = Tried::Failed { not: vec![], unless: vec![Key::Region, Key::Hours] };
    assert_eq!(results, [failed, excepted, Tried::Muted, Tried::Matched, Tried::NotReached]);
}

#[test]
fn a_sink_is_told_of_rings_and_of_the_outcomes_it_asked_for() {
    use MomentKind::{Answered, Ended, Missed, Ringing, Voicemail};
    let table = [(Ringing, true), (Answered, false), (Missed, true), (Voicemail, true), (Ended, false)];
    for (kind, expected) in table {
        assert_eq!(tells(kind, &DEFAULT_OUTCOMES), expected);
        assert_eq!(tells(kind, &[]), kind == Ringing);
        assert!(tells(kind, &[Answered, Missed, Voicemail, Ended]));
    }
}

fn found(tags: &[&str], tier: Option<&str>) -> Findings {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let contact = Box::new(Contact { tags, tier: tier.map(str::to_owned), ..Contact::default() });
    Findings { who: Match::One { contact }, ..Findings::default() }
}

#[test]
fn a_muted_rule_keeps_its_calls_quiet_on_its_days_and_no_longer() {
    let rules =
        |mute: &str| routes(&format!("[[routes]]\nmute = {mute}\nsinks = ['desk']\n[[routes]]\nsinks = ['sales']"));
    let told =
        |mute: &str, time: &str| names(&decided_of(&rules(mute), &ringing(), &Findings::default(), time)).concat();
    let days = "'2026-12-24/2026-12-26'";
    // New York is five hours behind.
    for (time, sink) in [
        ("2026-12-24T04:59:59Z", "desk"),
        ("2026-12-24T05:00:00Z", ""),
        ("2026-12-27T04:59:59Z", ""),
        ("2026-12-27T05:00:00Z", "desk"),
    ] {
        assert_eq!(told(days, time), sink, "{time}");
    }
    assert_eq!(told("['2026-12-24T12:00/2026-12-24T13:00', '2027-01-01']", "2026-12-24T17:30:00Z"), "");
    assert_eq!(told("['2026-12-24T12:00/2026-12-24T13:00', '2027-01-01']", "2026-12-24T18:00:00Z"), "desk");
    for bad in ["'24.12.2026'", "'2026-12-26/2026-12-24'", "'2026-02-30'", "''", "'/'"] {
        assert!(refused(&format!("[[routes]]\nsinks = []\nmute = {bad}")).contains("expected days"), "{bad}");
    }
}

#[test]
fn a_sink_is_told_once_in_the_manner_of_the_first_rule() {
    let routes = routes(
        "[[routes]]\nmatch = { queue = 'Support' }\nsinks = ['desk']\nquiet = true\nmask = 'last4'\ncontinue = true\n\
         [[routes]]\nsinks = ['desk', 'sales']\nmention = { slack = 'S0123', when = 'always' }",
    );
    let (telling, found) = (ringing(), Findings::default());
    let routed = routes.decide(&Asked { telling: &telling, found: &found, at: at(NOON) });
    let mention = vec![Mention::try_from("S0123".to_owned()).unwrap()];
    assert_eq!(routed[0].manner, Manner { mask: Some(Mask::Last4), quiet: true, ..Manner::default() });
    assert_eq!(routed[1].manner, Manner { mention, ..Manner::default() });
    assert_eq!(routed.iter().map(|it| it.by).collect::<Vec<_>>(), [RoutedBy::Rule(1), RoutedBy::Rule(2)]);
}

#[test]
fn somebody_is_mentioned_for_what_is_urgent_and_never_because_it_was_answered() {
    let mentions = |when: &str, telling: &Telling, urgent: bool| {
        let routes = routes(&format!("[[routes]]\nsinks = ['desk']\nmention = {{ slack = ['U01', 'here']{when} }}"));
        let history = Some(History { urgent, ..History::default() });
        let found = Findings { history, ..Findings::default() };
        routes.decide(&Asked { telling, found: &found, at: at(NOON) })[0].manner.mention.len()
    };
    let missed = telling(Moment::Missed { after: Duration::ZERO, why: MissedWhy::Unknown });
    let ended = telling(Moment::Ended { lasted: None });
    assert_eq!((mentions("", &ringing(), false), mentions("", &ringing(), true)), (0, 2));
    let always = ", when = 'always'";
    assert_eq!((mentions(always, &ringing(), false), mentions(always, &missed, false)), (2, 2));
    assert_eq!((mentions(always, &ended, true), mentions("", &ended, true)), (0, 0));
    let teams =
        routes("[[routes]]\nsinks = ['desk']\nmention = { teams = 'Eve Li <eve@example.com>', when = 'always' }");
    let people = |telling: &Telling| {
        let asked = Asked { telling, found: &Findings::default(), at: at(NOON) };
        let routed = teams.decide(&asked).remove(0).manner;
        follow(vec![], vec![("desk".try_into().unwrap(), routed)], telling.moment.kind()).remove(0).manner.teams.len()
    };
    assert_eq!((people(&missed), people(&ended)), (1, 0));
    for bad in ["'Alice'", "'U'", "'<!here>'", "'everyone'", "'u0123'", "7"] {
        let text = refused(&format!("[[routes]]\nsinks = []\nmention = {{ slack = {bad} }}"));
        assert!(text.contains("expected") || text.contains("a text in quotes"), "{bad}: {text}");
    }
}

#[test]
fn what_follows_a_ring_goes_where_the_ring_went_and_where_the_rules_say() {
    let routed = |sink: &str, by| Routed { sink: sink.try_into().unwrap(), manner: Manner::default(), by };
    let quiet =
        Manner { quiet: true, mention: vec![Mention::try_from("here".to_owned()).unwrap()], ..Manner::default() };
    let earlier = || vec![("desk".try_into().unwrap(), quiet.clone()), ("sales".try_into().unwrap(), quiet.clone())];
    let by_rule = || vec![routed("sales", RoutedBy::Rule(2))];
    let missed = follow(by_rule(), earlier(), MomentKind::Missed);
    assert_eq!(missed[0], routed("sales", RoutedBy::Rule(2)), "a rule's manner comes before that of the ring");
    let at_desk = Routed { sink: "desk".try_into().unwrap(), manner: quiet.clone(), by: RoutedBy::Earlier };
    assert_eq!(missed[1..], [at_desk]);
    let answered = follow(vec![], earlier(), MomentKind::Answered);
    assert!(answered.iter().all(|it| it.manner.quiet && it.manner.mention.is_empty()), "an answer pings nobody");
}
