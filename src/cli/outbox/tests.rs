//! Tests with a real outbox and the command line of an operator.

use super::*;
use crate::{
    model::{
        call::{Call, CallStatus, CallUpdate, Caller, StatusKind},
        card::{CallCard, CallerInfo, Card, Contact, Match},
        delivery::{Attempt, DeliveryKey, EnqueueMode, NewDelivery, Outbox, SettleRequest, Settlement, Subject},
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{PhoneNumber, Region},
    },
    outbox::{OutboxSettings, open},
};
use clap::Parser;
use std::{path::Path, time::Duration};
use tempfile::TempDir;

#[derive(Parser)]
struct TestCli {
    #[command(flatten)]
    args: OutboxArgs,
}

fn run_line(dir: &Path, line: &str) -> Result<String, CliError> {
    let line = TestCli::try_parse_from(["outbox"].into_iter().chain(line.split(' '))).unwrap();
    let mut out = Vec::new();
    run(line.args, dir, &mut out).map(|()| String::from_utf8(out).unwrap())
}

fn new_delivery(call: &str) -> NewDelivery {
    let id = ConversationSpaceId::try_from(call).unwrap();
    let call = Call::new(
        id.clone(),
        ConnectionName::try_from("main").unwrap(),
        AccountKey::try_from("2930718022414574861").unwrap(),
        Region::US,
        Caller {
            name: Some("\u{1b}[31mEve\u{202e}".to_owned()),
            number: PhoneNumber::parse(Some("+15145550199"), Region::US),
        },
        Timestamp::now(),
    );
    let notes = Some("call back: +1 514 555 0142".to_owned());
    let contact = Box::new(Contact { notes, source: "crm".to_owned(), ..Contact::default() });
    let found = CallerInfo { matched: Match::One { contact }, ..CallerInfo::default() };
    let update = CallUpdate { call, status: CallStatus::Ringing, at: Timestamp::now() };
    let key = DeliveryKey {
        subject: Subject::Call(id),
        status: StatusKind::Ringing,
        sink: SinkName::try_from("desk").unwrap(),
    };
    NewDelivery { key, card: Card::Call(Box::new(CallCard::new(update, found))), mode: EnqueueMode::Insert }
}

/// Creates an outbox with a dead letter (1), a delivered (2) and a waiting delivery (3).
async fn outbox() -> TempDir {
    let dir = TempDir::new().unwrap();
    let settings = OutboxSettings::for_test(dir.path());
    let (queue, _) = open(settings, Timestamp::now()).unwrap();
    queue.enqueue(None, ["a", "b", "c"].map(new_delivery).to_vec()).await.unwrap();
    queue.lease(vec![DeliveryId(1), DeliveryId(2)]).await.unwrap();
    let took = Duration::from_millis(7);
    let attempt =
        |status, answer: &str| Some(Attempt { at: Timestamp::now(), took, status, response: answer.to_owned() });
    let settlements = vec![
        SettleRequest {
            id: DeliveryId(1),
            settlement: Settlement::Dead("invalid_blocks".to_owned()),
            attempt: attempt(Some(400), "invalid_blocks"),
        },
        SettleRequest { id: DeliveryId(2), settlement: Settlement::Delivered, attempt: attempt(Some(200), "ok") },
    ];
    queue.settle(settlements).await.unwrap();
    queue.close().await;
    dir
}

#[tokio::test]
async fn outbox_list_masks_numbers_and_control_characters() {
    let dir = outbox().await;
    let list = run_line(dir.path(), "list").unwrap();
    assert_eq!(list.lines().count(), 4);
    let dead = list.lines().nth(1).unwrap();
    assert!(dead.starts_with("1   dead       desk  ringing"), "{dead}");
    assert!(dead.ends_with("invalid_blocks") && dead.contains("(•••) •••-••99"), "{dead}");
    assert!(!list.contains('\u{1b}') && !list.contains('\u{202e}') && !list.contains("5550199"));
    assert!(run_line(dir.path(), "list --show-numbers").unwrap().contains("(514) 555-0199"));
    assert_eq!(run_line(dir.path(), "list --state waiting").unwrap().lines().count(), 2);
    assert_eq!(run_line(dir.path(), "list --sink other").unwrap().lines().count(), 1);
}

#[tokio::test]
async fn outbox_json_has_all_fields_and_masked_numbers() {
    let dir = outbox().await;
    let list: serde_json::Value = serde_json::from_str(&run_line(dir.path(), "list --json").unwrap()).unwrap();
    assert_eq!(list[2]["state"], "waiting");
    assert_eq!(list[0]["subject"]["call"], "a");
    let text = run_line(dir.path(), "show 1 --json").unwrap();
    assert!(!text.contains("0199") && !text.contains("0142") && !text.contains('\u{202e}'), "{text}");
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(whole["tried"][0]["status"], 400);
    assert_eq!(whole["card"]["update"]["call"]["account"], "2930718022414574861");
    assert_eq!(whole["card"]["update"]["call"]["caller"]["number"]["known"], "+•••••••••99");
    let unmasked = run_line(dir.path(), "show 1 --json --show-numbers").unwrap();
    assert!(unmasked.contains("+15145550199") && unmasked.contains("514 555 0142"));
    let page = run_line(dir.path(), "show 1").unwrap();
    assert!(page.contains("7 ms, 400: invalid_blocks") && !page.contains("0142"), "{page}");
}

#[tokio::test]
async fn outbox_retry_and_drop_leave_delivered_cards_alone() {
    let dir = outbox().await;
    assert_eq!(run_line(dir.path(), "retry --dead --sink desk").unwrap(), "1 dead letters queued for retry\n");
    assert_eq!(run_line(dir.path(), "retry 3").unwrap(), "3 queued for retry\n");
    assert_eq!(run_line(dir.path(), "drop 1").unwrap(), "1 dropped\n");
    for (line, why) in [
        ("retry 2", "2 is already delivered"),
        ("drop 2", "2 is already delivered"),
        ("drop 1", "1 is already dropped"),
        ("show 99", "unknown delivery 99; list them with `poprelay outbox list`"),
    ] {
        let failure = run_line(dir.path(), line).unwrap_err();
        assert_eq!((failure.code, failure.to_string().as_str()), (65, why), "{line}");
    }
}

#[test]
fn outbox_missing_is_reported_and_not_created() {
    let dir = TempDir::new().unwrap();
    let failure = run_line(dir.path(), "list").unwrap_err();
    assert!(
        failure.code == 69 && failure.to_string().contains("Run the daemon with this state directory first"),
        "{failure}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
