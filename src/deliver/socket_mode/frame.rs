//! Frames of Slack's Socket Mode, and the presses in them. Pure. Fields that are not needed are not read.

use super::types::Announcement;
use crate::model::{
    claim::{Button, ChatUser, Press},
    delivery::MessageRef,
    ids::ConversationSpaceId,
    secret::Secret,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest envelope id, type or action id that is kept. Slack's have some 40 characters.
const MAX_WORD_LENGTH: usize = 128;

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub enum SlackFrame {
    /// The socket is ready. Slack counts this many sockets of the app.
    Hello(u32),
    /// The socket will end.
    Disconnect(Announcement),
    /// A payload that must be acknowledged.
    Envelope {
        /// Id for the acknowledgement.
        id: String,
        /// Content.
        content: Content,
    },
    /// Any other frame.
    Unknown,
}

/// Content of an envelope.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// A button of ours was pressed.
    Press(Box<PressedButton>, Reply),
    /// A link was followed: nothing to do.
    Link,
    /// A button that this version does not know, or whose message or user cannot be read.
    UnknownButton(Reply),
    /// Another type of envelope or interaction, by its name.
    Foreign(String),
}

/// A pressed button and the message that has it.
#[derive(Debug, PartialEq, Eq)]
pub struct PressedButton {
    /// The call of the card, as the button states it.
    pub call: ConversationSpaceId,
    /// The message.
    pub message: MessageRef,
    /// Button, person and time.
    pub press: Press,
}

/// Address for private answers to a press: a secret URL, valid for 30 minutes.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply(pub Option<Secret>);

#[derive(Deserialize)]
struct RawFrame {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    num_connections: u32,
    reason: Option<String>,
    envelope_id: Option<String>,
    #[serde(default)]
    payload: Value,
}

#[derive(Deserialize)]
struct BlockActions {
    user: PressUser,
    container: Container,
    response_url: Option<String>,
    #[serde(default)]
    actions: Vec<BlockAction>,
}

#[derive(Deserialize)]
struct PressUser {
    id: ChatUser,
}

#[derive(Deserialize)]
struct Container {
    message_ts: String,
    channel_id: String,
}

#[derive(Deserialize)]
struct BlockAction {
    action_id: String,
    value: Option<String>,
    action_ts: String,
    url: Option<String>,
}

/// Reads a text frame.
#[must_use]
pub fn parse(text: &str) -> SlackFrame {
    let Ok(raw) = serde_json::from_str::<RawFrame>(text) else { return SlackFrame::Unknown };
    match (raw.kind.as_str(), raw.envelope_id) {
        ("hello", _) => SlackFrame::Hello(raw.num_connections),
        ("disconnect", _) => SlackFrame::Disconnect(match raw.reason.as_deref() {
            Some("link_disabled") => Announcement::Disabled,
            Some("too_many_websockets") => Announcement::TooMany,
            // `warning`, `refresh_requested`, and what Slack may add: a socket that ends is replaced in any case.
            _ => Announcement::Replace,
        }),
        (kind, Some(id)) if (1..=MAX_WORD_LENGTH).contains(&id.len()) => {
            SlackFrame::Envelope { id, content: content(kind, raw.payload) }
        }
        _ => SlackFrame::Unknown,
    }
}

/// Returns the acknowledgement of an envelope.
#[must_use]
pub fn acknowledgement(envelope: &str) -> String {
    json!({ "envelope_id": envelope }).to_string()
}

fn content(kind: &str, payload: Value) -> Content {
    let interaction = payload.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind != "interactive" || interaction != "block_actions" {
        let name = if interaction.is_empty() { kind.to_owned() } else { format!("{kind} {interaction}") };
        return Content::Foreign(name.chars().take(MAX_WORD_LENGTH).collect());
    }
    let reply = Reply(payload.get("response_url").and_then(Value::as_str).map(Secret::new));
    let Ok(actions) = serde_json::from_value::<BlockActions>(payload) else { return Content::UnknownButton(reply) };
    let reply = Reply(actions.response_url.as_deref().map(Secret::new));
    let Some(action) = actions.actions.first() else { return Content::UnknownButton(reply) };
    if action.url.is_some() {
        return Content::Link;
    }
    match press(action, &actions) {
        Some(press) => Content::Press(Box::new(press), reply),
        None => Content::UnknownButton(reply),
    }
}

fn press(action: &BlockAction, actions: &BlockActions) -> Option<PressedButton> {
    let Container { message_ts, channel_id } = &actions.container;
    Some(PressedButton {
        call: ConversationSpaceId::try_from(action.value.clone()?).ok()?,
        message: MessageRef { channel: channel_id.clone(), ts: message_ts.clone() },
        press: Press {
            button: Button::find(&action.action_id)?,
            by: actions.user.id.clone(),
            pressed_at: parse_time(&action.action_ts)?,
        },
    })
}

