//! The response rules, as data: meaning, action and operator advice for each response of each kind of sink. The first
//! matching rule applies; the last one matches everything. `poprelay responses` prints the table.

use super::{
    answer::{Answer, Reply},
    api_errors, web_api,
};
use crate::model::delivery::SinkKind::{self, Slack, SlackApp, SlackTrigger, Teams, TeamsConnector};
use std::time::Duration;

/// One response rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Kinds of sink the rule applies to; empty means all.
    pub sinks: &'static [SinkKind],
    /// Responses the rule applies to.
    pub on: On,
    /// Action for the delivery and the sink.
    pub act: Act,
    /// Meaning of the response.
    pub reason: &'static str,
    /// Advice for the operator; empty if there is none.
    pub advice: &'static str,
}

/// Condition on the result of a post.
#[derive(Debug, PartialEq, Eq)]
pub enum On {
    /// [`PostResult::NotSent`].
    Unsent,
    /// [`PostResult::BadCertificate`].
    Untrusted,
    /// [`PostResult::NoResponse`].
    Unsure,
    /// [`PostResult::InvalidUrl`].
    Unusable,
    /// A status in the range (inclusive) with an incomplete body, for chats whose body decides.
    Cut(u16, u16),
    /// A status in the range (inclusive) and a matching body.
    Status(u16, u16, Body),
    /// Every result without another rule.
    Rest,
}

/// Condition on the body of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// Any body.
    Any,
    /// Exactly this text after trimming.
    Is(&'static str),
    /// Contains one of these texts.
    Has(&'static [&'static str]),
    /// `ok:true` of Slack's Web API.
    Done,
    /// `ok:false` of Slack's Web API, with one of these errors.
    Error(&'static [&'static str]),
    /// The connector's `HTTP error NNN` is in the range (inclusive).
    HttpError(u16, u16),
}

/// Action that follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
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
    Anew,
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
pub const REFUSALS: u32 = 5;

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

const fn row(sinks: &'static [SinkKind], on: On, act: Act, reason: &'static str, advice: &'static str) -> Row {
    Row { sinks, on, act, reason, advice }
}

const fn wait(first: u64, most: u64) -> Act {
    Act::Wait { first: Duration::from_secs(first), most: Duration::from_secs(most) }
}

/// Fallback rule.
static REST: Row = row(
    ANY,
    On::Rest,
    Act::Dead { disable_after: REFUSALS },
    "unexpected response",
    READ_ANSWER,
);

