//! A request to a webhook, and its outcome.

use super::webhook_log::{ChatKind, SignedParts};
use axum::{http::HeaderMap, response::Response};
use serde_json::Value;

/// One request to a webhook.
pub(super) struct Incoming<'a> {
    /// Chat of the webhook.
    pub(super) service: ChatKind,
    /// Name of the webhook in the path.
    pub(super) name: &'a str,
    /// Message to edit.
    pub(super) edited: Option<&'a str>,
    /// Query of the URL.
    pub(super) query: &'a str,
    /// Headers.
    pub(super) headers: &'a HeaderMap,
    /// Body.
    pub(super) body: &'a [u8],
}

/// Result of a request: the logged values and the answer.
pub(super) struct WebhookOutcome {
    pub(super) status: u16,
    pub(super) shown: bool,
    pub(super) payload: Value,
    pub(super) signed: Option<SignedParts>,
    pub(super) answer: Response,
}
