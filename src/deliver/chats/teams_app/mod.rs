//! A Teams app: its bot posts into a channel through the Bot Connector, and edits and answers its messages. The bot needs no
//! address, because it only sends.

mod rules;
#[cfg(test)]
mod tests;

pub use rules::CHANNEL_ERRORS;

use super::chat::{Chat, Endpoint, Message, OptionKey, Request, keep_keys, message_id, message_ref, no_problems};
use crate::{
    deliver::{
        rate_limit::RateLimit,
        response::{HttpResponse, PostResult},
        teams_bot::Bot,
    },
    model::{
        delivery::{MessageRef, PostMode, SinkKind},
        secret::Secret,
    },
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use rules::{BLOCKED, RULES, STATUS_RULES};
use serde_json::{Map, Value, json};

/// Requests that Teams accepts from a bot in one conversation, each with a time in seconds. Source: "rate limiting" in
/// Microsoft's Teams documentation, limits per bot and thread. Here they hold for a channel as a whole.
const CONVERSATION_LIMITS: [(f64, f64); 4] = [(7.0, 1.0), (8.0, 2.0), (60.0, 30.0), (1800.0, 3600.0)];
/// Limit of posts and edits together. With [`LONG_TERM`] it keeps all [`CONVERSATION_LIMITS`].
const RATE: RateLimit = RateLimit { per_second: 1.0, burst: 6 };
/// Limit over an hour: 600 requests, and 20 per minute.
const LONG_TERM: RateLimit = RateLimit { per_second: 1.0 / 3.0, burst: 600 };
const _: () = assert!(keeps(RATE, LONG_TERM, &CONVERSATION_LIMITS));

/// The chat.
pub static CHAT: Chat = Chat {
    kind: SinkKind::TeamsApp,
    title: "Teams app",
    keys: &[OptionKey::Secret, OptionKey::Tenant, OptionKey::AppId, OptionKey::Cloud, OptionKey::LoginUrl],
    check: no_problems,
    rate: RATE,
    edit_rate: RATE,
    shared_limit: Some(LONG_TERM),
    request,
    parse,
    rules: RULES,
    status_rules: STATUS_RULES,
};

/// Signs that a path segment may contain. Microsoft's SDKs escape the others in ids.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns whether two token buckets together keep the limits: a bucket lets through its burst, and its rate times the time.
const fn keeps(rate: RateLimit, long_term: RateLimit, mut limits: &[(f64, f64)]) -> bool {
    while let [(most, seconds), rest @ ..] = limits {
        let short = rate.burst as f64 + rate.per_second * *seconds;
        let long = long_term.burst as f64 + long_term.per_second * *seconds;
        if short.min(long) > *most {
            return false;
        }
        limits = rest;
    }
    true
}

fn request(endpoint: &Endpoint<'_>, message: &Message<'_>) -> Option<Request> {
    let (bot, token) = (endpoint.options.bot.as_ref()?, endpoint.access_token?);
    let activity = activity(message.body)?;
    let base = endpoint.url.expose().trim_end_matches('/');
    let conversation = |id: &str| format!("{base}/v3/conversations/{}/activities", utf8_percent_encode(id, SEGMENT));
    let (method, url, body) = match message.mode {
        PostMode::Live { message: Some(place), .. } => {
            let id = utf8_percent_encode(message_id(place), SEGMENT);
            (Method::PUT, format!("{}/{id}", conversation(&place.channel)), activity)
        }
        PostMode::ThreadReply { message: Some(place) } => (Method::POST, conversation(&place.channel), activity),
        PostMode::Live { message: None, .. } | PostMode::ThreadReply { message: None } | PostMode::Post => {
            match endpoint.conversation {
                // Direct messages have no threads: the conversation is there already.
                Some(direct) => (Method::POST, conversation(direct), activity),
                None => {
                    let channel = json!({ "channel": { "id": bot.channel } });
                    let new = json!({ "isGroup": true, "channelData": channel, "activity": activity });
                    (Method::POST, format!("{base}/v3/conversations"), new)
                }
            }
        }
    };
    let authorization = Secret::new(format!("Bearer {}", token.expose()));
    let post = Request::post(Secret::new(url), body.to_string());
    Some(Request { method, headers: vec![("authorization".to_owned(), authorization)], ..post })
}

/// Builds the request that opens the conversation with a person. The same person has the same conversation again. Source:
/// "proactive messages" in Microsoft's Teams documentation.
#[must_use]
pub fn new_conversation(url: &Secret, bot: &Bot, token: &Secret) -> Request {
    let base = url.expose().trim_end_matches('/');
    let body = json!({
        "isGroup": false,
        "bot": { "id": format!("28:{}", bot.credentials.client_id) },
        "members": [{ "id": bot.channel }],
        "tenantId": bot.tenant,
        "channelData": { "tenant": { "id": bot.tenant } },
    });
    let authorization = Secret::new(format!("Bearer {}", token.expose()));
    let post = Request::post(Secret::new(format!("{base}/v3/conversations")), body.to_string());
    Request { headers: vec![("authorization".to_owned(), authorization)], ..post }
}

/// Reduces a response that is no message to the error that decides.
#[must_use]
pub fn reduce(result: PostResult) -> PostResult {
    let (result, answer) = keep_keys(result, &["message"]);
    match (result, answer.as_ref().and_then(error)) {
        (PostResult::Response(reply), Some(error)) => {
            PostResult::Response(HttpResponse { body: error.to_string(), ..reply })
        }
        (result, _) => result,
    }
}

/// Builds the activity of a rendered message: notifications show its `summary`, not the card.
fn activity(rendered: &str) -> Option<Value> {
    let mut activity: Value = serde_json::from_str(rendered).ok()?;
    let summary = activity.pointer("/attachments/0/content/fallbackText").cloned();
    if let (Some(fields), Some(summary)) = (activity.as_object_mut(), summary) {
        fields.insert("summary".to_owned(), summary);
    }
    Some(activity)
}

fn parse(endpoint: &Endpoint<'_>, message: &Message<'_>, result: PostResult) -> (PostResult, Option<MessageRef>) {
    let (result, answer) = keep_keys(result, &["id", "message"]);
    let Some(answer) = answer else { return (result, None) };
    match (result, error(&answer)) {
        (PostResult::Response(reply), Some(error)) => {
            (PostResult::Response(HttpResponse { body: error.to_string(), ..reply }), None)
        }
        (result, _) if message.mode.message_ref().is_some() => (result, None),
        (result, _) => (result, posted(&answer, endpoint.conversation, message.at.as_second())),
    }
}

/// Returns the error of an answer as `{"error":{"code":…,"message":…}}`. A blocked conversation has its code inside a text.
fn error(answer: &Map<String, Value>) -> Option<Value> {
    let error = answer.get("error");
    let field = |key: &str| error.and_then(|error| error.get(key)).and_then(Value::as_str);
    let is_blocked = || answer.values().any(|value| value.to_string().contains(BLOCKED));
    let code = if answer.get("id").is_none() && is_blocked() { BLOCKED } else { field("code")? };
    Some(json!({ "error": { "code": code, "message": field("message") } }))
}

/// Returns the reference of a new message. Its id is the time of the post in milliseconds; `now` replaces any other id's time.
fn posted(answer: &Map<String, Value>, direct: Option<&str>, now: i64) -> Option<MessageRef> {
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let (conversation, id) = match direct {
        Some(conversation) => (conversation, text("id")?),
        None => {
            let conversation = text("id")?;
            let (_, thread) = conversation.split_once(";messageid=").unwrap_or_default();
            (conversation, text("activityId").unwrap_or(thread))
        }
    };
    let at = id.parse::<i64>().ok().map(|ms| ms.div_euclid(1000)).filter(|at| (now - at).abs() < 86_400);
    message_ref(conversation, at.unwrap_or(now), id)
}