/// All rules except the fallback.
#[rustfmt::skip] // a table is read by its columns
static ROWS: &[Row] = &[
    row(ANY, On::Unusable, Act::Disable, "the URL is not valid", "Correct the sink's url in the config."),
    row(ANY, On::Untrusted, Act::Disable, "the certificate is not valid", "Check the clock and root certificates of this machine, and which server answers under this name."),
    row(ANY, On::Unsent, Act::Retry, "no connection", "If this persists, check DNS, the network and the proxy."),
    row(ANY, On::Unsure, Act::RetryOnce, "no response after sending, the message may have arrived", ""),
    row(ANY, On::Status(300, 399, Body::Any), Act::Disable, "the URL redirects, and a secret URL is sent to no other host", "Put the final URL into the config."),
    row(SLACKS, On::Status(429, 429, Body::Any), wait(1, 1), "too many messages", ""),
    row(TEAMSES, On::Status(429, 429, Body::Any), wait(30, 30), "too many messages", ""),
    row(ANY, On::Status(408, 408, Body::Any), Act::Retry, "the chat timed out", ""),
    row(ANY, On::Status(425, 425, Body::Any), Act::Retry, "the chat is not ready", ""),
    row(ANY, On::Status(500, 599, Body::Any), Act::Retry, "server error of the chat", "If this persists, check the chat's status page."),
    row(&[Slack], On::Status(200, 200, Body::Is("ok")), Act::Delivered, "delivered", ""),
    row(&[Slack], On::Cut(200, 299), Act::RetryOnce, "incomplete response, the message may have arrived", ""),
    row(&[Slack], On::Status(200, 299, Body::Any), Act::Plain, "the response is not Slack's ok", READ_ANSWER),
    row(&[Slack], On::Status(400, 400, Body::Has(SLACK_PAYLOAD)), Act::Plain, "Slack cannot read the card", REPORT),
    row(&[Slack], On::Status(400, 400, Body::Has(&["user_not_found"])), Act::Disable, "the webhook's user is gone", NEW_WEBHOOK),
    row(&[Slack], On::Status(403, 403, Body::Any), Act::Disable, "Slack forbids the webhook", NEW_WEBHOOK),
    row(&[Slack], On::Status(404, 404, Body::Any), Act::Disable, "the webhook or its channel is gone", NEW_WEBHOOK),
    row(&[Slack], On::Status(410, 410, Body::Any), Act::Disable, "the channel is archived", NEW_WEBHOOK),
    row(&[Slack], On::Status(413, 413, Body::Any), Act::Plain, "the card is too large", REPORT),
    row(APP, On::Status(200, 200, Body::Done), Act::Delivered, "delivered", ""),
    row(APP, On::Cut(200, 299), Act::RetryOnce, "incomplete response, the message may have arrived", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::WAIT)), wait(1, 1), "too many messages", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::AGAIN)), Act::Retry, "server error of Slack", "If this persists, check Slack's status page."),
    row(APP, On::Status(200, 499, Body::Error(api_errors::UNSURE)), Act::RetryOnce, "server error of Slack, the message may have arrived", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::GONE)), Act::Anew, "the message is gone or locked", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::PAYLOAD)), Act::Plain, "Slack cannot read the card", REPORT),
    row(APP, On::Status(200, 499, Body::Error(&["is_archived"])), Act::Disable, "the channel is archived", UNARCHIVE),
    row(APP, On::Status(200, 499, Body::Error(api_errors::OUTSIDE)), Act::Disable, "the bot is not in the channel, or the channel does not exist", INVITE),
    row(APP, On::Status(200, 499, Body::Error(api_errors::SCOPE)), Act::Disable, "the token lacks a scope", NEW_SCOPE),
    row(APP, On::Status(200, 499, Body::Error(api_errors::TOKEN)), Act::Disable, "Slack rejects the token", NEW_TOKEN),
    row(APP, On::Status(200, 499, Body::Error(api_errors::RESTRICTED)), Act::Disable, "the workspace forbids the app to post", ADMIN),
    row(APP, On::Status(200, 299, Body::Any), Act::Plain, "unknown response of Slack", READ_ANSWER),
    row(APP, On::Status(401, 401, Body::Any), Act::Disable, "Slack rejects the token", NEW_TOKEN),
    row(APP, On::Status(403, 403, Body::Any), Act::Disable, "Slack rejects the token", NEW_TOKEN),
    row(APP, On::Status(404, 404, Body::Any), Act::Disable, "no Web API at this URL", "Correct the sink's api_url in the config."),
    row(APP, On::Status(413, 413, Body::Any), Act::Plain, "the card is too large", REPORT),
    row(&[SlackTrigger], On::Status(200, 299, Body::Has(&["\"ok\":false", "\"ok\": false"])), Act::Disable, "the workflow rejects the card", "Compare the workflow's variables with those in the manual."),
    row(&[SlackTrigger], On::Status(200, 299, Body::Any), Act::Delivered, "delivered", ""),
    row(&[SlackTrigger], On::Status(400, 400, Body::Any), Act::Disable, "the workflow's variables do not match", "Compare the workflow's variables with those in the manual."),
    row(&[SlackTrigger], On::Status(404, 404, Body::Any), Act::Disable, "the workflow is gone", "Publish the workflow again and put its URL into the config."),
    row(&[Teams], On::Status(200, 299, Body::Any), Act::Accepted, "accepted", ""),
    row(&[Teams], On::Status(413, 413, Body::Any), Act::Plain, "the card is too large", REPORT),
    row(&[Teams], On::Status(400, 499, Body::Has(&["RequestEntityTooLarge", "MessageSizeExceeded"])), Act::Plain, "the card is too large", REPORT),
    row(&[Teams], On::Status(400, 400, Body::Has(&["TriggerInputSchemaMismatch"])), Act::Dead { disable_after: 3 }, "the workflow expects another message format", "If the workflow was edited, create it again from the template \"Send webhook alerts to a channel\"."),
    row(&[Teams], On::Status(400, 400, Body::Has(&["WorkflowTriggerIsNotEnabled", "\"code\":\"Workflow"])), Act::Disable, "the workflow is turned off", NEW_WORKFLOW),
    row(&[Teams], On::Status(401, 401, Body::Any), Act::Disable, "the workflow does not accept the URL's signature", NEW_WORKFLOW),
    row(&[Teams], On::Status(403, 403, Body::Any), Act::Disable, "a policy forbids the workflow", NEW_WORKFLOW),
    row(&[Teams], On::Status(404, 404, Body::Any), Act::Disable, "the workflow is gone", NEW_WORKFLOW),
    row(&[Teams], On::Status(410, 410, Body::Any), Act::Disable, "the workflow is gone", NEW_WORKFLOW),
    row(&[TeamsConnector], On::Status(200, 200, Body::Is("1")), Act::Delivered, "delivered", ""),
    row(&[TeamsConnector], On::Cut(200, 299), Act::RetryOnce, "incomplete response, the message may have arrived", ""),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(429, 429)), wait(30, 120), "too many messages", ""),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(500, 599)), Act::Retry, "server error of Teams", ""),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(413, 413)), Act::Plain, "the card is too large", REPORT),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(400, 400)), Act::Plain, "Teams cannot read the card", REPORT),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(100, 999)), Act::Disable, "the connector is gone", RETIRED),
    row(&[TeamsConnector], On::Status(200, 200, Body::Has(&["Exception"])), Act::Retry, "server error of Teams", ""),
    row(&[TeamsConnector], On::Status(200, 299, Body::Any), Act::Disable, "the response is not the connector's 1", RETIRED),
    row(&[TeamsConnector], On::Status(400, 400, Body::Has(&["Summary or Text is required"])), Act::Dead { disable_after: REFUSALS }, "the connector finds no text", REPORT),
    row(&[TeamsConnector], On::Status(404, 404, Body::Any), Act::Disable, "the connector is gone", RETIRED),
    row(&[TeamsConnector], On::Status(410, 410, Body::Any), Act::Disable, "the connector is gone", RETIRED),
    row(ANY, On::Status(400, 499, Body::Any), Act::Dead { disable_after: REFUSALS }, "the chat rejects the message", READ_ANSWER),
];

