//! Envelope of the frames of a WebSocket channel. The channel numbers its frames, so that the text is made per channel.

use super::scheduled_call::live_time;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// Seconds that a frame is worth, as GoTo states in every frame.
const TTL: u32 = 600;
/// Time between the two timestamps of a frame.
const DELAY: SignedDuration = SignedDuration::from_millis(15);

/// A frame without its number.
#[derive(Debug, Clone)]
pub(super) struct Notification {
    at: Timestamp,
    data: String,
}

impl Notification {
    /// Creates the frame of a call state.
    pub(super) fn call_state(content: Value, at: Timestamp) -> Self {
        Self::event("call-events", "call-state", content, at)
    }

    /// Creates the notice that the report of a conversation exists. The frame has no other facts.
    pub(super) fn report(conversation: &str, at: Timestamp) -> Self {
        Self::event("call-events-report", "REPORT_SUMMARY", json!({ "conversationSpaceId": conversation }), at)
    }

    /// Creates a control frame. `content` is the remaining lifetime where GoTo states it.
    pub(super) fn control(kind: &str, content: Value, at: Timestamp) -> Self {
        let data = json!({
            "id": Uuid::new_v4(), "source": "notification-websocket", "type": kind, "usage": "BACKGROUND",
            "timestamp": null, "ttl": TTL, "topic": null, "displayNotification": null, "contentVersion": null,
            "content": content, "bypassDoNotDisturb": null,
        });
        Self { at, data: data.to_string() }
    }

    fn event(source: &str, kind: &str, content: Value, at: Timestamp) -> Self {
        let data = json!({
            "id": Uuid::new_v4(), "source": source, "type": kind, "usage": null, "timestamp": live_time(at),
            "ttl": TTL, "topic": null, "displayNotification": null, "contentVersion": null, "content": content,
            "bypassDoNotDisturb": false,
        });
        Self { at, data: data.to_string() }
    }

    /// Returns the text of the frame with its number in the channel.
    pub(super) fn text(&self, event_id: u64) -> String {
        let sent = self.at.checked_add(DELAY).unwrap_or(self.at);
        let data = &self.data;
        format!(r#"{{"event":"Notification","eventId":{event_id},"timestamp":"{sent:.9}","data":{data}}}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_has_number_and_nine_digits_outside_and_three_inside() {
        let at = "2026-10-05T14:02:11.96Z".parse().unwrap();
        let frame: Value = serde_json::from_str(&Notification::report("x", at).text(7)).unwrap();
        assert_eq!((&frame["event"], &frame["eventId"]), (&json!("Notification"), &json!(7)));
        assert_eq!(frame["timestamp"], "2026-10-05T14:02:11.975000000Z");
        assert_eq!(frame["data"]["timestamp"], "2026-10-05T14:02:11.96Z");
        assert_eq!(frame["data"]["content"], json!({ "conversationSpaceId": "x" }));
        let refresh = Notification::control("WEBSOCKET_REFRESH_REQUIRED", json!({ "remainingLifetime": 600 }), at);
        let refresh: Value = serde_json::from_str(&refresh.text(8)).unwrap();
        assert_eq!((&refresh["data"]["timestamp"], &refresh["data"]["usage"]), (&Value::Null, &json!("BACKGROUND")));
    }
}
