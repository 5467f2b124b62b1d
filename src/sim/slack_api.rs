//! Slack's Web API for bots: `chat.postMessage` and `chat.update` under `/api/`. Errors (status 200, `ok:false`) and rate
//! limits are the real ones: posts per channel, edits per method. Every bot token and channel is valid unless a fault switch
//! is set.

use super::{
    faults::AppFaults,
    hang_up,
    messages::AppMessage,
    slack_rules,
    state::{AppState, SimState},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Maximum length of `text` in an edit, in characters.
const MAX_EDIT_LENGTH: usize = 4000;

/// Serves `POST /api/chat.postMessage`.
pub(super) async fn post(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    handle(&sim, "chat.postMessage", &headers, &body).await
}

/// Serves `POST /api/chat.update`.
pub(super) async fn update(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    handle(&sim, "chat.update", &headers, &body).await
}

/// Serves `POST /api/{method}`: any other method.
pub(super) async fn unknown_method() -> Response {
    slack_error("unknown_method").into_response()
}

/// Serves `GET /sim/messages?from=`: app messages from the given number on.
pub(super) async fn list_messages(State(sim): AppState, RawQuery(query): RawQuery) -> Response {
    let query = super::errors::QueryParams::parse(query.unwrap_or_default().as_bytes());
    let from = query.first("from").and_then(|from| from.parse().ok()).unwrap_or_default();
    Json(json!({ "items": sim.messages().since(from, 10_000) })).into_response()
}

/// Serves `DELETE /sim/messages/{channel}/{ts}`: deletes a message on behalf of a user.
pub(super) async fn delete(State(sim): AppState, Path((channel, ts)): Path<(String, String)>) -> StatusCode {
    let found = sim.messages().delete(&channel, &ts);
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// An error answer.
enum SlackError {
    /// Status 200 with this error code.
    Code(String),
    /// 429, with `Retry-After` in seconds.
    RateLimited(u64),
    /// 503.
    Unavailable,
}

impl IntoResponse for SlackError {
    fn into_response(self) -> Response {
        match self {
            Self::Code(error) => Json(json!({ "ok": false, "error": error })).into_response(),
            Self::RateLimited(seconds) => {
                let wait = [(header::RETRY_AFTER, seconds.to_string())];
                let body = Json(json!({ "ok": false, "error": "ratelimited" }));
                (StatusCode::TOO_MANY_REQUESTS, wait, body).into_response()
            }
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

fn slack_error(error: &str) -> SlackError {
    SlackError::Code(error.to_owned())
}

async fn handle(sim: &SimState, method: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let faults = sim.faults();
    let app = &faults.app;
    if sim.roll(app.slow) {
        tokio::time::sleep(sim.random_delay(app.slow_ms)).await;
    }
    if sim.roll(app.hang) {
        std::future::pending::<()>().await;
    }
    if sim.roll(app.hang_up) {
        return hang_up::response();
    }
    let result = match authorize(sim, app, method, headers, body) {
        Ok(payload) => write(sim, app, method, payload),
        Err(rejection) => return rejection.into_response(),
    };
    match result {
        Ok(message) => {
            sim.publish(&json!({ "news": "message", "message": message }));
            if sim.roll(app.hang_after_accept) {
                std::future::pending::<()>().await;
            }
            if sim.roll(app.hang_up_after_accept) {
                return hang_up::response();
            }
            if sim.roll(app.fatal_after_accept) {
                return slack_error("fatal_error").into_response();
            }
            let said = message.versions.last().map(|said| &said.payload);
            Json(json!({ "ok": true, "channel": message.channel, "ts": message.ts, "message": said })).into_response()
        }
        Err(error) => slack_error(error).into_response(),
    }
}

/// Checks the bot token. The error is Slack's error code.
pub(super) fn check_token(app: &AppFaults, headers: &HeaderMap) -> Result<(), &'static str> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match authorization.strip_prefix("Bearer ") {
        None => Err("not_authed"),
        Some(token) if !token.starts_with("xoxb-") => Err("invalid_auth"),
        Some(_) if app.revoked => Err("token_revoked"),
        Some(_) => Ok(()),
    }
}

/// Checks token, content type, rate limits and channel before the message itself.
fn authorize(
    sim: &SimState,
    app: &AppFaults,
    method: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, SlackError> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    check_token(app, headers).map_err(slack_error)?;
    if app.withheld_scopes.contains("chat:write") {
        return Err(slack_error("missing_scope"));
    }
    let payload: Value = match serde_json::from_slice(body) {
        Ok(payload) if text(header::CONTENT_TYPE).starts_with("application/json") => payload,
        _ => return Err(slack_error("invalid_json")),
    };
    let channel = payload.get("channel").and_then(Value::as_str).unwrap_or_default().to_owned();
    let over_limit = match method {
        "chat.update" => {
            app.edits_per_minute.is_some_and(|most| !sim.allow_request(method, f64::from(most) / 60.0, most))
        }
        _ => {
            app.posts_per_second.is_some_and(|rate| !sim.allow_request(&format!("{method} {channel}"), rate, app.burst))
        }
    };
    if over_limit || sim.roll(app.too_many) {
        return Err(SlackError::RateLimited(app.retry_after));
    }
    if sim.roll(app.server_error) {
        return Err(SlackError::Unavailable);
    }
    if let Some(error) = app.errors.get(method) {
        return Err(slack_error(error));
    }
    match &channel {
        none if none.is_empty() => Err(slack_error("channel_not_found")),
        one if app.unknown.contains(one) => Err(slack_error("channel_not_found")),
        one if app.uninvited.contains(one) => Err(slack_error("not_in_channel")),
        one if app.archived.contains(one) => Err(slack_error("is_archived")),
        _ => Ok(payload),
    }
}

fn write(sim: &SimState, app: &AppFaults, method: &str, payload: Value) -> Result<AppMessage, &'static str> {
    let argument = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (channel, ts, text) = (argument("channel"), argument("ts"), argument("text"));
    slack_rules::check(payload.to_string().as_bytes())?;
    let at = Timestamp::now();
    if method != "chat.update" {
        // A message to a member's id opens the direct messages with the member, which have an id of their own.
        let channel = channel.strip_prefix(['U', 'W']).map_or(channel.clone(), |member| format!("D{member}"));
        return Ok(sim.messages().post(&channel, payload, at));
    }
    if text.chars().count() > MAX_EDIT_LENGTH {
        return Err("msg_too_long");
    }
    sim.messages().update(&channel, &ts, payload, at, app.edit_window)
}