/// Iterates over all rules in order.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain([&REST])
}

/// Returns the rule for `answer` from a sink of `kind`.
#[must_use]
pub fn find(kind: SinkKind, answer: &Answer) -> &'static Row {
    ROWS.iter().find(|row| row.matches(kind, answer)).unwrap_or(&REST)
}

impl Row {
    fn matches(&self, kind: SinkKind, answer: &Answer) -> bool {
        (self.sinks.is_empty() || self.sinks.contains(&kind)) && self.on.matches(answer)
    }
}

impl On {
    fn matches(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Rest, _)
            | (Self::Unsent, Answer::Unsent(_))
            | (Self::Untrusted, Answer::Untrusted(_))
            | (Self::Unsure, Answer::Unsure(_))
            | (Self::Unusable, Answer::Unusable) => true,
            (Self::Cut(from, to), Answer::Reply(reply)) => !reply.whole && (*from..=*to).contains(&reply.status),
            (Self::Status(from, to, body), Answer::Reply(reply)) => {
                (*from..=*to).contains(&reply.status) && body.matches(reply)
            }
            _ => false,
        }
    }
}

impl Body {
    fn matches(&self, reply: &Reply) -> bool {
        match self {
            Self::Any => true,
            Self::Is(text) => reply.body.trim() == *text,
            Self::Done => web_api::is_ok(&reply.body),
            Self::Error(names) => web_api::error(&reply.body).is_some_and(|error| names.contains(&error.as_str())),
            Self::Has(texts) => texts.iter().any(|text| reply.body.contains(text)),
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
