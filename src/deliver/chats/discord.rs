//! Discord webhooks. `?wait=true` makes Discord answer with the message, whose id later edits use (`PATCH`).

use super::chat::{Chat, ChatOptions, Endpoint, Message, Problem, Request, keep_keys, message_id, message_ref};
use crate::{
    deliver::{
        rate_limit::RateLimit,
        response::{HttpResponse, PostResult},
        table::{
            Action,
            BodyMatch::{Any, Code, Equals, Key},
            ResponseMatch, ResponseRule, at, body, range, rule, wait,
        },
    },
    model::{
        delivery::{MessageRef, PostMode, SinkKind},
        secret::Secret,
    },
};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Milliseconds from 1970 to 2015, when Discord's ids begin to count.
const EPOCH_MS: i64 = 1_420_070_400_000;

/// The chat. Discord allows 5 requests in 2 s for a webhook, and 30 messages in a minute for a channel. Half of that is for
/// edits.
pub(super) static CHAT: Chat = Chat {
    kind: SinkKind::Discord,
    title: "Discord webhook",
    keys: &[],
    check,
    rate: RateLimit { per_second: 0.25, burst: 4 },
    edit_rate: RateLimit { per_second: 0.25, burst: 4 },
    shared_limit: None,
    request,
    parse,
    rules: RULES,
    status_rules: STATUS_RULES,
};

const KIND: &[SinkKind] = &[SinkKind::Discord];
const NEW_WEBHOOK: &str =
    "Create a new webhook in the channel's settings (Integrations) and put its URL into the config.";
const REPORT: &str = "Read the response with `poprelay outbox show`. This is probably a bug in poprelay.";

/// Discord counts invalid requests and blocks an address after 10,000 in 10 minutes: a webhook that is gone disables the
/// sink.
#[rustfmt::skip] // a table is read by its columns
static RULES: &[ResponseRule] = &[
    rule(KIND, range(200, 299, Key("id")), Action::Delivered, "delivered", ""),
    rule(KIND, at(204, Equals("")), Action::Accepted, "accepted", ""),
    rule(KIND, ResponseMatch::Incomplete(200, 299), Action::RetrySlowly, "incomplete response, the message may have arrived", ""),
    rule(KIND, body(Code(&[10008])), Action::Repost, "the message is gone", ""),
    rule(KIND, body(Code(&[10015, 50027])), Action::Disable, "the webhook is gone", NEW_WEBHOOK),
    rule(KIND, body(Code(&[10003])), Action::Disable, "the channel is gone", NEW_WEBHOOK),
    rule(KIND, body(Code(&[50006, 50035, 50109])), Action::Plain, "Discord cannot read the card", REPORT),
    rule(KIND, at(429, Any), wait(2), "too many messages", ""),
];
#[rustfmt::skip]
static STATUS_RULES: &[ResponseRule] = &[
    rule(KIND, at(400, Any), Action::Plain, "Discord cannot read the card", REPORT),
    rule(KIND, at(401, Any), Action::Disable, "Discord does not accept the webhook's token", NEW_WEBHOOK),
    rule(KIND, at(403, Any), Action::Disable, "Discord forbids the webhook", NEW_WEBHOOK),
    rule(KIND, at(404, Any), Action::Disable, "the webhook is gone", NEW_WEBHOOK),
    rule(KIND, at(413, Any), Action::Plain, "the card is too large", REPORT),
];

fn check(url: &Url, _: &ChatOptions) -> Vec<Problem> {
    let Some(end) = url.path_segments().and_then(|mut parts| parts.next_back()) else { return Vec::new() };
    let is_compatible = ["slack", "github"].contains(&end);
    let text = "expected the webhook's own URL: remove /slack or /github at its end";
    if is_compatible { vec![Problem { key: "url", text, is_error: true }] } else { Vec::new() }
}

fn request(endpoint: &Endpoint<'_>, message: &Message<'_>) -> Option<Request> {
    let mut url = Url::parse(endpoint.url.expose()).ok()?;
    let edited = match message.mode {
        PostMode::Live { message, .. } => message.as_ref(),
        PostMode::Post | PostMode::ThreadReply { .. } => None,
    };
    let Some(edited) = edited else {
        if url.query_pairs().all(|(key, _)| key != "wait") {
            url.query_pairs_mut().append_pair("wait", "true");
        }
        return Some(Request::post(Secret::new(url.as_str()), message.body));
    };
    url.path_segments_mut().ok()?.pop_if_empty().extend(["messages", message_id(edited)]);
    let post = Request::post(Secret::new(url.as_str()), message.body);
    Some(Request { method: Method::PATCH, ..post })
}

fn parse(_: &Endpoint<'_>, _: &Message<'_>, result: PostResult) -> (PostResult, Option<MessageRef>) {
    let (result, answer) = keep_keys(result, &["id", "code", "message", "retry_after"]);
    let Some(answer) = answer else { return (result, None) };
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let posted = text("id").and_then(|id| {
        let at_ms = (id.parse::<i64>().ok()? >> 22).checked_add(EPOCH_MS)?;
        message_ref(text("channel_id").unwrap_or("channel"), at_ms.div_euclid(1000), id)
    });
    // More exact than the header, which has whole seconds.
    let asked = answer.get("retry_after").and_then(Value::as_f64).filter(|wait| *wait >= 0.0);
    let asked = asked.and_then(|wait| Duration::try_from_secs_f64(wait).ok());
    match (result, asked) {
        (PostResult::Response(reply), Some(asked)) => {
            (PostResult::Response(HttpResponse { retry_after: Some(asked), ..reply }), posted)
        }
        (result, _) => (result, posted),
    }
}
