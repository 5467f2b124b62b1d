//! A program of the operator that receives JSON, signed after the Standard Webhooks specification 1.0.0. A delivery has one
//! id over all attempts, and optionally the headers of CloudEvents 1.0. The body is `cards::chats::webhook`'s.

use super::chat::{Chat, ChatOptions, Endpoint, Message, OptionKey, Problem, Request};
use crate::{
    deliver::{
        rate_limit::RateLimit,
        response::{MAX_BODY_BYTES, PostResult},
        table::{Action, BodyMatch::Any, ResponseRule, at, range, rule, wait},
    },
    model::{
        delivery::{MessageRef, SinkKind},
        secret::Secret,
    },
};
use url::Url;

/// Header of the layout whose presence means CloudEvents.
const CLOUD_EVENTS_VERSION: &str = "ce-specversion";
const USER_AGENT: &str = concat!("poprelay/", env!("CARGO_PKG_VERSION"));

/// The chat. A program accepts more messages than a channel that people read.
pub(super) static CHAT: Chat = Chat {
    kind: SinkKind::Webhook,
    title: "webhook",
    keys: &[OptionKey::Secret, OptionKey::Headers, OptionKey::Body, OptionKey::CloudEvents],
    check,
    rate: RateLimit { per_second: 10.0, burst: 20 },
    edit_rate: RateLimit { per_second: 10.0, burst: 20 },
    shared_limit: None,
    request,
    parse,
    rules: RULES,
    status_rules: STATUS_RULES,
};

const KIND: &[SinkKind] = &[SinkKind::Webhook];
const READ_ANSWER: &str =
    "Read the response with `poprelay outbox show`, and compare it with what the receiver expects.";
const GONE: &str = "Put the receiver's new URL into the config, or remove the sink.";

#[rustfmt::skip] // a table is read by its columns
static RULES: &[ResponseRule] = &[
    rule(KIND, range(200, 299, Any), Action::Delivered, "delivered", ""),
    rule(KIND, at(410, Any), Action::Disable, "the receiver is gone for good", GONE),
    rule(KIND, at(429, Any), wait(1), "too many messages", ""),
];
#[rustfmt::skip]
static STATUS_RULES: &[ResponseRule] = &[
    rule(KIND, range(400, 499, Any), Action::Plain, "the receiver rejects the message", READ_ANSWER),
];

fn check(_: &Url, options: &ChatOptions) -> Vec<Problem> {
    let unsigned = options.signing_key.is_none() && !options.has_own_body;
    let text = "missing: the receiver cannot tell who sends. Set secret = \"whsec_…\" and check the signature there";
    if unsigned { vec![Problem { key: "secret", text, is_error: false }] } else { Vec::new() }
}

fn request(endpoint: &Endpoint<'_>, message: &Message<'_>) -> Option<Request> {
    let id = message.delivery_id().to_string();
    let mut headers = vec![
        ("user-agent".to_owned(), Secret::new(USER_AGENT)),
        ("webhook-id".to_owned(), Secret::new(id.as_str())),
        ("webhook-timestamp".to_owned(), Secret::new(message.at.as_second().to_string())),
    ];
    if let Some(key) = &endpoint.options.signing_key {
        headers.push(("webhook-signature".to_owned(), Secret::new(key.sign(&id, message.at, message.body))));
    }
    let rendered = message.headers.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str())));
    headers.extend(rendered);
    if message.headers.iter().any(|(name, _)| name == CLOUD_EVENTS_VERSION) {
        headers.push(("ce-id".to_owned(), Secret::new(id)));
    }
    headers.extend(endpoint.options.headers.iter().cloned());
    let max_response_bytes = MAX_BODY_BYTES;
    Some(Request { headers, max_response_bytes, ..Request::post(endpoint.url.clone(), message.body) })
}

fn parse(_: &Endpoint<'_>, _: &Message<'_>, result: PostResult) -> (PostResult, Option<MessageRef>) {
    (result, None)
}
