//! Power Automate flows behind a Teams webhook: the message shape that a flow's template expects, and the error code of a
//! response. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// Shape of the messages to a flow. Both templates answer 202 to both shapes and show nothing for the wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowShape {
    /// A message with the card as its attachment: Microsoft's templates post each attachment.
    #[default]
    Message,
    /// The Adaptive Card alone: a flow whose only step is "Post card in a chat or channel" with the trigger's body.
    Card,
}

impl FlowShape {
    /// Returns the other shape.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Message => Self::Card,
            Self::Card => Self::Message,
        }
    }

    /// Returns the value of the config key `shape`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Card => "card",
        }
    }

    /// Converts a rendered message into the body to send. A body without a card stays unchanged.
    #[must_use]
    pub fn apply(self, rendered: &str) -> Cow<'_, str> {
        match self {
            Self::Message => Cow::Borrowed(rendered),
            Self::Card => {
                let message: Value = serde_json::from_str(rendered).unwrap_or_default();
                let card = message.pointer("/attachments/0/content");
                card.map_or(Cow::Borrowed(rendered), |card| Cow::Owned(card.to_string()))
            }
        }
    }
}

#[derive(Deserialize)]
struct FlowResponse {
    error: FlowError,
}

#[derive(Deserialize)]
struct FlowError {
    code: String,
}

/// Returns the error code of a flow's response, as in `{"error":{"code":"WorkflowNotFound","message":"…"}}`.
#[must_use]
pub fn error_code(body: &str) -> Option<String> {
    serde_json::from_str::<FlowResponse>(body).ok().map(|response| response.error.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str =
        r#"{"type":"message","attachments":[{"contentUrl":null,"content":{"type":"AdaptiveCard","body":[]}}]}"#;

    #[test]
    fn shape_card_sends_the_card_without_its_envelope() {
        assert_eq!(FlowShape::Message.apply(MESSAGE), MESSAGE);
        let card: Value = serde_json::from_str(&FlowShape::Card.apply(MESSAGE)).unwrap();
        assert_eq!(card, serde_json::json!({ "type": "AdaptiveCard", "body": [] }));
        for other in ["", "{}", r#"{"text":"x"}"#] {
            assert_eq!(FlowShape::Card.apply(other), other);
        }
    }

    #[test]
    fn error_code_is_read_from_the_error_object_only() {
        assert_eq!(error_code(r#"{"error":{"code":"NoResponse","message":"x"}}"#).as_deref(), Some("NoResponse"));
        for other in ["", "{}", r#"{"error":"x"}"#, r#"{"code":"NoResponse"}"#, "<html>"] {
            assert_eq!(error_code(other), None, "{other}");
        }
    }
}
