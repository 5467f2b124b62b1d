//! Slack's Web API: requests of `chat.postMessage` and `chat.update`, and their responses, which report errors with status
//! 200. Pure; [`post`](super::post) sends the requests.

use super::response::{HttpResponse, PostResult};
use crate::model::{
    delivery::{MessageRef, PostMode},
    secret::Secret,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Credentials and channel of a Slack app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackApp {
    /// Bot token.
    pub token: Secret,
    /// ID of the channel for new messages. An edit uses the channel of its message.
    pub channel: String,
    /// App-level token; with one, presses of buttons are received.
    pub app_token: Option<Secret>,
}

/// One Web API request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackRequest {
    /// Method name, appended to the base URL.
    pub method: &'static str,
    /// Arguments as JSON.
    pub body: String,
}

/// Builds the request that posts a rendered message in the mode `form`.
#[must_use]
pub fn request(drawn: &str, channel: &str, form: &PostMode) -> SlackRequest {
    let mut body: Map<String, Value> = serde_json::from_str(drawn).unwrap_or_default();
    let (method, channel) = match form {
        PostMode::Live { message: Some(place), .. } => {
            body.insert("ts".to_owned(), json!(place.ts));
            // Slack keeps the old blocks if the field is missing.
            body.entry("blocks").or_insert_with(|| json!([]));
            body.retain(|key, _| !key.starts_with("unfurl_"));
            ("chat.update", place.channel.as_str())
        }
        PostMode::ThreadReply { message: Some(place) } => {
            body.insert("thread_ts".to_owned(), json!(place.ts));
            ("chat.postMessage", place.channel.as_str())
        }
        PostMode::Live { message: None, .. } | PostMode::ThreadReply { message: None } | PostMode::Post => {
            ("chat.postMessage", channel)
        }
    };
    body.insert("channel".to_owned(), json!(channel));
    SlackRequest { method, body: Value::Object(body).to_string() }
}

/// Fields of a response that decide. The rest repeats the message, which must not be stored in the table of attempts.
#[derive(Debug, Deserialize)]
struct ApiResponse {
    ok: bool,
    error: Option<String>,
    needed: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
    response_metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    messages: Vec<String>,
}

/// Reduces a response to the fields that decide, and returns the message reference if present. A body that is no Web API
/// response stays unchanged.
#[must_use]
pub fn parse_response(answer: PostResult) -> (PostResult, Option<MessageRef>) {
    let PostResult::Response(reply) = answer else { return (answer, None) };
    let Ok(response) = serde_json::from_str::<ApiResponse>(&reply.body) else {
        return (PostResult::Response(reply), None);
    };
    let message_ref = match (response.channel, response.ts) {
        (Some(channel), Some(message)) if response.ok && is_valid_id(&channel) && is_valid_id(&message) => {
            Some(MessageRef { channel, ts: message })
        }
        _ => None,
    };
    let mut body = json!({ "ok": response.ok });
    let detail = response.response_metadata.map(|metadata| metadata.messages.join("; "));
    let detail = detail.filter(|detail| !detail.is_empty());
    for (key, value) in [("error", response.error), ("needed", response.needed), ("why", detail)] {
        if let (Some(value), Some(fields)) = (value, body.as_object_mut()) {
            fields.insert(key.to_owned(), json!(value));
        }
    }
    (PostResult::Response(HttpResponse { body: body.to_string(), ..reply }), message_ref)
}

/// Returns the time of a message by its `ts`: seconds since 1970, then a counter after the point.
#[must_use]
pub fn posted_at(place: &MessageRef) -> Option<Timestamp> {
    let (seconds, _) = place.ts.split_once('.')?;
    Timestamp::from_second(seconds.parse().ok()?).ok()
}

/// Returns whether an ID is safe to store. Slack's IDs have about 12 characters; the limit is 64.
fn is_valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_')
}

/// Returns the `error` of a response reduced by [`parse_response`]; `None` for any other body.
#[must_use]
pub fn error_code(body: &str) -> Option<String> {
    serde_json::from_str::<ApiResponse>(body).ok().filter(|response| !response.ok)?.error
}

/// Returns whether a response has `ok:false`, with or without an error.
#[must_use]
pub fn is_not_ok(body: &str) -> bool {
    serde_json::from_str::<ApiResponse>(body).is_ok_and(|response| !response.ok)
}

