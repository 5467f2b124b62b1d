//! The response rules as data: meaning, action and operator advice. The first matching rule applies; the last one matches
//! everything. Rows are in order of precedence: failures without an HTTP response, then bodies whatever their status, then
//! statuses. `poprelay responses` prints the table.
//!
//! Slack and Teams have their rows here, every other chat in its file of [`chats`].
//!
//! The body goes first because proxies and old webhooks change statuses. Slack answers `action_prohibited` with 403 or 500,
//! and its Web API reports errors with 200. A flow with a response step chooses its own status.

use super::{
    chats,
    response::PostResult,
    slack_errors as slack,
    table::{
        Action,
        BodyMatch::{Any, ApiNotOk, ApiOk, Contains, Equals, FlowError, Page, SlackError},
        DEAD, ResponseMatch, ResponseRule, at, body, range, rule, wait,
    },
};
use crate::model::delivery::SinkKind::{self, Slack, SlackApp, SlackTrigger, Teams};

const ANY: &[SinkKind] = &[];
const SLACKS: &[SinkKind] = &[Slack, SlackTrigger, SlackApp];
/// Both answer with Slack's error words: a webhook as plain text, the Web API as JSON.
const POSTING: &[SinkKind] = &[Slack, SlackApp];
const WEBHOOK: &[SinkKind] = &[Slack];
const TRIGGER: &[SinkKind] = &[SlackTrigger];
const APP: &[SinkKind] = &[SlackApp];
const FLOW: &[SinkKind] = &[Teams];
/// Chats of one vendor, which answer in text or JSON. What stands before a server of the team's own is not known.
const HOSTED: &[SinkKind] = &[Slack, SlackTrigger, SlackApp, Teams];

const NETWORK: &str = "If this persists, check DNS, the network and the proxy.";
const PORTAL: &str = "A proxy or a login page of the network answers instead of the chat. If this persists, open the network for this machine.";
const PROXY_LOGIN: &str = "Give the proxy's URL a user and a password.";
const STATUS_PAGE: &str = "If this persists, check the chat's status page.";
const INVITE: &str = "Write /invite @poprelay (your app's name) in the channel, and compare its ID with the sink's channel, or the \
     member's ID in [people].";
const MEMBER_ID: &str = "Correct the member's ID or e-mail address in [people], or remove the entry.";
const MESSAGES_TAB: &str = "Turn on the Messages Tab under App Home in the app's settings.";
const NEW_TOKEN: &str = "Install the app into the workspace again and put its bot token (xoxb-…) into the config.";
const NEW_SCOPE: &str = "Give the app the bot scope chat:write, install it again and put its token into the config.";
const UNARCHIVE: &str = "Unarchive the channel, or put the ID of another channel into the config.";
const ADMIN: &str = "Ask the workspace's admins to let the app post into this channel.";
const NEW_WEBHOOK: &str = "Create a new incoming webhook in Slack and put its URL into the config.";
const VARIABLES: &str = "Compare the workflow's variables with those in the manual.";
const PUBLISH: &str = "Publish the workflow again and put its URL into the config.";
const NEW_WORKFLOW: &str = "Open the workflow in Teams. Check that it is on, that its owner still exists and that anyone may trigger \
                            it. Otherwise create a new workflow and put its URL into the config.";
const SHAPE: &str =
    "Run `poprelay test-card` for the sink: its output names the setting of `shape` that the workflow expects.";
const NO_RESPONSE_STEP: &str =
    "The workflow ended before its response step. Remove that step, or read the workflow's run history in Teams.";
const REPORT: &str = "Read the response with `poprelay outbox show`. This is probably a bug in poprelay.";
const READ_ANSWER: &str = "Read the response with `poprelay outbox show`.";

/// Fallback rule.
static FALLBACK: ResponseRule = rule(ANY, ResponseMatch::Fallback, DEAD, "unexpected response", READ_ANSWER);

/// Rule of statuses that no chat has a rule for.
static REJECTED: ResponseRule = rule(ANY, range(400, 499, Any), DEAD, "the chat rejects the message", READ_ANSWER);

