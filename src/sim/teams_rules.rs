//! Payload rules of a Teams Workflows webhook: the trigger's schema, and payloads that are accepted but never shown. Pure.

use serde_json::{Value, json};

/// Larger requests are rejected, bytes.
const MAX_REQUEST_BYTES: usize = 28_672;
/// Larger requests are accepted but never shown, bytes. The flow enlarges them beyond the limit of Teams.
const MAX_SHOWN_BYTES: usize = 24_000;

/// Result of a payload.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TeamsResponse {
    /// 202, and whether the channel shows the message.
    Accepted { payload: Value, shown: bool },
    /// Status and body of a rejection.
    Rejected(u16, Value),
}

/// Checks a body. `bare_card`: the flow has one step that posts the body as a card, and a trigger without a schema.
pub(super) fn check(body: &[u8], bare_card: bool) -> TeamsResponse {
    if body.len() > MAX_REQUEST_BYTES {
        return TeamsResponse::Rejected(413, error_body("RequestEntityTooLarge", "The request entity is too large."));
    }
    let Ok(payload) = serde_json::from_slice::<Value>(body) else {
        return TeamsResponse::Rejected(
            400,
            error_body("InvalidRequestContent", "The request content is not valid JSON."),
        );
    };
    if bare_card {
        let is_card = payload.get("type").and_then(Value::as_str) == Some("AdaptiveCard");
        let shown = is_card && payload.get("body").is_some_and(Value::is_array) && body.len() <= MAX_SHOWN_BYTES;
        return TeamsResponse::Accepted { payload, shown };
    }
    let Some(attachments) = payload.get("attachments") else {
        // A bare card or text has no attachments: the flow has nothing to iterate over and shows nothing.
        return TeamsResponse::Accepted { payload, shown: false };
    };
    let missing = match attachments.as_array() {
        None => Some("attachments"),
        Some(list) => list.iter().find_map(|attachment| {
            ["contentType", "contentUrl", "content"].into_iter().find(|key| attachment.get(*key).is_none())
        }),
    };
    if let Some(key) = missing {
        let message = format!(
            "The input body for trigger 'manual' of type 'Request' did not match its schema definition. Error details: \
             'Required properties are missing from object: {key}.'"
        );
        return TeamsResponse::Rejected(400, error_body("TriggerInputSchemaMismatch", &message));
    }
    let card = |attachment: &Value| {
        attachment.get("contentType").and_then(Value::as_str) == Some("application/vnd.microsoft.card.adaptive")
            && attachment.get("contentUrl").is_some_and(Value::is_null)
            && attachment.pointer("/content/type").and_then(Value::as_str) == Some("AdaptiveCard")
            && attachment.pointer("/content/body").is_some_and(Value::is_array)
    };
    let cards = attachments.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(card));
    let message = payload.get("type").and_then(Value::as_str) == Some("message");
    let shown = cards && message && body.len() <= MAX_SHOWN_BYTES;
    TeamsResponse::Accepted { payload, shown }
}

/// Returns the error body of a Workflows URL.
pub(super) fn error_body(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

/// Returns the body of the Workflows answer with an injected status.
pub(super) fn error_for_status(status: u16) -> Value {
    match status {
        401 => error_body("DirectApiAuthorizationRequired", "The request must be authenticated."),
        404 => error_body("WorkflowNotFound", "The workflow could not be found."),
        429 => error_body("TooManyRequests", "Rate limit is exceeded. Try again later."),
        _ => error_body("InternalServerError", "Encountered internal server error."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(attachment: &Value) -> Vec<u8> {
        json!({ "type": "message", "attachments": [attachment] }).to_string().into_bytes()
    }

    fn good() -> Value {
        json!({
            "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null,
            "content": { "type": "AdaptiveCard", "version": "1.4", "body": [] },
        })
    }

    #[test]
    fn card_in_envelope_is_shown() {
        assert!(matches!(check(&envelope(&good()), false), TeamsResponse::Accepted { shown: true, .. }));
    }

    #[test]
    fn flow_that_posts_the_body_shows_a_bare_card_only() {
        let card = good()["content"].to_string();
        assert!(matches!(check(card.as_bytes(), true), TeamsResponse::Accepted { shown: true, .. }));
        assert!(matches!(check(&envelope(&good()), true), TeamsResponse::Accepted { shown: false, .. }));
        assert!(matches!(check(card.as_bytes(), false), TeamsResponse::Accepted { shown: false, .. }));
    }

    #[test]
    fn card_without_content_url_violates_schema() {
        let mut card = good();
        card.as_object_mut().unwrap().remove("contentUrl");
        let TeamsResponse::Rejected(400, body) = check(&envelope(&card), false) else { panic!("card accepted") };
        assert_eq!(body["error"]["code"], "TriggerInputSchemaMismatch");
        assert!(body["error"]["message"].as_str().unwrap().contains("contentUrl"));
    }

    #[test]
    fn payload_outside_envelope_or_limits_is_never_shown() {
        assert!(matches!(check(br#"{"text":"x"}"#, false), TeamsResponse::Accepted { shown: false, .. }));
        let mut card = good();
        card["content"]["body"] = json!([{ "type": "TextBlock", "text": "x".repeat(24_000) }]);
        assert!(matches!(check(&envelope(&card), false), TeamsResponse::Accepted { shown: false, .. }));
        assert!(matches!(check(&vec![b' '; 28_673], false), TeamsResponse::Rejected(413, _)));
        assert!(matches!(check(b"{", false), TeamsResponse::Rejected(400, _)));
    }
}
