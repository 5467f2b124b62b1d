//! The response rules, as data: meaning, action and operator advice for each response of each kind of sink. The first
//! matching rule applies; the last one matches everything. `poprelay responses` prints the table.

use super::response::{HttpResponse, PostResult};
use crate::{
    deliver::{slack_api, slack_errors},
    model::delivery::SinkKind::{self, Slack, SlackApp, SlackTrigger, Teams, TeamsConnector},
};
use std::time::Duration;

/// One response rule.
#[derive(Debug, PartialEq, Eq)]
pub struct ResponseRule {
    /// Kinds of sink the rule applies to; empty means all.
    pub sinks: &'static [SinkKind],
    /// Responses the rule applies to.
    pub on: ResponseMatch,
    /// Action for the delivery and the sink.
    pub action: Action,
    /// Meaning of the response.
    pub reason: &'static str,
    /// Advice for the operator; empty if there is none.
    pub advice: &'static str,
}

/// Condition on the result of a post.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponseMatch {
    /// [`PostResult::NotSent`].
    NotSent,
    /// [`PostResult::BadCertificate`].
    BadCertificate,
    /// [`PostResult::NoResponse`].
    NoResponse,
    /// [`PostResult::InvalidUrl`].
    InvalidUrl,
    /// A status in the range (inclusive) with an incomplete body, for chats whose body decides.
    Incomplete(u16, u16),
    /// A status in the range (inclusive) and a matching body.
    Status(u16, u16, BodyMatch),
    /// Every result without another rule.
    Fallback,
}

/// Condition on the body of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyMatch {
    /// Any body.
    Any,
    /// Exactly this text after trimming.
    Equals(&'static str),
    /// Contains one of these texts.
    Contains(&'static [&'static str]),
    /// `ok:true` of Slack's Web API.
    ApiOk,
    /// `ok:false` of Slack's Web API, with one of these errors.
    ApiError(&'static [&'static str]),
    /// The connector's `HTTP error NNN` is in the range (inclusive).
    HttpError(u16, u16),
}

/// Action that follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The chat shows the message.
    Delivered,
    /// The chat accepted the message without confirming that it shows it.
    Accepted,
    /// The whole sink waits for `Retry-After`, or for `first`, doubled up to `most` on each repetition.
    Wait {
        /// First wait without `Retry-After`.
        first: Duration,
        /// Maximum wait without `Retry-After`.
        most: Duration,
    },
    /// Retry with backoff.
    Retry,
    /// Retry once with backoff: the message may have arrived. An edit is retried without limit.
    RetryOnce,
    /// The message is gone or locked: post the newest state again, once.
    Repost,
    /// Retry once as plain text, then dead letter. [`REFUSALS_TO_DISABLE`] in a row disable the sink.
    Plain,
    /// Dead letter. Several in a row disable the sink.
    Dead {
        /// Number of different rejected messages in a row that disables the sink.
        disable_after: u32,
    },
    /// The sink is disabled until a probe succeeds or the operator enables it.
    Disable,
}

/// Equal rejections of different messages in a row after which the sink is at fault, not the messages.
pub const REFUSALS_TO_DISABLE: u32 = 5;

const ANY: &[SinkKind] = &[];
const SLACKS: &[SinkKind] = &[Slack, SlackTrigger, SlackApp];
const APP: &[SinkKind] = &[SlackApp];
const TEAMSES: &[SinkKind] = &[Teams, TeamsConnector];

/// Bodies of a Slack webhook that rejects a message (changelog of May 2016, and bodies observed since).
const SLACK_PAYLOAD: &[&str] = &[
    "invalid_payload",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "no_text",
    "missing_text",
    "too_many_attachments",
];

const INVITE: &str =
    "Write /invite @poprelay (your app's name) in the channel, and compare its ID with the sink's channel.";
const NEW_TOKEN: &str = "Install the app into the workspace again and put its bot token (xoxb-…) into the config.";
const NEW_SCOPE: &str = "Give the app the bot scope chat:write, install it again and put its token into the config.";
const UNARCHIVE: &str = "Unarchive the channel, or put the ID of another channel into the config.";
const ADMIN: &str = "Ask the workspace's admins to let the app post into this channel.";
const NEW_WEBHOOK: &str = "Create a new incoming webhook in Slack and put its URL into the config.";
const NEW_WORKFLOW: &str = "Open the workflow in Teams. Check that it is on, that its owner still exists and that anyone may trigger \
                            it. Otherwise create a new workflow and put its URL into the config.";