/// Reads a Slack time: seconds since 1970, a point, microseconds.
fn parse_time(text: &str) -> Option<Timestamp> {
    let (seconds, micros) = text.split_once('.')?;
    let micros: i64 = format!("{micros:0<6}").get(..6)?.parse().ok()?;
    let micros = seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?;
    Timestamp::from_microsecond(micros).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press_frame(change: impl FnOnce(&mut Value)) -> SlackFrame {
        let mut frame = json!({
            "type": "interactive", "envelope_id": "e-1", "accepts_response_payload": false,
            "payload": {
                "type": "block_actions", "user": { "id": "U0DANA", "username": "dana" },
                "container": { "type": "message", "message_ts": "1795456800.000042", "channel_id": "C1" },
                "response_url": "https://hooks.slack.com/actions/T/1/x",
                "actions": [{ "type": "button", "action_id": "poprelay_call_back", "value": "call-1",
                              "action_ts": "1795456900.5" }],
            },
        });
        change(&mut frame);
        parse(&frame.to_string())
    }

    fn content_of(change: impl FnOnce(&mut Value)) -> Content {
        let SlackFrame::Envelope { id, content } = press_frame(change) else { panic!() };
        assert_eq!(id, "e-1");
        content
    }

    #[test]
    fn parse_press_reads_call_message_button_and_person() {
        let Content::Press(pressed, reply) = content_of(|_| ()) else { panic!() };
        let press = &pressed.press;
        assert_eq!((pressed.call.as_str(), press.button, press.by.as_str()), ("call-1", Button::CallBack, "U0DANA"));
        assert_eq!((pressed.message.channel.as_str(), pressed.message.ts.as_str()), ("C1", "1795456800.000042"));
        assert_eq!(press.pressed_at, "2026-11-23T18:01:40.5Z".parse().unwrap());
        assert_eq!(reply, Reply(Some(Secret::new("https://hooks.slack.com/actions/T/1/x"))));
    }

    #[test]
    fn parse_press_of_another_version_or_shape_is_unknown() {
        let changes: [fn(&mut Value); 7] = [
            |frame| frame["payload"]["actions"][0]["action_id"] = json!("poprelay_snooze"),
            |frame| frame["payload"]["actions"][0]["value"] = json!(null),
            |frame| frame["payload"]["actions"][0]["action_ts"] = json!("99999999999999999999.1"),
            |frame| frame["payload"]["actions"] = json!([]),
            |frame| frame["payload"]["actions"] = json!("x"),
            |frame| frame["payload"]["user"]["id"] = json!("U1><!here"),
            |frame| frame["payload"]["container"] = json!(null),
        ];
        for change in changes {
            let Content::UnknownButton(Reply(Some(_))) = content_of(change) else { panic!() };
        }
        assert_eq!(content_of(|frame| frame["payload"]["actions"][0]["url"] = json!("https://crm")), Content::Link);
    }

    #[test]
    fn parse_other_envelopes_are_foreign_and_control_frames_known() {
        assert_eq!(
            content_of(|frame| frame["payload"]["type"] = json!("view_submission")),
            Content::Foreign("interactive view_submission".to_owned())
        );
        assert_eq!(
            content_of(|frame| *frame = json!({ "type": "slash_commands", "envelope_id": "e-1", "payload": {} })),
            Content::Foreign("slash_commands".to_owned())
        );
        assert_eq!(parse(r#"{"type":"hello","num_connections":3,"connection_info":{}}"#), SlackFrame::Hello(3));
        let disconnect = |reason: &str| parse(&json!({ "type": "disconnect", "reason": reason }).to_string());
        for reason in ["warning", "refresh_requested", "of_a_later_year"] {
            assert_eq!(disconnect(reason), SlackFrame::Disconnect(Announcement::Replace), "{reason}");
        }
        assert_eq!(parse(r#"{"type":"disconnect"}"#), SlackFrame::Disconnect(Announcement::Replace));
        assert_eq!(disconnect("link_disabled"), SlackFrame::Disconnect(Announcement::Disabled));
        assert_eq!(disconnect("too_many_websockets"), SlackFrame::Disconnect(Announcement::TooMany));
        for text in ["", "[]", "{}", r#"{"type":"interactive"}"#, r#"{"type":"x","envelope_id":""}"#] {
            assert_eq!(parse(text), SlackFrame::Unknown, "{text}");
        }
    }
}
