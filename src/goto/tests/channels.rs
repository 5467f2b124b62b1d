//! Channels: creation, lifetime, replacement and deletion.

use super::*;

#[tokio::test]
async fn channel_create_errors_are_retried_and_retry_after_is_obeyed() {
    let goto = FakeGoto::start().await;
    let slow_down = json!({"errorCode": "TOO_MANY_REQUESTS", "retryAfter": 1});
    goto.answer_next("POST /notification-channel", &[(429, slow_down), (409, json!({}))]);
    let started = std::time::Instant::now();
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After of one second ignored");
    assert_eq!(run.goto.count("GET /notification-channel"), 3, "sweep must precede every create");
    run.connection.close().await;
}

#[tokio::test]
async fn malformed_207_and_failed_socket_keep_one_channel() {
    let goto = FakeGoto::start().await;
    goto.answer_next("POST /call-events/v1", &[(207, json!({"accountKeys": "lies"}))]);
    goto.answer_next("GET /ws/", &[(502, json!({}))]);
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    let goto = run.goto.clone();
    until(|| goto.with(|fake| fake.channels.len() == 1)).await;
    run.goto.push(|| PeerAction::Close);
    run.until(|event| matches!(event, ConnectionEvent::LaneDown { why: DisconnectReason::Closed, .. }).then_some(()))
        .await;
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn stop_logs_left_channels_only_if_there_are_some() {
    let journal = CapturedJournal::start();
    // Accepts connections in its queue and answers none.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let never_reached = run(FakeGoto::start().await, |settings| {
        (settings.api_url, settings.auth_url) = (url.clone(), url);
    })
    .await;
    never_reached.connection.close().await;
    assert!(!journal.text().contains("left behind"), "{}", journal.text());
    let mut live = run(FakeGoto::start().await, |_| {}).await;
    live.live().await;
    live.goto.answer_next("DELETE /", &[(503, json!({}))]);
    live.connection.close().await;
    assert!(journal.text().contains("channels left behind, next start deletes them channels=1"), "{}", journal.text());
}

#[tokio::test]
async fn channel_to_be_closed_is_replaced_before_it_is_deleted() {
    let mut run = run(FakeGoto::start().await, |_| {}).await;
    run.live().await;
    run.goto.push(|| PeerAction::Text(r#"{"data":{"type":"WEBSOCKET_TO_BE_CLOSED"}}"#.to_owned()));
    let goto = run.goto.clone();
    until(|| goto.count("GET /ws/") == 2 && goto.with(|fake| fake.channels.len() == 1)).await;
    let requests = goto.with(|fake| fake.requests.clone());
    let second = requests.iter().rposition(|request| request.starts_with("GET /ws/")).unwrap();
    let deleted = requests.iter().position(|request| request.starts_with("DELETE ")).unwrap();
    assert!(second < deleted, "old channel deleted before the new socket: {requests:?}");
    run.goto.push(|| frame("c-5", 1));
    let lost = run.until(|event| match event {
        ConnectionEvent::Snapshot(_) => Some(false),
        ConnectionEvent::LaneDown { .. } => Some(true),
        _ => None,
    });
    assert!(!lost.await, "lane must stay live");
    run.connection.close().await;
}

#[tokio::test]
async fn refresh_required_puts_channel_and_then_its_lifetime() {
    let goto = FakeGoto::start().await;
    goto.answer_next("PUT /notification-channel", &[(500, json!({}))]);
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    run.goto.push(|| PeerAction::Text(r#"{"data":{"type":"WEBSOCKET_REFRESH_REQUIRED"}}"#.to_owned()));
    let goto = run.goto.clone();
    until(|| goto.count("PUT ") == 2).await;
    let puts: Vec<_> =
        goto.with(|fake| fake.requests.iter().filter(|request| request.starts_with("PUT ")).cloned().collect());
    assert!(puts[0].ends_with("/channel-1") && puts[1].ends_with("/channel-1/channel-lifetime"), "{puts:?}");
    run.connection.close().await;
}

#[tokio::test]
async fn channel_with_short_lifetime_is_renewed_before_it_ends() {
    let goto = FakeGoto::start().await;
    goto.with(|fake| fake.lifetime = json!(10));
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    let goto = run.goto.clone();
    until(|| goto.count("PUT ") >= 2).await;
    assert_eq!(goto.count("GET /ws/"), 1, "renewal must not open a socket");
    run.connection.close().await;
}
