//! Rules as a config writes them, against tellings: truth tables.

use super::*;
use crate::model::{
    call::{Bound, Call, Caller, MissedWhy, Moment, OurNumber, Person, Queue},
    phone::{Number, Region},
};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    routes: Vec<Rule>,
}

fn routes(config: &str) -> Routes {
    let config: Config = toml::from_str(config).unwrap();
    Routes::new(config.routes, ["desk", "support", "sales"].map(|name| name.try_into().unwrap()).into())
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
    let routes = routes(&format!("[[routes]]\nmatch = {{ {condition} }}\nsinks = ['desk']"));
    !routes.sinks(telling).is_empty()
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
        assert_eq!(names(&routes(&rules(first, second)).sinks(&ringing())), sinks);
    }
    let mut elsewhere = ringing();
    elsewhere.call.queues.clear();
    elsewhere.call.caller.number = Number::Withheld;
    assert_eq!(names(&routes(&rules("", "")).sinks(&elsewhere)), ["sales"]);
}

#[test]
fn without_rules_all_sinks_hear_and_with_rules_only_those_that_match() {
    assert_eq!(names(&routes("").sinks(&ringing())), ["desk", "support", "sales"]);
    assert_eq!(names(&routes("[[routes]]\nmatch = { queue = 'Sales' }\nsinks = ['sales']").sinks(&ringing())), [""; 0]);
    let muted = "[[routes]]\nmatch = { withheld = false }\nsinks = []\n[[routes]]\nsinks = ['desk']";
    assert_eq!(names(&routes(muted).sinks(&ringing())), [""; 0], "a rule without sinks keeps a call quiet");
}

#[test]
fn each_rule_is_explained_by_the_conditions_that_do_not_hold() {
    let routes = routes(
        "[[routes]]\nmatch = { queue = 'Sales', caller = '+44*', moment = 'ringing' }\nsinks = ['sales']\n\
         [[routes]]\nmatch = { queue = 'Support' }\nsinks = ['support']\n\
         [[routes]]\nsinks = ['desk']",
    );
    let results: Vec<Tried> = routes.explain(&ringing()).into_iter().map(|rule| rule.result).collect();
    assert_eq!(results, [Tried::Failed(vec![Key::Queue, Key::Caller]), Tried::Matched, Tried::NotReached]);
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
    let found = |config: &str| routes(config).check().iter().map(ToString::to_string).collect::<Vec<_>>();
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
    assert_eq!(found("[[routes]]\nsinks = ['desk']\ncontinue = true\n[[routes]]\nsinks = ['desk']"), [""; 0]);
    for (condition, problem) in [
        ("queue = []", "rule 1: nothing can match queue: the list is empty"),
        ("caller = 'Alice'", "rule 1: nothing can match caller: it is no number"),
        (
            "caller = '514 555 0199'",
            "rule 1: nothing can match caller: write the number with its country, as in \"+15145550199\"",
        ),
        (
            "withheld = true, caller = '+1*'",
            "rule 1: nothing can match withheld: a caller who hides the number has none that `caller` could match",
        ),
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_explanation_agrees_with_what_is_sent(
        rules in prop::collection::vec((0_usize..6, any::<bool>(), 0_usize..3), 1..8),
        hidden: bool,
        queued: bool,
    ) {
        let conditions = ["", "queue = 'Support'", "withheld = true", "withheld = false", "caller = '+1*'", "moment = 'missed'"];
        let config: String = rules.iter().map(|(condition, goes_on, sink)| format!(
            "[[routes]]\nmatch = {{ {} }}\nsinks = ['{}']\ncontinue = {goes_on}\n",
            conditions[*condition], ["desk", "support", "sales"][*sink],
        )).collect();
        let mut telling = ringing();
        if hidden {
            telling.call.caller.number = Number::Withheld;
        }
        if !queued {
            telling.call.queues.clear();
        }
        let routes = routes(&config);
        let mut explained: Vec<SinkName> = Vec::new();
        for rule in routes.explain(&telling) {
            if rule.result == Tried::Matched {
                explained.extend(rule.sinks.into_iter().filter(|sink| !explained.contains(sink)).collect::<Vec<_>>());
            }
        }
        prop_assert_eq!(routes.sinks(&telling), explained);
    }
}
