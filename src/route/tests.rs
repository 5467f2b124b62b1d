//! Rules as a config writes them, against tellings: truth tables.

mod calendar;
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
fn each_condition_holds_of_what_it_names_and_of_nothing_else() {
    let table = [
        ("", true),
        ("connection = 'main'", true),
        ("connection = 'other'", false),
        ("account = '42'", true),
        ("account = '420'", false),
        ("number = '+15145550100'", true),
        ("number = '+1 (514) 555-0100'", true),
        ("number = '+1514555*'", true),
        ("number = '+15145550199'", false),
        ("number = 'main LINE (24/7)'", true),
        ("number = 'Main line'", false),
        ("queue = 'support'", true),
        ("queue = '8001'", true),
        ("queue = 'Sales'", false),
        ("queue = ['Sales', 'Support']", true),
        ("extension = '0015'", true),
        ("extension = '15'", false),
        ("extension = 'bob roy'", true),
        ("extension = ['1', '2']", false),
        ("caller = '+15145550199'", true),
        ("caller = '+1 514-555-0199'", true),
        ("caller = '+1514*'", true),
        ("caller = '*'", true),
        ("caller = '+1514555'", false),
        ("caller = '5145550199'", false),
        ("caller = ['+44*', '+1514*']", true),
        ("caller = []", false),
        ("withheld = false", true),
        ("withheld = true", false),
        ("moment = 'ringing'", true),
        ("moment = ['missed', 'voicemail']", false),
        ("queue = 'Support', caller = '+1514*', moment = 'ringing'", true),
        ("queue = 'Support', caller = '+44*', moment = 'ringing'", false),
    ];
    for (condition, expected) in table {
        assert_eq!(takes(condition, &ringing()), expected, "{condition}");
    }
}

#[test]
fn what_a_call_does_not_have_matches_nothing() {
    let mut bare = ringing();
    bare.call.caller.number = Number::Withheld;
    bare.call.ours = None;
    bare.call.queues.clear();
    bare.call.people = vec![Person { name: None, extension: None, line: None }];
    for condition in ["caller = '*'", "number = '*'", "queue = ''", "extension = ''", "number = ''", "caller = ''"] {
        assert!(!takes(condition, &bare), "{condition}");
    }
    assert!(takes("withheld = true", &bare));
}

#[test]
fn a_short_number_is_matched_as_it_is() {
    let mut internal = ringing();
    internal.call.caller.number = Number::read(Some("1015"), Region::US);
    assert!(takes("caller = '1015'", &internal) && takes("caller = '10*'", &internal));
    assert!(!takes("caller = '+1015'", &internal));
}

