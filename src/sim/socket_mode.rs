//! Slack's Socket Mode: `apps.connections.open`, the WebSocket behind its URL, presses of buttons, and the private answers to
//! them. Every app token is valid unless a fault switch is set.

use super::{
    app_socket,
    errors::{ApiResult, QueryParams},
    socket::upgrade,
    state::{AppState, SimState},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// A press of a button by a person.
#[derive(Debug, Clone, Deserialize)]
pub struct ButtonPress {
    /// Channel of the message.
    pub channel: String,
    /// Id of the message.
    pub ts: String,
    /// Id of the button.
    pub action_id: String,
    /// Value of the button; `None`: that of the message shown.
    #[serde(default)]
    pub value: Option<String>,
    /// Id of the person.
    pub user: String,
}

/// Serves `POST /api/apps.connections.open`.
pub(super) async fn open_connection(State(sim): AppState, headers: HeaderMap) -> Response {
    let faults = sim.faults();
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let error = match authorization.strip_prefix("Bearer ") {
        None => Some("not_authed".to_owned()),
        Some(token) if !token.starts_with("xapp-") => Some("not_allowed_token_type".to_owned()),
        Some(_) => faults.app.errors.get("apps.connections.open").cloned(),
    };
    if let Some(error) = error {
        return Json(json!({ "ok": false, "error": error })).into_response();
    }
    let ticket = sim.app_sockets().issue_ticket();
    Json(json!({ "ok": true, "url": format!("ws://{}/link/?ticket={ticket}&app_id=A0SIM", sim.address) }))
        .into_response()
}

/// Serves `GET /link/?ticket=`: upgrades the connection. A ticket is used once.
pub(super) async fn link(State(sim): AppState, RawQuery(query): RawQuery, request: Request) -> Response {
    let query = QueryParams::parse(query.unwrap_or_default().as_bytes());
    let ticket = query.first("ticket").and_then(|ticket| ticket.parse().ok());
    if !ticket.is_some_and(|ticket| sim.app_sockets().take_ticket(ticket)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let owner = Arc::clone(&sim);
    upgrade(&sim, request, move |stream| app_socket::serve(owner, stream))
}

/// Sends the envelope of a press. Returns its id, or `None` if no socket is open.
pub(super) fn press(sim: &SimState, press: &ButtonPress) -> Option<String> {
    let faults = sim.faults();
    let faults = &faults.app.socket_mode;
    let is_lost = sim.roll(faults.to_ghosts);
    let (is_doubled, is_redelivered) = (sim.roll(faults.doubled), sim.roll(faults.redelivered));
    let id = sim.app_sockets().new_envelope();
    let payload = payload(sim, press, &id);
    let send = |id: &str| is_lost || sim.app_sockets().send(&envelope(id, &payload), faults.to_oldest);
    let is_sent = send(&id);
    if is_doubled {
        send(&id);
    }
    if is_redelivered {
        let again = sim.app_sockets().new_envelope();
        send(&again);
    }
    is_sent.then_some(id)
}

/// Returns an envelope with an interaction.
pub(super) fn envelope(id: &str, payload: &Value) -> Value {
    json!({ "envelope_id": id, "type": "interactive", "accepts_response_payload": false, "payload": payload })
}

/// Returns the interaction as Slack sends it.
fn payload(sim: &SimState, press: &ButtonPress, envelope: &str) -> Value {
    let now = jiff::Timestamp::now();
    let shown = sim.messages().shown(&press.channel, &press.ts);
    let value = press.value.clone().or_else(|| button_value(shown.as_ref()?, &press.action_id));
    let action_ts = format!("{}.{:06}", now.as_second(), now.subsec_microsecond());
    json!({
        "type": "block_actions", "api_app_id": "A0SIM", "team": { "id": "T0SIM", "domain": "acme" },
        "user": { "id": press.user, "username": "someone", "team_id": "T0SIM" },
        "container": { "type": "message", "message_ts": press.ts, "channel_id": press.channel, "is_ephemeral": false },
        "channel": { "id": press.channel, "name": "calls" },
        "message": shown,
        "response_url": format!("http://{}/sim/slack-answers/{envelope}", sim.address),
        "actions": [{ "type": "button", "action_id": press.action_id, "block_id": "b", "value": value,
                      "action_ts": action_ts }],
    })
}

/// Returns the value of a button of a message.
fn button_value(message: &Value, action_id: &str) -> Option<String> {
    let blocks = message.get("blocks")?.as_array()?.iter();
    let mut elements = blocks.filter_map(|block| block.get("elements")?.as_array()).flatten();
    let button = elements.find(|element| element.get("action_id").and_then(Value::as_str) == Some(action_id))?;
    Some(button.get("value")?.as_str()?.to_owned())
}

/// Serves `POST /sim/slack-answers/{envelope}`: a response URL.
pub(super) async fn receive_answer(State(sim): AppState, Path(envelope): Path<String>, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    sim.publish(&json!({ "news": "answer", "text": body.get("text") }));
    sim.app_sockets().add_answer(envelope, body);
    Json(json!({ "ok": true })).into_response()
}

/// Serves `POST /sim/press`: a press by a person.
pub(super) async fn press_button(State(sim): AppState, body: Bytes) -> ApiResult {
    let plan: ButtonPress = super::control::parse_body(&body)?;
    let envelope = press(&sim, &plan);
    Ok(Json(json!({ "envelope": envelope })).into_response())
}
