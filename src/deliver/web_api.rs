//! Slack's Web API, as far as a card needs it: `chat.postMessage`, `chat.update`, and their answers, which say everything
//! with status 200. Pure: what is asked and what was answered; [`post`](super::post) carries it.

use super::answer::{Answer, Reply};
use crate::model::{
    delivery::{Form, Place},
    secret::Secret,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Who speaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The bot's token.
    pub token: Secret,
    /// The id of the channel that is posted to. An edit goes to the channel that its message stands in.
    pub channel: String,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, behind the API's base.
    pub method: &'static str,
    /// Its arguments.
    pub body: String,
}

/// What is asked to bring a drawn message into `form`.
#[must_use]
pub fn request(drawn: &str, channel: &str, form: &Form) -> Request {
    let mut body: Map<String, Value> = serde_json::from_str(drawn).unwrap_or_default();
    let (method, channel) = match form {
        Form::Living { at: Some(place), .. } => {
            body.insert("ts".to_owned(), json!(place.message));
            // Blocks that are not named would stay.
            body.entry("blocks").or_insert_with(|| json!([]));
            body.retain(|key, _| !key.starts_with("unfurl_"));
            ("chat.update", place.channel.as_str())
        }
        Form::Reply { to: Some(place) } => {
            body.insert("thread_ts".to_owned(), json!(place.message));
            ("chat.postMessage", place.channel.as_str())
        }
        Form::Living { at: None, .. } | Form::Reply { to: None } | Form::Message => ("chat.postMessage", channel),
    };
    body.insert("channel".to_owned(), json!(channel));
    Request { method, body: Value::Object(body).to_string() }
}

/// What of an answer decides. The rest repeats the message, which is nobody's business in a table of attempts.
#[derive(Debug, Deserialize)]
struct Said {
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

/// The answer reduced to what decides, in one shape, and where the message stands if it says so. What is no answer of the
/// Web API stays as it is.
#[must_use]
pub fn read(answer: Answer) -> (Answer, Option<Place>) {
    let Answer::Reply(reply) = answer else { return (answer, None) };
    let Ok(said) = serde_json::from_str::<Said>(&reply.body) else { return (Answer::Reply(reply), None) };
    let place = match (said.channel, said.ts) {
        (Some(channel), Some(message)) if said.ok && fits(&channel) && fits(&message) => {
            Some(Place { channel, message })
        }
        _ => None,
    };
    let mut body = json!({ "ok": said.ok });
    let why = said.response_metadata.map(|metadata| metadata.messages.join("; ")).filter(|why| !why.is_empty());
    for (key, value) in [("error", said.error), ("needed", said.needed), ("why", why)] {
        if let (Some(value), Some(fields)) = (value, body.as_object_mut()) {
            fields.insert(key.to_owned(), json!(value));
        }
    }
    (Answer::Reply(Reply { body: body.to_string(), ..reply }), place)
}

/// When a message was posted, by its `ts`: seconds since 1970, and a count behind the point.
#[must_use]
pub fn posted(place: &Place) -> Option<Timestamp> {
    let (seconds, _) = place.message.split_once('.')?;
    Timestamp::from_second(seconds.parse().ok()?).ok()
}

/// Slack's ids have a dozen characters; a megabyte of one would be stored with the card.
fn fits(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_')
}

/// The `error` of an answer in the shape of [`read`]; `None` for any other.
#[must_use]
pub fn error(body: &str) -> Option<String> {
    serde_json::from_str::<Said>(body).ok().filter(|said| !said.ok)?.error
}

/// Whether an answer says that it was done.
#[must_use]
pub fn is_ok(body: &str) -> bool {
    serde_json::from_str::<Said>(body).is_ok_and(|said| said.ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: &str = r#"{"text":"rings","blocks":[{"type":"divider"}],"unfurl_links":false,"unfurl_media":false}"#;
    const PLAIN: &str = r#"{"text":"rings","unfurl_links":false,"unfurl_media":false}"#;

    fn place() -> Place {
        Place { channel: "C0OTHER".to_owned(), message: "1716.0042".to_owned() }
    }

    fn asked(drawn: &str, form: &Form) -> (&'static str, Value) {
        let request = request(drawn, "C0123ABCD", form);
        (request.method, serde_json::from_str(&request.body).unwrap())
    }

    fn reply(body: &str) -> Answer {
        Answer::Reply(Reply { status: 200, retry_after: None, body: body.to_owned(), whole: true })
    }

    #[test]
    fn a_living_card_is_posted_once_and_then_edited_where_it_stands() {
        let (method, body) = asked(DRAWN, &Form::Living { at: None, lost: false });
        assert_eq!((method, &body["channel"], body.get("ts")), ("chat.postMessage", &json!("C0123ABCD"), None));
        assert_eq!(body["unfurl_links"], false);
        let (method, body) = asked(DRAWN, &Form::Living { at: Some(place()), lost: false });
        let edit =
            json!({ "channel": "C0OTHER", "ts": "1716.0042", "text": "rings", "blocks": [{ "type": "divider" }] });
        assert_eq!((method, body), ("chat.update", edit));
        let (_, body) = asked(PLAIN, &Form::Living { at: Some(place()), lost: false });
        assert_eq!(body["blocks"], json!([]), "or the blocks of the full form would stay");
    }

    #[test]
    fn a_reply_names_its_thread_and_without_one_is_a_message() {
        let (method, body) = asked(PLAIN, &Form::Reply { to: Some(place()) });
        assert_eq!(
            (method, &body["thread_ts"], &body["channel"]),
            ("chat.postMessage", &json!("1716.0042"), &json!("C0OTHER"))
        );
        for form in [Form::Reply { to: None }, Form::Message] {
            let (method, body) = asked(PLAIN, &form);
            assert_eq!(
                (method, &body["channel"], body.get("thread_ts")),
                ("chat.postMessage", &json!("C0123ABCD"), None)
            );
        }
    }

    #[test]
    fn a_ts_says_when_its_message_was_posted_and_what_is_none_says_nothing() {
        let at = |ts: &str| posted(&Place { message: ts.to_owned(), ..place() });
        assert_eq!(at("1795456800.000042"), "2026-11-23T18:00:00Z".parse().ok());
        for nonsense in ["", ".", "x.1", "1795456800", "99999999999999999999.1", "999999999999999.1"] {
            assert_eq!(at(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn of_an_answer_only_what_decides_is_kept() {
        let (answer, at) = read(reply(
            r#"{ "ok": true, "channel": "C0OTHER", "ts": "1716.0042", "message": { "text": "Alice Martin" } }"#,
        ));
        assert_eq!((answer.shown(""), at), (r#"{"ok":true}"#.to_owned(), Some(place())));
        let (answer, at) = read(reply(
            r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] too long"]},"echo":"Alice"}"#,
        ));
        let shown = answer.shown("");
        assert!(shown.contains("invalid_blocks") && shown.contains("too long") && !shown.contains("Alice"), "{shown}");
        assert_eq!(at, None);
    }

    #[test]
    fn what_is_no_answer_of_the_api_stays_as_it_is_and_names_no_place() {
        for body in ["", "ok", "<html>", "[]", r#"{"ok":"yes"}"#, r#"{"error":"x"}"#, "null"] {
            assert_eq!(read(reply(body)), (reply(body), None), "{body}");
            assert!(!is_ok(body) && error(body).is_none());
        }
        let long = format!(r#"{{"ok":true,"channel":"{}","ts":"1"}}"#, "C".repeat(65));
        assert_eq!(read(reply(&long)).1, None);
        assert_eq!(read(Answer::Unusable), (Answer::Unusable, None));
    }
}
