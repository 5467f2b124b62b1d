//! The simulator as an independent client sees it: plain HTTP and WebSocket, without the stages.

mod calls;
mod chats;
mod faults;
mod login;
mod slack_api;
mod socket_mode;
mod webhooks;

use super::*;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// Maximum wait, on any machine.
const BOUND: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A client with an access token.
struct Client {
    sim: Simulator,
    http: reqwest::Client,
    token: String,
}

impl Client {
    async fn with_settings(settings: SimulatorSettings) -> Self {
        let sim = Simulator::start(settings).await.unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut client = Self { sim, http, token: String::new() };
        let answer = client.refresh(FIRST_REFRESH_TOKEN).await;
        client.token = answer["access_token"].as_str().unwrap().to_owned();
        client
    }

    async fn new() -> Self {
        Self::with_settings(SimulatorSettings::default()).await
    }

    async fn refresh(&self, token: &str) -> Value {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await.1
    }

    async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}/oauth/token", self.sim.url());
        let answer = self.http.post(url).basic_auth("client", Some("secret")).form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn request(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.sim.url());
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn channel(&self) -> Value {
        let body = json!({ "channelType": "WebSockets" });
        let (status, channel) = self.request("POST", "/notification-channel/v1/channels/desk", Some(body)).await;
        assert_eq!(status, 201, "{channel}");
        channel
    }

    async fn subscribe(&self, channel: &Value) {
        let body = json!({ "channelId": channel["channelId"], "accountKeys": [{ "id": ACCOUNT }] });
        let (status, results) = self.request("POST", "/call-events/v1/subscriptions", Some(body)).await;
        assert_eq!((status, &results["accountKeys"][0]["status"]), (207, &json!(200)));
    }

    /// Creates a channel, subscribes it and opens its socket.
    async fn listen(&self) -> (Value, Socket) {
        let channel = self.channel().await;
        self.subscribe(&channel).await;
        let socket = open(&channel).await;
        (channel, socket)
    }
}

async fn open(channel: &Value) -> Socket {
    let url = channel["channelData"]["channelURL"].as_str().unwrap();
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

/// Returns the next text frame; `None` after the end of the socket.
async fn frame(socket: &mut Socket) -> Option<Value> {
    loop {
        match tokio::time::timeout(BOUND, socket.next()).await.expect("no frame and no end of the socket in time") {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

/// Waits until `condition` returns true.
async fn until(mut condition: impl FnMut() -> bool) {
    tokio::time::timeout(BOUND, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("condition not met in time");
}
