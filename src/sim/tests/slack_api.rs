use super::*;

async fn api_request(client: &Client, method: &str, token: &str, body: Value) -> (u16, Value) {
    let url = format!("{}{method}", client.sim.slack_api_url());
    let answer = client.http.post(url).bearer_auth(token).json(&body).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

async fn error(client: &Client, method: &str, body: Value) -> String {
    let (status, answer) = api_request(client, method, "xoxb-1", body).await;
    assert_eq!((status, &answer["ok"]), (200, &json!(false)), "{answer}");
    answer["error"].as_str().unwrap().to_owned()
}

const POST: &str = "chat.postMessage";
const UPDATE: &str = "chat.update";

#[tokio::test]
async fn app_message_keeps_edits_and_reply() {
    let client = Client::new().await;
    let (_, posted) = api_request(&client, POST, "xoxb-1", json!({ "channel": "C1", "text": "rings" })).await;
    let ts = posted["ts"].as_str().unwrap().to_owned();
    assert_eq!((&posted["ok"], &posted["channel"]), (&json!(true), &json!("C1")));
    let edit = json!({ "channel": "C1", "ts": ts, "text": "over", "blocks": [] });
    assert_eq!(api_request(&client, UPDATE, "xoxb-1", edit).await.1["ts"], json!(ts));
    let reply = json!({ "channel": "C1", "thread_ts": ts, "text": "missed" });
    assert_eq!(api_request(&client, POST, "xoxb-1", reply).await.1["ok"], json!(true));
    let all = client.sim.messages();
    let said: Vec<_> = all[0].versions.iter().map(|said| said.payload["text"].as_str().unwrap()).collect();
    assert_eq!((all.len(), said, all[1].thread.as_ref()), (2, vec!["rings", "over"], Some(&ts)));
    assert_ne!(all[0].ts, all[1].ts);
}

#[tokio::test]
async fn invalid_request_returns_200_with_slack_error_code() {
    let client = Client::new().await;
    let text = |channel: &str| json!({ "channel": channel, "text": "x" });
    assert_eq!(api_request(&client, POST, "wrong", text("C1")).await.1["error"], "invalid_auth");
    assert_eq!(error(&client, POST, json!({ "channel": "C1" })).await, "no_text");
    assert_eq!(error(&client, POST, json!({ "text": "x" })).await, "channel_not_found");
    assert_eq!(error(&client, UPDATE, json!({ "channel": "C1", "ts": "1.1", "text": "x" })).await, "message_not_found");
    assert_eq!(error(&client, "chat.delete", text("C1")).await, "unknown_method");
    let (_, posted) = api_request(&client, POST, "xoxb-1", text("C1")).await;
    let edit = |text: &str| json!({ "channel": "C1", "ts": posted["ts"], "text": text });
    assert_eq!(error(&client, UPDATE, edit(&"x".repeat(4001))).await, "msg_too_long");
    client.sim.set_faults(|faults| faults.app.edit_window = Some(0));
    assert_eq!(error(&client, UPDATE, edit("y")).await, "edit_window_closed");
    client.sim.set_faults(|faults| faults.app.edit_window = None);
    assert!(client.sim.delete_message("C1", posted["ts"].as_str().unwrap()));
    assert_eq!(error(&client, UPDATE, edit("y")).await, "message_not_found");
    client.sim.set_faults(|faults| {
        faults.app.uninvited.insert("C2".to_owned());
        faults.app.archived.insert("C3".to_owned());
        faults.app.errors.insert(UPDATE.to_owned(), "internal_error".to_owned());
    });
    assert_eq!(error(&client, POST, text("C2")).await, "not_in_channel");
    assert_eq!(error(&client, POST, text("C3")).await, "is_archived");
    assert_eq!(error(&client, UPDATE, edit("y")).await, "internal_error");
    client.sim.set_faults(|faults| faults.app.revoked = true);
    assert_eq!(error(&client, POST, text("C1")).await, "token_revoked");
}

#[tokio::test]
async fn posts_are_limited_per_channel_and_edits_per_method() {
    let client = Client::new().await;
    client.sim.set_faults(|faults| {
        (faults.app.burst, faults.app.posts_per_second) = (1, Some(0.001));
        faults.app.edits_per_minute = Some(2);
    });
    let text = |channel: &str| json!({ "channel": channel, "text": "x" });
    let (_, posted) = api_request(&client, POST, "xoxb-1", text("C1")).await;
    assert_eq!(api_request(&client, POST, "xoxb-1", text("C1")).await.0, 429);
    assert_eq!(api_request(&client, POST, "xoxb-1", text("C2")).await.0, 200);
    let edit = json!({ "channel": "C1", "ts": posted["ts"], "text": "y" });
    assert_eq!(api_request(&client, UPDATE, "xoxb-1", edit.clone()).await.0, 200);
    assert_eq!(api_request(&client, UPDATE, "xoxb-1", edit.clone()).await.0, 200);
    let (status, answer) = api_request(&client, UPDATE, "xoxb-1", edit).await;
    assert_eq!((status, answer["error"].as_str()), (429, Some("ratelimited")));
}
