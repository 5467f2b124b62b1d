//! Tests of one connection's relay over a real outbox: events in, pending deliveries out.

use super::*;
use crate::{
    calls::update_from_report,
    cards::RenderOptions,
    daemon::{
        health::status::ConnectionStatus,
        pipeline::recovery::UnfinishedCall,
        settings::{MessageMode, Settings, SinkSettings},
    },
    goto::{
        CallQuery, Reports,
        lane::{FailureClass, RequestFailure},
        query_queues,
    },
    model::{
        call::{
            AccountNumber, CallStatus, Caller, Participant, ParticipantKind, ParticipantStatus, Person, Phase,
            SnapshotState, StatusKind, WireDirection,
        },
        card::Card,
        delivery::{Delivery, Outbox as _, Subject},
        ids::SinkName,
        phone::{PhoneNumber, Region},
    },
    outbox,
    route::Routes,
    runtime::{captured_journal::CapturedJournal, http::NetworkFault},
};
use std::collections::{HashMap, HashSet};

mod callbacks;
mod event_gaps;

/// Settings of a sink that gets rings and `outcomes`.
fn sink(outcomes: Vec<StatusKind>) -> SinkSettings {
    SinkSettings {
        outcomes,
        ring_at: crate::model::call::RingStage::Phone,
        menu_only: false,
        style: RenderOptions::default(),
        mode: MessageMode::Post,
        recap: None,
        recap_latency: false,
        claim_reminder: None,
        users: None,
    }
}

fn pipeline(dir: &tempfile::TempDir) -> Arc<Pipeline> {
    let outcomes = vec![StatusKind::Missed, StatusKind::Voicemail, StatusKind::Ended];
    pipeline_with(dir, &[("desk", outcomes)])
}

fn pipeline_with(dir: &tempfile::TempDir, sinks: &[(&str, Vec<StatusKind>)]) -> Arc<Pipeline> {
    let (outbox, _) = outbox::open(outbox::OutboxSettings::for_test(dir.path()), Timestamp::now()).unwrap();
    let names: Vec<SinkName> = sinks.iter().map(|(name, _)| (*name).try_into().unwrap()).collect();
    let settings = Settings {
        routes: Routes::new(Vec::new(), names.clone()),
        sinks: names.iter().cloned().zip(sinks.iter().map(|(_, outcomes)| sink(outcomes.clone()))).collect(),
        operator: names.first().cloned(),
        ..Settings::default()
    };
    Arc::new(Pipeline::for_test(outbox, settings, dir.path()))
}

async fn run_relay(pipeline: &Arc<Pipeline>, events: Vec<ConnectionEvent>) {
    let (sender, receiver) = mpsc::channel(64);
    for event in events {
        sender.send(event).await.unwrap();
    }
    drop(sender);
    let ended = pipeline.outbox.ended_calls(Timestamp::UNIX_EPOCH).await.unwrap();
    relay(pipeline, Recovery::new(HashMap::new(), ended, None, Timestamp::now()), receiver).await;
}

async fn relay(pipeline: &Arc<Pipeline>, recovery: Recovery, events: mpsc::Receiver<ConnectionEvent>) {
    let (queries, _query_receivers) = query_queues();
    let relay = Relay::new("main".try_into().unwrap(), Arc::clone(pipeline), queries, recovery, LoginAdvice::LogIn);
    relay.run(events, CancellationToken::new()).await;
}

async fn pending(pipeline: &Pipeline) -> Vec<Delivery> {
    pending_for(pipeline, "desk").await
}

async fn pending_for(pipeline: &Pipeline, sink: &str) -> Vec<Delivery> {
    pipeline.outbox.due(&sink.try_into().unwrap(), Timestamp::now(), 9).await.unwrap()
}

#[tokio::test]
async fn rejection_of_several_lanes_raises_one_alert_and_one_end() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    pipeline.status.lock().connections.insert("main".try_into().unwrap(), ConnectionStatus::default());
    let rejected = |lane| ConnectionEvent::LaneRejected {
        lane,
        why: RequestFailure { status: Some(403), ..RequestFailure::new(FailureClass::Rejected) },
    };
    let events =
        vec![rejected(0), rejected(1), ConnectionEvent::LaneUp { lane: 0 }, ConnectionEvent::LaneUp { lane: 1 }];
    run_relay(&pipeline, events).await;
    let resolved: Vec<bool> = pending(&pipeline)
        .await
        .iter()
        .filter_map(|one| match &one.card {
            Card::Alert(notice) => Some(notice.resolved),
            _ => None,
        })
        .collect();
    assert_eq!(resolved, [false, true]);
}

