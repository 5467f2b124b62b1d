//! Topics of an ntfy server (2.16 or later). Later statuses of a call replace its notification by the same `sequence_id`. The
//! config has the topic's URL; messages go to the root of the server as JSON, which needs no encoding of headers.

use super::chat::{
    Chat, ChatOptions, Endpoint, Message, OptionKey, Problem, Request, keep_keys, message_id, message_ref,
};
use crate::{
    deliver::{
        rate_limit::RateLimit,
        response::PostResult,
        table::{
            Action,
            BodyMatch::{Any, Code, Key},
            ResponseMatch, ResponseRule, at, body, range, rule, wait,
        },
    },
    model::{
        delivery::{MessageRef, PostMode, SinkKind},
        secret::Secret,
    },
};
use serde_json::{Map, Value, json};
use url::Url;

/// The chat. A server accepts 60 messages in a burst and then one every 5 seconds, counted by address, so posts and edits
/// together stay below that.
pub(super) static CHAT: Chat = Chat {
    kind: SinkKind::Ntfy,
    title: "ntfy topic",
    keys: &[OptionKey::Token],
    check,
    rate: RateLimit { per_second: 0.1, burst: 20 },
    edit_rate: RateLimit { per_second: 0.1, burst: 20 },
    shared_limit: None,
    request,
    parse,
    rules: RULES,
    status_rules: STATUS_RULES,
};

const KIND: &[SinkKind] = &[SinkKind::Ntfy];
const NEW_TOKEN: &str =
    "Create an access token in ntfy (tk_…) that may write to the topic, and put it into the config.";
const TOPIC: &str = "Put the topic's URL into the config, as in https://ntfy.sh/your-topic.";
const QUOTA: &str =
    "The server's limit for a day is used up. Use an account with a larger one, or a server of your own.";
const REPORT: &str = "Read the response with `poprelay outbox show`. This is probably a bug in poprelay.";

/// Error codes of ntfy: the status with two further digits.
#[rustfmt::skip] // a table is read by its columns
static RULES: &[ResponseRule] = &[
    rule(KIND, range(200, 299, Key("id")), Action::Delivered, "delivered", ""),
    rule(KIND, ResponseMatch::Incomplete(200, 299), Action::RetrySlowly, "incomplete response, the message may have arrived", ""),
    rule(KIND, body(Code(&[42908])), wait(240), "the quota of the day is used up", QUOTA),
    rule(KIND, body(Code(&[40009, 40010])), Action::Disable, "the server does not accept the topic", TOPIC),
    rule(KIND, body(Code(&[41303])), Action::Plain, "the card is too large", REPORT),
    rule(KIND, at(429, Any), wait(5), "too many messages", ""),
];
#[rustfmt::skip]
static STATUS_RULES: &[ResponseRule] = &[
    rule(KIND, at(400, Any), Action::Plain, "ntfy cannot read the card", REPORT),
    rule(KIND, at(401, Any), Action::Disable, "ntfy rejects the token", NEW_TOKEN),
    rule(KIND, at(403, Any), Action::Disable, "the topic requires a token, or does not allow this one to write", NEW_TOKEN),
    rule(KIND, at(404, Any), Action::Disable, "no ntfy server at this URL", TOPIC),
    rule(KIND, at(413, Any), Action::Plain, "the card is too large", REPORT),
];

/// Splits a topic's URL into the server's root and the topic.
fn split(url: &str) -> Option<(Url, String)> {
    let url = Url::parse(url.trim()).ok()?;
    let topic = url.path_segments()?.next_back()?.to_owned();
    // ntfy's own pattern of topics.
    let is_topic =
        (1..=64).contains(&topic.len()) && topic.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let root = url.join("./").ok()?;
    (is_topic && url.query().is_none()).then_some((root, topic))
}

fn check(url: &Url, options: &ChatOptions) -> Vec<Problem> {
    let mut problems = Vec::new();
    if split(url.as_str()).is_none() {
        let text = "expected the URL of a topic, as in https://ntfy.sh/your-topic: letters, digits, - and _";
        problems.push(Problem { key: "url", text, is_error: true });
    } else if options.token.is_none() && url.host_str() == Some("ntfy.sh") {
        let text = "anyone who knows the topic's name can read the cards. Reserve the topic and set a token, or choose a name that no one can guess";
        problems.push(Problem { key: "url", text, is_error: false });
    }
    problems
}

/// Returns the sequence id of a message: that of the posted message, else one that belongs to the call.
fn sequence_id(message: &Message<'_>) -> String {
    match message.mode {
        PostMode::Live { message: Some(posted), .. } => message_id(posted).to_owned(),
        PostMode::Live { message: None, .. } => message.subject_id().simple().to_string(),
        PostMode::Post | PostMode::ThreadReply { .. } => message.delivery_id().simple().to_string(),
    }
}

fn request(endpoint: &Endpoint<'_>, message: &Message<'_>) -> Option<Request> {
    let (root, topic) = split(endpoint.url.expose())?;
    let mut body: Map<String, Value> = serde_json::from_str(message.body).ok()?;
    body.insert("topic".to_owned(), json!(topic));
    body.insert("sequence_id".to_owned(), json!(sequence_id(message)));
    let bearer =
        |token: &Secret| ("authorization".to_owned(), Secret::new(format!("Bearer {}", token.expose().trim())));
    let headers = endpoint.options.token.iter().map(bearer).collect();
    Some(Request { headers, ..Request::post(Secret::new(root.as_str()), Value::Object(body).to_string()) })
}

fn parse(endpoint: &Endpoint<'_>, message: &Message<'_>, result: PostResult) -> (PostResult, Option<MessageRef>) {
    let (result, answer) = keep_keys(result, &["id", "code", "error"]);
    let posted = answer.filter(|answer| answer.contains_key("id")).and_then(|answer| {
        let (_, topic) = split(endpoint.url.expose())?;
        // An older server ignores the sequence id and answers without it: the next status is then a new message.
        let id = answer.get("sequence_id").and_then(Value::as_str).map_or_else(|| sequence_id(message), str::to_owned);
        let seconds = answer.get("time").and_then(Value::as_i64).unwrap_or_else(|| message.at.as_second());
        message_ref(&topic, seconds, &id)
    });
    (result, posted)
}