const RETIRED: &str =
    "Office 365 connectors are retired: create a Teams Workflow and use its URL with type = \"teams\".";
const REPORT: &str = "Read the response with `poprelay outbox show`. This is probably a bug in poprelay.";
const READ_ANSWER: &str = "Read the response with `poprelay outbox show`.";

const fn rule(
    sinks: &'static [SinkKind],
    on: ResponseMatch,
    act: Action,
    reason: &'static str,
    advice: &'static str,
) -> ResponseRule {
    ResponseRule { sinks, on, action: act, reason, advice }
}

const fn wait(first: u64, most: u64) -> Action {
    Action::Wait { first: Duration::from_secs(first), most: Duration::from_secs(most) }
}

/// Fallback rule.
static FALLBACK: ResponseRule = rule(
    ANY,
    ResponseMatch::Fallback,
    Action::Dead { disable_after: REFUSALS_TO_DISABLE },
    "unexpected response",
    READ_ANSWER,
);

/// All rules except the fallback.
#[rustfmt::skip] // a table is read by its columns
static ROWS: &[ResponseRule] = &[
    rule(ANY, ResponseMatch::InvalidUrl, Action::Disable, "the URL is not valid", "Correct the sink's url in the config."),
    rule(ANY, ResponseMatch::BadCertificate, Action::Disable, "the certificate is not valid", "Check the clock and root certificates of this machine, and which server answers under this name."),
    rule(ANY, ResponseMatch::NotSent, Action::Retry, "no connection", "If this persists, check DNS, the network and the proxy."),
    rule(ANY, ResponseMatch::NoResponse, Action::RetryOnce, "no response after sending, the message may have arrived", ""),
    rule(ANY, ResponseMatch::Status(300, 399, BodyMatch::Any), Action::Disable, "the URL redirects, and a secret URL is sent to no other host", "Put the final URL into the config."),
    rule(SLACKS, ResponseMatch::Status(429, 429, BodyMatch::Any), wait(1, 1), "too many messages", ""),
    rule(TEAMSES, ResponseMatch::Status(429, 429, BodyMatch::Any), wait(30, 30), "too many messages", ""),
    rule(ANY, ResponseMatch::Status(408, 408, BodyMatch::Any), Action::Retry, "the chat timed out", ""),
    rule(ANY, ResponseMatch::Status(425, 425, BodyMatch::Any), Action::Retry, "the chat is not ready", ""),
    rule(ANY, ResponseMatch::Status(500, 599, BodyMatch::Any), Action::Retry, "server error of the chat", "If this persists, check the chat's status page."),
    rule(&[Slack], ResponseMatch::Status(200, 200, BodyMatch::Equals("ok")), Action::Delivered, "delivered", ""),
    rule(&[Slack], ResponseMatch::Incomplete(200, 299), Action::RetryOnce, "incomplete response, the message may have arrived", ""),
    rule(&[Slack], ResponseMatch::Status(200, 299, BodyMatch::Any), Action::Plain, "the response is not Slack's ok", READ_ANSWER),
    rule(&[Slack], ResponseMatch::Status(400, 400, BodyMatch::Contains(SLACK_PAYLOAD)), Action::Plain, "Slack cannot read the card", REPORT),
    rule(&[Slack], ResponseMatch::Status(400, 400, BodyMatch::Contains(&["user_not_found"])), Action::Disable, "the webhook's user is gone", NEW_WEBHOOK),
    rule(&[Slack], ResponseMatch::Status(403, 403, BodyMatch::Any), Action::Disable, "Slack forbids the webhook", NEW_WEBHOOK),
    rule(&[Slack], ResponseMatch::Status(404, 404, BodyMatch::Any), Action::Disable, "the webhook or its channel is gone", NEW_WEBHOOK),
    rule(&[Slack], ResponseMatch::Status(410, 410, BodyMatch::Any), Action::Disable, "the channel is archived", NEW_WEBHOOK),
    rule(&[Slack], ResponseMatch::Status(413, 413, BodyMatch::Any), Action::Plain, "the card is too large", REPORT),
    rule(APP, ResponseMatch::Status(200, 200, BodyMatch::ApiOk), Action::Delivered, "delivered", ""),
    rule(APP, ResponseMatch::Incomplete(200, 299), Action::RetryOnce, "incomplete response, the message may have arrived", ""),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::RATE_LIMITED)), wait(1, 1), "too many messages", ""),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::TRANSIENT)), Action::Retry, "server error of Slack", "If this persists, check Slack's status page."),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::AMBIGUOUS)), Action::RetryOnce, "server error of Slack, the message may have arrived", ""),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::MESSAGE_GONE)), Action::Repost, "the message is gone or locked", ""),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::INVALID_PAYLOAD)), Action::Plain, "Slack cannot read the card", REPORT),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(&["is_archived"])), Action::Disable, "the channel is archived", UNARCHIVE),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::NOT_IN_CHANNEL)), Action::Disable, "the bot is not in the channel, or the channel does not exist", INVITE),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::MISSING_SCOPE)), Action::Disable, "the token lacks a scope", NEW_SCOPE),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::INVALID_TOKEN)), Action::Disable, "Slack rejects the token", NEW_TOKEN),
    rule(APP, ResponseMatch::Status(200, 499, BodyMatch::ApiError(slack_errors::RESTRICTED)), Action::Disable, "the workspace forbids the app to post", ADMIN),
    rule(APP, ResponseMatch::Status(200, 299, BodyMatch::Any), Action::Plain, "unknown response of Slack", READ_ANSWER),
    rule(APP, ResponseMatch::Status(401, 401, BodyMatch::Any), Action::Disable, "Slack rejects the token", NEW_TOKEN),
    rule(APP, ResponseMatch::Status(403, 403, BodyMatch::Any), Action::Disable, "Slack rejects the token", NEW_TOKEN),
    rule(APP, ResponseMatch::Status(404, 404, BodyMatch::Any), Action::Disable, "no Web API at this URL", "Correct the sink's api_url in the config."),
    rule(APP, ResponseMatch::Status(413, 413, BodyMatch::Any), Action::Plain, "the card is too large", REPORT),
    rule(&[SlackTrigger], ResponseMatch::Status(200, 299, BodyMatch::Contains(&["\"ok\":false", "\"ok\": false"])), Action::Disable, "the workflow rejects the card", "Compare the workflow's variables with those in the manual."),
    rule(&[SlackTrigger], ResponseMatch::Status(200, 299, BodyMatch::Any), Action::Delivered, "delivered", ""),
    rule(&[SlackTrigger], ResponseMatch::Status(400, 400, BodyMatch::Any), Action::Disable, "the workflow's variables do not match", "Compare the workflow's variables with those in the manual."),
    rule(&[SlackTrigger], ResponseMatch::Status(404, 404, BodyMatch::Any), Action::Disable, "the workflow is gone", "Publish the workflow again and put its URL into the config."),
    rule(&[Teams], ResponseMatch::Status(200, 299, BodyMatch::Any), Action::Accepted, "accepted", ""),
    rule(&[Teams], ResponseMatch::Status(413, 413, BodyMatch::Any), Action::Plain, "the card is too large", REPORT),
    rule(&[Teams], ResponseMatch::Status(400, 499, BodyMatch::Contains(&["RequestEntityTooLarge", "MessageSizeExceeded"])), Action::Plain, "the card is too large", REPORT),
    rule(&[Teams], ResponseMatch::Status(400, 400, BodyMatch::Contains(&["TriggerInputSchemaMismatch"])), Action::Dead { disable_after: 3 }, "the workflow expects another message format", "If the workflow was edited, create it again from the template \"Send webhook alerts to a channel\"."),
    rule(&[Teams], ResponseMatch::Status(400, 400, BodyMatch::Contains(&["WorkflowTriggerIsNotEnabled", "\"code\":\"Workflow"])), Action::Disable, "the workflow is turned off", NEW_WORKFLOW),
    rule(&[Teams], ResponseMatch::Status(401, 401, BodyMatch::Any), Action::Disable, "the workflow does not accept the URL's signature", NEW_WORKFLOW),
    rule(&[Teams], ResponseMatch::Status(403, 403, BodyMatch::Any), Action::Disable, "a policy forbids the workflow", NEW_WORKFLOW),
    rule(&[Teams], ResponseMatch::Status(404, 404, BodyMatch::Any), Action::Disable, "the workflow is gone", NEW_WORKFLOW),
    rule(&[Teams], ResponseMatch::Status(410, 410, BodyMatch::Any), Action::Disable, "the workflow is gone", NEW_WORKFLOW),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 200, BodyMatch::Equals("1")), Action::Delivered, "delivered", ""),
    rule(&[TeamsConnector], ResponseMatch::Incomplete(200, 299), Action::RetryOnce, "incomplete response, the message may have arrived", ""),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 200, BodyMatch::HttpError(429, 429)), wait(30, 120), "too many messages", ""),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 200, BodyMatch::HttpError(500, 599)), Action::Retry, "server error of Teams", ""),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 200, BodyMatch::HttpError(413, 413)), Action::Plain, "the card is too large", REPORT),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 200, BodyMatch::HttpError(400, 400)), Action::Plain, "Teams cannot read the card", REPORT),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 200, BodyMatch::HttpError(100, 999)), Action::Disable, "the connector is gone", RETIRED),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 200, BodyMatch::Contains(&["Exception"])), Action::Retry, "server error of Teams", ""),
    rule(&[TeamsConnector], ResponseMatch::Status(200, 299, BodyMatch::Any), Action::Disable, "the response is not the connector's 1", RETIRED),
    rule(&[TeamsConnector], ResponseMatch::Status(400, 400, BodyMatch::Contains(&["Summary or Text is required"])), Action::Dead { disable_after: REFUSALS_TO_DISABLE }, "the connector finds no text", REPORT),
    rule(&[TeamsConnector], ResponseMatch::Status(404, 404, BodyMatch::Any), Action::Disable, "the connector is gone", RETIRED),
    rule(&[TeamsConnector], ResponseMatch::Status(410, 410, BodyMatch::Any), Action::Disable, "the connector is gone", RETIRED),
    rule(ANY, ResponseMatch::Status(400, 499, BodyMatch::Any), Action::Dead { disable_after: REFUSALS_TO_DISABLE }, "the chat rejects the message", READ_ANSWER),
];

