use super::*;

async fn post(client: &Client, service: ChatKind, body: Value) -> (u16, String, Option<String>) {
    let answer = client.http.post(client.sim.webhook_url(service, "desk")).json(&body).send().await.unwrap();
    let wait = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
    (answer.status().as_u16(), answer.text().await.unwrap(), wait)
}

#[tokio::test]
async fn webhook_checks_payload_and_records_requests() {
    let client = Client::new().await;
    let good = post(&client, ChatKind::Slack, json!({ "text": "hello" })).await;
    assert_eq!(good, (200, "ok".to_owned(), None));
    let bad = post(&client, ChatKind::Slack, json!({ "text": "hello", "blocks": [{ "type": "header" }] })).await;
    assert_eq!(bad, (400, "invalid_blocks".to_owned(), None));
    let card = json!({ "type": "AdaptiveCard", "version": "1.4", "body": [] });
    let attachment =
        json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    let taken = post(&client, ChatKind::Teams, json!({ "type": "message", "attachments": [attachment] })).await;
    assert_eq!(taken, (202, String::new(), None));
    let posts = client.sim.posts();
    assert_eq!(
        posts.iter().map(|post| (post.chat, post.number)).collect::<Vec<_>>(),
        [(ChatKind::Slack, 0), (ChatKind::Teams, 2)]
    );
    assert_eq!((posts[0].name.as_str(), &posts[0].payload), ("desk", &json!({ "text": "hello" })));
    assert_eq!(client.sim.webhook_requests()[1].status, 400);
}

#[tokio::test]
async fn webhook_above_rate_limit_returns_429() {
    let client = Client::new().await;
    client.sim.set_faults(|faults| faults.chat.burst = 2);
    for _ in 0..2 {
        assert_eq!(post(&client, ChatKind::Slack, json!({ "text": "x" })).await.0, 200);
    }
    let (status, body, wait) = post(&client, ChatKind::Slack, json!({ "text": "x" })).await;
    assert_eq!((status, wait.as_deref()), (429, Some("1")));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["error"], "rate_limited");
    client.sim.set_faults(|faults| faults.chat.per_second = None);
    assert_eq!(post(&client, ChatKind::Slack, json!({ "text": "x" })).await.0, 200);
    client.sim.set_faults(|faults| {
        faults.chat.fixed_status.insert("/slack/desk".to_owned(), 404);
    });
    assert_eq!(post(&client, ChatKind::Slack, json!({ "text": "x" })).await, (404, "no_service".to_owned(), None));
}

#[tokio::test]
async fn webhook_hang_after_accept_shows_message() {
    let client = Client::new().await;
    client.sim.set_faults(|faults| faults.chat.hang_after_accept = 1.0);
    let request = client.http.post(client.sim.webhook_url(ChatKind::Slack, "desk")).json(&json!({ "text": "x" }));
    let answer = request.timeout(Duration::from_millis(300)).send().await;
    assert!(answer.unwrap_err().is_timeout());
    let posts = client.sim.posts();
    assert_eq!((posts.len(), posts[0].status), (1, 0));
}
