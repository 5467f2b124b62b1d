//! Over a real outbox, as an operator types it.

use super::*;
use crate::{
    model::{
        call::{Bound, Call, Caller, Moment, MomentKind, Telling},
        card::{CallCard, Card, Contact, Findings, Match},
        delivery::{Admission, Attempt, Key, Outbox, Rule, Settle, Settlement, Subject},
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{Number, Region},
    },
    outbox::{Durability, Retention, Settings, open},
};
use clap::Parser;
use std::time::Duration;
use tempfile::TempDir;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: OutboxArgs,
}

fn typed(dir: &Path, line: &str) -> Result<String, Failure> {
    let line = Line::try_parse_from(["outbox"].into_iter().chain(line.split(' '))).unwrap();
    let mut out = Vec::new();
    run(line.args, dir, &mut out).map(|()| String::from_utf8(out).unwrap())
}

fn admission(call: &str) -> Admission {
    let id = ConversationSpaceId::try_from(call).unwrap();
    let call = Call {
        id: id.clone(),
        connection: ConnectionName::try_from("main").unwrap(),
        region: Region::US,
        account: AccountKey::try_from("2930718022414574861").unwrap(),
        bound: Bound::Inbound,
        caller: Caller {
            name: Some("\u{1b}[31mEve\u{202e}".to_owned()),
            number: Number::read(Some("+15145550199"), Region::US),
        },
        ours: None,
        queues: vec![],
        people: vec![],
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started: Timestamp::now(),
        late: false,
        lost: false,
        revised: None,
        course: crate::model::call::Course::default(),
    };
    let notes = Some("call back: +1 514 555 0142".to_owned());
    let contact = Box::new(Contact { notes, source: "crm".to_owned(), ..Contact::default() });
    let found = Findings { who: Match::One { contact }, ..Findings::default() };
    let telling = Telling { call, moment: Moment::Ringing, at: Timestamp::now() };
    let key =
        Key { subject: Subject::Call(id), moment: MomentKind::Ringing, sink: SinkName::try_from("desk").unwrap() };
    Admission { key, card: Card::Call(Box::new(CallCard::new(telling, found))), rule: Rule::Tell }
}

/// An outbox with a dead letter (1), a told one (2) and one that waits (3).
async fn outbox() -> TempDir {
    let dir = TempDir::new().unwrap();
    let settings =
        Settings { dir: dir.path().to_owned(), durability: Durability::Crash, retention: Retention::default() };
    let (queue, _) = open(settings, Timestamp::now()).unwrap();
    queue.admit(None, ["a", "b", "c"].map(admission).to_vec()).await.unwrap();
    queue.lease(vec![DeliveryId(1), DeliveryId(2)]).await.unwrap();
    let took = Duration::from_millis(7);
    let tried = |status, answer: &str| Some(Attempt { at: Timestamp::now(), took, status, answer: answer.to_owned() });
    let settlements = vec![
        Settle {
            id: DeliveryId(1),
            settlement: Settlement::Dead("invalid_blocks".to_owned()),
            attempt: tried(Some(400), "invalid_blocks"),
        },
        Settle { id: DeliveryId(2), settlement: Settlement::Delivered, attempt: tried(Some(200), "ok") },
    ];
    queue.settle(settlements).await.unwrap();
    queue.close().await;
    dir
}

#[tokio::test]
async fn a_list_is_a_table_without_numbers_and_without_anything_that_drives_a_terminal() {
    let dir = outbox().await;
    let list = typed(dir.path(), "list").unwrap();
    assert_eq!(list.lines().count(), 4);
    let dead = list.lines().nth(1).unwrap();
    assert!(dead.starts_with("1   dead       desk  ringing"), "{dead}");
    assert!(dead.ends_with("invalid_blocks") && dead.contains("(•••) •••-••99"), "{dead}");
    assert!(!list.contains('\u{1b}') && !list.contains('\u{202e}') && !list.contains("5550199"));
    assert!(typed(dir.path(), "list --show-numbers").unwrap().contains("(514) 555-0199"));
    assert_eq!(typed(dir.path(), "list --state waiting").unwrap().lines().count(), 2);
    assert_eq!(typed(dir.path(), "list --sink other").unwrap().lines().count(), 1);
}

#[tokio::test]
async fn what_a_script_reads_has_all_facts_and_no_number_that_was_not_asked_for() {
    let dir = outbox().await;
    let list: serde_json::Value = serde_json::from_str(&typed(dir.path(), "list --json").unwrap()).unwrap();
    assert_eq!(list[2]["state"], "waiting");
    assert_eq!(list[0]["subject"]["call"], "a");
    let text = typed(dir.path(), "show 1 --json").unwrap();
    assert!(!text.contains("0199") && !text.contains("0142") && !text.contains('\u{202e}'), "{text}");
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(whole["tried"][0]["status"], 400);
    assert_eq!(whole["card"]["telling"]["call"]["account"], "2930718022414574861");
    assert_eq!(whole["card"]["telling"]["call"]["caller"]["number"]["known"], "+•••••••••99");
    let open = typed(dir.path(), "show 1 --json --show-numbers").unwrap();
    assert!(open.contains("+15145550199") && open.contains("514 555 0142"));
    let page = typed(dir.path(), "show 1").unwrap();
    assert!(page.contains("7 ms, 400: invalid_blocks") && !page.contains("0142"), "{page}");
}

#[tokio::test]
async fn a_letter_is_tried_again_or_dropped_and_what_was_told_is_left_alone() {
    let dir = outbox().await;
    assert_eq!(typed(dir.path(), "retry --dead --sink desk").unwrap(), "1 dead letters are tried again\n");
    assert_eq!(typed(dir.path(), "retry 3").unwrap(), "3 is tried again\n");
    assert_eq!(typed(dir.path(), "drop 1").unwrap(), "1 is dropped\n");
    for (line, why) in [
        ("retry 2", "2 is delivered already"),
        ("drop 2", "2 is delivered already"),
        ("drop 1", "1 is dropped already"),
        ("show 99", "there is no delivery 99: `poprelay outbox list` shows what there is"),
    ] {
        let failure = typed(dir.path(), line).unwrap_err();
        assert_eq!((failure.code, failure.to_string().as_str()), (65, why), "{line}");
    }
}

#[test]
fn a_state_directory_without_an_outbox_is_said_and_none_is_made() {
    let dir = TempDir::new().unwrap();
    let failure = typed(dir.path(), "list").unwrap_err();
    assert!(failure.code == 69 && failure.to_string().contains("has the daemon run"), "{failure}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
