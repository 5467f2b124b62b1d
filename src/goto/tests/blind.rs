//! Blind windows and calls of which no word was heard.

use super::*;

#[tokio::test]
async fn a_socket_that_is_cut_opens_a_blind_window_that_is_closed_by_asking() {
    let goto = StandIn::start().await;
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    run.goto.with(|facts| {
        facts.active = vec![state("still", 4, "ACTIVE")];
        facts.reports = vec![
            json!({"conversationSpaceId": "gone", "accountKey": "1", "direction": "INBOUND", "callEnded": "2999-01-01T00:00:00Z"}),
            json!({"conversationSpaceId": "before", "accountKey": "1", "direction": "INBOUND", "callEnded": "2001-01-01T00:00:00Z"}),
        ];
    });
    run.goto.push(|| Tell::Cut);
    run.until(|heard| matches!(heard, Heard::Lost { .. }).then_some(())).await;
    let since = run.until(|heard| if let Heard::Blind { since } = heard { Some(since) } else { None }).await;
    let (mut active, mut window) = (None, None);
    while active.is_none() || window.is_none() {
        match run.until(Some).await {
            Heard::Call(call) => active = Some(call),
            Heard::Sighted { from, to, reports } => window = Some((from, to, reports)),
            _ => {}
        }
    }
    let active = active.unwrap();
    assert_eq!((active.call.as_str(), active.state.phase), ("still", Phase::Active));
    let (from, to, reports) = window.unwrap();
    assert_eq!(from, since);
    assert!(to > from);
    let Reports::Told(reports) = reports else { panic!("{reports:?}") };
    let calls: Vec<_> = reports.iter().map(|report| report.call.as_str()).collect();
    assert_eq!(calls, ["gone"], "what ended before the window was heard");
    run.goto.with(|facts| {
        facts
            .reports
            .push(json!({"conversationSpaceId": "late", "accountKey": "1", "callEnded": "2999-01-01T00:00:00Z"}));
    });
    let late = run.until(|heard| if let Heard::Late(late) = heard { late.into_iter().next() } else { None }).await;
    assert_eq!(late.call.as_str(), "late", "a late report comes once, the known one not again");
    run.connection.close().await;
}

#[tokio::test]
async fn a_call_of_which_no_word_was_heard_is_found_by_looking_and_nobody_looks_without_the_scope() {
    let gone = json!({"conversationSpaceId": "swallowed", "accountKey": "1", "callEnded": "2999-01-01T00:00:00Z"});
    let often = |settings: &mut Settings| settings.look = Duration::from_millis(100);
    let mut run = run(StandIn::start().await, often).await;
    run.live().await;
    run.goto.with(|facts| facts.reports.push(gone));
    let late = |heard| if let Heard::Late(late) = heard { late.into_iter().next() } else { None };
    assert_eq!(run.until(late).await.call.as_str(), "swallowed");
    let refused = json!({"errorCode": "AUTHZ_INSUFFICIENT_SCOPE"});
    run.goto.instead("GET /call-events-report", &[(403, refused)]);
    let unused = || run.goto.with(|facts| facts.instead.iter().any(|(_, answers)| !answers.is_empty()));
    until(|| !unused()).await;
    let asked = run.goto.count("GET /call-events-report");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(run.goto.count("GET /call-events-report"), asked);
    run.connection.close().await;
}

#[tokio::test]
async fn a_window_of_an_earlier_run_is_closed_at_the_start_and_a_missing_scope_is_said() {
    let goto = StandIn::start().await;
    goto.instead("GET /call-events-report", &[(403, json!({"errorCode": "AUTHZ_INSUFFICIENT_SCOPE"}))]);
    let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut run = run(goto, |settings| settings.deaf_since = Some(since)).await;
    assert_eq!(run.until(|heard| if let Heard::Blind { since } = heard { Some(since) } else { None }).await, since);
    let (from, reports) = run
        .until(|heard| if let Heard::Sighted { from, reports, .. } = heard { Some((from, reports)) } else { None })
        .await;
    assert_eq!(from, since);
    assert!(matches!(reports, Reports::NotGranted));
    run.connection.close().await;
}
