//! Types of the response rules, and whether a rule matches a response. The [`rules`](super::rules) are data.

use super::{
    response::{HttpResponse, PostResult},
    slack_api, slack_errors, teams_flow,
};
use crate::model::delivery::SinkKind;
use serde_json::{Map, Value};
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
    /// `ok:true` in the form of Slack's Web API.
    ApiOk,
    /// `ok:false` in the form of Slack's Web API, with any error.
    ApiNotOk,
    /// One of these error words of Slack: as `error` of the Web API, or as a webhook's plain text.
    SlackError(&'static [&'static str]),
    /// One of these error codes of Microsoft: of a Power Automate flow, or of a bot's conversation.
    FlowError(&'static [&'static str]),
    /// A JSON object with this key.
    Key(&'static str),
    /// A JSON object whose `code` is one of these numbers.
    Code(&'static [u64]),
    /// An HTML or XML page. No chat answers a message with one: a captive portal or a proxy does. The response step of a flow
    /// may do so too, but nothing distinguishes the two, and a card must not be lost.
    Page,
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
    /// Retry with waits that grow from seconds to minutes: the message may have arrived, and each retry may show another copy.
    /// An edit is retried like [`Action::Retry`], because a second edit changes nothing.
    RetrySlowly,
    /// Retry once: the message was probably posted. The second such response settles the delivery as accepted.
    RetryOnce,
    /// The message is gone or locked: post the newest state again, once.
    Repost,
    /// An edit is posted again as a new message, once: its conversation may be gone with the old message. A new message disables
    /// the sink.
    RepostOrDisable,
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

/// Builds a rule.
#[must_use]
pub const fn rule(
    sinks: &'static [SinkKind],
    on: ResponseMatch,
    act: Action,
    reason: &'static str,
    advice: &'static str,
) -> ResponseRule {
    ResponseRule { sinks, on, action: act, reason, advice }
}

/// Matches a single status.
#[must_use]
pub const fn at(status: u16, body: BodyMatch) -> ResponseMatch {
    ResponseMatch::Status(status, status, body)
}

/// Matches a body, with any status.
#[must_use]
pub const fn body(body: BodyMatch) -> ResponseMatch {
    ResponseMatch::Status(200, 599, body)
}

/// Matches a range of statuses, inclusive.
#[must_use]
pub const fn range(from: u16, to: u16, body: BodyMatch) -> ResponseMatch {
    ResponseMatch::Status(from, to, body)
}

/// Longest wait without `Retry-After`: minutes, below the 300 s to which `Retry-After` is clamped.
const MAX_THROTTLE_SECONDS: u64 = 240;

/// Waits `first` seconds without `Retry-After`, doubled on each repetition up to `MAX_THROTTLE_SECONDS`.
#[must_use]
pub const fn wait(first: u64) -> Action {
    Action::Wait { first: Duration::from_secs(first), most: Duration::from_secs(MAX_THROTTLE_SECONDS) }
}

/// A dead letter; [`REFUSALS_TO_DISABLE`] in a row disable the sink.
pub const DEAD: Action = Action::Dead { disable_after: REFUSALS_TO_DISABLE };

impl ResponseRule {
    /// Returns whether the rule applies to the result of a post.
    #[must_use]
    pub fn matches(&self, kind: SinkKind, answer: &PostResult) -> bool {
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
            Self::Equals(text) => reply.body.trim_start_matches('\u{feff}').trim() == *text,
            Self::ApiOk => slack_api::is_ok(&reply.body),
            Self::ApiNotOk => slack_api::is_not_ok(&reply.body),
            Self::SlackError(names) => {
                slack_errors::error_word(&reply.body).is_some_and(|error| names.contains(&error.as_str()))
            }
            Self::FlowError(codes) => {
                teams_flow::error_code(&reply.body).is_some_and(|code| codes.contains(&code.as_str()))
            }
            Self::Key(key) => json_object(&reply.body).is_some_and(|object| object.contains_key(*key)),
            Self::Code(codes) => json_object(&reply.body)
                .and_then(|object| object.get("code")?.as_u64())
                .is_some_and(|code| codes.contains(&code)),
            Self::Contains(texts) => texts.iter().any(|text| reply.body.contains(text)),
            Self::Page => reply.body.trim_start_matches('\u{feff}').trim_start().starts_with('<'),
        }
    }
}

fn json_object(body: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(body).ok()
}
