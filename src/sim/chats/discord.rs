//! Webhooks of Discord: posts with `?wait=true`, and edits.

use super::{entries, json_outcome, length, outcome, parse};
use crate::sim::{
    incoming::{Incoming, WebhookOutcome},
    state::SimState,
};
use axum::{http::StatusCode, response::IntoResponse as _};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Milliseconds from 1970 to the first id.
const EPOCH_MS: i64 = 1_420_070_400_000;

pub(super) fn error_body(status: u16) -> Value {
    match status {
        401 => json!({ "message": "Invalid Webhook Token", "code": 50027 }),
        404 => json!({ "message": "Unknown Webhook", "code": 10015 }),
        _ => json!({ "message": "injected", "code": 0 }),
    }
}

/// Returns whether a message keeps Discord's limits.
fn is_valid(payload: &Value) -> bool {
    let embeds = entries(payload, "embeds");
    let mut total = 0;
    let fits = embeds.iter().all(|embed| {
        let (title, description) = (length(embed, "title"), length(embed, "description"));
        let footer = embed.get("footer").map_or(0, |footer| length(footer, "text"));
        let fields = entries(embed, "fields");
        total += title + description + footer;
        let fields_fit = fields.iter().all(|field| {
            let (name, value) = (length(field, "name"), length(field, "value"));
            total += name + value;
            (1..=256).contains(&name) && (1..=1024).contains(&value)
        });
        title <= 256 && description <= 4096 && footer <= 2048 && fields.len() <= 25 && fields_fit
    });
    let content = length(payload, "content");
    fits && embeds.len() <= 10 && total <= 6000 && content <= 2000 && (content > 0 || !embeds.is_empty())
}

pub(super) fn answer(sim: &SimState, request: &Incoming<'_>) -> WebhookOutcome {
    let Some(payload) = parse(request.body).filter(is_valid) else {
        let body = json!({ "message": "Invalid Form Body", "code": 50035, "errors": {} });
        return json_outcome(400, false, parse(request.body).unwrap_or_default(), body);
    };
    let now = Timestamp::now();
    let message = match request.edited {
        Some(id) => sim.messages().update(request.name, id, payload.clone(), now, None).ok(),
        None => {
            let mut messages = sim.messages();
            let id = ((now.as_millisecond() - EPOCH_MS) << 22) + i64::try_from(messages.count()).unwrap_or_default();
            messages.post_as(request.name, &id.to_string(), payload.clone(), now)
        }
    };
    let Some(message) = message else {
        return json_outcome(404, false, payload, json!({ "message": "Unknown Message", "code": 10008 }));
    };
    if request.edited.is_none() && !request.query.contains("wait=true") {
        return outcome(204, true, payload, StatusCode::NO_CONTENT.into_response());
    }
    let body = json!({ "id": message.ts, "channel_id": "1", "embeds": payload.get("embeds") });
    json_outcome(200, true, payload, body)
}
