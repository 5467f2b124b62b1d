//! A fake GoTo on loopback with a few routes: stores channels and sockets, counts requests, and fails on command.
//! Answers have the shapes of the API's documentation.

use crate::model::time::Timestamp;
use axum::{
    Json, Router,
    body::Body,
    extract::{Form, Path, Query, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, delete, get, post, put},
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};
use url::Url;

/// Command of a test to an open socket.
pub(super) enum PeerAction {
    Text(String),
    Binary(Vec<u8>),
    Close,
    Cut,
}

#[derive(Default)]
pub(super) struct FakeState {
    /// Channel id → nickname.
    pub channels: BTreeMap<String, String>,
    pub created_count: usize,
    pub sockets: BTreeMap<String, mpsc::UnboundedSender<PeerAction>>,
    /// Method and path of every request, in order.
    pub requests: Vec<String>,
    /// Answers that replace the regular ones, by the start of "METHOD path"; each is used once.
    pub overrides: Vec<(&'static str, VecDeque<(u16, Value)>)>,
    pub lifetime: Value,
    pub access: String,
    pub refreshes: usize,
    pub rotate: bool,
    /// `scope` of token answers; null: not stated.
    pub scope: Value,
    /// Forms of the token requests.
    pub forms: Vec<HashMap<String, String>>,
    /// Answer of `identity`.
    pub identity: Value,
    pub active: Vec<Value>,
    pub reports: Vec<Value>,
    /// `startTime` and `endTime` of every query for reports.
    pub report_spans: Vec<(String, String)>,
    /// Seconds by which the clock of the `Date` header is ahead of the local one.
    pub clock_ahead: i64,
    /// Address of the sockets, if it is another one.
    pub socket_address: Option<String>,
    pub accounts: BTreeMap<String, u16>,
}

impl FakeState {
    pub fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(SignedDuration::from_secs(self.clock_ahead)).unwrap()
    }
}

#[derive(Clone)]
pub(super) struct FakeGoto {
    pub url: Url,
    pub fake: Arc<Mutex<FakeState>>,
    _serving: Arc<JoinSet<()>>,
}

type Shared = State<(Arc<Mutex<FakeState>>, String)>;

impl FakeGoto {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = Arc::new(Mutex::new(FakeState { lifetime: json!(1200), ..FakeState::default() }));
        let app = Router::new()
            .route("/oauth/token", post(token))
            .route("/notification-channel/v1/channels", get(list))
            .route("/notification-channel/v1/channels/{name}", post(create))
            .route("/notification-channel/v1/channels/{name}/{id}", delete(remove).put(renew))
            .route("/notification-channel/v1/channels/{name}/{id}/channel-lifetime", put(renew))
            .route("/call-events/v1/subscriptions", post(subscribe))
            .route(
                "/call-events-report/v1/subscriptions",
                post(async || (StatusCode::CREATED, Json(json!({"items": []})))),
            )
            .route("/call-events/v1/conversation-spaces", get(active))
            .route("/call-events/v1/conversation-spaces/{id}/events", get(active))
            .route("/call-events-report/v1/report-summaries", get(reports))
            .route("/identity/v1/Users/me", get(identity))
            .route("/users/v1/me", get(me))
            .route("/ws/{id}", any(socket))
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(axum::middleware::from_fn_with_state((Arc::clone(&fake), address.to_string()), intercept))
            .with_state((Arc::clone(&fake), address.to_string()));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: Url::parse(&format!("http://{address}")).unwrap(), fake, _serving: Arc::new(serving) }
    }

    pub(super) fn with<T>(&self, access: impl FnOnce(&mut FakeState) -> T) -> T {
        access(&mut self.fake.lock().unwrap())
    }

    pub(super) fn answer_next(&self, prefix: &'static str, answers: &[(u16, Value)]) {
        self.with(|fake| fake.overrides.push((prefix, answers.iter().cloned().collect())));
    }

    /// Sends a command to every open socket.
    pub(super) fn push(&self, command: impl Fn() -> PeerAction) {
        self.with(|fake| fake.sockets.values().for_each(|socket| drop(socket.send(command()))));
    }

    pub(super) fn count(&self, prefix: &str) -> usize {
        self.with(|fake| fake.requests.iter().filter(|request| request.starts_with(prefix)).count())
    }
}