/// Returns whether a response has `ok:true`.
#[must_use]
pub fn is_ok(body: &str) -> bool {
    serde_json::from_str::<ApiResponse>(body).is_ok_and(|response| response.ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: &str = r#"{"text":"rings","blocks":[{"type":"divider"}],"unfurl_links":false,"unfurl_media":false}"#;
    const PLAIN: &str = r#"{"text":"rings","unfurl_links":false,"unfurl_media":false}"#;

    fn place() -> MessageRef {
        MessageRef { channel: "C0OTHER".to_owned(), ts: "1716.0042".to_owned() }
    }

    fn built(drawn: &str, form: &PostMode) -> (&'static str, Value) {
        let request = request(drawn, "C0123ABCD", form);
        (request.method, serde_json::from_str(&request.body).unwrap())
    }

    fn reply(body: &str) -> PostResult {
        PostResult::Response(HttpResponse { status: 200, retry_after: None, body: body.to_owned(), complete: true })
    }

    #[test]
    fn request_live_message_is_posted_then_edited() {
        let (method, body) = built(DRAWN, &PostMode::Live { message: None, reposted: false });
        assert_eq!((method, &body["channel"], body.get("ts")), ("chat.postMessage", &json!("C0123ABCD"), None));
        assert_eq!(body["unfurl_links"], false);
        let (method, body) = built(DRAWN, &PostMode::Live { message: Some(place()), reposted: false });
        let edit =
            json!({ "channel": "C0OTHER", "ts": "1716.0042", "text": "rings", "blocks": [{ "type": "divider" }] });
        assert_eq!((method, body), ("chat.update", edit));
        let (_, body) = built(PLAIN, &PostMode::Live { message: Some(place()), reposted: false });
        assert_eq!(body["blocks"], json!([]), "the blocks of the full card are removed");
    }

    #[test]
    fn request_reply_without_thread_is_a_message() {
        let (method, body) = built(PLAIN, &PostMode::ThreadReply { message: Some(place()) });
        assert_eq!(
            (method, &body["thread_ts"], &body["channel"]),
            ("chat.postMessage", &json!("1716.0042"), &json!("C0OTHER"))
        );
        for form in [PostMode::ThreadReply { message: None }, PostMode::Post] {
            let (method, body) = built(PLAIN, &form);
            assert_eq!(
                (method, &body["channel"], body.get("thread_ts")),
                ("chat.postMessage", &json!("C0123ABCD"), None)
            );
        }
    }

    #[test]
    fn posted_at_valid_ts_is_time_invalid_is_none() {
        let at = |ts: &str| posted_at(&MessageRef { ts: ts.to_owned(), ..place() });
        assert_eq!(at("1795456800.000042"), "2026-11-23T18:00:00Z".parse().ok());
        for nonsense in ["", ".", "x.1", "1795456800", "99999999999999999999.1", "999999999999999.1"] {
            assert_eq!(at(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn parse_response_keeps_only_deciding_fields() {
        let (answer, at) = parse_response(reply(
            r#"{ "ok": true, "channel": "C0OTHER", "ts": "1716.0042", "message": { "text": "Alice Martin" } }"#,
        ));
        assert_eq!((answer.redacted(""), at), (r#"{"ok":true}"#.to_owned(), Some(place())));
        let (answer, at) = parse_response(reply(
            r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] too long"]},"echo":"Alice"}"#,
        ));
        let shown = answer.redacted("");
        assert!(shown.contains("invalid_blocks") && shown.contains("too long") && !shown.contains("Alice"), "{shown}");
        assert_eq!(at, None);
    }

    #[test]
    fn parse_response_foreign_body_is_unchanged() {
        for body in ["", "ok", "<html>", "[]", r#"{"ok":"yes"}"#, r#"{"error":"x"}"#, "null"] {
            assert_eq!(parse_response(reply(body)), (reply(body), None), "{body}");
            assert!(!is_ok(body) && error_code(body).is_none());
        }
        let long = format!(r#"{{"ok":true,"channel":"{}","ts":"1"}}"#, "C".repeat(65));
        assert_eq!(parse_response(reply(&long)).1, None);
        assert_eq!(parse_response(PostResult::InvalidUrl), (PostResult::InvalidUrl, None));
    }
}