/// Rules of all chats, and those of Slack and Teams.
#[rustfmt::skip] // a table is read by its columns
static ROWS: &[ResponseRule] = &[
    rule(ANY, ResponseMatch::InvalidUrl, Action::Disable, "the URL is not valid", "Correct the sink's url in the config."),
    rule(ANY, ResponseMatch::BadCertificate, Action::Retry, "the certificate is not valid", "Check the clock and root certificates of this machine, and which server answers under this name."),
    rule(ANY, ResponseMatch::NotSent, Action::Retry, "no connection", NETWORK),
    rule(ANY, ResponseMatch::NoResponse, Action::RetrySlowly, "no response after sending, the message may have arrived", NETWORK),
    rule(POSTING, range(200, 299, ApiOk), Action::Delivered, "delivered", ""),
    rule(SLACKS, body(SlackError(slack::RATE_LIMITED)), wait(1), "too many messages", ""),
    rule(POSTING, body(SlackError(slack::TRANSIENT)), Action::Retry, "server error of Slack", STATUS_PAGE),
    rule(POSTING, body(SlackError(slack::AMBIGUOUS)), Action::RetrySlowly, "server error of Slack, the message may have arrived", STATUS_PAGE),
    rule(APP, body(SlackError(slack::MESSAGE_GONE)), Action::Repost, "the message is gone or locked", ""),
    rule(POSTING, body(SlackError(slack::INVALID_PAYLOAD)), Action::Plain, "Slack cannot read the card", REPORT),
    rule(WEBHOOK, body(SlackError(slack::ARCHIVED)), Action::Disable, "the channel is archived", NEW_WEBHOOK),
    rule(WEBHOOK, body(SlackError(slack::NOT_IN_CHANNEL)), Action::Disable, "the webhook's channel is gone", NEW_WEBHOOK),
    rule(WEBHOOK, body(SlackError(slack::WEBHOOK_GONE)), Action::Disable, "the webhook is gone", NEW_WEBHOOK),
    rule(APP, body(SlackError(slack::ARCHIVED)), Action::Disable, "the channel is archived", UNARCHIVE),
    rule(APP, body(SlackError(slack::NOT_IN_CHANNEL)), Action::Disable, "the bot is not in the channel, or the channel does not exist", INVITE),
    rule(APP, body(SlackError(slack::MEMBER_GONE)), Action::Disable, "the workspace has no such member, or the member has left", MEMBER_ID),
    rule(APP, body(SlackError(slack::NO_DIRECT_MESSAGES)), Action::Disable, "the app cannot write direct messages", MESSAGES_TAB),
    rule(APP, body(SlackError(slack::MISSING_SCOPE)), Action::Disable, "the token lacks a scope", NEW_SCOPE),
    rule(APP, body(SlackError(slack::INVALID_TOKEN)), Action::Disable, "Slack rejects the token", NEW_TOKEN),
    rule(POSTING, body(SlackError(slack::RESTRICTED)), Action::Disable, "the workspace forbids the app to post", ADMIN),
    rule(TRIGGER, body(ApiNotOk), Action::Disable, "the workflow rejects the card", VARIABLES),
    rule(FLOW, body(FlowError(&["NoResponse"])), Action::RetryOnce, "the workflow ended without its response, the message was probably posted", NO_RESPONSE_STEP),
    rule(FLOW, body(FlowError(&["TriggerInputSchemaMismatch"])), Action::Dead { disable_after: 3 }, "the workflow expects another message format", SHAPE),
    rule(FLOW, body(FlowError(&["DirectApiAuthorizationRequired"])), Action::Disable, "the workflow does not accept the URL's signature", NEW_WORKFLOW),
    rule(FLOW, body(FlowError(&["WorkflowNotFound"])), Action::Disable, "the workflow is gone", NEW_WORKFLOW),
    rule(FLOW, body(FlowError(&["WorkflowTriggerIsNotEnabled"])), Action::Disable, "the workflow is turned off", NEW_WORKFLOW),
    rule(FLOW, at(400, Contains(&["\"code\":\"Workflow"])), Action::Disable, "the workflow is turned off", NEW_WORKFLOW),
    rule(FLOW, range(400, 599, Contains(&["RequestEntityTooLarge", "MessageSizeExceeded"])), Action::Plain, "the card is too large", REPORT),
    rule(ANY, range(200, 299, Page), Action::RetrySlowly, "a web page instead of the chat's response", PORTAL),
    rule(HOSTED, at(400, Page), Action::RetrySlowly, "a web page instead of the chat's response", PORTAL),
    rule(HOSTED, at(403, Page), Action::Disable, "a web page instead of the chat's response", PORTAL),
    rule(ANY, range(300, 399, Any), Action::Disable, "the URL redirects, and a secret URL is sent to no other host", "Put the final URL into the config, unless the network shows a login page."),
    rule(ANY, at(407, Any), Action::Retry, "the proxy requires a login", PROXY_LOGIN),
    rule(SLACKS, at(429, Any), wait(1), "too many messages", ""),
    rule(FLOW, at(429, Any), wait(30), "too many messages", ""),
    rule(ANY, at(408, Any), Action::Retry, "the chat timed out", ""),
    rule(ANY, at(425, Any), Action::Retry, "the chat is not ready", ""),
    rule(ANY, at(421, Any), Action::Retry, "a server that does not serve the chat", NETWORK),
    rule(ANY, at(511, Any), Action::Retry, "the network requires a login", PORTAL),
    rule(ANY, at(520, Any), Action::RetrySlowly, "a gateway got no response of the chat, the message may have arrived", STATUS_PAGE),
    rule(ANY, at(524, Any), Action::RetrySlowly, "a gateway got no response of the chat, the message may have arrived", STATUS_PAGE),
    rule(ANY, at(502, Any), Action::RetrySlowly, "a gateway got no response of the chat, the message may have arrived", STATUS_PAGE),
    rule(ANY, at(504, Any), Action::RetrySlowly, "a gateway got no response of the chat, the message may have arrived", STATUS_PAGE),
    rule(ANY, range(500, 599, Any), Action::Retry, "server error of the chat", STATUS_PAGE),
    rule(WEBHOOK, at(200, Equals("ok")), Action::Delivered, "delivered", ""),
    rule(POSTING, ResponseMatch::Incomplete(200, 299), Action::RetrySlowly, "incomplete response, the message may have arrived", ""),
    rule(WEBHOOK, range(200, 299, Any), Action::Plain, "the response is not Slack's ok", READ_ANSWER),
    rule(WEBHOOK, at(403, Any), Action::Disable, "Slack forbids the webhook", NEW_WEBHOOK),
    rule(WEBHOOK, at(404, Any), Action::Disable, "the webhook or its channel is gone", NEW_WEBHOOK),
    rule(WEBHOOK, at(410, Any), Action::Disable, "the channel is archived", NEW_WEBHOOK),
    rule(POSTING, at(413, Any), Action::Plain, "the card is too large", REPORT),
    rule(APP, range(200, 299, Any), Action::Plain, "unknown response of Slack", READ_ANSWER),
    rule(APP, at(401, Any), Action::Disable, "Slack rejects the token", NEW_TOKEN),
    rule(APP, at(403, Any), Action::Disable, "Slack rejects the token", NEW_TOKEN),
    rule(APP, at(404, Any), Action::Disable, "no Web API at this URL", "Correct the sink's api_url in the config."),
    rule(TRIGGER, range(200, 299, Any), Action::Delivered, "delivered", ""),
    rule(TRIGGER, at(400, Any), Action::Disable, "the workflow's variables do not match", VARIABLES),
    rule(TRIGGER, at(404, Any), Action::Disable, "the workflow is gone", PUBLISH),
    rule(FLOW, range(200, 299, Any), Action::Accepted, "accepted", ""),
    rule(FLOW, at(413, Any), Action::Plain, "the card is too large", REPORT),
    rule(FLOW, at(401, Any), Action::Disable, "the workflow does not accept the URL's signature", NEW_WORKFLOW),
    rule(FLOW, at(403, Any), Action::Disable, "a policy forbids the workflow", NEW_WORKFLOW),
    rule(FLOW, at(404, Any), Action::Disable, "the workflow is gone", NEW_WORKFLOW),
    rule(FLOW, at(410, Any), Action::Disable, "the workflow is gone", NEW_WORKFLOW),
    rule(HOSTED, range(400, 499, Page), Action::RetrySlowly, "a web page instead of the chat's response", PORTAL),
];

/// Iterates over all rules in order: the words of a chat, then the rules of all chats, then the statuses of a chat.
pub fn rules() -> impl Iterator<Item = &'static ResponseRule> {
    let words = chats::ALL.iter().flat_map(|chat| chat.rules);
    let statuses = chats::ALL.iter().flat_map(|chat| chat.status_rules);
    words.chain(ROWS).chain(statuses).chain([&REJECTED, &FALLBACK])
}

/// Returns the rule for `answer` from a sink of `kind`.
#[must_use]
pub fn find_rule(kind: SinkKind, answer: &PostResult) -> &'static ResponseRule {
    rules().find(|row| row.matches(kind, answer)).unwrap_or(&FALLBACK)
}
