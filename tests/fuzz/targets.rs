//! Fuzz targets: one function per target that checks its invariants on any bytes. The fuzzers call them with generated
//! input, the test suite with seeds and mutations.

use poprelay::{
    calls::{Effect, Limits, Tracker},
    cards::{self, RenderOptions},
    enrich::{SourceConfig, raw},
    goto::wire::{self, Frame, Reader},
    model::{
        call::{Call, CallStatus, CallUpdate, Caller},
        card::{CallCard, CallerInfo, Card, Contact, Match},
        delivery::SinkKind,
        phone::{E164, Mask, PhoneNumber, Region, read_cell},
        time::{Now, Timestamp},
    },
    route::Holidays,
};
use std::{collections::BTreeMap, time::Instant};

/// A fuzz target. Panics if an invariant does not hold.
pub type FuzzTarget = fn(&[u8]);

/// All targets by name. The name is also the folder of the seeds.
pub const TARGETS: [(&str, FuzzTarget); 5] =
    [("frame", frame), ("contacts", contacts), ("crm_answer", crm_answer), ("phone", phone), ("calendar", calendar)];

/// Number of the look-ups.
const CALLER: &str = "+15145550199";

/// Decodes the lines as GoTo frames, tracks their calls and renders the cards. Also decodes the whole input as each REST
/// answer.
pub fn frame(bytes: &[u8]) {
    let german = Region::parse("DE").expect("a region");
    for region in [Region::US, german] {
        let reader = Reader { connection: "main".try_into().expect("a name"), region };
        let _ = wire::active(bytes, &reader);
        let _ = wire::states(bytes, &reader);
        let _ = wire::report(bytes, &reader);
        let _ = wire::summaries(bytes, &reader);
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let now = Now { instant: Instant::now(), timestamp: time("2026-11-23T19:03:20Z") };
        let mut tracker = Tracker::new(Limits::default());
        let mut effects = Vec::new();
        for line in text.lines().take(50) {
            match wire::frame(line, &reader) {
                Ok(Frame::Call(event)) => effects.extend(tracker.handle_snapshot(event, now)),
                Ok(Frame::Report(report)) => effects.extend(tracker.handle_report(&report, now)),
                Ok(Frame::ReportReady(id)) => effects.extend(tracker.report_ready(&id, now)),
                Ok(Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign) | Err(_) => {}
            }
        }
        effects.extend(tracker.flush(now));
        for effect in effects {
            let Effect::Emit(update) = effect else { continue };
            let stored = serde_json::to_string(&update).expect("a call update serializes");
            let restored: CallUpdate = serde_json::from_str(&stored).expect("a stored call update deserializes");
            assert_eq!(restored, update, "a call update changes in the store");
            render(update, CallerInfo::default());
        }
    }
    let _ = wire::activity(bytes);
}

/// Reads a contacts file: CSV or vCard in any encoding.
pub fn contacts(bytes: &[u8]) {
    let columns = BTreeMap::from([("Kunde".to_owned(), "name".to_owned()), ("Tel".to_owned(), "phone".to_owned())]);
    let number = caller();
    for columns in [&BTreeMap::new(), &columns] {
        let Some(file) = raw::People::read(bytes, columns, Region::US) else { continue };
        let people = file.find(&number);
        assert!(people.iter().all(has_safe_link), "a link is not https");
        render_contacts(people);
    }
}

/// Reads a CRM answer. The first line may be a JSON source config; the rest is the body.
pub fn crm_answer(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (head, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let table = serde_json::from_slice::<SourceConfig>(head).unwrap_or_else(|_| {
        let usual = r#"{"type": "http", "name": "crm", "results": "/results", "numbers": ["/phones"], "fields": {
            "name": ["/name", "{{ first }} {{ last }}"], "company": "/company", "tier": "/tier", "owner": "/owner/name",
            "notes": "/notes", "tags": "/tags", "link": "https://crm.example.com/c/{{ id }}", "Open tickets": "/open"}}"#;
        serde_json::from_str(usual).expect("a table")
    });
    let Some(people) = raw::contacts_in_response(&table, body, &caller(), Region::US) else { return };
    assert!(people.iter().all(has_safe_link), "a link is not https");
    render_contacts(people);
}

