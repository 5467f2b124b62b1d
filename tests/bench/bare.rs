//! The bare relay: logs in, subscribes and posts a fixed body for the first state of each call. The lower bound of the cost
//! of any relay.

use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// Flag that turns the bench binary into a bare relay of the simulator at the URL that follows.
pub const FLAG: &str = "--bare-relay";

pub fn run(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(relay(url));
}

async fn relay(url: &str) {
    let http = reqwest::Client::builder().tcp_nodelay(true).build().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", poprelay::sim::FIRST_REFRESH_TOKEN)];
    let token = http.post(format!("{url}/oauth/token")).basic_auth("bench", Some("bench")).form(&form);
    let token: Value = token.send().await.unwrap().json().await.unwrap();
    let ask = async |path: &str, body: Value| -> Value {
        let ask = http.post(format!("{url}{path}")).bearer_auth(token["access_token"].as_str().unwrap()).json(&body);
        ask.send().await.unwrap().json().await.unwrap()
    };
    let channel = ask("/notification-channel/v1/channels/bare", json!({ "channelType": "WebSockets" })).await;
    let keys = json!([{ "id": poprelay::sim::ACCOUNT, "events": ["STARTING", "ACTIVE", "ENDING"] }]);
    ask("/call-events/v1/subscriptions", json!({ "channelId": channel["channelId"], "accountKeys": keys })).await;
    let socket = channel["channelData"]["channelURL"].as_str().unwrap();
    let (mut frames, _) = tokio_tungstenite::connect_async(socket).await.unwrap();
    let webhook = format!("{url}/slack/desk");
    while let Some(Ok(frame)) = frames.next().await {
        if frame.to_text().is_ok_and(|text| text.contains(r#""sequenceNumber":1,"#)) {
            let post = http.post(&webhook).header("content-type", "application/json").body(r#"{"text":"A call"}"#);
            post.send().await.unwrap().bytes().await.unwrap();
        }
    }
}