/// Iterates over all rules in order.
pub fn rules() -> impl Iterator<Item = &'static ResponseRule> {
    ROWS.iter().chain([&FALLBACK])
}

/// Returns the rule for `answer` from a sink of `kind`.
#[must_use]
pub fn find_rule(kind: SinkKind, answer: &PostResult) -> &'static ResponseRule {
    ROWS.iter().find(|row| row.matches(kind, answer)).unwrap_or(&FALLBACK)
}

impl ResponseRule {
    fn matches(&self, kind: SinkKind, answer: &PostResult) -> bool {
        (self.sinks.is_empty() || self.sinks.contains(&kind)) && self.on.matches(answer)
    }
}

impl ResponseMatch {
    fn matches(&self, answer: &PostResult) -> bool {
        match (self, answer) {
            (Self::Fallback, _)
            | (Self::NotSent, PostResult::NotSent(_))
            | (Self::BadCertificate, PostResult::BadCertificate(_))
            | (Self::NoResponse, PostResult::NoResponse(_))
            | (Self::InvalidUrl, PostResult::InvalidUrl) => true,
            (Self::Incomplete(from, to), PostResult::Response(reply)) => {
                !reply.complete && (*from..=*to).contains(&reply.status)
            }
            (Self::Status(from, to, body), PostResult::Response(reply)) => {
                (*from..=*to).contains(&reply.status) && body.matches(reply)
            }
            _ => false,
        }
    }
}

impl BodyMatch {
    fn matches(&self, reply: &HttpResponse) -> bool {
        match self {
            Self::Any => true,
            Self::Equals(text) => reply.body.trim() == *text,
            Self::ApiOk => slack_api::is_ok(&reply.body),
            Self::ApiError(names) => {
                slack_api::error_code(&reply.body).is_some_and(|error| names.contains(&error.as_str()))
            }
            Self::Contains(texts) => texts.iter().any(|text| reply.body.contains(text)),
            Self::HttpError(from, to) => http_error(&reply.body).is_some_and(|code| (*from..=*to).contains(&code)),
        }
    }
}

/// Parses the code of `…returned HTTP error 429 with ContextId…`.
fn http_error(body: &str) -> Option<u16> {
    let (_, rest) = body.split_once("HTTP error ")?;
    let digits: String = rest.chars().take(3).take_while(char::is_ascii_digit).collect();
    (digits.len() == 3).then(|| digits.parse().ok()).flatten()
}
