//! Tests of one connection's relay over a real outbox: events in, pending deliveries out.

use super::*;
use crate::{
    calls::reported,
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

fn pipeline(dir: &tempfile::TempDir) -> Arc<Rooms> {
    let settings = outbox::OutboxSettings {
        dir: dir.path().to_owned(),
        durability: outbox::Durability::Crash,
        retention: outbox::Retention::default(),
    };
    let (outbox, _) = outbox::open(settings, Timestamp::now()).unwrap();
    let desk: SinkName = "desk".try_into().unwrap();
    let outcomes = vec![MomentKind::Missed, MomentKind::Voicemail, MomentKind::Ended];
    let settings = Book {
        routes: Routes::new(Vec::new(), vec![desk.clone()]),
        sinks: [(desk.clone(), Manner { outcomes, style: Style::default(), life: Life::Said, recap: None })].into(),
        operator: Some(desk),
        ..Book::default()
    };
    let recorder = Recorder::new(dir.path());
    let (board, pulses) = (Board::default(), Pulses::default());
    Arc::new(Rooms { outbox, book: Lectern::new(settings), recorder, board, pulses })
}

async fn run_relay(pipeline: &Arc<Rooms>, events: Vec<Heard>) {
    let (sender, receiver) = mpsc::channel(64);
    for event in events {
        sender.send(event).await.unwrap();
    }
    drop(sender);
    let ended = pipeline.outbox.ended_calls(Timestamp::UNIX_EPOCH).await.unwrap();
    relay(pipeline, Away::after(HashMap::new(), ended, Timestamp::now()), receiver).await;
}

async fn relay(pipeline: &Arc<Rooms>, recovery: Away, events: mpsc::Receiver<Heard>) {
    let (queries, _query_receiver) = mpsc::channel(8);
    let (_stop, stopped) = watch::channel(false);
    let relay = Relay::new("main".try_into().unwrap(), Arc::clone(pipeline), queries, recovery);
    relay.run(events, stopped).await;
}

async fn pending(pipeline: &Rooms) -> Vec<Delivery> {
    pipeline.outbox.waiting(&"desk".try_into().unwrap(), Timestamp::now(), 9).await.unwrap()
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
    }
}

#[tokio::test]
async fn rejection_of_several_lanes_raises_one_alert_and_one_end() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    pipeline.board.open().connections.insert("main".try_into().unwrap(), Login::default());
    let rejected =
        |lane| Heard::Refused { lane, why: Trouble { class: Class::Refused, status: Some(403), after: None } };
    let events = vec![rejected(0), rejected(1), Heard::Live { lane: 0 }, Heard::Live { lane: 1 }];
    run_relay(&pipeline, events).await;
    let resolved: Vec<bool> = pending(&pipeline)
        .await
        .iter()
        .filter_map(|one| match &one.card {
            Card::Notice(notice) => Some(notice.over),
            _ => None,
        })
        .collect();
    assert_eq!(resolved, [false, true]);
}

#[tokio::test]
async fn event_gap_is_summarized_in_one_card() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let at = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let hidden = vec![report("a", "MISSED", at(50)), report("b", "LEFT_VOICEMAIL", at(40)), report("c", "MISSED", at(30))];
    run_relay(&pipeline, vec![Heard::Sighted { from: at(60), to, reports: Reports::Told(hidden) }]).await;
    assert_eq!(pending(&pipeline).await.len(), 1);
}

/// The heartbeat is written every 10 s: a daemon stopped earlier leaves a gap beginning where the previous one did.
#[tokio::test]
async fn gap_summary_of_next_run_lists_only_new_calls() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let at = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let gap = |calls: &[&str]| {
        let hidden = calls.iter().map(|call| report(call, "MISSED", at(30))).collect();
        vec![Heard::Sighted { from: at(60), to, reports: Reports::Told(hidden) }]
    };
    run_relay(&pipeline, gap(&["a", "b"])).await;
    run_relay(&pipeline, gap(&["a", "b", "c", "d"])).await;
    let deliveries = pending(&pipeline).await;
    let listed = deliveries.iter().filter_map(|one| match &one.card {
        Card::GapSummary(recap) => Some(recap.calls.iter().map(|it| it.call.id.to_string()).collect::<Vec<_>>().concat()),
        _ => None,
    });
    assert_eq!(listed.collect::<Vec<_>>(), ["ab", "cd"]);
}

#[tokio::test]
async fn open_call_of_earlier_run_without_report_ends_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let before = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let mut rang = reported(&report("rang", "MISSED", before(300)), to).unwrap();
    rang.moment = Moment::Ringing;
    let unfinished = Unended { last: Some(rang), heard: before(300), asked: Some(before(130)) };
    let recovery = Away::after(HashMap::from([("rang".try_into().unwrap(), unfinished)]), Vec::new(), to);
    let (sender, receiver) = mpsc::channel(8);
    sender.send(Heard::Sighted { from: before(200), to, reports: Reports::Told(Vec::new()) }).await.unwrap();
    let running = relay(&pipeline, recovery, receiver);
    let closing = async {
        loop {
            if let Some(Card::Call(card)) = pending(&pipeline).await.into_iter().next().map(|one| one.card) {
                return (card.telling.moment, card.telling.call.lost);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let closed = tokio::select! {
        () = running => unreachable!("the event channel is open"),
        result = tokio::time::timeout(Duration::from_secs(20), closing) => result.unwrap(),
    };
    assert_eq!(closed, (Moment::Ended { lasted: None }, true));
    drop(sender);
}
