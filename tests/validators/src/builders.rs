//! Builders of test data: one call, contact, history or summary each, at a fixed time.

use jiff::tz::TimeZone;
use poprelay::cards::RenderOptions;
use poprelay::model::call::{
    AccountNumber, Call, CallStatus, CallUpdate, Caller, Person, Queue, StatusKind, Talk, TalkParty,
};
use poprelay::model::card::{
    CallCard, CallerHistory, CallerInfo, Card, Contact, Fact, GapSummary, Match, PastCall, PendingCallback, Recap,
};
use poprelay::model::phone::{Mask, PhoneNumber, Region};
use poprelay::model::time::Timestamp;
use std::time::Duration;

/// Returns the render time of all cards: 14:03 in New York.
pub fn now() -> Timestamp {
    "2026-11-23T19:03:20Z".parse().unwrap()
}

/// Returns the render options of all cards.
pub fn style(mask: Mask) -> RenderOptions {
    RenderOptions { time_zone: TimeZone::get("America/New_York").unwrap(), mask, ..RenderOptions::default() }
}

pub fn ago(seconds: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(seconds)
}

pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub fn person(name: &str, extension: &str) -> Person {
    Person { name: text(name), extension: text(extension), line: None }
}

pub(crate) fn queue(name: &str) -> Queue {
    Queue { name: name.into(), extension: None }
}

/// Returns a call from `number` that started `seconds` ago.
pub fn call(number: &str, network: &str, seconds: i64) -> Call {
    Call {
        account_number: Some(AccountNumber {
            number: PhoneNumber::parse(Some("+15145550100"), Region::US),
            label: text("Main line"),
        }),
        people: vec![person("Bob Roy", "1015")],
        ..Call::new(
            format!("{number}-{seconds}")
                .as_str()
                .replace(' ', "-")
                .try_into()
                .unwrap_or_else(|_| "call".try_into().unwrap()),
            "main".try_into().unwrap(),
            "2930718022414574861".try_into().unwrap(),
            Region::US,
            Caller {
                name: (!network.is_empty()).then(|| network.to_owned()),
                number: PhoneNumber::parse(Some(number), Region::US),
            },
            ago(seconds),
        )
    }
}

pub fn card(call: Call, status: CallStatus, seconds: i64, found: CallerInfo) -> Card {
    Card::Call(Box::new(CallCard::new(CallUpdate { call, status, at: ago(seconds) }, found)))
}

/// Returns the CRM contact of Alice Martin.
pub fn alice() -> Contact {
    Contact {
        name: text("Alice Martin"),
        company: text("Martin Bakery"),
        tier: text("VIP"),
        owner: text("Eve Li"),
        notes: text("Prefers French. Waiting for the credit note of order 4711; promised a call back by Tuesday."),
        tags: vec!["wholesale".into(), "renewal".into()],
        link: text("https://crm.example.com/contacts/42?tab=all&from=poprelay"),
        facts: vec![
            Fact { label: "Open tickets".into(), value: "2, oldest 3 days".into(), source: "zendesk".into() },
            Fact { label: "Balance".into(), value: "CA$ 1,240.00 overdue".into(), source: "crm".into() },
        ],
        source: "crm".into(),
    }
}

pub(crate) fn one(contact: Contact) -> Match {
    Match::One { contact: Box::new(contact) }
}

pub(crate) fn named(name: &str, company: &str) -> Contact {
    Contact {
        name: text(name),
        company: text(company),
        link: text("https://crm.example.com/c/7"),
        source: "crm".into(),
        ..Contact::default()
    }
}

pub(crate) fn history(urgent: bool, missed_since: u32) -> CallerHistory {
    let last = PastCall { at: ago(720), outcome: StatusKind::Missed, answered_by: None };
    CallerHistory {
        last_call: Some(last),
        calls_in_week: 3,
        calls_in_month: 8,
        missed_since,
        urgent,
        repeat_calls: None,
    }
}

pub(crate) fn found(who: Match) -> CallerInfo {
    CallerInfo { matched: who, ..CallerInfo::default() }
}

/// Returns a talk of `seconds` without a hold.
pub(crate) fn talk(with: TalkParty, seconds: u64) -> Talk {
    Talk {
        with,
        since: ago(9),
        talked: Some(Duration::from_secs(seconds)),
        held: Duration::ZERO,
        waited: Some(Duration::from_secs(8)),
        queue: None,
    }
}

pub(crate) fn gap_summary(calls: Vec<CallUpdate>) -> Card {
    Card::GapSummary(GapSummary {
        connection: "main".try_into().unwrap(),
        from: ago(1020),
        to: ago(20),
        calls,
        mask: None,
    })
}

/// Returns a daily recap. The numbers are pending callbacks.
pub(crate) fn recap<const N: usize>(numbers: [&str; N]) -> Recap {
    let waiting = numbers.iter().enumerate().map(|(n, number)| PendingCallback {
        name: (n == 0).then(|| "Alice Martin".to_owned()),
        missed_calls: if n == 0 { 2 } else { 1 },
        voicemail: n == 1,
        waits_since: Some(ago(1780 + 7200 * n as i64)),
        claimed: (n == 1).then(|| ("Dana".to_owned(), ago(600))),
        ..PendingCallback::new(PhoneNumber::parse(Some(number), Region::US), ago(1800 + 7200 * n as i64))
    });
    Recap {
        from: ago(86_420),
        to: ago(20),
        calls: 12,
        answered: 8,
        missed: 4,
        voicemails: 1,
        longest_wait: Some(Duration::from_secs(200)),
        pending: waiting.collect(),
        region: Some(Region::US),
        ..Recap::default()
    }
}
