//! What a Teams Workflows webhook says to a payload: the trigger's schema, and what it takes but never shows. Pure.

use serde_json::{Value, json};

/// A request above this is refused at the door.
const LARGEST: usize = 28_672;
/// A request above this is accepted, then grows inside the flow beyond what Teams takes, and is never seen.
const LARGEST_SHOWN: usize = 24_000;

/// What becomes of a payload.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// 202, and whether the channel sees anything of it.
    Accepted { payload: Value, shown: bool },
    /// Status and body of a refusal.
    Refused(u16, Value),
}

/// Checks a body.
pub(super) fn check(body: &[u8]) -> Verdict {
    if body.len() > LARGEST {
        return Verdict::Refused(413, error("RequestEntityTooLarge", "The request entity is too large."));
    }
    let Ok(payload) = serde_json::from_slice::<Value>(body) else {
        return Verdict::Refused(400, error("InvalidRequestContent", "The request content is not valid JSON."));
    };
    let Some(attachments) = payload.get("attachments") else {
        // A bare card or text fits no attachment: the flow runs over nothing and shows nothing.
        return Verdict::Accepted { payload, shown: false };
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
        return Verdict::Refused(400, error("TriggerInputSchemaMismatch", &message));
    }
    let card = |attachment: &Value| {
        attachment.get("contentType").and_then(Value::as_str) == Some("application/vnd.microsoft.card.adaptive")
            && attachment.get("contentUrl").is_some_and(Value::is_null)
            && attachment.pointer("/content/type").and_then(Value::as_str) == Some("AdaptiveCard")
            && attachment.pointer("/content/body").is_some_and(Value::is_array)
    };
    let cards = attachments.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(card));
    let message = payload.get("type").and_then(Value::as_str) == Some("message");
    let shown = cards && message && body.len() <= LARGEST_SHOWN;
    Verdict::Accepted { payload, shown }
}

/// The error body of a Workflows URL.
pub(super) fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

/// The body of the real answer with a status that a switch asks for.
pub(super) fn refusal(status: u16) -> Value {
    match status {
        401 => error("DirectApiAuthorizationRequired", "The request must be authenticated."),
        404 => error("WorkflowNotFound", "The workflow could not be found."),
        429 => error("TooManyRequests", "Rate limit is exceeded. Try again later."),
        _ => error("InternalServerError", "Encountered internal server error."),
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
    fn a_card_in_its_envelope_is_shown() {
        assert!(matches!(check(&envelope(&good())), Verdict::Accepted { shown: true, .. }));
    }

    #[test]
    fn a_card_without_content_url_does_not_match_the_schema() {
        let mut card = good();
        card.as_object_mut().unwrap().remove("contentUrl");
        let Verdict::Refused(400, body) = check(&envelope(&card)) else { panic!("taken") };
        assert_eq!(body["error"]["code"], "TriggerInputSchemaMismatch");
        assert!(body["error"]["message"].as_str().unwrap().contains("contentUrl"));
    }

    #[test]
    fn what_is_no_envelope_is_taken_and_never_seen() {
        assert!(matches!(check(br#"{"text":"x"}"#), Verdict::Accepted { shown: false, .. }));
        let mut card = good();
        card["content"]["body"] = json!([{ "type": "TextBlock", "text": "x".repeat(24_000) }]);
        assert!(matches!(check(&envelope(&card)), Verdict::Accepted { shown: false, .. }));
        assert!(matches!(check(&vec![b' '; 28_673]), Verdict::Refused(413, _)));
        assert!(matches!(check(b"{"), Verdict::Refused(400, _)));
    }
}
