//! The verdict table, as data: what an answer means for each kind of sink, why, and what the operator should do. Rows
//! are read from the top and the first that fits counts; the last fits everything. `poprelay verdicts` prints it.

use super::{
    answer::{Answer, Reply},
    api_errors, web_api,
};
use crate::model::delivery::SinkKind::{self, Slack, SlackApp, SlackTrigger, Teams, TeamsConnector};
use std::time::Duration;

/// One row.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The kinds of sink it speaks of; none: any.
    pub sinks: &'static [SinkKind],
    /// The answers it speaks of.
    pub on: On,
    /// What to do.
    pub act: Act,
    /// What the answer means.
    pub reason: &'static str,
    /// What the operator should do; empty where nothing is to be done.
    pub advice: &'static str,
}

/// Which answers a row speaks of.
#[derive(Debug, PartialEq, Eq)]
pub enum On {
    /// [`Answer::Unsent`].
    Unsent,
    /// [`Answer::Untrusted`].
    Untrusted,
    /// [`Answer::Unsure`].
    Unsure,
    /// [`Answer::Unusable`].
    Unusable,
    /// A status in the range whose body broke off, where the body would have decided.
    Cut(u16, u16),
    /// A status in the range, both ends included, and a body.
    Status(u16, u16, Body),
    /// Whatever no other row speaks of.
    Rest,
}

/// Which bodies a row speaks of.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// Any.
    Any,
    /// Exactly this, blanks around it aside.
    Is(&'static str),
    /// One of these somewhere in it.
    Has(&'static [&'static str]),
    /// `ok:true` of Slack's Web API.
    Done,
    /// `ok:false` of Slack's Web API, with one of these errors.
    Error(&'static [&'static str]),
    /// The `HTTP error NNN` of a connector lies in the range, both ends included.
    HttpError(u16, u16),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The chat has it.
    Delivered,
    /// The chat has taken it in; that it shows it is not known.
    Accepted,
    /// The whole sink waits as long as it asks, or this long, doubling up to `most` when it asks for nothing again.
    Wait {
        /// First wait when nothing is asked for.
        first: Duration,
        /// Longest such wait.
        most: Duration,
    },
    /// Again later, with backoff.
    Retry,
    /// Again later, but only once: the chat may have it. An edit is repeated as often as need be.
    RetryOnce,
    /// The message cannot be edited any more: the newest state is posted anew, once.
    Anew,
    /// Again as a plain text card, once; then it is a dead letter, and [`REFUSALS`] in a row disable the sink.
    Plain,
    /// A dead letter; as many different messages in a row disable the sink.
    Dead {
        /// That many.
        disable_after: u32,
    },
    /// The sink is disabled until it is probed or enabled.
    Disable,
}

/// So many different messages refused alike, one after the other, are the sink's fault and not theirs.
pub const REFUSALS: u32 = 5;

const ANY: &[SinkKind] = &[];
const SLACKS: &[SinkKind] = &[Slack, SlackTrigger, SlackApp];
const APP: &[SinkKind] = &[SlackApp];
const TEAMSES: &[SinkKind] = &[Teams, TeamsConnector];

/// What a Slack webhook says of a message that it cannot take (changelog of May 2016, and bodies seen since).
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
    "Write /invite @poprelay (your app's name) in the channel, and compare its id with the sink's channel.";
const NEW_TOKEN: &str = "Install the app into the workspace again and put its bot token (xoxb-…) into the config.";
const NEW_SCOPE: &str = "Give the app the bot scope chat:write, install it again and put its token into the config.";
const UNARCHIVE: &str = "Unarchive the channel, or put another channel's id into the config.";
const ADMIN: &str = "Ask the workspace's admins to let the app post into this channel.";
const NEW_WEBHOOK: &str = "Create a new incoming webhook in Slack and put its URL into the config.";
const NEW_WORKFLOW: &str = "Open the workflow in Teams: is it on, does its owner still exist, does anyone may trigger it? \
                            If in doubt create a new one and put its URL into the config.";
const RETIRED: &str =
    "Office 365 connectors are retired: create a Teams Workflow and use its URL with type = \"teams\".";
const REPORT: &str = "Look at the answer with `poprelay outbox show`; this is likely a fault of this program.";
const READ_ANSWER: &str = "Look at the answer with `poprelay outbox show`.";

const fn row(sinks: &'static [SinkKind], on: On, act: Act, reason: &'static str, advice: &'static str) -> Row {
    Row { sinks, on, act, reason, advice }
}

const fn wait(first: u64, most: u64) -> Act {
    Act::Wait { first: Duration::from_secs(first), most: Duration::from_secs(most) }
}

/// The last row: whatever no other speaks of.
static REST: Row = row(
    ANY,
    On::Rest,
    Act::Dead { disable_after: REFUSALS },
    "the answer is none that a chat should give",
    READ_ANSWER,
);

