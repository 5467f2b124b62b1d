//! Tests of one connection's relay over a real outbox: events in, pending deliveries out.

use super::*;
use crate::{
    calls::update_from_report,
    cards::RenderOptions,
    daemon::{
        health::status::{ConnectionStatus, SharedStatus},
        pipeline::recovery::UnfinishedCall,
        recording::Recorder,
        settings::{MessageMode, Settings, SharedSettings, SinkSettings},
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
    runtime::watchdog::TaskMonitor,
};
use std::collections::{HashMap, HashSet};

mod callbacks;

fn pipeline(dir: &tempfile::TempDir) -> Arc<Pipeline> {
    let settings = outbox::OutboxSettings {
        dir: dir.path().to_owned(),
        durability: outbox::Durability::Crash,
        retention: outbox::Retention::default(),
        commit_duration: Default::default(),
    };
    let (outbox, _) = outbox::open(settings, Timestamp::now()).unwrap();
    let desk: SinkName = "desk".try_into().unwrap();
    let outcomes = vec![StatusKind::Missed, StatusKind::Voicemail, StatusKind::Ended];
    let settings = Settings {
        routes: Routes::new(Vec::new(), vec![desk.clone()]),
        sinks: [(
            desk.clone(),
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
            },
        )]
        .into(),
        operator: Some(desk),
        ..Settings::default()
    };
    let recorder = Recorder::new(dir.path());
    let (status, tasks) = (SharedStatus::default(), TaskMonitor::default());
    Arc::new(Pipeline {
        outbox,
        settings: SharedSettings::new(settings),
        recorder,
        status,
        tasks,
        metrics: crate::runtime::metrics::Metrics::new(Timestamp::now()),
        sharing_host: None,
        callbacks: Default::default(),
    })
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
    pipeline.outbox.due(&"desk".try_into().unwrap(), Timestamp::now(), 9).await.unwrap()
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
async fn event_gap_is_summarized_in_one_card() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let at = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let hidden = vec![
        Report::summary("a", "MISSED", at(50)),
        Report::summary("b", "LEFT_VOICEMAIL", at(40)),
        Report::summary("c", "MISSED", at(30)),
    ];
    run_relay(&pipeline, vec![ConnectionEvent::GapClosed { from: at(60), to, reports: Reports::Fetched(hidden) }])
        .await;
    assert_eq!(pending(&pipeline).await.len(), 1);
}

/// Checks a heartbeat that is written every 10 s: a daemon stopped earlier leaves a gap beginning where the previous one did.
#[tokio::test]
async fn gap_summary_of_next_run_lists_only_new_calls() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let at = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let gap = |calls: &[&str]| {
        let hidden = calls.iter().map(|call| Report::summary(call, "MISSED", at(30))).collect();
        vec![ConnectionEvent::GapClosed { from: at(60), to, reports: Reports::Fetched(hidden) }]
    };
    run_relay(&pipeline, gap(&["a", "b"])).await;
    run_relay(&pipeline, gap(&["a", "b", "c", "d"])).await;
    let deliveries = pending(&pipeline).await;
    let listed = deliveries.iter().filter_map(|one| match &one.card {
        Card::GapSummary(recap) => {
            Some(recap.calls.iter().map(|it| it.call.id.to_string()).collect::<Vec<_>>().concat())
        }
        _ => None,
    });
    assert_eq!(listed.collect::<Vec<_>>(), ["ab", "cd"]);
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
async fn frame_received_after_the_report_causes_no_second_end() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let before = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    // The report of the late call is held until that of the other one is fetched, which never happens here.
    let reports =
        vec![Report::summary("late", "MISSED", before(5)), Report::summary("other", "LEFT_DIAL_PLAN", before(5))];
    run_relay(
        &pipeline,
        vec![
            ConnectionEvent::GapClosed { from: before(60), to, reports: Reports::Fetched(reports) },
            ConnectionEvent::Snapshot(ring("late", before(20))),
        ],
    )
    .await;
    let posted = pending(&pipeline).await;
    let statuses: Vec<_> = posted.iter().map(|one| one.key.status).collect();
    assert_eq!(statuses, [StatusKind::Ringing], "the call tracker fetches the report and ends the call");
}

#[tokio::test]
async fn frame_received_after_the_posted_end_posts_no_ring() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let to = Timestamp::now();
    let before = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
    let reports = vec![Report::summary("late", "MISSED", before(5))];
    let events = vec![
        ConnectionEvent::LateReports(reports),
        ConnectionEvent::Snapshot(ring("late", before(20))),
        ConnectionEvent::Snapshot(ring("other", before(2))),
    ];
    run_relay(&pipeline, events).await;
    let posted = pending(&pipeline).await;
    let rings = posted.iter().filter(|one| one.key.status == StatusKind::Ringing);
    let rung: Vec<_> = rings.map(|one| one.key.subject.clone()).collect();
    assert_eq!((posted.len(), rung), (2, vec![Subject::Call("other".try_into().unwrap())]));
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

#[tokio::test]
async fn heartbeat_names_a_hidden_call_until_its_report_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let name: ConnectionName = "main".try_into().unwrap();
    let status = ConnectionStatus { live: [0].into(), ..ConnectionStatus::default() };
    pipeline.status.lock().connections.insert(name.clone(), status);
    let heartbeat = || pipeline.status.lock().connections[&name].heartbeat(Timestamp::now()).unwrap();
    let (sender, receiver) = mpsc::channel(8);
    let to = Timestamp::now();
    let ended = to.checked_sub(Duration::from_secs(30)).unwrap();
    let reports = Reports::Fetched(vec![Report::summary("hidden", "LEFT_DIAL_PLAN", ended)]);
    sender.send(ConnectionEvent::GapClosed { from: ended, to, reports }).await.unwrap();
    let relayed = async {
        while heartbeat().uncovered_since.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(heartbeat().uncovered_since, Some(ended));
        assert!(heartbeat().live_at >= to, "a live connection is live whatever waits");
        let full = Report { full: Some(Box::default()), ..Report::summary("hidden", "", ended) };
        sender.send(ConnectionEvent::Report(full)).await.unwrap();
        while heartbeat().uncovered_since.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = relay(&pipeline, Recovery::default(), receiver) => unreachable!("the event channel is open"),
        done = tokio::time::timeout(Duration::from_secs(20), relayed) => done.unwrap(),
    }
    assert_eq!(pending(&pipeline).await.len(), 1);
}
