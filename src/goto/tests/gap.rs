//! Event gaps, and calls without a single frame.

use super::*;
use jiff::SignedDuration;

#[tokio::test]
async fn cut_socket_opens_gap_and_backfill_closes_it() {
    let goto = FakeGoto::start().await;
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    run.goto.with(|fake| {
        fake.active = vec![state("still", 4, "ACTIVE")];
        fake.reports = vec![
            json!({"conversationSpaceId": "gone", "accountKey": "1", "direction": "INBOUND", "callEnded": "2999-01-01T00:00:00Z"}),
            json!({"conversationSpaceId": "before", "accountKey": "1", "direction": "INBOUND", "callEnded": "2001-01-01T00:00:00Z"}),
        ];
    });
    run.goto.push(|| PeerAction::Cut);
    run.until(|event| matches!(event, ConnectionEvent::LaneDown { .. }).then_some(())).await;
    let since =
        run.until(|event| if let ConnectionEvent::GapOpened { since } = event { Some(since) } else { None }).await;
    let (mut active, mut gap) = (None, None);
    while active.is_none() || gap.is_none() {
        match run.until(Some).await {
            ConnectionEvent::Snapshot(call) => active = Some(*call),
            ConnectionEvent::GapClosed { from, to, reports } => gap = Some((from, to, reports)),
            _ => {}
        }
    }
    let active = active.unwrap();
    assert_eq!((active.call.as_str(), active.state.phase), ("still", Phase::Active));
    let (from, to, reports) = gap.unwrap();
    assert_eq!(from, since);
    assert!(to > from);
    let Reports::Fetched(reports) = reports else { panic!("{reports:?}") };
    let calls: Vec<_> = reports.iter().map(|report| report.call.as_str()).collect();
    assert_eq!(calls, ["gone"], "call that ended before the gap must be excluded");
    run.goto.with(|fake| {
        fake.reports
            .push(json!({"conversationSpaceId": "late", "accountKey": "1", "callEnded": "2999-01-01T00:00:00Z"}));
    });
    let late = run
        .until(|event| if let ConnectionEvent::LateReports(late) = event { late.into_iter().next() } else { None })
        .await;
    assert_eq!(late.call.as_str(), "late", "only the late report must be emitted");
    run.connection.close().await;
}

/// Returns a report that ended now, by the clock of GoTo.
fn report_ended_now(goto: &FakeGoto, call: &str) -> Value {
    goto.with(|fake| json!({"conversationSpaceId": call, "accountKey": "1", "callEnded": fake.now().to_string()}))
}

#[tokio::test]
async fn gap_and_poll_find_calls_although_the_local_clock_is_wrong() {
    for ahead in [7_200, -7_200] {
        let goto = FakeGoto::start().await;
        goto.with(|fake| fake.clock_ahead = ahead);
        let mut run = run(goto, |settings| settings.backfill_interval = Duration::from_secs(1)).await;
        run.live().await;
        let hidden = report_ended_now(&run.goto, "hidden");
        run.goto.with(|fake| fake.reports = vec![hidden]);
        run.goto.push(|| PeerAction::Cut);
        let (from, to, reports) = run
            .until(|event| match event {
                ConnectionEvent::GapClosed { from, to, reports: Reports::Fetched(reports) } => {
                    Some((from, to, reports))
                }
                _ => None,
            })
            .await;
        assert_eq!(reports.len(), 1, "{ahead}: {from} to {to}");
        let (now, (start, end)) = run.goto.with(|fake| (fake.now(), fake.report_spans.last().cloned().unwrap()));
        let off = [from, to, end.parse().unwrap()].map(|at| now.duration_since(at).as_secs().abs());
        assert!(off.iter().all(|seconds| *seconds < 60), "{ahead}: {off:?}");
        assert!(start.parse::<Timestamp>().unwrap() < now, "{ahead}: {start}");
        let swallowed = report_ended_now(&run.goto, "swallowed");
        run.goto.with(|fake| fake.reports = vec![swallowed]);
        let late = |event| if let ConnectionEvent::LateReports(late) = event { late.into_iter().next() } else { None };
        assert_eq!(run.until(late).await.call.as_str(), "swallowed", "{ahead}");
        run.connection.close().await;
    }
}

