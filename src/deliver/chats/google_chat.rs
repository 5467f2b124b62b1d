//! Webhooks of Google Chat. A webhook cannot edit its messages; all messages of a call go into one thread. `requestId` makes a
//! repeated request harmless: Google answers with the message that exists.

use super::chat::{Chat, ChatOptions, Endpoint, Message, Problem, Request, keep_keys};
use crate::{
    deliver::{
        rate_limit::RateLimit,
        response::{HttpResponse, PostResult},
        table::{
            Action,
            BodyMatch::{Any, Key},
            ResponseMatch, ResponseRule, at, range, rule, wait,
        },
    },
    model::{
        delivery::{MessageRef, SinkKind},
        secret::Secret,
    },
};
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

/// The chat. A space accepts about one message a second from all webhooks together.
pub(super) static CHAT: Chat = Chat {
    kind: SinkKind::GoogleChat,
    title: "Google Chat webhook",
    keys: &[],
    check,
    rate: RateLimit { per_second: 0.5, burst: 2 },
    edit_rate: RateLimit { per_second: 0.5, burst: 2 },
    shared_limit: None,
    request,
    parse,
    rules: RULES,
    status_rules: STATUS_RULES,
};

const KIND: &[SinkKind] = &[SinkKind::GoogleChat];
const NEW_WEBHOOK: &str = "Create a new webhook in the space (Apps & integrations) and put its URL into the config.";
const REPORT: &str = "Read the response with `poprelay outbox show`. This is probably a bug in poprelay.";

#[rustfmt::skip] // a table is read by its columns
static RULES: &[ResponseRule] = &[
    rule(KIND, range(200, 299, Key("name")), Action::Delivered, "delivered", ""),
    rule(KIND, ResponseMatch::Incomplete(200, 299), Action::Retry, "incomplete response", ""),
    // The request id makes a repetition harmless.
    rule(KIND, ResponseMatch::NoResponse, Action::Retry, "no response after sending", "If this persists, check DNS, the network and the proxy."),
    rule(KIND, at(429, Any), wait(2), "too many messages", ""),
];
#[rustfmt::skip]
static STATUS_RULES: &[ResponseRule] = &[
    rule(KIND, at(400, Any), Action::Plain, "Google Chat cannot read the card", REPORT),
    rule(KIND, at(401, Any), Action::Disable, "Google Chat does not accept the webhook's key or token", NEW_WEBHOOK),
    rule(KIND, at(403, Any), Action::Disable, "Google Chat forbids the webhook", NEW_WEBHOOK),
    rule(KIND, at(404, Any), Action::Disable, "the webhook or its space is gone", NEW_WEBHOOK),
    rule(KIND, at(413, Any), Action::Plain, "the card is too large", REPORT),
];

fn check(url: &Url, _: &ChatOptions) -> Vec<Problem> {
    let has = |name: &str| url.query_pairs().any(|(key, _)| key == name);
    let text = "key= and token= are missing in the URL. Put the URL into quotes and copy it whole";
    if has("key") && has("token") { Vec::new() } else { vec![Problem { key: "url", text, is_error: true }] }
}

fn request(endpoint: &Endpoint<'_>, message: &Message<'_>) -> Option<Request> {
    let mut url = Url::parse(endpoint.url.expose()).ok()?;
    let mut body: Map<String, Value> = serde_json::from_str(message.body).ok()?;
    if message.key.is_some() {
        body.insert("thread".to_owned(), json!({ "threadKey": message.subject_id().simple().to_string() }));
        let delivery = message.delivery_id();
        // The same id with another body would return the message of the first body.
        let id = if body.contains_key("cardsV2") { delivery } else { Uuid::new_v5(&delivery, b"plain") };
        url.query_pairs_mut()
            .append_pair("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")
            .append_pair("requestId", &id.to_string());
    }
    Some(Request::post(Secret::new(url.as_str()), Value::Object(body).to_string()))
}

fn parse(_: &Endpoint<'_>, _: &Message<'_>, result: PostResult) -> (PostResult, Option<MessageRef>) {
    let (result, answer) = keep_keys(result, &["name"]);
    // Messages of errors may quote the card.
    let status = answer.as_ref().and_then(|answer| answer.get("error")?.get("status")?.as_str());
    match (result, status) {
        (PostResult::Response(reply), Some(status)) => {
            let body = json!({ "error": status }).to_string();
            (PostResult::Response(HttpResponse { body, ..reply }), None)
        }
        (result, _) => (result, None),
    }
}
