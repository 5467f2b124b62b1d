//! An ntfy server: JSON at its root. A known `sequence_id` replaces the notification.

use super::{json_outcome, parse};
use crate::sim::{
    incoming::{Incoming, WebhookOutcome},
    state::SimState,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Bytes of a request.
const MAX_JSON_BYTES: usize = 8192;
/// Bytes of a text. The server turns a longer text into an attached file that no phone shows.
const MAX_TEXT_BYTES: usize = 4096;

pub(super) fn answer(sim: &SimState, request: &Incoming<'_>) -> WebhookOutcome {
    let error = |status: u16, code: u32| {
        json_outcome(
            status,
            false,
            parse(request.body).unwrap_or_default(),
            json!({ "code": code, "http": status, "error": "invalid" }),
        )
    };
    if request.body.len() > MAX_JSON_BYTES {
        return error(413, 41303);
    }
    let Some(payload) = parse(request.body) else { return error(400, 40024) };
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let topic = text("topic");
    let is_name = |name: &str| {
        (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    if !is_name(&topic) {
        return error(400, 40009);
    }
    let priority = payload.get("priority").and_then(Value::as_u64).unwrap_or(3);
    if !(1..=5).contains(&priority) {
        return error(400, 40007);
    }
    let now = Timestamp::now();
    let sequence = text("sequence_id");
    if !is_name(&sequence) {
        return error(400, 40049);
    }
    let is_shown = text("message").len() <= MAX_TEXT_BYTES;
    let mut messages = sim.messages();
    if messages.post_as(&topic, &sequence, payload.clone(), now).is_none() {
        drop(messages.update(&topic, &sequence, payload.clone(), now, None));
    }
    drop(messages);
    let body =
        json!({ "id": sequence, "time": now.as_second(), "event": "message", "topic": topic, "sequence_id": sequence });
    json_outcome(200, is_shown, payload, body)
}
