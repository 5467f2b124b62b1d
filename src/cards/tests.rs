//! Card texts, and limits of the chats under any input.

mod batches;
mod callbacks;
mod caller;
mod card_options;
mod claims;
mod hand_overs;
pub(super) mod limits;
mod status_line;
mod templates;

use super::{
    chats::tests::{OTHER_KINDS, assert_fits_chat},
    *,
};
use crate::model::{
    call::{
        AccountNumber, Call, CallDirection, CallStatus, CallUpdate, Caller, CallerPosition, Course, GaveUp, HandOver,
        Mailbox, MissedReason, Person, Queue, Revision, StatusKind, Talk, TalkParty, Transfer,
    },
    card::{
        Alert, CallCard, CallerHistory, CallerInfo, CardLatency, CardOptions, Contact, Fact, GapSummary, Match,
        PastCall, PendingCallback, Recap, RepeatCalls,
    },
    mention::{SlackMention, TeamsMention},
    phone::{PhoneNumber, Region},
};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

const KINDS: [SinkKind; 8] = [
    SinkKind::Slack,
    SinkKind::SlackTrigger,
    SinkKind::Teams,
    SinkKind::Webhook,
    SinkKind::Ntfy,
    SinkKind::Discord,
    SinkKind::Mattermost,
    SinkKind::GoogleChat,
];

pub(super) fn now() -> Timestamp {
    "2026-11-23T19:03:20Z".parse().unwrap()
}

pub(super) fn options() -> RenderOptions {
    RenderOptions { time_zone: TimeZone::get("America/New_York").unwrap(), ..RenderOptions::default() }
}

pub(super) fn ago(seconds: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(seconds)
}

fn person(name: &str, extension: &str) -> Person {
    Person { name: Some(name.into()), extension: Some(extension.into()), line: None }
}

pub(super) fn call(number: &str) -> Call {
    Call {
        account_number: Some(AccountNumber {
            number: PhoneNumber::parse(Some("+15145550100"), Region::US),
            label: Some("Main line".into()),
        }),
        people: vec![person("Bob Roy", "1015")],
        ..Call::new(
            "call-1".try_into().unwrap(),
            "main".try_into().unwrap(),
            "2930718022414574861".try_into().unwrap(),
            Region::US,
            Caller { name: None, number: PhoneNumber::parse(Some(number), Region::US) },
            ago(3),
        )
    }
}

/// Returns a call with a name from the network.
fn named(name: &str) -> Call {
    let mut call = call("+15145550199");
    call.caller.name = Some(name.into());
    call
}

pub(super) fn card(call: Call, status: CallStatus, at: Timestamp, who: Match) -> Card {
    let found = CallerInfo { matched: who, ..CallerInfo::default() };
    Card::Call(Box::new(CallCard::new(CallUpdate { call, status, at }, found)))
}

pub(super) fn ringing(who: Match) -> Card {
    card(call("+15145550199"), CallStatus::Ringing, ago(3), who)
}

pub(super) fn alice() -> Contact {
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

pub(super) fn one(contact: Contact) -> Match {
    Match::One { contact: Box::new(contact) }
}

fn rendered(card: &Card) -> Vec<String> {
    lines(card, &options(), now())
}

fn body(kind: SinkKind, cards: &[&Card], plain: bool) -> Value {
    serde_json::from_str(&render(kind, cards, &options(), now(), plain).body).unwrap()
}

fn waiting(number: &str, name: Option<&str>, times: u32, last: Timestamp) -> PendingCallback {
    let number = PhoneNumber::parse(Some(number), Region::US);
    PendingCallback { name: name.map(Into::into), missed_calls: times, ..PendingCallback::new(number, last) }
}

pub(super) fn recap() -> Recap {
    Recap {
        from: ago(86_400),
        to: ago(60),
        calls: 12,
        answered: 7,
        missed: 4,
        voicemails: 1,
        withheld: 1,
        longest_wait: Some(Duration::from_secs(200)),
        pending: vec![
            PendingCallback { voicemail: true, ..waiting("+15145550199", Some("Alice Martin"), 2, ago(600)) },
            waiting("+442079460101", None, 1, ago(9000)),
        ],
        region: Some(Region::US),
        ..Recap::default()
    }
}

/// Collects every text of a payload with its key.
pub(super) fn texts<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(list) => list.iter().for_each(|value| texts(key, value, found)),
        Value::Object(object) => object.iter().for_each(|(key, value)| texts(key, value, found)),
        _ => {}
    }
}

fn assert_clean(payload: &Value) {
    let mut found = Vec::new();
    texts("", payload, &mut found);
    for (key, text) in found {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains(['\u{202A}', '\u{202E}', '\u{200B}', '\u{2066}']), "{text:?}");
        assert!(key != "url" || text.starts_with("https://crm.example.com/"), "{text:?}");
    }
}

/// Returns whether angle brackets contain anything but our link.
fn has_foreign_markup(text: &str) -> bool {
    let ours = |part: &str| part.starts_with("https://crm.example.com/") && part.contains("|Open");
    text.split('<').skip(1).any(|part| !ours(part))
}

fn assert_fits_slack(payload: &Value) {
    assert_clean(payload);
    let fallback = payload["text"].as_str().unwrap();
    assert!((1..=4000).contains(&text::utf16_len(fallback)) && !has_foreign_markup(fallback), "{fallback}");
    let none = Vec::new();
    let blocks = payload["blocks"].as_array().unwrap_or(&none);
    assert!(blocks.len() <= 50);
    let mut total = 0;
    for block in blocks {
        let text = block.pointer("/text/text").or(block.pointer("/elements/0/text")).unwrap().as_str().unwrap();
        let max_units = if block["type"] == "header" { 150 } else { 3000 };
        assert!((1..=max_units).contains(&text::utf16_len(text)), "{} units in {block}", text::utf16_len(text));
        assert!(!has_foreign_markup(text), "{block}");
        total += text::utf16_len(text);
    }
    assert!(total < 13_000, "{total} units");
}
