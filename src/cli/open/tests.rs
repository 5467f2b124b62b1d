//! The open list of a real outbox.

use super::*;
use crate::{
    model::{
        call::{
            AccountNumber, CallDirection, CallUpdate, Caller, MissedReason, Person, ReturnCall, Revision, StatusKind,
        },
        card::{CallerInfo, Card, Contact},
        delivery::{DeliveryKey, EnqueueMode, NewDelivery, Outbox as _, Subject},
        phone::{E164, PhoneNumber, Region},
        time::before,
    },
    outbox::{DatabaseOutbox, OutboxSettings, open},
};
use clap::Parser;
use std::{path::Path, time::Duration};
use tempfile::TempDir;

#[derive(Parser)]
struct TestCli {
    #[command(flatten)]
    args: OpenArgs,
}

fn run_line(dir: &Path, line: &[&str]) -> Result<String, CliError> {
    let line = TestCli::try_parse_from(["open"].iter().chain(line)).unwrap();
    let mut out = Vec::new();
    run(&line.args, dir, &mut out).map(|()| String::from_utf8(out).unwrap())
}

fn json(dir: &Path) -> Value {
    serde_json::from_str(&run_line(dir, &["--json", "--show-numbers"]).unwrap()).unwrap()
}

fn outbox() -> (TempDir, DatabaseOutbox) {
    let dir = TempDir::new().unwrap();
    let settings = OutboxSettings::for_test(dir.path());
    let queue = open(settings, Timestamp::now()).unwrap().0;
    (dir, queue)
}

/// Returns a call that was missed `minutes` ago.
fn missed(id: &str, number: &str, minutes: u64) -> CallUpdate {
    let caller = Caller { name: Some("\u{1b}ALICE".to_owned()), number: PhoneNumber::parse(Some(number), Region::US) };
    let at = before(Timestamp::now(), Duration::from_secs(60 * minutes + 5));
    let started = before(at, Duration::from_secs(20));
    let ids = (id.try_into().unwrap(), "main".try_into().unwrap(), "1".try_into().unwrap());
    let mut call = Call::new(ids.0, ids.1, ids.2, Region::US, caller, started);
    call.course.needs_callback = true;
    let number = PhoneNumber::parse(Some("+15145550100"), Region::US);
    call.account_number = Some(AccountNumber { number, label: Some("Main line".to_owned()) });
    let status = CallStatus::Missed { waited: Duration::from_secs(20), reason: MissedReason::NobodyAnswered };
    CallUpdate { call, status, at }
}

#[tokio::test]
async fn open_lists_callers_by_waiting_time_with_all_their_calls() {
    let (dir, queue) = outbox();
    assert_eq!(run_line(dir.path(), &[]).unwrap(), "no missed caller waits for a call back\n");
    assert_eq!(json(dir.path()), json!([]));
    queue.record_silent_call(missed("b", "+15145550142", 200)).await.unwrap();
    queue.record_silent_call(missed("c", "+15145550199", 5)).await.unwrap();
    let first = CallUpdate { status: CallStatus::Voicemail { duration: None }, ..missed("a", "+15145550199", 300) };
    queue.record_silent_call(first).await.unwrap();
    let text = run_line(dir.path(), &[]).unwrap();
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let columns = |line: &str| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect::<Vec<_>>()
    };
    let lines: Vec<Vec<String>> = text.lines().map(columns).collect();
    assert_eq!(lines[0], cells("WAITS | NUMBER | NAME | CALLS | LAST CALL | CALLED | MESSAGE | TRIED | CALLS BACK"));
    assert_eq!(lines[1], cells("5 h | (•••) •••-••99 | ALICE | 2 | 5 min ago | Main line | voicemail"));
    assert_eq!(lines[2], cells("3 h | (•••) •••-••42 | ALICE | 1 | 3 h ago | Main line"));
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let list = json(dir.path());
    assert_eq!((&list[0]["number"], &list[0]["missed_calls"]), (&json!("(514) 555-0199"), &json!(2)));
    assert_eq!((&list[0]["calls"], &list[0]["voicemail"]), (&json!(["c", "a"]), &json!(true)));
    assert_eq!(list[0]["called"], json!({ "label": "Main line", "number": "(514) 555-0100" }));
    assert!(list[0]["waits_seconds"].as_u64().unwrap() >= 18_000);
}

#[tokio::test]
async fn open_names_the_only_contact_before_the_network() {
    let (dir, queue) = outbox();
    let contact = Contact { name: Some("Alice Martin".to_owned()), ..Contact::default() };
    let info = CallerInfo { matched: Match::One { contact: Box::new(contact) }, ..CallerInfo::default() };
    let update = missed("a", "+15145550199", 5);
    let subject = Subject::Call(update.call.id.clone());
    let key = DeliveryKey { subject, status: StatusKind::Missed, sink: "desk".try_into().unwrap() };
    let card = Card::Call(Box::new(CallCard::new(update, info)));
    queue.enqueue(None, vec![NewDelivery { key, card, mode: EnqueueMode::Insert }]).await.unwrap();
    assert_eq!(json(dir.path())[0]["name"], "Alice Martin");
}

/// Returns a missed call with an outbound call of Dana that ended with `status`.
fn returned(update: &CallUpdate, status: CallStatus) -> CallUpdate {
    let people = vec![Person { name: Some("Dana Roy".to_owned()), extension: Some("1015".to_owned()), line: None }];
    let call = Call { direction: CallDirection::Outbound, people, ..update.call.clone() };
    let call = ReturnCall::of(&CallUpdate { call, status, ..update.clone() }).unwrap();
    let mut returned = update.clone();
    returned.call.revision = Some(Revision::CalledBack);
    returned.call.course.callback = Some(Callback { call, after: Duration::ZERO });
    returned
}

#[tokio::test]
async fn open_keeps_a_caller_who_was_only_tried_and_shows_the_try() {
    let (dir, queue) = outbox();
    let update = missed("a", "+15145550199", 5);
    queue.record_silent_call(update.clone()).await.unwrap();
    queue.record_silent_call(returned(&update, update.status.clone())).await.unwrap();
    let list = json(dir.path());
    assert_eq!((list.as_array().unwrap().len(), &list[0]["tried_by"]), (1, &json!("Dana Roy")));
    let text = run_line(dir.path(), &[]).unwrap();
    assert!(text.contains("Dana Roy, 5 min ago"), "{text}");
}

#[tokio::test]
async fn open_leaves_out_returned_and_forgotten_callers() {
    let (dir, queue) = outbox();
    let update = missed("a", "+15145550199", 5);
    queue.record_silent_call(update.clone()).await.unwrap();
    queue.record_silent_call(missed("b", "+15145550142", 5)).await.unwrap();
    queue.record_silent_call(returned(&update, CallStatus::Ended { talk_time: None })).await.unwrap();
    let list = json(dir.path());
    assert_eq!((list.as_array().unwrap().len(), &list[0]["number"]), (1, &json!("(514) 555-0142")));
    let number = E164::try_from("+15145550142".to_owned()).unwrap();
    outbox::forget(dir.path(), &number, Timestamp::now()).unwrap();
    assert_eq!(json(dir.path()), json!([]));
}

#[test]
fn open_without_an_outbox_is_unavailable() {
    let dir = TempDir::new().unwrap();
    assert_eq!(run_line(dir.path(), &[]).unwrap_err().code, 69);
}
