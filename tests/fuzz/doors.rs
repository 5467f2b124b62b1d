//! What is fuzzed: one function for each target, from bytes to what must hold of them. The fuzzers call it with what they
//! think of, the test suite with the seeds and their mutations, so that neither can rot.

use poprelay::{
    calls::{Effect, Limits, Tracker},
    cards::{self, Style},
    enrich::{SourceConfig, raw},
    goto::wire::{self, Frame, Reader},
    model::{
        call::{Bound, Call, Caller, Moment, Telling},
        card::{CallCard, Card, Contact, Findings, Match},
        delivery::SinkKind,
        phone::{E164, Mask, Number, Region},
        time::{Now, Timestamp},
    },
    route::Holidays,
};
use std::{collections::BTreeMap, time::Instant};

/// A target: from the fuzzer's bytes to an end, or to a panic that names what does not hold.
pub type Door = fn(&[u8]);

/// Every target by its name, which is also its folder of seeds.
pub const DOORS: [(&str, Door); 5] =
    [("frame", frame), ("contacts", contacts), ("crm_answer", crm_answer), ("phone", phone), ("calendar", calendar)];

/// Whose number is looked up.
const CALLER: &str = "+15145550199";

/// Frames of GoTo, one a line, wrapped or bare, up to the cards of the calls that they tell of; and the whole as every
/// answer of its REST interface.
pub fn frame(bytes: &[u8]) {
    let german = Region::read("DE").expect("a region");
    for region in [Region::US, german] {
        let reader = Reader { connection: "main".try_into().expect("a name"), region };
        let _ = wire::active(bytes, &reader);
        let _ = wire::states(bytes, &reader);
        let _ = wire::report(bytes, &reader);
        let _ = wire::summaries(bytes, &reader);
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let now = Now { tick: Instant::now(), clock: time("2026-11-23T19:03:20Z") };
        let mut tracker = Tracker::new(Limits::default());
        let mut effects = Vec::new();
        for line in text.lines().take(50) {
            match wire::frame(line, &reader) {
                Ok(Frame::Call(event)) => effects.extend(tracker.hear(event, now)),
                Ok(Frame::Report(report)) => effects.extend(tracker.report(report, now)),
                Ok(Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign) | Err(_) => {}
            }
        }
        effects.extend(tracker.flush(now));
        for effect in effects {
            let Effect::Tell(telling) = effect else { continue };
            let kept = serde_json::to_string(&telling).expect("what is told can be kept");
            let again: Telling = serde_json::from_str(&kept).expect("what was kept can be read");
            assert_eq!(again, telling, "what is told is the same after it was kept");
            drawable(telling, Findings::default());
        }
    }
    let _ = wire::activity(bytes);
}

/// A contacts file: CSV or vCard, in whatever encoding.
pub fn contacts(bytes: &[u8]) {
    let columns = BTreeMap::from([("Kunde".to_owned(), "name".to_owned()), ("Tel".to_owned(), "phone".to_owned())]);
    let number = caller();
    for columns in [&BTreeMap::new(), &columns] {
        let Some(file) = raw::People::read(bytes, columns, Region::US) else { continue };
        let people = file.find(&number);
        assert!(people.iter().all(is_linked_safely), "a link is https");
        known(people);
    }
}

/// A CRM's answer. The first line may be a table of pointers in JSON; the rest is the body.
pub fn crm_answer(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (head, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let table = serde_json::from_slice::<SourceConfig>(head).unwrap_or_else(|_| {
        let usual = r#"{"type": "http", "name": "crm", "results": "/results", "numbers": ["/phones"], "fields": {
            "name": ["/name", "{/first} {/last}"], "company": "/company", "tier": "/tier", "owner": "/owner/name",
            "notes": "/notes", "tags": "/tags", "link": "https://crm.example.com/c/{/id}", "Open tickets": "/open"}}"#;
        serde_json::from_str(usual).expect("a table")
    });
    let Some(people) = raw::in_answer(&table, body, &caller(), Region::US) else { return };
    assert!(people.iter().all(is_linked_safely), "a link is https");
    known(people);
}

