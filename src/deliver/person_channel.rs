//! The channel of a person's direct messages, found by a request and stored for a day. In Slack the member of an e-mail
//! address, in Teams the conversation with a person. A person who is not found is an answer like any other: the response
//! rules decide.

use super::{
    response::{HttpResponse, PostResult},
    slack_errors,
};
use serde::Deserialize;
use serde_json::json;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Time for which a channel is kept: an e-mail address rarely gets another member. 1 day.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Longest id of a channel that is kept. Conversations of Teams have about 90 bytes.
const MAX_ID_BYTES: usize = 200;

/// Time for which a person who was not found is not looked up again. 1 hour.
const DENIAL_LIFETIME: Duration = Duration::from_secs(3600);

/// A channel with the time of its discovery. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct PersonChannel(Arc<Mutex<Option<Lookup>>>);

/// Result of the last look-up.
#[derive(Debug)]
enum Lookup {
    Found(String, Instant),
    Denied(PostResult, Instant),
}

impl PersonChannel {
    /// Returns the channel if it was found within a day.
    #[must_use]
    pub fn get(&self, now: Instant) -> Option<String> {
        match &*self.lock() {
            Some(Lookup::Found(id, at)) if now.saturating_duration_since(*at) < LIFETIME => Some(id.clone()),
            _ => None,
        }
    }

    /// Stores a channel.
    pub fn set(&self, id: String, now: Instant) {
        *self.lock() = Some(Lookup::Found(id, now));
    }

    /// Returns the response to a look-up within an hour that found no person.
    #[must_use]
    pub fn denial(&self, now: Instant) -> Option<PostResult> {
        match &*self.lock() {
            Some(Lookup::Denied(answer, at)) if now.saturating_duration_since(*at) < DENIAL_LIFETIME => {
                Some(answer.clone())
            }
            _ => None,
        }
    }

    /// Stores a response to a look-up if it found no person. Each card of the person would look up again.
    pub fn deny(&self, answer: &PostResult, now: Instant) {
        if has_word(answer, &[slack_errors::MEMBER_GONE]) {
            *self.lock() = Some(Lookup::Denied(answer.clone(), now));
        }
    }

    /// Drops the channel if the chat's response to a message denies it: the next message finds the person again.
    pub fn check(&self, answer: &PostResult) {
        if denies_channel(answer) {
            self.clear();
        }
    }

