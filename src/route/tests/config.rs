//! Invalid configs, and rules without effect.

use super::*;

#[test]
fn check_mistakes_found() {
    let found = |config: &str| {
        routes(config)
            .check()
            .into_iter()
            .map(|problem| problem.text)
            .filter(|text| !text.starts_with("no rule names"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found("[[routes]]\nmatch = { caller = '+1514*' }\nsinks = ['desk']\n[[routes]]\nsinks = ['sales']"),
        [""; 0]
    );
    assert_eq!(
        found("[[routes]]\nsinks = ['dsk']"),
        ["the rule names the sink dsk, which is not configured, expected one of desk, support, sales"]
    );
    assert_eq!(
        found("[[routes]]\nsinks = ['desk']\n[[routes]]\nmatch = { queue = 'a' }\nsinks = ['desk']"),
        ["never reached: rule 1 matches the same calls and does not continue"]
    );
    let twice = "[[routes]]\nmatch = { queue = 'a' }\nsinks = ['desk']\n";
    assert_eq!(found(&twice.repeat(2)).len(), 1);
    assert_eq!(
        found("[[routes]]\nsinks = ['desk']\ncontinue = true\n[[routes]]\nsinks = ['desk']"),
        ["no effect: rule 1 already sends to its sinks"]
    );
    for (condition, problem) in [
        ("queue = []", "nothing can match queue: the list is empty"),
        ("caller = 'Alice'", "nothing can match caller: not a phone number"),
        (
            "caller = '514 555 0199'",
            "nothing can match caller: write the number with its country, as in \"+15145550199\"",
        ),
        (
            "withheld = true, caller = '+1*'",
            "nothing can match withheld: a withheld number cannot match `caller` or `region`",
        ),
        (
            "withheld = true, tags = 'vip'",
            "nothing can match withheld: a withheld number is not looked up, so the caller is neither known nor unknown",
        ),
        ("known = false, tier = 'Gold'", "nothing can match known: an unknown caller has no tags and no tier"),
        ("hours = 'offcie'", "there is no table [hours.offcie]"),
    ] {
        assert_eq!(found(&format!("[[routes]]\nmatch = {{ {condition} }}\nsinks = ['desk']")), [problem]);
    }
}

#[test]
fn config_invalid_key_rejected_by_name() {
    let rule = |text: &str| parse_error(&format!("[[routes]]\nsinks = ['desk']\n{text}"));
    assert!(rule("match = { que = 'a' }").contains("unknown field `que`"));
    assert!(rule("macth = {}").contains("unknown field `macth`"));
    assert!(rule("match = { status = 'rings' }").contains("unknown variant `rings`"));
    assert!(rule("match = { queue = 7 }").contains("a text in quotes, or a list of texts"));
    assert!(rule("match = { account = ['a'] }").contains("is not allowed: 'a'"));
    assert!(parse_error("[[routes]]\nmatch = {}").contains("missing field `sinks`"));
}

#[test]
fn debug_output_masks_numbers() {
    let printed = format!("{:?}", routes("[[routes]]\nmatch = { caller = '+15145550199' }\nsinks = ['desk']"));
    assert!(!printed.contains("0199") && printed.contains("99"), "{printed}");
}

#[test]
fn check_rule_shadowed_by_earlier_rules_found() {
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
        assert!(found(above, below).starts_with("never reached: rule 1"), "{above} / {below}");
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
    let no_effect = found("continue = true", "match = { queue = 'A' }\ncontinue = true");
    assert_eq!(no_effect, "no effect: rule 1 already sends to its sinks");
    assert_eq!(found("continue = true", "match = { queue = 'A' }"), "", "the rule ends the search");
    let nothing = routes(&rule("match = { queue = 'A' }\nunless = { queue = ['a', 'b'] }")).check();
    assert_eq!(nothing[0].text, "nothing can match: `unless` excludes every queue that `match` accepts");
    let unnamed = routes("[[routes]]\nsinks = ['desk', 'sales']").check();
    assert_eq!((unnamed[0].key.as_str(), unnamed[0].is_harmless), ("sinks.support", true));
}

/// One condition of each kind, for random rules.
const CONDITIONS: [&str; 14] = [
    "",
    "queue = 'Support'",
    "withheld = true",
    "withheld = false",
    "caller = '+1*'",
    "status = 'missed'",
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
    fn explain_agrees_with_decide_unreachable_rule_never_matches(
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
        let mut update = ringing();
        if hidden {
            update.call.caller.number = PhoneNumber::Withheld;
        }
        if !queued {
            update.call.queues.clear();
        }
        let time = if open { NOON } else { "2026-11-22T17:00:00Z" };
        let history = Some(CallerHistory { urgent: who == 2, ..CallerHistory::default() });
        let found = [
            CallerInfo::default(),
            CallerInfo { matched: Match::NoMatch, ..CallerInfo::default() },
            CallerInfo { history, ..found(&["vip"], None) },
            found(&["west"], None),
        ][who].clone();
        let routes = routes(&config);
        let asked = RouteInput { update: &update, caller_info: &found, at: at(time) };
        let explained = routes.explain(&asked);
        let mut expected: Vec<(SinkName, RouteReason)> = Vec::new();
        for rule in explained.iter().filter(|rule| rule.result == RuleOutcome::Matched) {
            for sink in &rule.sinks {
                if !expected.iter().any(|(known, _)| known == sink) {
                    expected.push((sink.clone(), RouteReason::Rule(rule.rule)));
                }
            }
        }
        let decided: Vec<_> = routes.decide(&asked).into_iter().map(|routed| (routed.sink, routed.reason)).collect();
        prop_assert_eq!(decided, expected);
        for problem in routes.check() {
            let Some(place) = problem.key.strip_prefix("routes.") else { continue };
            let place: usize = place.split('.').next().unwrap().parse().unwrap();
            let unreachable = problem.text.contains("never reached") || problem.text.contains("nothing can match");
            prop_assert!(!unreachable || !matches!(explained[place].result, RuleOutcome::Matched | RuleOutcome::Muted), "{}", problem.text);
        }
    }
}
