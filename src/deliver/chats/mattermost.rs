//! Incoming webhooks of Mattermost. A webhook cannot edit its messages.

use super::chat::{Chat, Endpoint, Message, Request, no_problems};
use crate::{
    deliver::{
        rate_limit::RateLimit,
        response::{MAX_BODY_BYTES, PostResult},
        table::{
            Action,
            BodyMatch::{Any, Contains, Equals},
            ResponseMatch, ResponseRule, at, body, rule, wait,
        },
    },
    model::delivery::{MessageRef, SinkKind},
};

/// The chat. The limits of a server are its administrator's.
pub(super) static CHAT: Chat = Chat {
    kind: SinkKind::Mattermost,
    title: "Mattermost webhook",
    keys: &[],
    check: no_problems,
    rate: RateLimit { per_second: 1.0, burst: 4 },
    edit_rate: RateLimit { per_second: 1.0, burst: 4 },
    shared_limit: None,
    request,
    parse,
    rules: RULES,
    status_rules: STATUS_RULES,
};

const KIND: &[SinkKind] = &[SinkKind::Mattermost];
const NEW_WEBHOOK: &str = "Create a new incoming webhook in Mattermost and put its URL into the config.";
const TURN_ON: &str = "Ask an administrator to allow incoming webhooks (System Console, Integrations).";
const RIGHTS: &str = "Let the owner of the webhook post into its channel, or create a webhook for another channel.";
const REPORT: &str = "Read the response with `poprelay outbox show`. This is probably a bug in poprelay.";

/// Error ids of Mattermost's server. A removed webhook is answered with 400.
#[rustfmt::skip] // a table is read by its columns
static RULES: &[ResponseRule] = &[
    rule(KIND, at(200, Equals("ok")), Action::Delivered, "delivered", ""),
    rule(KIND, ResponseMatch::Incomplete(200, 299), Action::RetrySlowly, "incomplete response, the message may have arrived", ""),
    rule(KIND, body(Contains(&["web.incoming_webhook.invalid"])), Action::Disable, "the webhook is gone", NEW_WEBHOOK),
    rule(KIND, body(Contains(&["incoming_webhook.disabled"])), Action::Disable, "incoming webhooks are turned off", TURN_ON),
    rule(KIND, body(Contains(&["web.incoming_webhook.channel", "web.incoming_webhook.permissions"])), Action::Disable, "the webhook may not post into its channel", RIGHTS),
    rule(KIND, at(501, Any), Action::Disable, "incoming webhooks are turned off", TURN_ON),
    rule(KIND, at(429, Any), wait(1), "too many messages", ""),
];
#[rustfmt::skip]
static STATUS_RULES: &[ResponseRule] = &[
    rule(KIND, at(400, Any), Action::Plain, "Mattermost cannot read the card", REPORT),
    rule(KIND, at(401, Any), Action::Disable, "Mattermost forbids the webhook", NEW_WEBHOOK),
    rule(KIND, at(403, Any), Action::Disable, "the webhook may not post into its channel", RIGHTS),
    rule(KIND, at(404, Any), Action::Disable, "the webhook or its channel is gone", NEW_WEBHOOK),
    rule(KIND, at(413, Any), Action::Plain, "the card is too large", REPORT),
];

fn request(endpoint: &Endpoint<'_>, message: &Message<'_>) -> Option<Request> {
    let post = Request::post(endpoint.url.clone(), message.body);
    Some(Request { max_response_bytes: MAX_BODY_BYTES, ..post })
}

fn parse(_: &Endpoint<'_>, _: &Message<'_>, result: PostResult) -> (PostResult, Option<MessageRef>) {
    (result, None)
}
