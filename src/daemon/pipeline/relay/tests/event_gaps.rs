//! Reports of an event gap through the relay: gap summaries, late frames and the heartbeat. Callbacks are in `callbacks`.

use super::*;
use crate::model::time::ServerClock;
use jiff::SignedDuration;

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

#[tokio::test]
async fn event_gap_is_summarized_although_the_local_clock_is_wrong() {
    for offset in [SignedDuration::from_hours(2), SignedDuration::from_hours(-2)] {
        let dir = tempfile::tempdir().unwrap();
        let pipeline = pipeline(&dir);
        let clock = Some(ServerClock { offset, learned: Now::current() });
        let status = ConnectionStatus { clock, ..ConnectionStatus::default() };
        pipeline.status.lock().connections.insert("main".try_into().unwrap(), status);
        let to = Timestamp::now().checked_add(offset).unwrap();
        let at = |seconds| to.checked_sub(Duration::from_secs(seconds)).unwrap();
        let gap = |reports| ConnectionEvent::GapClosed { from: at(60), to, reports: Reports::Fetched(reports) };
        let late = ConnectionEvent::LateReports(vec![Report::summary("b", "MISSED", to)]);
        run_relay(&pipeline, vec![gap(vec![Report::summary("a", "MISSED", at(50))])]).await;
        // Without a gap: only its age shows that the call is worth a card.
        run_relay(&pipeline, vec![late]).await;
        assert_eq!(pending(&pipeline).await.len(), 2, "{offset}");
    }
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
            ConnectionEvent::Snapshot(Box::new(ring("late", before(20)))),
        ],
    )
    .await;
    let posted = pending(&pipeline).await;
    let statuses: Vec<_> = posted.iter().map(|one| one.key.status).collect();
    assert_eq!(statuses, [StatusKind::Ringing], "the call tracker fetches the report and ends the call");
}

#[tokio::test]
async fn heartbeat_names_a_hidden_call_until_its_report_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    let name: ConnectionName = "main".try_into().unwrap();
    let status = ConnectionStatus { live: [0].into(), ..ConnectionStatus::default() };
    pipeline.status.lock().connections.insert(name.clone(), status);
    let heartbeat = || pipeline.status.lock().connections[&name].heartbeat(Now::current()).unwrap();
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
        sender.send(ConnectionEvent::Report(Box::new(full))).await.unwrap();
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
