//! Verdict on one delivery after a response: its rule of the [`rules`](super::rules), adjusted by the past of the delivery
//! and its sink. Pure.

use super::{
    response::{HttpResponse, PostResult},
    rules::find_rule,
    table::{Action, REFUSALS_TO_DISABLE, ResponseRule},
};
use crate::{
    deliver::{chats::teams_app, slack_api, slack_errors, teams_flow},
    model::delivery::{MAX_RETRY_AFTER, SinkKind},
};
use std::time::Duration;

/// Minimum wait: a `Retry-After` of 0 would cause a hot loop.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Decision about one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Settle the delivery as delivered.
    Delivered {
        /// Whether the chat confirmed only the acceptance (Teams Workflows); a later failure is invisible.
        accepted: bool,
    },
    /// Pause the whole sink for this time (plus up to 1 s of jitter), then retry.
    Wait(Duration),
    /// Retry with backoff, at the earliest after the requested wait.
    Retry {
        /// Wait requested by the chat.
        at_least: Option<Duration>,
    },
    /// Retry after a wait that grows with each attempt without an answer: the message may have arrived.
    RetrySlowly {
        /// Wait requested by a gateway.
        at_least: Option<Duration>,
    },
    /// Retry once; the next such response counts as accepted.
    RetryOnce,
    /// Retry each card of a merged message alone, to find the one at fault.
    Split,
    /// Post a new message: the old one is gone or locked.
    Repost,
    /// Retry as plain text.
    Plain,
    /// Make the delivery a dead letter.
    Dead {
        /// Whether to send an alert: the cause is probably not this card.
        alert: bool,
    },
    /// Disable the sink; the delivery waits.
    Disable,
}

/// Past of a delivery and its sink, input of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryContext {
    /// Whether the message contained more than one card.
    pub merged: bool,
    /// Whether the message was rendered plain.
    pub plain: bool,
    /// Whether the delivery was already retried by [`Verdict::RetryOnce`].
    pub was_retried_once: bool,
    /// Whether the message is an edit; repeating an edit is harmless.
    pub is_edit: bool,
    /// Whether the sink is a person's direct messages.
    pub is_person: bool,
    /// Whether an earlier message of the delivery was already reposted.
    pub was_reposted: bool,
    /// Whether the message is in a channel other than the sink's: the config changed since the first post.
    pub in_other_channel: bool,
    /// Different messages rejected in a row by the same rule before this one.
    pub rejections: u32,
    /// Waits in a row requested by the sink before this one.
    pub requested_waits: u32,
}

/// Returns the verdict on a delivery to a sink of `kind` after `answer`.
#[must_use]
pub fn judge(kind: SinkKind, answer: &PostResult, history: &DeliveryContext) -> Verdict {
    decide(find_rule(kind, answer), answer, history)
}

/// Returns the verdict for a known rule.
#[must_use]
pub fn decide(row: &ResponseRule, answer: &PostResult, history: &DeliveryContext) -> Verdict {
    match row.action {
        Action::Delivered => Verdict::Delivered { accepted: false },
        Action::Accepted => Verdict::Delivered { accepted: true },
        Action::Wait { first, most } => {
            let default_wait = first.saturating_mul(2_u32.saturating_pow(history.requested_waits)).min(most);
            Verdict::Wait(requested_wait(answer).unwrap_or(default_wait))
        }
        Action::Retry => Verdict::Retry { at_least: requested_wait(answer) },
        // An error of the previous channel does not concern the sink's current one.
        Action::Disable if history.in_other_channel && is_channel_error(answer) => message_gone(history),
        Action::RepostOrDisable if history.is_edit => message_gone(history),
        // A person who is not reached costs no more than the person's cards. Waiting for one would never end.
        Action::Disable | Action::RepostOrDisable if history.is_person && is_person_error(row.action, answer) => {
            Verdict::Dead { alert: true }
        }
        Action::RepostOrDisable => Verdict::Disable,
        Action::RetrySlowly if history.is_edit => Verdict::Retry { at_least: requested_wait(answer) },
        Action::RetrySlowly => Verdict::RetrySlowly { at_least: requested_wait(answer) },
        Action::Repost => message_gone(history),
        Action::RetryOnce if history.was_retried_once => Verdict::Delivered { accepted: true },
        Action::RetryOnce => Verdict::RetryOnce,
        Action::Plain | Action::Dead { .. } if history.merged => Verdict::Split,
        Action::Plain if history.plain => dead(history, REFUSALS_TO_DISABLE),
        Action::Plain => Verdict::Plain,
        Action::Dead { disable_after } => dead(history, disable_after),
        Action::Disable => Verdict::Disable,
    }
}

