//! A receiver of signed JSON. Accepts any JSON and rejects requests without the headers of the Standard Webhooks
//! specification. Shows a `webhook-id` once, as the specification requires of receivers.

use super::{SignedParts, outcome};
use crate::sim::{
    incoming::{Incoming, WebhookOutcome},
    state::SimState,
};
use axum::{http::StatusCode, response::IntoResponse as _};
use jiff::Timestamp;
use serde_json::Value;

/// Difference of clocks that receivers accept.
const TOLERANCE_SECONDS: i64 = 300;

pub(super) fn answer(sim: &SimState, request: &Incoming<'_>) -> WebhookOutcome {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let payload: Value = serde_json::from_slice(request.body).unwrap_or_default();
    let now = Timestamp::now();
    let sent: i64 = header("webhook-timestamp").parse().unwrap_or_default();
    let is_valid = !payload.is_null() && (now.as_second() - sent).abs() <= TOLERANCE_SECONDS;
    let id = header("webhook-id");
    let (status, shown) = if !is_valid || id.is_empty() {
        (StatusCode::BAD_REQUEST, false)
    } else {
        let is_new = sim.messages().post_as(request.name, id, payload.clone(), now).is_some();
        (StatusCode::NO_CONTENT, is_new)
    };
    let result = outcome(status.as_u16(), shown, payload, status.into_response());
    WebhookOutcome { signed: Some(SignedParts::of(request)), ..result }
}
