//! The chats beside Slack and Teams: one file each with its checks and answers. `webhooks` injects the faults and logs the
//! requests.

mod discord;
mod google_chat;
mod mattermost;
mod ntfy;
mod webhook;

use super::{
    incoming::{Incoming, WebhookOutcome},
    state::SimState,
    webhook_log::{ChatKind, SignedParts},
};
use axum::{
    Json,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

/// Answers a request. Returns `None` for Slack and Teams.
pub(super) fn answer(sim: &SimState, request: &Incoming<'_>) -> Option<WebhookOutcome> {
    Some(match request.service {
        ChatKind::Slack | ChatKind::Teams => return None,
        ChatKind::Webhook => webhook::answer(sim, request),
        ChatKind::Ntfy => ntfy::answer(sim, request),
        ChatKind::Discord => discord::answer(sim, request),
        ChatKind::Mattermost => mattermost::answer(request),
        ChatKind::GoogleChat => google_chat::answer(sim, request),
    })
}

/// Returns the answer of a chat with an injected status, in the form of its errors.
pub(super) fn error(service: ChatKind, status: u16) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match service {
        ChatKind::Discord => discord::error_body(status),
        ChatKind::Ntfy => json!({ "code": u64::from(status) * 100 + 1, "http": status, "error": "injected" }),
        ChatKind::GoogleChat => google_chat::error_body(status),
        ChatKind::Mattermost => mattermost::error_body(status),
        ChatKind::Webhook | ChatKind::Slack | ChatKind::Teams => return code.into_response(),
    };
    (code, Json(body)).into_response()
}

/// Returns a 429 in the form of a chat.
pub(super) fn rate_limited(service: ChatKind, seconds: u64) -> Response {
    let wait = [(header::RETRY_AFTER, seconds.to_string())];
    let code = StatusCode::TOO_MANY_REQUESTS;
    match service {
        ChatKind::Discord => {
            let body = json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": false });
            (code, wait, Json(body)).into_response()
        }
        ChatKind::Mattermost => {
            let reset = [(HeaderName::from_static("x-ratelimit-reset"), seconds.to_string())];
            (code, reset, "limit exceeded").into_response()
        }
        // Google promises no Retry-After; ntfy sends none.
        ChatKind::GoogleChat | ChatKind::Ntfy => error(service, 429),
        ChatKind::Webhook | ChatKind::Slack | ChatKind::Teams => (code, wait).into_response(),
    }
}

fn outcome(status: u16, is_shown: bool, payload: Value, answer: Response) -> WebhookOutcome {
    WebhookOutcome { status, shown: is_shown, payload, signed: None, answer }
}

fn json_outcome(status: u16, is_shown: bool, payload: Value, body: Value) -> WebhookOutcome {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    outcome(status, is_shown, payload, (code, Json(body)).into_response())
}

fn parse(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(Value::is_object)
}

/// Returns the length of a text in characters.
fn length(value: &Value, key: &str) -> usize {
    value.get(key).and_then(Value::as_str).map_or(0, |text| text.chars().count())
}

fn entries<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

impl SignedParts {
    fn of(request: &Incoming<'_>) -> Self {
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            headers: request.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: String::from_utf8_lossy(request.body).into_owned(),
        }
    }
}