/// Records every request, checks its token, and returns the overriding answers.
async fn intercept(State((fake, _)): Shared, request: Request, next: axum::middleware::Next) -> Response {
    let route = format!("{} {}", request.method(), request.uri().path());
    let replacement = {
        let mut fake = fake.lock().unwrap();
        fake.requests.push(route.clone());
        let answer = fake
            .overrides
            .iter_mut()
            .filter(|(prefix, _)| route.starts_with(prefix))
            .find_map(|(_, answers)| answers.pop_front());
        let bearer = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let open = route.contains("/oauth/") || route.contains("/ws/");
        let known = open || bearer == format!("Bearer {}", fake.access);
        answer.or_else(|| (!known).then(|| (401, json!({"errorCode": "AUTHN_EXPIRED_TOKEN"}))))
    };
    let mut answer = match replacement {
        Some((status, body)) => {
            let mut answer = (StatusCode::from_u16(status).unwrap(), Json(body.clone())).into_response();
            if let Some(after) = body.get("retryAfter").and_then(Value::as_u64) {
                answer.headers_mut().insert(header::RETRY_AFTER, after.into());
            }
            answer
        }
        None => next.run(request).await,
    };
    let date = httpdate::fmt_http_date(fake.lock().unwrap().now().into());
    answer.headers_mut().insert(header::DATE, date.parse().unwrap());
    answer
}

async fn token(State((fake, _)): Shared, Form(form): Form<HashMap<String, String>>) -> Json<Value> {
    let mut fake = fake.lock().unwrap();
    fake.forms.push(form);
    fake.refreshes += 1;
    fake.access = format!("access-{}", fake.refreshes);
    let mut answer = json!({"access_token": fake.access, "token_type": "Bearer", "expires_in": 3600});
    if !fake.scope.is_null() {
        answer["scope"] = fake.scope.clone();
    }
    if fake.rotate {
        answer["refresh_token"] = format!("refresh-{}", fake.refreshes).into();
    }
    Json(answer)
}

async fn list(State((fake, _)): Shared) -> Json<Value> {
    let fake = fake.lock().unwrap();
    let items: Vec<_> =
        fake.channels.iter().map(|(id, name)| json!({"channelId": id, "channelNickname": name})).collect();
    Json(json!({"pageSize": 100, "items": items}))
}

async fn create(State((fake, address)): Shared, Path(name): Path<String>) -> (StatusCode, Json<Value>) {
    let mut fake = fake.lock().unwrap();
    fake.created_count += 1;
    let id = format!("channel-{}", fake.created_count);
    fake.channels.insert(id.clone(), name.clone());
    let address = fake.socket_address.clone().unwrap_or(address);
    let data =
        json!({"channelType": "WebSockets", "channelURL": format!("ws://{address}/ws/{id}\n"), "isConnected": false});
    let answer =
        json!({"channelId": id, "channelNickname": name, "channelData": data, "channelLifetime": fake.lifetime});
    (StatusCode::CREATED, Json(answer))
}

async fn remove(State((fake, _)): Shared, Path((_, id)): Path<(String, String)>) -> StatusCode {
    match fake.lock().unwrap().channels.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn renew(State((fake, _)): Shared, Path((_, id)): Path<(String, String)>) -> Response {
    let fake = fake.lock().unwrap();
    if !fake.channels.contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({"channelLifetime": fake.lifetime})).into_response()
}

async fn subscribe(State((fake, _)): Shared, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let fake = fake.lock().unwrap();
    let answers: Vec<_> = body["accountKeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let id = key["id"].as_str().unwrap();
            json!({"id": id, "status": fake.accounts.get(id).copied().unwrap_or(200)})
        })
        .collect();
    (StatusCode::MULTI_STATUS, Json(json!({"accountKeys": answers})))
}

async fn active(State((fake, _)): Shared) -> Json<Value> {
    Json(json!({"items": fake.lock().unwrap().active}))
}

async fn reports(State((fake, _)): Shared, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let span = (query["startTime"].clone(), query["endTime"].clone());
    assert!(span.0.ends_with('Z') && span.0 < span.1);
    let mut fake = fake.lock().unwrap();
    fake.report_spans.push(span);
    Json(json!({"items": fake.reports}))
}

async fn identity(State((fake, _)): Shared) -> Json<Value> {
    Json(fake.lock().unwrap().identity.clone())
}

async fn me() -> Json<Value> {
    Json(json!({"items": [{"accountKey": "7"}, {"accountKey": "7"}]}))
}

async fn socket(State((fake, _)): Shared, Path(id): Path<String>, mut request: Request) -> Response {
    if !fake.lock().unwrap().channels.contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).unwrap().as_bytes().to_vec();
    let upgrade = hyper::upgrade::on(&mut request);
    let (commands, mut receiver) = mpsc::unbounded_channel();
    fake.lock().unwrap().sockets.insert(id.clone(), commands);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgrade.await.unwrap());
        let mut stream = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        loop {
            tokio::select! {
                command = receiver.recv() => {
                    let sent = match command {
                        Some(PeerAction::Text(text)) => stream.send(Message::text(text)).await,
                        Some(PeerAction::Binary(bytes)) => stream.send(Message::binary(bytes)).await,
                        Some(PeerAction::Close) => stream.close(None).await,
                        Some(PeerAction::Cut) | None => break,
                    };
                    if sent.is_err() {
                        break;
                    }
                }
                frame = stream.next() => if !matches!(frame, Some(Ok(_))) { break },
            }
        }
        fake.lock().unwrap().sockets.remove(&id);
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(&key))
        .body(Body::empty())
        .unwrap()
}
