use super::*;
use reqwest::{Method, RequestBuilder};

fn request(client: &Client, method: Method, path: &str, body: &Value) -> RequestBuilder {
    client.http.request(method, format!("{}{path}", client.sim.url())).json(body)
}

async fn answer(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn discord_message_is_posted_edited_and_checked() {
    let client = Client::new().await;
    let (path, text) = (ChatKind::Discord.path("desk"), json!({ "content": "x", "embeds": [] }));
    let (status, body) = answer(request(&client, Method::POST, &format!("{path}?wait=true"), &text)).await;
    let id = serde_json::from_str::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!((status, client.sim.messages().len()), (200, 1));
    let edited = json!({ "content": "y" });
    let edit = |id: &str| request(&client, Method::PATCH, &format!("{path}/messages/{id}"), &edited);
    assert_eq!(answer(edit(&id)).await.0, 200);
    assert!(client.sim.delete_message("desk", &id));
    let (status, body) = answer(edit(&id)).await;
    assert!(status == 404 && body.contains("10008"), "{body}");
    let long = json!({ "embeds": [{ "title": "x".repeat(257) }] });
    assert!(answer(request(&client, Method::POST, &path, &long)).await.1.contains("50035"));
    assert_eq!(answer(request(&client, Method::POST, &path, &text)).await.0, 204, "without wait=true");
}

#[tokio::test]
async fn ntfy_sequence_replaces_and_limits_are_checked() {
    let client = Client::new().await;
    let send = |body: Value| answer(request(&client, Method::POST, "/ntfy/", &body));
    let (status, body) = send(json!({ "topic": "desk", "message": "a", "sequence_id": "s1" })).await;
    assert!(status == 200 && body.contains("\"time\""), "{body}");
    assert_eq!(send(json!({ "topic": "desk", "message": "b", "sequence_id": "s1" })).await.0, 200);
    let messages = client.sim.messages();
    assert_eq!((messages.len(), messages[0].versions.len()), (1, 2));
    assert!(send(json!({ "topic": "no topic", "message": "b" })).await.1.contains("40009"));
    assert!(send(json!({ "topic": "desk", "message": "x".repeat(9000) })).await.1.contains("41303"));
    send(json!({ "topic": "desk", "message": "x".repeat(4097), "sequence_id": "s2" })).await;
    assert!(!client.sim.webhook_requests().last().unwrap().shown, "a file instead of a text");
}

#[tokio::test]
async fn google_chat_request_id_is_shown_once() {
    let client = Client::new().await;
    let path = ChatKind::GoogleChat.path("desk");
    for _ in 0..2 {
        let text = json!({ "text": "x" });
        assert_eq!(answer(request(&client, Method::POST, &format!("{path}&requestId=a"), &text)).await.0, 200);
    }
    assert_eq!(client.sim.posts().len(), 1);
    let without_key = path.split('?').next().unwrap();
    let (status, body) = answer(request(&client, Method::POST, without_key, &json!({ "text": "x" }))).await;
    assert!(status == 403 && body.contains("PERMISSION_DENIED"), "{body}");
    assert_eq!(answer(request(&client, Method::POST, &path, &json!({ "text": "" }))).await.0, 400);
}

#[tokio::test]
async fn mattermost_and_receiver_check_their_requests() {
    let client = Client::new().await;
    let path = ChatKind::Mattermost.path("desk");
    assert_eq!(answer(request(&client, Method::POST, &path, &json!({ "text": "x" }))).await, (200, "ok".to_owned()));
    let (status, body) = answer(request(&client, Method::POST, &path, &json!({ "text": "" }))).await;
    assert!(status == 400 && body.contains("web.incoming_webhook.text"), "{body}");
    let send = |id: &str, at: i64| {
        let request = request(&client, Method::POST, &ChatKind::Webhook.path("desk"), &json!({ "type": "x" }));
        answer(request.header("webhook-id", id).header("webhook-timestamp", at.to_string()))
    };
    let now = jiff::Timestamp::now().as_second();
    assert_eq!((send("a", now).await.0, send("a", now).await.0), (204, 204));
    assert_eq!(
        client.sim.posts().iter().filter(|post| post.chat == ChatKind::Webhook).count(),
        1,
        "an id is shown once"
    );
    assert_eq!((send("b", now - 400).await.0, send("", now).await.0), (400, 400));
}