#[tokio::test]
async fn lane_that_fails_to_connect_is_logged_with_cause_and_advice() {
    let journal = CapturedJournal::start();
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let name: ConnectionName = "main".try_into().unwrap();
    pipeline.status.lock().connections.insert(name.clone(), ConnectionStatus::default());
    let why = RequestFailure::new(FailureClass::Unreachable(NetworkFault::Closed));
    run_relay(&pipeline, vec![ConnectionEvent::LaneFailing { lane: 0, why }]).await;
    let text = journal.text();
    for part in ["lane failed to connect", "the connection ended before an answer", "check firewall and proxy"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(pipeline.status.lock().connections[&name].fault(), Some(NetworkFault::Closed));
    let why = RequestFailure::new(FailureClass::Unreachable(NetworkFault::Dns));
    run_relay(&pipeline, vec![ConnectionEvent::RefreshFailing(why)]).await;
    assert_eq!(pipeline.status.lock().connections[&name].fault(), Some(NetworkFault::Dns));
}

/// Returns a first frame of a call whose phone rings.
fn ring(call: &str, at: Timestamp) -> CallSnapshot {
    let party = |id: &str, kind, status| Participant {
        id: Some(id.try_into().unwrap()),
        leg: Some(id.try_into().unwrap()),
        originator: Some("caller".try_into().unwrap()),
        kind,
        status,
    };
    let number = |text| PhoneNumber::parse(Some(text), Region::US);
    let caller = ParticipantKind::PhoneNumber {
        account_number: AccountNumber { number: number("+14165550110"), label: None },
        caller: Some(Caller { name: None, number: number("+16475550101") }),
        callee: None,
    };
    let bob = Person { name: Some("Bob".into()), extension: Some("1015".into()), line: None };
    let ringing = party("bob", ParticipantKind::Line(bob), ParticipantStatus::Ringing);
    CallSnapshot {
        connection: "main".try_into().unwrap(),
        region: Region::US,
        account: "1".try_into().unwrap(),
        call: call.try_into().unwrap(),
        direction: WireDirection::Inbound,
        created_at: Some(at),
        hung_up_by: None,
        dialed: None,
        linked: Vec::new(),
        state: SnapshotState {
            sequence: 1,
            phase: Phase::Starting,
            at: Some(at),
            participants: vec![party("caller", caller, ParticipantStatus::Connected), ringing],
            systems: Vec::new(),
            recorded: false,
        },
    }
}

#[tokio::test]
async fn failed_lookup_holds_up_no_later_update_of_its_call() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let (queries, _query_receivers) = query_queues();
    let name = "main".try_into().unwrap();
    let mut relay = Relay::new(name, Arc::clone(&pipeline), queries, Recovery::default(), LoginAdvice::LogIn);
    let settings = pipeline.settings.load();
    let ring = update_from_report(&Report::summary("a", "MISSED", Timestamp::now()), Timestamp::now()).unwrap();
    relay.emit(&settings, ring.clone());
    relay.emit(&settings, ring);
    assert_eq!(relay.lookups.len(), 1, "the second update waits for the first");
    relay.lookups.abort_all();
    let failed = relay.lookups.join_next_with_id().await.unwrap();
    assert!(failed.is_err());
    relay.on_processed(failed);
    assert_eq!((relay.lookups.len(), relay.lookup_calls.len()), (1, 1), "the second update is processed");
}

#[tokio::test]
async fn frame_received_after_the_posted_end_posts_no_ring() {
    let dir = tempfile::tempdir().unwrap();
    // The store drops a ring of a call whose end it has. The bell gets rings only: its call has no end there.
    let pipeline = pipeline_with(&dir, &[("desk", vec![StatusKind::Missed]), ("bell", Vec::new())]);
    let to = Timestamp::now();
    let before = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let reports = vec![Report::summary("late", "MISSED", before(5))];
    let events = vec![
        ConnectionEvent::LateReports(reports),
        ConnectionEvent::Snapshot(Box::new(ring("late", before(20)))),
        ConnectionEvent::Snapshot(Box::new(ring("other", before(2)))),
    ];
    run_relay(&pipeline, events).await;
    for (sink, count) in [("desk", 2), ("bell", 1)] {
        let posted = pending_for(&pipeline, sink).await;
        let rings = posted.iter().filter(|one| one.key.status == StatusKind::Ringing);
        let rung: Vec<_> = rings.map(|one| one.key.subject.clone()).collect();
        assert_eq!((posted.len(), rung), (count, vec![Subject::Call("other".try_into().unwrap())]), "{sink}");
    }
}

#[tokio::test]
async fn ended_call_of_earlier_run_is_queried_and_not_posted_before_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let before = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let mut rang = update_from_report(&Report::summary("rang", "MISSED", before(300)), to).unwrap();
    rang.status = CallStatus::Ringing;
    let unfinished = UnfinishedCall { last_update: Some(rang), last_seen: before(300), is_awaited: false };
    let open_calls = HashMap::from([("rang".try_into().unwrap(), unfinished)]);
    let recovery = Recovery::new(open_calls, Vec::new(), None, to);
    let (sender, receiver) = mpsc::channel(8);
    let closed = ConnectionEvent::GapClosed { from: before(200), to, reports: Reports::Fetched(Vec::new()) };
    sender.send(closed).await.unwrap();
    sender.send(ConnectionEvent::ActiveCalls { active: HashSet::new() }).await.unwrap();
    drop(sender);
    let (queries, mut query_receivers) = query_queues();
    let relay = Relay::new("main".try_into().unwrap(), Arc::clone(&pipeline), queries, recovery, LoginAdvice::LogIn);
    relay.run(receiver, CancellationToken::new()).await;
    assert_eq!(query_receivers.calls.recv().await, Some(CallQuery::Report("rang".try_into().unwrap())));
    assert_eq!(pending(&pipeline).await, [], "the next run reads the report");
}