#[test]
fn every_moment_goes_by_its_name() {
    let moments = [
        (Moment::Ringing, "ringing"),
        (Moment::Answered { by: ringing().call.people.remove(0), after: Duration::ZERO }, "answered"),
        (Moment::Missed { after: Duration::ZERO, why: MissedWhy::Unknown }, "missed"),
        (Moment::Voicemail { length: None }, "voicemail"),
        (Moment::Ended { lasted: None }, "ended"),
    ];
    for (moment, name) in &moments {
        for (_, other) in &moments {
            assert_eq!(takes(&format!("moment = '{other}'"), &telling(moment.clone())), name == other);
        }
    }
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

#[test]
fn what_cannot_be_meant_is_found() {
    let found = |config: &str| {
        routes(config)
            .check()
            .into_iter()
            .map(|problem| problem.text)
            .filter(|text| !text.starts_with("no rule leads"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found("[[routes]]\nmatch = { caller = '+1514*' }\nsinks = ['desk']\n[[routes]]\nsinks = ['sales']"),
        [""; 0]
    );
    assert_eq!(found("[[routes]]\nsinks = ['dsk']"), ["rule 1 names the sink dsk, which is not configured"]);
    assert_eq!(
        found("[[routes]]\nsinks = ['desk']\n[[routes]]\nmatch = { queue = 'a' }\nsinks = ['desk']"),
        ["rule 2 is never reached: rule 1 matches all it could, and does not continue"]
    );
    let twice = "[[routes]]\nmatch = { queue = 'a' }\nsinks = ['desk']\n";
    assert_eq!(found(&twice.repeat(2)).len(), 1);
    assert_eq!(
        found("[[routes]]\nsinks = ['desk']\ncontinue = true\n[[routes]]\nsinks = ['desk']"),
        ["rule 2 adds nothing: rule 1 tells its sinks before"]
    );
    for (condition, problem) in [
        ("queue = []", "rule 1: nothing can match queue: the list is empty"),
        ("caller = 'Alice'", "rule 1: nothing can match caller: it is no number"),
        (
            "caller = '514 555 0199'",
            "rule 1: nothing can match caller: write the number with its country, as in \"+15145550199\"",
        ),
        (
            "withheld = true, caller = '+1*'",
            "rule 1: nothing can match withheld: a caller who hides the number has none that `caller` or `region` could match",
        ),
        (
            "withheld = true, tags = 'vip'",
            "rule 1: nothing can match withheld: a caller who hides the number is not looked up, so nothing is known or unknown",
        ),
        (
            "known = false, tier = 'Gold'",
            "rule 1: nothing can match known: a caller whom nobody knows has no tags and no tier",
        ),
        ("hours = 'offcie'", "rule 1: there is no table [hours.offcie]"),
    ] {
        assert_eq!(found(&format!("[[routes]]\nmatch = {{ {condition} }}\nsinks = ['desk']")), [problem]);
    }
}

#[test]
fn what_a_config_must_not_say_is_refused_by_name() {
    let rule = |text: &str| refused(&format!("[[routes]]\nsinks = ['desk']\n{text}"));
    assert!(rule("match = { que = 'a' }").contains("unknown field `que`"));
    assert!(rule("macth = {}").contains("unknown field `macth`"));
    assert!(rule("match = { moment = 'rings' }").contains("unknown variant `rings`"));
    assert!(rule("match = { queue = 7 }").contains("a text in quotes, or a list of them"));
    assert!(rule("match = { account = ['a'] }").contains("does not belong there: 'a'"));
    assert!(refused("[[routes]]\nmatch = {}").contains("missing field `sinks`"));
}

#[test]
fn a_rule_prints_no_number_in_full() {
    let printed = format!("{:?}", routes("[[routes]]\nmatch = { caller = '+15145550199' }\nsinks = ['desk']"));
    assert!(!printed.contains("0199") && printed.contains("99"), "{printed}");
}

fn found(tags: &[&str], tier: Option<&str>) -> Findings {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let contact = Box::new(Contact { tags, tier: tier.map(str::to_owned), ..Contact::default() });
    Findings { who: Match::One { contact }, ..Findings::default() }
}

#[test]
fn what_is_known_of_the_caller_decides_and_what_is_unknown_holds_of_nothing() {
    let telling = ringing();
    let last = Some(PastCall { at: telling.at, outcome: MomentKind::Missed, with: None });
    let called = History { last, month: 1, urgent: true, ..History::default() };
    let vip = Findings { history: Some(called), ..found(&["VIP", "east"], Some("Gold")) };
    let nobody = Findings { who: Match::Nobody, history: Some(History::default()), ..Findings::default() };
    let both = Match::Several { contacts: vec![Contact { tags: vec!["vip".into()], ..Contact::default() }; 2] };
    let several = Findings { who: both, ..Findings::default() };
    let table = [
        ("tags = 'vip'", [true, false, false, false]),
        ("tags = ['west', 'east']", [true, false, false, false]),
        ("tier = 'gold'", [true, false, false, false]),
        ("tier = 'silver'", [false; 4]),
        ("known = true", [true, false, true, false]),
        ("known = false", [false, true, false, false]),
        ("urgent = true", [true, false, false, false]),
        ("urgent = false", [false, true, true, true]),
        ("first_time = true", [false, true, false, false]),
        ("first_time = false", [true, false, false, false]),
        ("region = 'ca'", [true; 4]),
        ("region = ['US', 'DE']", [false; 4]),
        ("direction = 'inbound'", [true; 4]),
        ("direction = ['outbound', 'internal']", [false; 4]),
    ];
    let unknown = Findings::default();
    for (condition, expected) in table {
        for (who, expected) in [&vip, &nobody, &several, &unknown].into_iter().zip(expected) {
            assert_eq!(takes_of(condition, &telling, who, NOON), expected, "{condition} of {who:?}");
        }
    }
    let mut short = ringing();
    short.call.caller.number = Number::read(Some("1015"), Region::US);
    assert!(!takes("region = ['US', 'CA']", &short), "a short number is of no country");
}

#[test]
fn a_schedule_is_asked_at_the_moment_of_the_decision() {
    let telling = ringing();
    for (time, open) in [(NOON, true), ("2026-11-23T13:59:59Z", false), ("2026-11-23T14:00:00Z", true)] {
        assert_eq!(takes_of("hours = 'office'", &telling, &Findings::default(), time), open, "{time}");
    }
    assert!(!takes("hours = 'nowhere'", &telling));
}

#[test]
fn each_exception_keeps_a_rule_from_matching() {
    let routes = |unless: &str| routes(&format!("[[routes]]\nunless = {{ {unless} }}\nsinks = ['desk']"));
    let is_told = |unless: &str| !decided(&routes(unless), &ringing()).is_empty();
    assert!(!is_told("queue = 'Support', caller = '+44*'") && !is_told("queue = 'Sales', caller = '+1*'"));
    assert!(is_told("queue = 'Sales', caller = '+44*'") && is_told("tags = 'vip'"));
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

#[test]
fn a_rule_that_the_ones_above_leave_nothing_is_found() {
    let rule = |text: &str| format!("[[routes]]\nsinks = ['desk', 'support', 'sales']\n{text}\n");
    let found = |above: &str, below: &str| {
        let problems = routes(&(rule(above) + &rule(below) + "[[routes]]\nsinks = ['desk']")).check();
        problems.iter().filter(|it| it.key == "routes.1").map(|it| it.text.clone()).collect::<Vec<_>>().concat()
    };
    let unreached = [
        ("match = { queue = ['A', 'b'] }", "match = { queue = 'B', hours = 'office' }"),
        ("match = { caller = '+1*' }", "match = { caller = ['+1514*', '+15145550199'] }"),
        ("unless = { tags = 'spam' }", "unless = { tags = ['spam', 'test'], region = 'DE' }"),
        ("match = { urgent = true }", "match = { urgent = true, known = true }"),
        ("mute = '2026-12-24'", "match = { queue = 'A' }"),
    ];
    for (above, below) in unreached {
        assert!(found(above, below).starts_with("rule 2 is never reached: rule 1"), "{above} / {below}");
    }
    let reached = [
        ("match = { queue = 'A' }", "match = { queue = ['A', 'B'] }"),
        ("match = { caller = '+1514*' }", "match = { caller = '+1*' }"),
        ("unless = { tags = 'spam' }", "match = { tags = 'spam' }"),
        ("unless = { tags = ['spam', 'test'] }", "unless = { tags = 'spam' }"),
        ("match = { urgent = true }", "match = { urgent = false }"),
        ("match = { hours = 'office' }", ""),
    ];
    for (above, below) in reached {
        assert_eq!(found(above, below), "", "{above} / {below}");
    }
    let adds = found("continue = true", "match = { queue = 'A' }\ncontinue = true");
    assert_eq!(adds, "rule 2 adds nothing: rule 1 tells its sinks before");
    assert_eq!(found("continue = true", "match = { queue = 'A' }"), "", "it ends the search");
    let nothing = routes(&rule("match = { queue = 'A' }\nunless = { queue = ['a', 'b'] }")).check();
    assert_eq!(nothing[0].text, "rule 1: nothing can match: all that `match` takes by queue is excepted");
    let lost = routes("[[routes]]\nsinks = ['desk', 'sales']").check();
    assert_eq!((lost[0].key.as_str(), lost[0].is_harmless), ("sinks.support", true));
}

/// Conditions of every kind, for rules that are put together by chance.
const CONDITIONS: [&str; 14] = [
    "",
    "queue = 'Support'",
    "withheld = true",
    "withheld = false",
    "caller = '+1*'",
    "moment = 'missed'",
    "hours = 'office'",
    "tags = ['vip', 'east']",
    "known = true",
    "known = false",
    "first_time = true",
    "urgent = true",
    "region = ['CA', 'US']",
    "direction = 'inbound'",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_explanation_agrees_with_what_is_decided_and_an_unreachable_rule_never_matches(
        rules in prop::collection::vec((0_usize..14, 0_usize..14, any::<bool>(), 0_usize..3, any::<bool>()), 1..8),
        hidden: bool,
        queued: bool,
        open: bool,
        who in 0_usize..4,
    ) {
        let config: String = rules.iter().map(|(when, unless, goes_on, sink, muted)| format!(
            "[[routes]]\nmatch = {{ {} }}\nunless = {{ {} }}\nsinks = ['{}']\ncontinue = {goes_on}\n{}",
            CONDITIONS[*when], CONDITIONS[*unless], ["desk", "support", "sales"][*sink],
            if *muted { "mute = '2026-11-23'\n" } else { "" },
        )).collect();
        let mut telling = ringing();
        if hidden {
            telling.call.caller.number = Number::Withheld;
        }
        if !queued {
            telling.call.queues.clear();
        }
        let time = if open { NOON } else { "2026-11-22T17:00:00Z" };
        let history = Some(History { urgent: who == 2, ..History::default() });
        let found = [
            Findings::default(),
            Findings { who: Match::Nobody, ..Findings::default() },
            Findings { history, ..found(&["vip"], None) },
            found(&["west"], None),
        ][who].clone();
        let routes = routes(&config);
        let asked = Asked { telling: &telling, found: &found, at: at(time) };
        let explained = routes.explain(&asked);
        let mut told: Vec<(SinkName, RoutedBy)> = Vec::new();
        for rule in explained.iter().filter(|rule| rule.result == Tried::Matched) {
            for sink in &rule.sinks {
                if !told.iter().any(|(known, _)| known == sink) {
                    told.push((sink.clone(), RoutedBy::Rule(rule.rule)));
                }
            }
        }
        let decided: Vec<_> = routes.decide(&asked).into_iter().map(|routed| (routed.sink, routed.by)).collect();
        prop_assert_eq!(decided, told);
        for problem in routes.check() {
            let Some(place) = problem.key.strip_prefix("routes.") else { continue };
            let place: usize = place.split('.').next().unwrap().parse().unwrap();
            let dead = problem.text.contains("never reached") || problem.text.contains("nothing can match");
            prop_assert!(!dead || !matches!(explained[place].result, Tried::Matched | Tried::Muted), "{}", problem.text);
        }
    }
}
