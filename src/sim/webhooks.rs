//! Incoming webhooks of all chats ([`ChatKind::path`]). The handlers check, answer and rate-limit requests like the real
//! webhooks, and store every request.

use super::{
    chats, hang_up,
    incoming::{Incoming, WebhookOutcome},
    slack_rules,
    state::{AppState, SimState},
    teams_rules,
    webhook_log::{ChatKind, WebhookRequest},
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

fn text_response(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], text).into_response()
}

fn rate_limited(service: ChatKind, seconds: u64) -> Response {
    let wait = [(header::RETRY_AFTER, seconds.to_string())];
    let body = match service {
        ChatKind::Slack => json!({ "retry_after": seconds, "ok": false, "error": "rate_limited" }),
        ChatKind::Teams => teams_rules::error_for_status(429),
        other => return chats::rate_limited(other, seconds),
    };
    (StatusCode::TOO_MANY_REQUESTS, wait, Json(body)).into_response()
}

fn status_response(service: ChatKind, status: u16) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match service {
        ChatKind::Slack => text_response(code, slack_rules::error_text(status)),
        ChatKind::Teams => (code, Json(teams_rules::error_for_status(status))).into_response(),
        other => chats::error(other, status),
    }
}

/// A page as the login page of a network or a gateway sends it.
const WEB_PAGE: &str = "<!DOCTYPE html><html><body>Log in to the network</body></html>";

fn check_payload(sim: &SimState, request: &Incoming<'_>, bare_card: bool) -> WebhookOutcome {
    if let Some(outcome) = chats::answer(sim, request) {
        return outcome;
    }
    let raw = || serde_json::from_slice(request.body).unwrap_or_default();
    if request.service == ChatKind::Slack {
        return match slack_rules::check(request.body) {
            Ok(payload) => checked(200, true, payload, text_response(StatusCode::OK, "ok")),
            Err(reason) => checked(400, false, raw(), text_response(StatusCode::BAD_REQUEST, reason)),
        };
    }
    match teams_rules::check(request.body, bare_card) {
        teams_rules::TeamsResponse::Accepted { payload, shown } => {
            checked(202, shown, payload, StatusCode::ACCEPTED.into_response())
        }
        teams_rules::TeamsResponse::Rejected(status, reason) => {
            let code = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            checked(status, false, raw(), (code, Json(reason)).into_response())
        }
    }
}

fn checked(status: u16, shown: bool, payload: Value, answer: Response) -> WebhookOutcome {
    WebhookOutcome { status, shown, payload, signed: None, answer }
}

fn outcome(sim: &SimState, path: &str, request: &Incoming<'_>) -> WebhookOutcome {
    let faults = sim.faults();
    let chat = &faults.chat;
    let service = request.service;
    let rejected =
        |status, answer| checked(status, false, serde_json::from_slice(request.body).unwrap_or_default(), answer);
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
    let kind = request.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        let answer = match service {
            ChatKind::Slack => text_response(StatusCode::BAD_REQUEST, "invalid_payload"),
            other => status_response(other, 400),
        };
        return rejected(400, answer);
    }
    check_payload(sim, request, chat.bare_card.contains(path))
}

async fn post(sim: &SimState, request: Incoming<'_>) -> Response {
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
    let (service, name) = (request.service, request.name.to_owned());
    let path = service.path(&name);
    let path = path.split('?').next().unwrap_or_default();
    let WebhookOutcome { status, shown, payload, signed, answer } = outcome(sim, path, &request);
    let no_answer = shown && sim.roll(faults.chat.hang_after_accept);
    let cut = shown && sim.roll(faults.chat.hang_up_after_accept);
    let status = if no_answer || cut { 0 } else { status };
    let at = Timestamp::now();
    let recorded =
        sim.webhook_log().record(WebhookRequest { number: 0, at, chat: service, name, status, shown, payload, signed });
    sim.publish(&json!({ "news": "post", "post": recorded }));
    if no_answer {
        std::future::pending::<()>().await;
    }
    if cut { hang_up::response() } else { answer }
}

/// Returns the handler of a chat whose path has one name.
macro_rules! handler {
    ($(#[$doc:meta])* $name:ident, $service:ident) => {
        $(#[$doc])*
        pub(super) async fn $name(
            State(sim): AppState,
            Path(name): Path<String>,
            RawQuery(query): RawQuery,
            headers: HeaderMap,
            body: Bytes,
        ) -> Response {
            let query = query.unwrap_or_default();
            let service = ChatKind::$service;
            let request = Incoming { service, name: &name, edited: None, query: &query, headers: &headers, body: &body };
            post(&sim, request).await
        }
    };
}

handler!(
    /// Serves `POST /slack/{name}`.
    to_slack, Slack
);
handler!(
    /// Serves `POST /teams/{name}`.
    to_teams, Teams
);
handler!(
    /// Serves `POST /webhook/{name}`.
    to_webhook, Webhook
);
handler!(
    /// Serves `POST /discord/api/webhooks/1/{name}`.
    to_discord, Discord
);
handler!(
    /// Serves `POST /mattermost/hooks/{name}`.
    to_mattermost, Mattermost
);
handler!(
    /// Serves `POST /google-chat/v1/spaces/{name}/messages`.
    to_google_chat, GoogleChat
);

/// Serves `PATCH /discord/api/webhooks/1/{name}/messages/{id}`.
pub(super) async fn edit_discord(
    State(sim): AppState,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let service = ChatKind::Discord;
    let request = Incoming { service, name: &name, edited: Some(&id), query: "", headers: &headers, body: &body };
    post(&sim, request).await
}

/// Serves `POST /ntfy/`: the topic is in the body.
pub(super) async fn to_ntfy(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    let topic = payload.get("topic").and_then(Value::as_str).unwrap_or_default();
    let service = ChatKind::Ntfy;
    post(&sim, Incoming { service, name: topic, edited: None, query: "", headers: &headers, body: &body }).await
}