/// Returns the verdict for a missing message. An edit is reposted once; a second loss means a person deletes the messages.
/// A reply is dropped, because its call's live message repeats the content.
const fn message_gone(history: &DeliveryContext) -> Verdict {
    if history.is_edit && !history.was_reposted { Verdict::Repost } else { Verdict::Dead { alert: false } }
}

/// Returns whether an error concerns the channel rather than the token.
fn is_channel_error(answer: &PostResult) -> bool {
    let PostResult::Response(reply) = answer else { return false };
    let channel = [slack_errors::NOT_IN_CHANNEL, slack_errors::RESTRICTED, slack_errors::ARCHIVED];
    slack_api::error_code(&reply.body).is_some_and(|error| channel.iter().any(|names| names.contains(&error.as_str())))
        || teams_flow::error_code(&reply.body).is_some_and(|code| teams_app::CHANNEL_ERRORS.contains(&code.as_str()))
}

/// Returns whether an error concerns the person that a direct message is for: the person is gone, or has not got the app.
fn is_person_error(action: Action, answer: &PostResult) -> bool {
    let PostResult::Response(reply) = answer else { return false };
    let person =
        [slack_errors::MEMBER_GONE, slack_errors::NOT_IN_CHANNEL, slack_errors::ARCHIVED, &[slack_errors::IS_BOT]];
    let of_slack = slack_api::error_code(&reply.body)
        .is_some_and(|error| person.iter().any(|names| names.contains(&error.as_str())));
    let of_teams =
        teams_flow::error_code(&reply.body).is_some_and(|code| teams_app::CHANNEL_ERRORS.contains(&code.as_str()));
    of_slack || of_teams || action == Action::RepostOrDisable
}

/// Returns whether the chat rejected a message for its mention (`@here`, `@channel`, a group): the message goes once more
/// without.
#[must_use]
pub fn is_mention_restricted(kind: SinkKind, answer: &PostResult) -> bool {
    let PostResult::Response(reply) = answer else { return false };
    matches!(kind, SinkKind::Slack | SinkKind::SlackApp)
        && slack_errors::error_word(&reply.body).is_some_and(|error| error == slack_errors::MENTION_RESTRICTED)
}

/// Returns a dead letter, or disables the sink after `disable_after` equal rejections in a row.
const fn dead(history: &DeliveryContext, disable_after: u32) -> Verdict {
    if history.rejections.saturating_add(1) >= disable_after { Verdict::Disable } else { Verdict::Dead { alert: true } }
}

/// Returns `Retry-After`, clamped to 1 s to 300 s as recommended for both chats: an extreme value must neither flood nor
/// silence a sink.
fn requested_wait(answer: &PostResult) -> Option<Duration> {
    match answer {
        PostResult::Response(reply) => {
            let asked = reply.retry_after.or_else(|| stated_wait(reply));
            asked.map(|wait| wait.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER))
        }
        PostResult::NotSent(_) | PostResult::BadCertificate(_) | PostResult::NoResponse(_) | PostResult::InvalidUrl => {
            None
        }
    }
}

/// Returns the wait in the body of a 429 without the header: Slack's webhooks state it there too, in seconds.
fn stated_wait(reply: &HttpResponse) -> Option<Duration> {
    #[derive(serde::Deserialize)]
    struct Limited {
        retry_after: f64,
    }
    let limited: Limited = serde_json::from_str(&reply.body).ok().filter(|_| reply.status == 429)?;
    Duration::try_from_secs_f64(limited.retry_after).ok()
}

#[cfg(test)]
mod tests;