/// All rows but the last.
#[rustfmt::skip] // a table is read by its columns
static ROWS: &[Row] = &[
    row(ANY, On::Unusable, Act::Disable, "the URL cannot be posted to", "Correct the sink's url in the config."),
    row(ANY, On::Untrusted, Act::Disable, "the certificate is not valid", "Check this machine's clock and root certificates, and who answers under this name."),
    row(ANY, On::Unsent, Act::Retry, "nothing could be sent", "If it lasts: check DNS, the network and the proxy."),
    row(ANY, On::Unsure, Act::RetryOnce, "no answer came after it was sent: the chat may have it", ""),
    row(ANY, On::Status(300, 399, Body::Any), Act::Disable, "the URL redirects, and a secret URL is not carried elsewhere", "Put the final URL into the config."),
    row(SLACKS, On::Status(429, 429, Body::Any), wait(1, 1), "too many messages", ""),
    row(TEAMSES, On::Status(429, 429, Body::Any), wait(30, 30), "too many messages", ""),
    row(ANY, On::Status(408, 408, Body::Any), Act::Retry, "the chat timed out", ""),
    row(ANY, On::Status(425, 425, Body::Any), Act::Retry, "the chat is not ready", ""),
    row(ANY, On::Status(500, 599, Body::Any), Act::Retry, "the chat has a fault of its own", "If it lasts: look at the chat's status page."),
    row(&[Slack], On::Status(200, 200, Body::Is("ok")), Act::Delivered, "delivered", ""),
    row(&[Slack], On::Cut(200, 299), Act::RetryOnce, "the answer broke off: the chat may have it", ""),
    row(&[Slack], On::Status(200, 299, Body::Any), Act::Plain, "the answer is not Slack's ok", READ_ANSWER),
    row(&[Slack], On::Status(400, 400, Body::Has(SLACK_PAYLOAD)), Act::Plain, "Slack cannot read the card", REPORT),
    row(&[Slack], On::Status(400, 400, Body::Has(&["user_not_found"])), Act::Disable, "the webhook's user is gone", NEW_WEBHOOK),
    row(&[Slack], On::Status(403, 403, Body::Any), Act::Disable, "Slack forbids the webhook", NEW_WEBHOOK),
    row(&[Slack], On::Status(404, 404, Body::Any), Act::Disable, "the webhook or its channel is gone", NEW_WEBHOOK),
    row(&[Slack], On::Status(410, 410, Body::Any), Act::Disable, "the channel is archived", NEW_WEBHOOK),
    row(&[Slack], On::Status(413, 413, Body::Any), Act::Plain, "the card is too large", REPORT),
    row(APP, On::Status(200, 200, Body::Done), Act::Delivered, "delivered", ""),
    row(APP, On::Cut(200, 299), Act::RetryOnce, "the answer broke off: the chat may have it", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::WAIT)), wait(1, 1), "too many messages", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::AGAIN)), Act::Retry, "Slack has a fault of its own", "If it lasts: look at Slack's status page."),
    row(APP, On::Status(200, 499, Body::Error(api_errors::UNSURE)), Act::RetryOnce, "Slack failed on the way: it may have it", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::GONE)), Act::Anew, "the message cannot be edited any more", ""),
    row(APP, On::Status(200, 499, Body::Error(api_errors::PAYLOAD)), Act::Plain, "Slack cannot read the card", REPORT),
    row(APP, On::Status(200, 499, Body::Error(&["is_archived"])), Act::Disable, "the channel is archived", UNARCHIVE),
    row(APP, On::Status(200, 499, Body::Error(api_errors::OUTSIDE)), Act::Disable, "the bot is not in the channel, or there is none", INVITE),
    row(APP, On::Status(200, 499, Body::Error(api_errors::SCOPE)), Act::Disable, "the token lacks a scope", NEW_SCOPE),
    row(APP, On::Status(200, 499, Body::Error(api_errors::TOKEN)), Act::Disable, "Slack does not take the token", NEW_TOKEN),
    row(APP, On::Status(200, 499, Body::Error(api_errors::RESTRICTED)), Act::Disable, "the workspace does not let the app post", ADMIN),
    row(APP, On::Status(200, 299, Body::Any), Act::Plain, "the answer is none that is known of Slack", READ_ANSWER),
    row(APP, On::Status(401, 401, Body::Any), Act::Disable, "Slack does not take the token", NEW_TOKEN),
    row(APP, On::Status(403, 403, Body::Any), Act::Disable, "Slack does not take the token", NEW_TOKEN),
    row(APP, On::Status(404, 404, Body::Any), Act::Disable, "no Web API answers there", "Correct the sink's api_url in the config."),
    row(APP, On::Status(413, 413, Body::Any), Act::Plain, "the card is too large", REPORT),
    row(&[SlackTrigger], On::Status(200, 299, Body::Has(&["\"ok\":false", "\"ok\": false"])), Act::Disable, "the workflow refuses", "Compare the workflow's variables with those of the manual."),
    row(&[SlackTrigger], On::Status(200, 299, Body::Any), Act::Delivered, "delivered", ""),
    row(&[SlackTrigger], On::Status(400, 400, Body::Any), Act::Disable, "the workflow's variables do not fit", "Compare the workflow's variables with those of the manual."),
    row(&[SlackTrigger], On::Status(404, 404, Body::Any), Act::Disable, "the workflow is gone", "Publish the workflow again and put its URL into the config."),
    row(&[Teams], On::Status(200, 299, Body::Any), Act::Accepted, "accepted", ""),
    row(&[Teams], On::Status(413, 413, Body::Any), Act::Plain, "the card is too large", REPORT),
    row(&[Teams], On::Status(400, 499, Body::Has(&["RequestEntityTooLarge", "MessageSizeExceeded"])), Act::Plain, "the card is too large", REPORT),
    row(&[Teams], On::Status(400, 400, Body::Has(&["TriggerInputSchemaMismatch"])), Act::Dead { disable_after: 3 }, "the workflow expects another shape", "If the workflow was edited: create it again from the template \"Send webhook alerts to a channel\"."),
    row(&[Teams], On::Status(400, 400, Body::Has(&["WorkflowTriggerIsNotEnabled", "\"code\":\"Workflow"])), Act::Disable, "the workflow is turned off", NEW_WORKFLOW),
    row(&[Teams], On::Status(401, 401, Body::Any), Act::Disable, "the workflow does not accept the URL's signature", NEW_WORKFLOW),
    row(&[Teams], On::Status(403, 403, Body::Any), Act::Disable, "a policy forbids the workflow", NEW_WORKFLOW),
    row(&[Teams], On::Status(404, 404, Body::Any), Act::Disable, "the workflow is gone", NEW_WORKFLOW),
    row(&[Teams], On::Status(410, 410, Body::Any), Act::Disable, "the workflow is gone", NEW_WORKFLOW),
    row(&[TeamsConnector], On::Status(200, 200, Body::Is("1")), Act::Delivered, "delivered", ""),
    row(&[TeamsConnector], On::Cut(200, 299), Act::RetryOnce, "the answer broke off: the chat may have it", ""),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(429, 429)), wait(30, 120), "too many messages", ""),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(500, 599)), Act::Retry, "Teams has a fault of its own", ""),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(413, 413)), Act::Plain, "the card is too large", REPORT),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(400, 400)), Act::Plain, "Teams cannot read the card", REPORT),
    row(&[TeamsConnector], On::Status(200, 200, Body::HttpError(100, 999)), Act::Disable, "the connector is gone", RETIRED),
    row(&[TeamsConnector], On::Status(200, 200, Body::Has(&["Exception"])), Act::Retry, "Teams has a fault of its own", ""),
    row(&[TeamsConnector], On::Status(200, 299, Body::Any), Act::Disable, "the connector answers something else than its 1", RETIRED),
    row(&[TeamsConnector], On::Status(400, 400, Body::Has(&["Summary or Text is required"])), Act::Dead { disable_after: REFUSALS }, "the connector finds no text", REPORT),
    row(&[TeamsConnector], On::Status(404, 404, Body::Any), Act::Disable, "the connector is gone", RETIRED),
    row(&[TeamsConnector], On::Status(410, 410, Body::Any), Act::Disable, "the connector is gone", RETIRED),
    row(ANY, On::Status(400, 499, Body::Any), Act::Dead { disable_after: REFUSALS }, "the chat refuses the message", READ_ANSWER),
];

