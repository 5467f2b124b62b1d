//! What cards say, and that every form stays within its chat's limits whatever strangers send.

mod caller;
mod happened;
mod limits;
mod manner;
mod many;
mod templates;

use super::*;
use crate::model::{
    call::{Bound, Call, Caller, MissedWhy, Moment, MomentKind, OurNumber, Person, Queue, Revised, Telling, Transfer},
    card::{Again, CallCard, Contact, Fact, Findings, History, Manner, Match, Notice, PastCall, Recap, Shift, Waiting},
    mention::{Mention, TeamsMention},
    phone::{Number, Region},
};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

const KINDS: [SinkKind; 4] = [SinkKind::Slack, SinkKind::SlackTrigger, SinkKind::Teams, SinkKind::TeamsConnector];

fn now() -> Timestamp {
    "2026-11-23T19:03:20Z".parse().unwrap()
}

fn style() -> Style {
    Style { time_zone: TimeZone::get("America/New_York").unwrap(), ..Style::default() }
}

fn ago(seconds: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(seconds)
}

fn person(name: &str, extension: &str) -> Person {
    Person { name: Some(name.into()), extension: Some(extension.into()), line: None }
}

fn call(number: &str) -> Call {
    Call {
        id: "call-1".try_into().unwrap(),
        connection: "main".try_into().unwrap(),
        region: Region::US,
        account: "2930718022414574861".try_into().unwrap(),
        bound: Bound::Inbound,
        caller: Caller { name: None, number: Number::read(Some(number), Region::US) },
        ours: Some(OurNumber {
            number: Number::read(Some("+15145550100"), Region::US),
            label: Some("Main line".into()),
        }),
        queues: Vec::new(),
        people: vec![person("Bob Roy", "1015")],
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started: ago(3),
        late: false,
        lost: false,
        revised: None,
        course: crate::model::call::Course::default(),
    }
}

/// A call of which the network says who it is.
fn named(name: &str) -> Call {
    let mut call = call("+15145550199");
    call.caller.name = Some(name.into());
    call
}

fn card(call: Call, moment: Moment, at: Timestamp, who: Match) -> Card {
    let found = Findings { who, ..Findings::default() };
    Card::Call(Box::new(CallCard::new(Telling { call, moment, at }, found)))
}

fn ringing(who: Match) -> Card {
    card(call("+15145550199"), Moment::Ringing, ago(3), who)
}

fn alice() -> Contact {
    Contact {
        name: Some("Alice Martin".into()),
        company: Some("Martin Bakery".into()),
        tier: Some("VIP".into()),
        link: Some("https://crm.example.com/42?a=1&b=2".into()),
        facts: vec![Fact { label: "Open tickets".into(), value: "2".into(), source: "zendesk".into() }],
        source: "crm".into(),
        ..Contact::default()
    }
}

fn one(contact: Contact) -> Match {
    Match::One { contact: Box::new(contact) }
}

fn said(card: &Card) -> Vec<String> {
    lines(card, &style(), now())
}

fn body(kind: SinkKind, cards: &[&Card], plain: bool) -> Value {
    serde_json::from_str(&draw(kind, cards, &style(), now(), plain).body).unwrap()
}

fn waiting(number: &str, name: Option<&str>, times: u32, last: Timestamp) -> Waiting {
    let number = Number::read(Some(number), Region::US);
    Waiting { number, name: name.map(Into::into), times, last, voicemail: false }
}

fn shift() -> Shift {
    Shift {
        from: ago(86_400),
        to: ago(60),
        calls: 12,
        answered: 7,
        missed: 4,
        voicemails: 1,
        withheld: 1,
        longest_wait: Some(Duration::from_secs(200)),
        waiting: vec![
            Waiting { voicemail: true, ..waiting("+15145550199", Some("Alice Martin"), 2, ago(600)) },
            waiting("+442079460101", None, 1, ago(9000)),
        ],
        region: Some(Region::US),
        ..Shift::default()
    }
}

/// Every text in a payload, with the key it stands under.
fn texts<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(list) => list.iter().for_each(|value| texts(key, value, found)),
        Value::Object(object) => object.iter().for_each(|(key, value)| texts(key, value, found)),
        _ => {}
    }
}

fn is_clean(payload: &Value) {
    let mut found = Vec::new();
    texts("", payload, &mut found);
    for (key, text) in found {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains(['\u{202A}', '\u{202E}', '\u{200B}', '\u{2066}']), "{text:?}");
        assert!(key != "url" || text.starts_with("https://crm.example.com/"), "{text:?}");
    }
}

/// Anything in angle brackets that is not our link.
fn foreign_markup(text: &str) -> bool {
    let ours = |part: &str| part.starts_with("https://crm.example.com/") && part.contains("|Open");
    text.split('<').skip(1).any(|part| !ours(part))
}

fn fits_slack(payload: &Value) {
    is_clean(payload);
    let fallback = payload["text"].as_str().unwrap();
    assert!((1..=4000).contains(&text::units(fallback)) && !foreign_markup(fallback), "{fallback}");
    let none = Vec::new();
    let blocks = payload["blocks"].as_array().unwrap_or(&none);
    assert!(blocks.len() <= 50);
    let mut total = 0;
    for block in blocks {
        let text = block.pointer("/text/text").or(block.pointer("/elements/0/text")).unwrap().as_str().unwrap();
        let most = if block["type"] == "header" { 150 } else { 3000 };
        assert!((1..=most).contains(&text::units(text)), "{} units in {block}", text::units(text));
        assert!(!foreign_markup(text), "{block}");
        total += text::units(text);
    }
    assert!(total < 13_000, "{total} units");
}
