//! Incoming webhooks of Mattermost.

use super::{entries, json_outcome, length, outcome, parse};
use crate::sim::incoming::{Incoming, WebhookOutcome};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// Characters of a message.
const MAX_TEXT: usize = 16_383;
/// Characters of all attachments, as old servers count them.
const MAX_ATTACHMENTS: usize = 7900;

pub(super) fn error_body(status: u16) -> Value {
    let id = match status {
        400 => "web.incoming_webhook.invalid.app_error",
        403 => "web.incoming_webhook.permissions.app_error",
        501 => "web.incoming_webhook.disabled.app_error",
        _ => "api.context.error.app_error",
    };
    json!({ "id": id, "message": "injected", "status_code": status })
}

pub(super) fn answer(request: &Incoming<'_>) -> WebhookOutcome {
    let rejected = |id: &str, payload| json_outcome(400, false, payload, json!({ "id": id, "status_code": 400 }));
    let Some(payload) = parse(request.body) else {
        return rejected("web.incoming_webhook.parse.app_error", Value::Null);
    };
    let attachments = entries(&payload, "attachments");
    let size = payload.get("attachments").map_or(0, |list| list.to_string().chars().count());
    if length(&payload, "text") == 0 && attachments.is_empty() {
        return rejected("web.incoming_webhook.text.app_error", payload);
    }
    if length(&payload, "text") > MAX_TEXT || size > MAX_ATTACHMENTS {
        return rejected("web.incoming_webhook.text.length.app_error", payload);
    }
    outcome(200, true, payload, "ok".into_response())
}
