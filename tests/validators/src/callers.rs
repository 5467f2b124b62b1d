//! Test callers: known, unknown, several, withheld, and hostile texts in every field that a caller or a source can set.

use crate::builders::{ago, alice, call, found, history, named, one, talk};
use poprelay::model::call::{
    AccountNumber, Call, CallerPosition, Course, GaveUp, HandOver, HungUp, Mailbox, Person, Queue, StatusKind, Talk,
    TalkParty,
};
use poprelay::model::card::{CallerHistory, CallerInfo, Contact, Fact, Match, PastCall};
use poprelay::model::phone::PhoneNumber;
use std::time::Duration;

/// Returns hostile texts by name, for every text field.
pub fn hostile() -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("blank", " \u{200B}\u{3164}\u{202E} \n".into()),
        (
            "slack-ping",
            "<!channel> <@U012AB3CD> <https://evil.example|Click> & @here *bold* `code` :tada: :fire:".into(),
        ),
        (
            "teams-link",
            "[Call back](https://evil.example) **b** _i_ <at>Bob</at> {{DATE(2026-11-23T10:00:00Z, SHORT)}} {{{{"
                .into(),
        ),
        ("address", "https://evil.example/pay www.evil.example evil.example <http://evil.example>".into()),
        ("controls", "a\u{0}b\u{7}c\r\n> quote\n- item\u{1b}[31m\u{85}\u{2028}x".into()),
        ("bidi", "\u{202E}gnp.exe\u{202C} \u{2066}x\u{2069} שלום עולם مرحبا".into()),
        ("emoji", "👩\u{200D}💻👨\u{200D}👩\u{200D}👧\u{200D}👦 📞 🇨🇦 1️⃣ ".repeat(8)),
        ("long", "Ünïcödé and more of it ".repeat(200)),
        ("long-escapes", "&<>[]*_\\`\"~".repeat(500)),
        ("long-astral", "𝕬".repeat(4000)),
        ("long-cjk", "電話".repeat(2000)),
        ("ampersands", "&".repeat(3000)),
        ("tower", format!("Z{}", "\u{301}\u{348}".repeat(800))),
        ("quotes", "\"}],\"blocks\":[{\\\"' ".into()),
    ]
}

/// Returns a contact with `text` in every field that a source can set.
fn everywhere(text: &str) -> Contact {
    let fact = Fact { label: text.into(), value: text.into(), source: text.into() };
    Contact {
        name: Some(text.into()),
        company: Some(text.into()),
        tier: Some(text.into()),
        owner: Some(text.into()),
        notes: Some(text.into()),
        tags: vec![text.into(); 20],
        link: Some(format!("https://crm.example.com/{}", text.chars().take(900).collect::<String>())),
        facts: vec![fact; 40],
        source: text.into(),
    }
}

/// Returns a number that is no number. GoTo's texts are cut to this length when they are read.
fn unparsed(text: &str) -> PhoneNumber {
    PhoneNumber::Unparsed(text.chars().take(64).collect::<String>().into())
}

/// Returns a course with `text` in every name, and with every part of a status line.
fn course(text: &str) -> Course {
    let minute = Duration::from_secs(60);
    let person = Person { name: Some(text.into()), extension: Some(text.into()), line: None };
    let queue = Queue { name: text.into(), extension: Some(text.into()) };
    let parties = [TalkParty::Person(person.clone()), TalkParty::Outside(unparsed(text))];
    let talks = parties.iter().cycle().take(6).map(|with| Talk {
        held: minute,
        queue: Some(queue.clone()),
        ..talk(with.clone(), 60)
    });
    Course {
        rang: minute,
        talks: talks.collect(),
        handed_on: Some(HandOver {
            by: Some(person.clone()),
            to: vec![person.clone(); 9],
            destination: Some(text.into()),
            queue: Some(queue.clone()),
            at: ago(9),
            rang: minute,
        }),
        mailbox: Some(Mailbox { message: Some(true), length: Some(minute), owner: Some(person.clone()) }),
        gave_up: Some(GaveUp { position: CallerPosition::Queue, queue: Some(queue), after: minute }),
        hung_up: Some(HungUp::Person(person)),
        forwarded_to: Some(unparsed(text)),
        recorded: true,
        needs_callback: true,
        ..Course::default()
    }
}

/// Returns callers with their caller info, by name.
pub fn callers() -> Vec<(String, Call, CallerInfo)> {
    let known = "+15145550199";
    let silent = CallerInfo { failed_sources: vec!["crm".into(), "zoho-desk".into()], ..found(Match::NoMatch) };
    let urgent = CallerInfo { history: Some(history(true, 2)), ..found(one(alice())) };
    let first = CallerInfo { history: Some(CallerHistory::default()), ..found(Match::NoMatch) };
    let many = (0..9).map(|n| named(&format!("Person {n}"), "One Office")).collect();
    let mut callers = vec![
        ("not-asked".to_owned(), call(known, "MARTIN A", 3), CallerInfo::default()),
        ("no-match".into(), call(known, "MARTIN A", 3), found(Match::NoMatch)),
        ("no-match-silent".into(), call(known, "", 3), silent),
        ("first".into(), call(known, "", 3), first),
        ("one".into(), call(known, "MARTIN A", 3), found(one(alice()))),
        ("one-company".into(), call(known, "", 3), found(one(Contact { name: None, ..alice() }))),
        ("one-nameless".into(), call(known, "", 3), found(one(Contact { source: "crm".into(), ..Contact::default() }))),
        ("urgent".into(), call(known, "", 3), urgent),
        (
            "several".into(),
            call(known, "", 3),
            found(Match::Several { contacts: vec![alice(), named("Bob Martin", "Martin Bakery")] }),
        ),
        ("several-many".into(), call(known, "X", 3), found(Match::Several { contacts: many })),
        ("withheld".into(), call("anonymous", "", 3), CallerInfo::default()),
        ("short".into(), call("1015", "", 3), CallerInfo::default()),
        ("unreadable".into(), call("sip:<!channel>@[evil](https://evil.example)", "", 3), CallerInfo::default()),
        ("foreign".into(), call("+4930123456", "", 3), found(Match::NoMatch)),
    ];
    for (name, text) in hostile() {
        let mut call = call(known, &text, 3);
        call.account_number = Some(AccountNumber { number: unparsed(&text), label: Some(text.clone()) });
        call.queues = vec![Queue { name: text.clone(), extension: Some(text.clone()) }; 5];
        call.people = vec![Person { name: Some(text.clone()), extension: Some(text.clone()), line: None }; 12];
        let last = PastCall { at: ago(90_000), outcome: StatusKind::Ended, answered_by: Some(text.clone()) };
        let history = Some(CallerHistory {
            last_call: Some(last),
            calls_in_week: 1,
            calls_in_month: u32::MAX,
            missed_since: u32::MAX,
            urgent: true,
            repeat_calls: None,
        });
        let silent = vec![text.clone(); 9];
        callers.push((
            format!("{name}-one"),
            Call { course: course(&text), ..call.clone() },
            CallerInfo { matched: one(everywhere(&text)), history, failed_sources: silent.clone() },
        ));
        let several = Match::Several { contacts: vec![everywhere(&text); 12] };
        callers.push((
            format!("{name}-several"),
            call,
            CallerInfo { matched: several, history: None, failed_sources: silent },
        ));
    }
    callers
}
