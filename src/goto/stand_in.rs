//! A GoTo of a few routes on loopback, for the tests of this room: it keeps channels and sockets, counts, and misbehaves when
//! told. Its answers have the shapes of the API's documentation.

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, delete, get, post, put},
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
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

/// What a socket is told by a test.
pub(super) enum Tell {
    Text(String),
    Binary(usize),
    Close,
    Cut,
}

#[derive(Default)]
pub(super) struct Facts {
    /// Channel id → nickname.
    pub channels: BTreeMap<String, String>,
    pub made: usize,
    pub sockets: BTreeMap<String, mpsc::UnboundedSender<Tell>>,
    /// Method and path of every request, in order.
    pub asked: Vec<String>,
    /// Answers to give instead, by the start of "METHOD path"; each once.
    pub instead: Vec<(&'static str, VecDeque<(u16, Value)>)>,
    pub lifetime: Value,
    pub access: String,
    pub refreshes: usize,
    pub rotate: bool,
    pub active: Vec<Value>,
    pub reports: Vec<Value>,
    pub accounts: BTreeMap<String, u16>,
}

#[derive(Clone)]
pub(super) struct StandIn {
    pub url: Url,
    pub facts: Arc<Mutex<Facts>>,
    _serving: Arc<JoinSet<()>>,
}

type Shared = State<(Arc<Mutex<Facts>>, String)>;

impl StandIn {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let facts = Arc::new(Mutex::new(Facts { lifetime: json!(10_800), ..Facts::default() }));
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
            .route("/users/v1/me", get(me))
            .route("/ws/{id}", any(socket))
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(axum::middleware::from_fn_with_state((Arc::clone(&facts), address.to_string()), watch))
            .with_state((Arc::clone(&facts), address.to_string()));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: Url::parse(&format!("http://{address}")).unwrap(), facts, _serving: Arc::new(serving) }
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Facts) -> T) -> T {
        look(&mut self.facts.lock().unwrap())
    }

    pub(super) fn instead(&self, of: &'static str, answers: &[(u16, Value)]) {
        self.with(|facts| facts.instead.push((of, answers.iter().cloned().collect())));
    }

    /// Says this on every open socket.
    pub(super) fn push(&self, tell: impl Fn() -> Tell) {
        self.with(|facts| facts.sockets.values().for_each(|socket| drop(socket.send(tell()))));
    }

    pub(super) fn count(&self, of: &str) -> usize {
        self.with(|facts| facts.asked.iter().filter(|asked| asked.starts_with(of)).count())
    }
}

/// Notes every request, checks its token, and gives the answers that a test put in its place.
async fn watch(State((facts, _)): Shared, request: Request, next: axum::middleware::Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let instead = {
        let mut facts = facts.lock().unwrap();
        facts.asked.push(asked.clone());
        let instead = facts
            .instead
            .iter_mut()
            .filter(|(of, _)| asked.starts_with(of))
            .find_map(|(_, answers)| answers.pop_front());
        let bearer = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let open = asked.contains("/oauth/") || asked.contains("/ws/");
        let known = open || bearer == format!("Bearer {}", facts.access);
        instead.or_else(|| (!known).then(|| (401, json!({"errorCode": "AUTHN_EXPIRED_TOKEN"}))))
    };
    match instead {
        Some((status, body)) => {
            let mut answer = (StatusCode::from_u16(status).unwrap(), Json(body.clone())).into_response();
            if let Some(after) = body.get("retryAfter").and_then(Value::as_u64) {
                answer.headers_mut().insert(header::RETRY_AFTER, after.into());
            }
            answer
        }
        None => next.run(request).await,
    }
}

async fn token(State((facts, _)): Shared) -> Json<Value> {
    let mut facts = facts.lock().unwrap();
    facts.refreshes += 1;
    facts.access = format!("access-{}", facts.refreshes);
    let mut answer = json!({"access_token": facts.access, "token_type": "Bearer", "expires_in": 3600});
    if facts.rotate {
        answer["refresh_token"] = format!("refresh-{}", facts.refreshes).into();
    }
    Json(answer)
}

async fn list(State((facts, _)): Shared) -> Json<Value> {
    let facts = facts.lock().unwrap();
    let items: Vec<_> =
        facts.channels.iter().map(|(id, name)| json!({"channelId": id, "channelNickname": name})).collect();
    Json(json!({"pageSize": 100, "items": items}))
}

async fn create(State((facts, address)): Shared, Path(name): Path<String>) -> (StatusCode, Json<Value>) {
    let mut facts = facts.lock().unwrap();
    facts.made += 1;
    let id = format!("channel-{}", facts.made);
    facts.channels.insert(id.clone(), name.clone());
    let data =
        json!({"channelType": "WebSockets", "channelURL": format!("ws://{address}/ws/{id}\n"), "isConnected": false});
    let answer =
        json!({"channelId": id, "channelNickname": name, "channelData": data, "channelLifetime": facts.lifetime});
    (StatusCode::CREATED, Json(answer))
}

async fn remove(State((facts, _)): Shared, Path((_, id)): Path<(String, String)>) -> StatusCode {
    match facts.lock().unwrap().channels.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn renew(State((facts, _)): Shared, Path((_, id)): Path<(String, String)>) -> Response {
    let facts = facts.lock().unwrap();
    if !facts.channels.contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({"channelLifetime": facts.lifetime})).into_response()
}

async fn subscribe(State((facts, _)): Shared, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let facts = facts.lock().unwrap();
    let answers: Vec<_> = body["accountKeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let id = key["id"].as_str().unwrap();
            json!({"id": id, "status": facts.accounts.get(id).copied().unwrap_or(200)})
        })
        .collect();
    (StatusCode::MULTI_STATUS, Json(json!({"accountKeys": answers})))
}

async fn active(State((facts, _)): Shared) -> Json<Value> {
    Json(json!({"items": facts.lock().unwrap().active}))
}

async fn reports(State((facts, _)): Shared, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    assert!(query["startTime"].ends_with('Z') && query["startTime"] < query["endTime"]);
    Json(json!({"items": facts.lock().unwrap().reports}))
}

async fn me() -> Json<Value> {
    Json(json!({"items": [{"accountKey": "7"}, {"accountKey": "7"}]}))
}

async fn socket(State((facts, _)): Shared, Path(id): Path<String>, mut request: Request) -> Response {
    if !facts.lock().unwrap().channels.contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).unwrap().as_bytes().to_vec();
    let upgrade = hyper::upgrade::on(&mut request);
    let (orders, mut told) = mpsc::unbounded_channel();
    facts.lock().unwrap().sockets.insert(id.clone(), orders);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgrade.await.unwrap());
        let mut stream = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        loop {
            tokio::select! {
                tell = told.recv() => {
                    let sent = match tell {
                        Some(Tell::Text(text)) => stream.send(Message::text(text)).await,
                        Some(Tell::Binary(long)) => stream.send(Message::binary(vec![7; long])).await,
                        Some(Tell::Close) => stream.close(None).await,
                        Some(Tell::Cut) | None => break,
                    };
                    if sent.is_err() {
                        break;
                    }
                }
                frame = stream.next() => if !matches!(frame, Some(Ok(_))) { break },
            }
        }
        facts.lock().unwrap().sockets.remove(&id);
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(&key))
        .body(Body::empty())
        .unwrap()
}