#[tokio::test]
async fn swallowed_call_is_found_by_polling_until_scope_is_missing() {
    let gone = json!({"conversationSpaceId": "swallowed", "accountKey": "1", "callEnded": "2999-01-01T00:00:00Z"});
    let with_short_interval = |settings: &mut Settings| settings.backfill_interval = Duration::from_millis(100);
    let mut run = run(FakeGoto::start().await, with_short_interval).await;
    run.live().await;
    run.goto.with(|fake| fake.reports.push(gone));
    let late = |event| if let ConnectionEvent::LateReports(late) = event { late.into_iter().next() } else { None };
    assert_eq!(run.until(late).await.call.as_str(), "swallowed");
    let (now, start) = run.goto.with(|fake| (fake.now(), fake.report_spans.last().unwrap().0.clone()));
    let back = now.duration_since(start.parse().unwrap());
    assert!(back >= SignedDuration::from_hours(4), "a report is found by the start of its call: {back}");
    let refused = json!({"errorCode": "AUTHZ_INSUFFICIENT_SCOPE"});
    run.goto.answer_next("GET /call-events-report", &[(403, refused)]);
    let unused = || run.goto.with(|fake| fake.overrides.iter().any(|(_, answers)| !answers.is_empty()));
    until(|| !unused()).await;
    let request_count = run.goto.count("GET /call-events-report");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(run.goto.count("GET /call-events-report"), request_count);
    run.connection.close().await;
}

#[tokio::test]
async fn gap_of_earlier_run_closes_at_start_and_reports_missing_scope() {
    let goto = FakeGoto::start().await;
    goto.answer_next("GET /call-events-report", &[(403, json!({"errorCode": "AUTHZ_INSUFFICIENT_SCOPE"}))]);
    let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut run = run(goto, |settings| settings.last_live_at = Some(since)).await;
    assert_eq!(
        run.until(|event| if let ConnectionEvent::GapOpened { since } = event { Some(since) } else { None }).await,
        since
    );
    let (from, reports) =
        run.until(|event| {
            if let ConnectionEvent::GapClosed { from, reports, .. } = event { Some((from, reports)) } else { None }
        })
        .await;
    assert_eq!(from, since);
    assert!(matches!(reports, Reports::NotGranted));
    run.connection.close().await;
}

#[tokio::test]
async fn first_gap_also_returns_reports_that_earlier_run_left() {
    let goto = FakeGoto::start().await;
    goto.with(|fake| {
        let report = |call, ended| json!({"conversationSpaceId": call, "accountKey": "1", "callEnded": ended});
        fake.reports = vec![report("left", "2026-01-01T08:00:00Z"), report("posted", "2026-01-01T01:00:00Z")];
    });
    let since: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
    let uncovered: Timestamp = "2026-01-01T07:59:59Z".parse().unwrap();
    let mut run = run(goto, |settings| {
        (settings.last_live_at, settings.uncovered_since) = (Some(since), Some(uncovered));
    })
    .await;
    let (from, reports) =
        run.until(|event| {
            if let ConnectionEvent::GapClosed { from, reports, .. } = event { Some((from, reports)) } else { None }
        })
        .await;
    assert_eq!(from, since, "the gap is no longer than the time without a live lane");
    let Reports::Fetched(reports) = reports else { panic!("{reports:?}") };
    assert_eq!(reports.iter().map(|report| report.call.as_str()).collect::<Vec<_>>(), ["left"]);
    run.connection.close().await;
}

#[tokio::test]
async fn blocked_sockets_start_rest_fallback_until_a_lane_is_live() {
    let goto = FakeGoto::start().await;
    let blocked = vec![(502, json!({})); 40];
    goto.answer_next("GET /ws/", &blocked);
    goto.with(|fake| fake.active = vec![state("polled", 4, "ACTIVE")]);
    let mut run = run(goto, |_| {}).await;
    assert_eq!(run.until(call).await, "polled");
    run.until(|event| matches!(event, ConnectionEvent::FallbackStarted).then_some(())).await;
    assert_eq!(run.goto.count("POST /notification-channel"), 1, "a failed socket must keep its channel");
    run.goto.with(|fake| fake.overrides.clear());
    run.until(|event| matches!(event, ConnectionEvent::FallbackEnded).then_some(())).await;
    run.connection.close().await;
}

#[tokio::test]
async fn broken_lane_beside_a_live_one_is_followed_by_queries_without_gap() {
    let mut run = run(FakeGoto::start().await, |settings| settings.lanes = 2).await;
    run.live().await;
    run.live().await;
    run.goto.with(|fake| fake.active = vec![state("hidden", 4, "ACTIVE")]);
    let first = run.goto.with(|fake| fake.sockets.values().next().unwrap().clone());
    // A frame of the lost lane after the other lane opened: nothing lies between the two.
    first.send(PeerAction::Text("{}".to_owned())).unwrap();
    first.send(PeerAction::Cut).unwrap();
    let opened_gap = run.until(|event| match event {
        ConnectionEvent::Snapshot(call) if call.call.as_str() == "hidden" => Some(false),
        ConnectionEvent::GapOpened { .. } => Some(true),
        _ => None,
    });
    assert!(!opened_gap.await, "one live lane must prevent an event gap");
    run.connection.close().await;
}