/// Reads the input as a phone number and as a cell of a contacts list in three regions, then formats, masks and stores it.
pub fn phone(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let abroad = ["DE", "AR"].map(|code| Region::parse(code).expect("a region"));
    for region in [Region::US, abroad[0], abroad[1]] {
        for found in read_cell(&text, region).unwrap_or_default() {
            let again = read_cell(found.expose(), region).unwrap_or_default();
            let keys: Vec<u64> = again.iter().map(E164::as_u64).collect();
            assert_eq!(keys, [found.as_u64()], "a number of a cell changes when it is read again");
        }
        let number = PhoneNumber::parse(Some(&text), region);
        let stored = serde_json::to_string(&number).expect("a number serializes");
        assert_eq!(serde_json::from_str::<PhoneNumber>(&stored).expect("a stored number deserializes"), number);
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
        for (mask, open) in [(Mask::All, 0), (Mask::Last2, 2), (Mask::Last4, 4), (Mask::None, usize::MAX)] {
            let shown = number.format(region, mask);
            assert!(shown.as_deref().is_none_or(|shown| digits(shown) <= open), "{mask:?} shows too many digits");
        }
        let Some(known) = number.as_e164() else { continue };
        assert!(
            digits(&known.to_string()) <= 2 && digits(&format!("{number:?}")) <= 2,
            "Display or Debug is not masked"
        );
        let again = PhoneNumber::parse(Some(known.expose()), Region::US);
        let again = again.as_e164().map(E164::as_u64);
        assert_eq!(again, Some(known.as_u64()), "a number changes when it is parsed again");
        let _ = (known.national_digits(), known.country(), known.line_type(), known.extension());
    }
}

/// Reads a holiday calendar and queries it over a year.
pub fn calendar(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok((holidays, _oddities)) = Holidays::parse(&text) else { return };
    let zone = jiff::tz::TimeZone::get("America/New_York").expect("a zone");
    let new_year = time("2026-01-01T05:00:00Z");
    let far = [Timestamp::MIN, Timestamp::MAX];
    let days = (0..12).map(|month| new_year + jiff::SignedDuration::from_hours(month * 730));
    for at in days.chain(far) {
        let _ = holidays.name_at(at, &zone);
    }
}

fn has_safe_link(person: &Contact) -> bool {
    person.link.as_deref().is_none_or(|link| link.starts_with("https://"))
}

/// Renders a call whose caller matches these contacts.
fn render_contacts(people: Vec<Contact>) {
    let who = match <[Contact; 1]>::try_from(people) {
        Ok([person]) => Match::One { contact: Box::new(person) },
        Err(people) if people.is_empty() => return,
        Err(people) => Match::Several { contacts: people },
    };
    let at = time("2026-11-23T19:03:20Z");
    let call = Call::new(
        "c-1".try_into().expect("an id"),
        "main".try_into().expect("a name"),
        "1".try_into().expect("a key"),
        Region::US,
        Caller { name: None, number: PhoneNumber::Known(caller()) },
        at,
    );
    render(CallUpdate { call, status: CallStatus::Ringing, at }, CallerInfo { matched: who, ..CallerInfo::default() });
}

/// Renders a card for every chat. A message must be JSON without mentions.
fn render(update: CallUpdate, found: CallerInfo) {
    let now = update.at;
    let card = Card::Call(Box::new(CallCard::new(update, found)));
    let style = RenderOptions { time_zone: jiff::tz::TimeZone::UTC, ..RenderOptions::default() };
    let slack = ["<!channel", "<!here", "<!everyone", "<@U"];
    for (kind, pings) in
        [(SinkKind::Slack, &slack[..]), (SinkKind::SlackTrigger, &slack), (SinkKind::Teams, &["\"entities\""])]
    {
        let body = cards::render(kind, &[&card], &style, now, false).body;
        assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "a message is not JSON");
        for ping in pings {
            assert!(!body.contains(*ping), "external text became a mention: {ping}");
        }
    }
    let lines = cards::lines(&card, &style, now);
    assert!(lines.iter().all(|line| !line.chars().any(char::is_control)), "a terminal line has control characters");
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn caller() -> E164 {
    CALLER.to_owned().try_into().expect("a number")
}