/// What stands where a number should: read in three regions, shown, covered, kept.
pub fn phone(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let abroad = ["DE", "AR"].map(|code| Region::read(code).expect("a region"));
    for region in [Region::US, abroad[0], abroad[1]] {
        let number = Number::read(Some(&text), region);
        let kept = serde_json::to_string(&number).expect("a number can be kept");
        assert_eq!(serde_json::from_str::<Number>(&kept).expect("what was kept can be read"), number);
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
        for (mask, open) in [(Mask::All, 0), (Mask::Last2, 2), (Mask::Last4, 4), (Mask::None, usize::MAX)] {
            let shown = number.shown(region, mask);
            assert!(shown.as_deref().is_none_or(|shown| digits(shown) <= open), "{mask:?} covers");
        }
        let Some(known) = number.known() else { continue };
        assert!(digits(&known.to_string()) <= 2 && digits(&format!("{number:?}")) <= 2, "it prints covered");
        let again = Number::read(Some(known.expose()), Region::US);
        let again = again.known().map(E164::digits);
        assert_eq!(again, Some(known.digits()), "a number is the same when it is read again");
        let _ = (known.national(), known.country(), known.line(), known.extension());
    }
}

/// A calendar of holidays, asked over a year.
pub fn calendar(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok((holidays, _oddities)) = Holidays::read(&text) else { return };
    let zone = jiff::tz::TimeZone::get("America/New_York").expect("a zone");
    let new_year = time("2026-01-01T05:00:00Z");
    let far = [Timestamp::MIN, Timestamp::MAX];
    let days = (0..12).map(|month| new_year + jiff::SignedDuration::from_hours(month * 730));
    for at in days.chain(far) {
        let _ = holidays.at(at, &zone);
    }
}

fn is_linked_safely(person: &Contact) -> bool {
    person.link.as_deref().is_none_or(|link| link.starts_with("https://"))
}

/// A call of the caller, whom a source knows as these people.
fn known(people: Vec<Contact>) {
    let who = match <[Contact; 1]>::try_from(people) {
        Ok([person]) => Match::One { contact: Box::new(person) },
        Err(people) if people.is_empty() => return,
        Err(people) => Match::Several { contacts: people },
    };
    let at = time("2026-11-23T19:03:20Z");
    let call = Call {
        id: "c-1".try_into().expect("an id"),
        connection: "main".try_into().expect("a name"),
        region: Region::US,
        account: "1".try_into().expect("a key"),
        bound: Bound::Inbound,
        caller: Caller { name: None, number: Number::Known(caller()) },
        ours: None,
        queues: Vec::new(),
        people: Vec::new(),
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started: at,
        late: false,
        lost: false,
        revised: None,
        course: poprelay::model::call::Course::default(),
    };
    drawable(Telling { call, moment: Moment::Ringing, at }, Findings { who, ..Findings::default() });
}

/// Draws a card for every chat: the message is JSON, and wakes nobody.
fn drawable(telling: Telling, found: Findings) {
    let now = telling.at;
    let card = Card::Call(Box::new(CallCard::new(telling, found)));
    let style = Style { time_zone: jiff::tz::TimeZone::UTC, ..Style::default() };
    let slack = ["<!channel", "<!here", "<!everyone", "<@U"];
    for (kind, pings) in
        [(SinkKind::Slack, &slack[..]), (SinkKind::SlackTrigger, &slack), (SinkKind::Teams, &["\"entities\""])]
    {
        let body = cards::draw(kind, &[&card], &style, now, false).body;
        assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "a message is JSON");
        for ping in pings {
            assert!(!body.contains(*ping), "nothing of a stranger wakes anyone: {ping}");
        }
    }
    let lines = cards::lines(&card, &style, now);
    assert!(lines.iter().all(|line| !line.chars().any(char::is_control)), "a line for a terminal has no controls");
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn caller() -> E164 {
    CALLER.to_owned().try_into().expect("a number")
}