    /// Drops the last look-up.
    pub fn clear(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lookup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the member has left, or the conversation is gone, archived or closed to the app.
fn denies_channel(answer: &PostResult) -> bool {
    matches!(answer.status(), Some(403 | 404))
        || has_word(answer, &[slack_errors::MEMBER_GONE, slack_errors::NOT_IN_CHANNEL, slack_errors::ARCHIVED])
}

fn has_word(answer: &PostResult, lists: &[&[&str]]) -> bool {
    let PostResult::Response(reply) = answer else { return false };
    slack_errors::error_word(&reply.body).is_some_and(|word| lists.concat().contains(&word.as_str()))
}

/// Response to `users.lookupByEmail`.
#[derive(Debug, Deserialize)]
struct FoundMember {
    ok: bool,
    user: Option<SlackMember>,
}

#[derive(Debug, Deserialize)]
struct SlackMember {
    id: String,
    #[serde(default)]
    deleted: bool,
}

/// Returns the member of a response to `users.lookupByEmail`.
///
/// # Errors
/// The response to judge: an error, or that of a member who has left.
pub fn slack_member(answer: PostResult) -> Result<String, PostResult> {
    let PostResult::Response(reply) = &answer else { return Err(answer) };
    match serde_json::from_str(&reply.body) {
        Ok(FoundMember { ok: true, user: Some(SlackMember { id, deleted: false }) }) if is_id(&id) => Ok(id),
        Ok(FoundMember { ok: true, .. }) => {
            let body = json!({ "ok": false, "error": "users_not_found" }).to_string();
            Err(PostResult::Response(HttpResponse { body, ..reply.clone() }))
        }
        _ => Err(answer),
    }
}

/// Response to a new conversation.
#[derive(Debug, Deserialize)]
struct TeamsConversation {
    id: String,
}

/// Returns the conversation of a response to a new one in Teams.
///
/// # Errors
/// The response to judge.
pub fn teams_conversation(answer: PostResult) -> Result<String, PostResult> {
    let PostResult::Response(reply) = &answer else { return Err(answer) };
    match serde_json::from_str(&reply.body) {
        Ok(TeamsConversation { id }) if (200..300).contains(&reply.status) && is_id(&id) => Ok(id),
        _ => Err(answer),
    }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{deliver::rules::find_rule, model::delivery::SinkKind};

    fn reply(status: u16, body: &str) -> PostResult {
        PostResult::Response(HttpResponse { status, retry_after: None, body: body.to_owned(), complete: true })
    }

    #[test]
    fn member_is_found_or_the_response_is_judged() {
        let found = slack_member(reply(200, r#"{"ok":true,"user":{"id":"U0DANA"}}"#));
        assert_eq!(found.as_deref(), Ok("U0DANA"));
        for (body, reason) in [
            (r#"{"ok":false,"error":"users_not_found"}"#, "no such member"),
            (r#"{"ok":true,"user":{"id":"U0DANA","deleted":true}}"#, "no such member"),
            (r#"{"ok":true}"#, "no such member"),
            (r#"{"ok":false,"error":"missing_scope","needed":"users:read.email"}"#, "lacks a scope"),
        ] {
            let rule = find_rule(SinkKind::SlackApp, &slack_member(reply(200, body)).unwrap_err());
            assert!(rule.reason.contains(reason) && !rule.advice.is_empty(), "{body}: {rule:?}");
        }
        assert_eq!(slack_member(PostResult::InvalidUrl), Err(PostResult::InvalidUrl));
    }

    #[test]
    fn conversation_is_read_from_a_success_only() {
        assert_eq!(teams_conversation(reply(201, r#"{"id":"a:1_x"}"#)).as_deref(), Ok("a:1_x"));
        for answer in [reply(403, r#"{"id":"a:1_x"}"#), reply(201, "{}"), reply(201, r#"{"id":"a b"}"#)] {
            assert_eq!(teams_conversation(answer.clone()), Err(answer));
        }
    }

    #[test]
    fn channel_is_dropped_when_the_chat_denies_it() {
        let (channel, now) = (PersonChannel::default(), Instant::now());
        for (answer, is_kept) in [
            (reply(200, r#"{"ok":true}"#), true),
            (reply(200, r#"{"ok":false,"error":"ratelimited"}"#), true),
            (reply(503, "channel_not"), true),
            (PostResult::NoResponse("timeout".to_owned().into()), true),
            (reply(200, r#"{"ok":false,"error":"channel_not_found"}"#), false),
            (reply(200, r#"{"ok":false,"error":"is_archived"}"#), false),
            (reply(200, r#"{"ok":false,"error":"user_disabled"}"#), false),
            (reply(403, "{}"), false),
            (reply(404, "{}"), false),
        ] {
            channel.set("D1".to_owned(), now);
            channel.check(&answer);
            assert_eq!(channel.get(now).is_some(), is_kept, "{answer:?}");
        }
    }

    #[test]
    fn person_who_was_not_found_is_looked_up_again_after_an_hour() {
        let (channel, now) = (PersonChannel::default(), Instant::now());
        let unknown = reply(200, r#"{"ok":false,"error":"users_not_found"}"#);
        for passing in [reply(403, "<html>"), reply(200, r#"{"ok":false,"error":"ratelimited"}"#)] {
            channel.deny(&passing, now);
            assert_eq!(channel.denial(now), None, "{passing:?}");
        }
        channel.deny(&unknown, now);
        assert_eq!((channel.denial(now + DENIAL_LIFETIME / 2), channel.get(now)), (Some(unknown.clone()), None));
        assert_eq!(channel.denial(now + DENIAL_LIFETIME), None);
        channel.clear();
        assert_eq!(channel.denial(now), None, "the operator asks for a look-up");
    }

    #[test]
    fn channel_is_kept_for_a_day() {
        let (channel, start) = (PersonChannel::default(), Instant::now());
        assert_eq!(channel.get(start), None);
        channel.clone().set("D1".to_owned(), start);
        assert_eq!(channel.get(start + LIFETIME - Duration::from_secs(1)).as_deref(), Some("D1"));
        assert_eq!(channel.get(start + LIFETIME), None);
    }
}
