//! Slack's Web API as a bot meets it: `chat.postMessage` and `chat.update` under `/api/`, with the real one's errors
//! (status 200, `ok:false`) and its limits: posts by the channel, edits by the method. Any token that a bot could have is
//! taken, any channel is there, unless the switches say otherwise.

use super::{faults::AppFaults, messages::Message, shared::Shared, slack};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

type World = State<Arc<Shared>>;

/// Longest `text` that an edit takes.
const LONGEST_EDIT: usize = 4000;

/// `POST /api/chat.postMessage`.
pub(super) async fn post(State(world): World, headers: HeaderMap, body: Bytes) -> Response {
    answer(&world, "chat.postMessage", &headers, &body).await
}

/// `POST /api/chat.update`.
pub(super) async fn update(State(world): World, headers: HeaderMap, body: Bytes) -> Response {
    answer(&world, "chat.update", &headers, &body).await
}

/// `POST /api/{method}`: any other.
pub(super) async fn other() -> Response {
    refused("unknown_method").into_response()
}

/// `GET /sim/messages?from=`: what apps wrote, by their numbers.
pub(super) async fn listed(State(world): World, RawQuery(query): RawQuery) -> Response {
    let query = super::answer::Pairs::read(query.unwrap_or_default().as_bytes());
    let from = query.first("from").and_then(|from| from.parse().ok()).unwrap_or_default();
    Json(json!({ "items": world.messages().from(from, 10_000) })).into_response()
}

/// `DELETE /sim/messages/{channel}/{ts}`: a person deletes it.
pub(super) async fn delete(State(world): World, Path((channel, ts)): Path<(String, String)>) -> StatusCode {
    let found = world.messages().delete(&channel, &ts);
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// How a request is refused.
enum Refusal {
    /// Status 200 and this error.
    Error(String),
    /// 429, to be asked again after so many seconds.
    Limited(u64),
    /// 503.
    Broken,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) => Json(json!({ "ok": false, "error": error })).into_response(),
            Self::Limited(seconds) => {
                let wait = [(header::RETRY_AFTER, seconds.to_string())];
                let body = Json(json!({ "ok": false, "error": "ratelimited" }));
                (StatusCode::TOO_MANY_REQUESTS, wait, body).into_response()
            }
            Self::Broken => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

fn refused(error: &str) -> Refusal {
    Refusal::Error(error.to_owned())
}

async fn answer(world: &Shared, method: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let faults = world.faults();
    let app = &faults.app;
    if world.falls(app.slow) {
        tokio::time::sleep(world.some_of(app.slow_ms)).await;
    }
    if world.falls(app.hang) {
        std::future::pending::<()>().await;
    }
    let written = match allowed(world, app, method, headers, body) {
        Ok(payload) => write(world, app, method, payload),
        Err(refusal) => return refusal.into_response(),
    };
    match written {
        Ok(message) => {
            world.tell(&json!({ "news": "message", "message": message }));
            if world.falls(app.hang_after_accept) {
                std::future::pending::<()>().await;
            }
            if world.falls(app.fatal_after_accept) {
                return refused("fatal_error").into_response();
            }
            let said = message.said.last().map(|said| &said.payload);
            Json(json!({ "ok": true, "channel": message.channel, "ts": message.ts, "message": said })).into_response()
        }
        Err(error) => refused(error).into_response(),
    }
}

/// What stands before the message itself: who asks, how often, and where.
fn allowed(world: &Shared, app: &AppFaults, method: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text(header::AUTHORIZATION).strip_prefix("Bearer ") {
        None => return Err(refused("not_authed")),
        Some(token) if !token.starts_with("xoxb-") => return Err(refused("invalid_auth")),
        Some(_) if app.revoked => return Err(refused("token_revoked")),
        Some(_) => {}
    }
    let payload: Value = match serde_json::from_slice(body) {
        Ok(payload) if text(header::CONTENT_TYPE).starts_with("application/json") => payload,
        _ => return Err(refused("invalid_json")),
    };
    let channel = payload.get("channel").and_then(Value::as_str).unwrap_or_default().to_owned();
    let crowded = match method {
        "chat.update" => app.edits_per_minute.is_some_and(|most| !world.allows(method, f64::from(most) / 60.0, most)),
        _ => app.posts_per_second.is_some_and(|rate| !world.allows(&format!("{method} {channel}"), rate, app.burst)),
    };
    if crowded || world.falls(app.too_many) {
        return Err(Refusal::Limited(app.retry_after));
    }
    if world.falls(app.server_error) {
        return Err(Refusal::Broken);
    }
    if let Some(error) = app.errors.get(method) {
        return Err(refused(error));
    }
    match &channel {
        none if none.is_empty() => Err(refused("channel_not_found")),
        one if app.unknown.contains(one) => Err(refused("channel_not_found")),
        one if app.uninvited.contains(one) => Err(refused("not_in_channel")),
        one if app.archived.contains(one) => Err(refused("is_archived")),
        _ => Ok(payload),
    }
}

fn write(world: &Shared, app: &AppFaults, method: &str, payload: Value) -> Result<Message, &'static str> {
    let argument = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (channel, ts, text) = (argument("channel"), argument("ts"), argument("text"));
    slack::check(payload.to_string().as_bytes())?;
    let at = Timestamp::now();
    if method != "chat.update" {
        return Ok(world.messages().post(&channel, payload, at));
    }
    if text.chars().count() > LONGEST_EDIT {
        return Err("msg_too_long");
    }
    world.messages().update(&channel, &ts, payload, at, app.edit_window)
}
