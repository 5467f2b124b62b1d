//! Incoming webhooks of Slack (`/slack/<name>`) and Teams (`/teams/<name>`). They check, answer and rate-limit requests
//! like the real ones, and store every request.

use super::{
    hang_up, slack_rules,
    state::SimState,
    teams_rules,
    webhook_log::{ChatKind, WebhookRequest},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Result of a request: the logged values and the answer.
struct WebhookOutcome {
    status: u16,
    shown: bool,
    payload: Value,
    answer: Response,
}

fn text_response(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], text).into_response()
}

fn rate_limited(service: ChatKind, seconds: u64) -> Response {
    let wait = [(header::RETRY_AFTER, seconds.to_string())];
    let body = match service {
        ChatKind::Slack => json!({ "retry_after": seconds, "ok": false, "error": "rate_limited" }),
        ChatKind::Teams => teams_rules::error_for_status(429),
    };
    (StatusCode::TOO_MANY_REQUESTS, wait, Json(body)).into_response()
}

fn status_response(service: ChatKind, status: u16) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match service {
        ChatKind::Slack => text_response(code, slack_rules::error_text(status)),
        ChatKind::Teams => (code, Json(teams_rules::error_for_status(status))).into_response(),
    }
}

/// A page as the login page of a network or a gateway sends it.
const WEB_PAGE: &str = "<!DOCTYPE html><html><body>Log in to the network</body></html>";

fn check_payload(service: ChatKind, bare_card: bool, body: &[u8]) -> WebhookOutcome {
    let raw = || serde_json::from_slice(body).unwrap_or_default();
    match service {
        ChatKind::Slack => match slack_rules::check(body) {
            Ok(payload) => {
                WebhookOutcome { status: 200, shown: true, payload, answer: text_response(StatusCode::OK, "ok") }
            }
            Err(reason) => WebhookOutcome {
                status: 400,
                shown: false,
                payload: raw(),
                answer: text_response(StatusCode::BAD_REQUEST, reason),
            },
        },
        ChatKind::Teams => match teams_rules::check(body, bare_card) {
            teams_rules::TeamsResponse::Accepted { payload, shown } => {
                WebhookOutcome { status: 202, shown, payload, answer: StatusCode::ACCEPTED.into_response() }
            }
            teams_rules::TeamsResponse::Rejected(status, reason) => {
                let code = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                WebhookOutcome { status, shown: false, payload: raw(), answer: (code, Json(reason)).into_response() }
            }
        },
    }
}

fn outcome(sim: &SimState, service: ChatKind, path: &str, headers: &HeaderMap, body: &[u8]) -> WebhookOutcome {
    let faults = sim.faults();
    let chat = &faults.chat;
    let rejected = |status, answer| WebhookOutcome {
        status,
        shown: false,
        payload: serde_json::from_slice(body).unwrap_or_default(),
        answer,
    };
    if let Some(status) = chat.fixed_status.get(path) {
        return rejected(*status, status_response(service, *status));
    }
    let over_limit = chat.per_second.is_some_and(|rate| !sim.allow_request(path, rate, chat.burst));
    if over_limit || sim.roll(chat.too_many) {
        return rejected(429, rate_limited(service, chat.retry_after));
    }
    if sim.roll(chat.web_page) {
        return rejected(200, text_response(StatusCode::OK, WEB_PAGE));
    }
    if sim.roll(chat.bad_gateway) {
        return rejected(502, text_response(StatusCode::BAD_GATEWAY, WEB_PAGE));
    }
    if sim.roll(chat.server_error) {
        return rejected(500, status_response(service, 500));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        let answer = match service {
            ChatKind::Slack => text_response(StatusCode::BAD_REQUEST, "invalid_payload"),
            ChatKind::Teams => status_response(service, 400),
        };
        return rejected(400, answer);
    }
    check_payload(service, chat.bare_card.contains(path), body)
}

async fn post(sim: Arc<SimState>, service: ChatKind, name: String, headers: HeaderMap, body: Bytes) -> Response {
    let faults = sim.faults();
    if sim.roll(faults.chat.slow) {
        tokio::time::sleep(sim.random_delay(faults.chat.slow_ms)).await;
    }
    if sim.roll(faults.chat.hang) {
        std::future::pending::<()>().await;
    }
    if sim.roll(faults.chat.hang_up) {
        return hang_up::response();
    }
    let path = match service {
        ChatKind::Slack => format!("/slack/{name}"),
        ChatKind::Teams => format!("/teams/{name}"),
    };
    let WebhookOutcome { status, shown, payload, answer } = outcome(&sim, service, &path, &headers, &body);
    let no_answer = shown && sim.roll(faults.chat.hang_after_accept);
    let cut = shown && sim.roll(faults.chat.hang_up_after_accept);
    let status = if no_answer || cut { 0 } else { status };
    let at = Timestamp::now();
    let recorded =
        sim.webhook_log().record(WebhookRequest { number: 0, at, chat: service, name, status, shown, payload });
    sim.publish(&json!({ "news": "post", "post": recorded }));
    if no_answer {
        std::future::pending::<()>().await;
    }
    if cut { hang_up::response() } else { answer }
}

/// `POST /slack/{name}`.
pub(super) async fn to_slack(
    State(sim): State<Arc<SimState>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    post(sim, ChatKind::Slack, name, headers, body).await
}

/// `POST /teams/{name}`.
pub(super) async fn to_teams(
    State(sim): State<Arc<SimState>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    post(sim, ChatKind::Teams, name, headers, body).await
}
