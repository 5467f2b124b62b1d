//! One login's relay over a real outbox: what is heard goes in, what waits for a sink is looked at.

use super::*;
use crate::{
    calls::update_from_report,
    cards::Style,
    daemon::{
        away::Unended,
        book::{Book, Lectern, Life, Manner},
        record::Recorder,
        status::{Board, Login},
    },
    goto::lifecycle::{Class, Trouble},
    model::{
        call::{Direction, Moment, MomentKind},
        card::Card,
        delivery::{Delivery, Outbox as _},
        ids::SinkName,
        phone::Region,
        pulse::Pulses,
    },
    outbox,
    route::Routes,
};
use std::collections::HashMap;

fn rooms(dir: &tempfile::TempDir) -> Arc<Rooms> {
    let settings = outbox::Settings {
        dir: dir.path().to_owned(),
        durability: outbox::Durability::Crash,
        retention: outbox::Retention::default(),
    };
    let (outbox, _) = outbox::open(settings, Timestamp::now()).unwrap();
    let desk: SinkName = "desk".try_into().unwrap();
    let outcomes = vec![MomentKind::Missed, MomentKind::Voicemail, MomentKind::Ended];
    let book = Book {
        routes: Routes::new(Vec::new(), vec![desk.clone()]),
        sinks: [(desk.clone(), Manner { outcomes, style: Style::default(), life: Life::Said, recap: None })].into(),
        operator: Some(desk),
        ..Book::default()
    };
    let recorder = Recorder::new(dir.path());
    let (board, pulses) = (Board::default(), Pulses::default());
    Arc::new(Rooms { outbox, book: Lectern::new(book), recorder, board, pulses })
}

async fn relayed(rooms: &Arc<Rooms>, all: Vec<Heard>) {
    let (heard_by, heard) = mpsc::channel(64);
    for one in all {
        heard_by.send(one).await.unwrap();
    }
    drop(heard_by);
    let ended = rooms.outbox.ended_calls(Timestamp::UNIX_EPOCH).await.unwrap();
    relay(rooms, Away::after(HashMap::new(), ended, Timestamp::now()), heard).await;
}

async fn relay(rooms: &Arc<Rooms>, away: Away, heard: mpsc::Receiver<Heard>) {
    let (ask, _asked) = mpsc::channel(8);
    let (_stop, stopped) = watch::channel(false);
    let relay = Relay::new("main".try_into().unwrap(), Arc::clone(rooms), ask, away);
    relay.run(heard, stopped).await;
}

async fn waiting(rooms: &Rooms) -> Vec<Delivery> {
    rooms.outbox.waiting(&"desk".try_into().unwrap(), Timestamp::now(), 9).await.unwrap()
}

fn report(call: &str, outcome: &str, ended: Timestamp) -> Report {
    Report {
        connection: "main".try_into().unwrap(),
        region: Region::US,
        account: "1".try_into().unwrap(),
        call: call.try_into().unwrap(),
        direction: Direction::Inbound,
        created: ended.checked_sub(Duration::from_secs(9)).ok(),
        answered: None,
        ended: Some(ended),
        caller: None,
        outcome: Some(outcome.to_owned()),
        people: Vec::new(),
        full: None,
    }
}

#[tokio::test]
async fn a_refusal_is_told_once_for_all_lanes_and_so_is_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = rooms(&dir);
    rooms.board.open().connections.insert("main".try_into().unwrap(), Login::default());
    let refused =
        |lane| Heard::Refused { lane, why: Trouble { class: Class::Refused, status: Some(403), after: None } };
    let said = vec![refused(0), refused(1), Heard::Live { lane: 0 }, Heard::Live { lane: 1 }];
    relayed(&rooms, said).await;
    let over: Vec<bool> = waiting(&rooms)
        .await
        .iter()
        .filter_map(|one| match &one.card {
            Card::Notice(notice) => Some(notice.over),
            _ => None,
        })
        .collect();
    assert_eq!(over, [false, true]);
}

#[tokio::test]
async fn a_blind_window_is_told_in_one_recap_however_many_calls_it_hid() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = rooms(&dir);
    let to = Timestamp::now();
    let at = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let hid = vec![report("a", "MISSED", at(50)), report("b", "LEFT_VOICEMAIL", at(40)), report("c", "MISSED", at(30))];
    relayed(&rooms, vec![Heard::Sighted { from: at(60), to, reports: Reports::Told(hid) }]).await;
    assert_eq!(waiting(&rooms).await.len(), 1);
}

/// The heartbeat is kept every 10 s: whoever is stopped earlier leaves a window that begins where his own did.
#[tokio::test]
async fn a_next_run_over_the_same_window_tells_the_calls_that_the_run_before_did_not() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = rooms(&dir);
    let to = Timestamp::now();
    let at = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let hid = |calls: &[&str]| {
        let hid = calls.iter().map(|call| report(call, "MISSED", at(30))).collect();
        vec![Heard::Sighted { from: at(60), to, reports: Reports::Told(hid) }]
    };
    relayed(&rooms, hid(&["a", "b"])).await;
    relayed(&rooms, hid(&["a", "b", "c", "d"])).await;
    let told = waiting(&rooms).await;
    let told = told.iter().filter_map(|one| match &one.card {
        Card::Recap(recap) => Some(recap.calls.iter().map(|it| it.call.id.to_string()).collect::<Vec<_>>().concat()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["ab", "cd"]);
}

#[tokio::test]
async fn a_call_that_an_earlier_run_left_open_and_goto_knows_nothing_of_is_told_as_lost_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = rooms(&dir);
    let to = Timestamp::now();
    let before = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let mut rang = update_from_report(&report("rang", "MISSED", before(300)), to).unwrap();
    rang.moment = Moment::Ringing;
    let left = Unended { last: Some(rang), heard: before(300), asked: Some(before(130)) };
    let away = Away::after(HashMap::from([("rang".try_into().unwrap(), left)]), Vec::new(), to);
    let (heard_by, heard) = mpsc::channel(8);
    heard_by.send(Heard::Sighted { from: before(200), to, reports: Reports::Told(Vec::new()) }).await.unwrap();
    let relaying = relay(&rooms, away, heard);
    let told = async {
        loop {
            if let Some(Card::Call(card)) = waiting(&rooms).await.into_iter().next().map(|one| one.card) {
                return (card.telling.moment, card.telling.call.lost);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::select! {
        () = relaying => unreachable!("its ears are open"),
        told = tokio::time::timeout(Duration::from_secs(20), told) => told.unwrap(),
    };
    assert_eq!(told, (Moment::Ended { lasted: None }, true));
    drop(heard_by);
}
