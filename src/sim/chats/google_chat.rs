//! Webhooks of Google Chat. A known `requestId` returns the message that exists.

use super::{entries, json_outcome, length, parse};
use crate::sim::{
    errors::QueryParams,
    incoming::{Incoming, WebhookOutcome},
    state::SimState,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Bytes of a message.
const MAX_BYTES: usize = 32_000;
/// Characters of a text message.
const MAX_TEXT: usize = 4096;
/// Widgets of a card.
const MAX_WIDGETS: usize = 100;

pub(super) fn error_body(status: u16) -> Value {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        _ => "INTERNAL",
    };
    json!({ "error": { "code": status, "message": "injected", "status": name } })
}

fn is_valid(payload: &Value) -> bool {
    let widgets = |card: &Value| {
        let sections = card.pointer("/card").map(|card| entries(card, "sections")).unwrap_or_default();
        sections.iter().map(|section| entries(section, "widgets").len()).sum::<usize>()
    };
    let cards = entries(payload, "cardsV2");
    let has_cards = !cards.is_empty() && cards.iter().all(|card| (1..=MAX_WIDGETS).contains(&widgets(card)));
    length(payload, "text") <= MAX_TEXT && (has_cards || length(payload, "text") > 0)
}

pub(super) fn answer(sim: &SimState, request: &Incoming<'_>) -> WebhookOutcome {
    let query = QueryParams::parse(request.query.as_bytes());
    let failed = |status| json_outcome(status, false, parse(request.body).unwrap_or_default(), error_body(status));
    if query.first("key").is_none() || query.first("token").is_none() {
        return failed(403);
    }
    let Some(payload) = parse(request.body).filter(is_valid).filter(|_| request.body.len() <= MAX_BYTES) else {
        return failed(400);
    };
    let mut messages = sim.messages();
    let id = query.first("requestId").map_or_else(|| messages.count().to_string(), |id| id.to_owned());
    let stored = messages.post_as(request.name, &id, payload.clone(), Timestamp::now());
    let name = format!("spaces/{}/messages/{id}", request.name);
    json_outcome(200, stored.is_some(), payload, json!({ "name": name }))
}
