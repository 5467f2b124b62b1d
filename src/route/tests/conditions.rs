//! Conditions: the updates that each one matches.

use super::*;

#[test]
fn condition_matches_only_what_it_names() {
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
        ("status = 'ringing'", true),
        ("status = ['missed', 'voicemail']", false),
        ("queue = 'Support', caller = '+1514*', status = 'ringing'", true),
        ("queue = 'Support', caller = '+44*', status = 'ringing'", false),
    ];
    for (condition, expected) in table {
        assert_eq!(rule_matches(condition, &ringing()), expected, "{condition}");
    }
}

#[test]
fn condition_missing_fact_matches_nothing() {
    let mut bare = ringing();
    bare.call.caller.number = PhoneNumber::Withheld;
    bare.call.account_number = None;
    bare.call.queues.clear();
    bare.call.people = vec![Person { name: None, extension: None, line: None }];
    for condition in ["caller = '*'", "number = '*'", "queue = ''", "extension = ''", "number = ''", "caller = ''"] {
        assert!(!rule_matches(condition, &bare), "{condition}");
    }
    assert!(rule_matches("withheld = true", &bare));
}

#[test]
fn caller_short_number_matched_literally() {
    let mut internal = ringing();
    internal.call.caller.number = PhoneNumber::parse(Some("1015"), Region::US);
    assert!(rule_matches("caller = '1015'", &internal) && rule_matches("caller = '10*'", &internal));
    assert!(!rule_matches("caller = '+1015'", &internal));
}

#[test]
fn condition_of_each_status_matches_its_name() {
    let statuses = [
        (CallStatus::Ringing, "ringing"),
        (CallStatus::Answered { answered_by: ringing().call.people.remove(0), waited: Duration::ZERO }, "answered"),
        (CallStatus::Missed { waited: Duration::ZERO, reason: MissedReason::Unknown }, "missed"),
        (CallStatus::Voicemail { duration: None }, "voicemail"),
        (CallStatus::Ended { talk_time: None }, "ended"),
    ];
    for (status, name) in &statuses {
        for (_, other) in &statuses {
            assert_eq!(rule_matches(&format!("status = '{other}'"), &update(status.clone())), name == other);
        }
    }
}

#[test]
fn condition_caller_info_matched_unknown_matches_nothing() {
    let update = ringing();
    let last = Some(PastCall { at: update.at, outcome: StatusKind::Missed, answered_by: None });
    let called = CallerHistory { last_call: last, calls_in_month: 1, urgent: true, ..CallerHistory::default() };
    let vip = CallerInfo { history: Some(called), ..found(&["VIP", "east"], Some("Gold")) };
    let no_match =
        CallerInfo { matched: Match::NoMatch, history: Some(CallerHistory::default()), ..CallerInfo::default() };
    let both = Match::Several { contacts: vec![Contact { tags: vec!["vip".into()], ..Contact::default() }; 2] };
    let several = CallerInfo { matched: both, ..CallerInfo::default() };
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
    let unknown = CallerInfo::default();
    for (condition, expected) in table {
        for (who, expected) in [&vip, &no_match, &several, &unknown].into_iter().zip(expected) {
            assert_eq!(rule_matches_with(condition, &update, who, NOON), expected, "{condition} of {who:?}");
        }
    }
    let mut short = ringing();
    short.call.caller.number = PhoneNumber::parse(Some("1015"), Region::US);
    assert!(!rule_matches("region = ['US', 'CA']", &short), "a short number has no country");
}

#[test]
fn network_mark_is_matched_by_its_word() {
    let mut marked = ringing();
    for (name, spam, verified) in
        [("SPAM LIKELY", true, false), ("[V] ALICE MARTIN", false, true), ("ALICE", false, false)]
    {
        marked.call.caller.name = Some(name.into());
        assert_eq!(rule_matches("network = 'spam'", &marked), spam, "{name}");
        assert_eq!(rule_matches("network = ['verified', 'not_verified']", &marked), verified, "{name}");
    }
}

#[test]
fn hours_evaluated_at_decision_time() {
    let update = ringing();
    for (time, open) in [(NOON, true), ("2026-11-23T13:59:59Z", false), ("2026-11-23T14:00:00Z", true)] {
        assert_eq!(rule_matches_with("hours = 'office'", &update, &CallerInfo::default(), time), open, "{time}");
    }
    assert!(!rule_matches("hours = 'nowhere'", &update));
}

#[test]
fn unless_each_key_excludes() {
    let routes = |unless: &str| routes(&format!("[[routes]]\nunless = {{ {unless} }}\nsinks = ['desk']"));
    let is_sent = |unless: &str| !decided(&routes(unless), &ringing()).is_empty();
    assert!(!is_sent("queue = 'Support', caller = '+44*'") && !is_sent("queue = 'Sales', caller = '+1*'"));
    assert!(is_sent("queue = 'Sales', caller = '+44*'") && is_sent("tags = 'vip'"));
}