/// The table, from the top.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain([&REST])
}

/// The row that speaks of `answer` from a sink of `kind`.
#[must_use]
pub fn find(kind: SinkKind, answer: &Answer) -> &'static Row {
    ROWS.iter().find(|row| row.fits(kind, answer)).unwrap_or(&REST)
}

impl Row {
    fn fits(&self, kind: SinkKind, answer: &Answer) -> bool {
        (self.sinks.is_empty() || self.sinks.contains(&kind)) && self.on.fits(answer)
    }
}

impl On {
    fn fits(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Rest, _)
            | (Self::Unsent, Answer::Unsent(_))
            | (Self::Untrusted, Answer::Untrusted(_))
            | (Self::Unsure, Answer::Unsure(_))
            | (Self::Unusable, Answer::Unusable) => true,
            (Self::Cut(from, to), Answer::Reply(reply)) => !reply.whole && (*from..=*to).contains(&reply.status),
            (Self::Status(from, to, body), Answer::Reply(reply)) => {
                (*from..=*to).contains(&reply.status) && body.fits(reply)
            }
            _ => false,
        }
    }
}

impl Body {
    fn fits(&self, reply: &Reply) -> bool {
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

/// `…returned HTTP error 429 with ContextId…`
fn http_error(body: &str) -> Option<u16> {
    let (_, behind) = body.split_once("HTTP error ")?;
    let digits: String = behind.chars().take(3).take_while(char::is_ascii_digit).collect();
    (digits.len() == 3).then(|| digits.parse().ok()).flatten()
}
