//! Store of messages that can be edited or found again by their id, with edits and threads. No HTTP.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;

/// Messages in the store. Beyond this limit the oldest is removed.
const MAX_MESSAGES: usize = 50_000;

/// One message of an app, of Discord, ntfy or Google Chat, or of a webhook's receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppMessage {
    /// Position in the order of arrival, from 0.
    pub number: u64,
    /// Channel id; of the other chats the name in the URL.
    pub channel: String,
    /// Message id within the channel.
    pub ts: String,
    /// `ts` of the parent message of a reply.
    pub thread: Option<String>,
    /// All versions, oldest first. The channel shows the last one.
    pub versions: Vec<MessageVersion>,
    /// Whether a user deleted the message.
    pub deleted: bool,
}

/// One version of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageVersion {
    /// Time of the post or edit.
    pub at: Timestamp,
    /// Request arguments.
    pub payload: Value,
}

/// All messages of all channels.
#[derive(Debug, Default)]
pub(super) struct MessageStore {
    all: VecDeque<AppMessage>,
    next: u64,
}

impl MessageStore {
    /// Adds a message.
    pub(super) fn post(&mut self, channel: &str, payload: Value, at: Timestamp) -> AppMessage {
        // Same form as in Slack: seconds, and a counter that makes the value unique.
        let ts = format!("{}.{:06}", at.as_second(), self.next);
        self.add(channel, ts, payload, at)
    }

    /// Adds a message with an id. Returns `None` if the channel has a message with this id.
    pub(super) fn post_as(&mut self, channel: &str, id: &str, payload: Value, at: Timestamp) -> Option<AppMessage> {
        self.find(channel, id).is_none().then(|| self.add(channel, id.to_owned(), payload, at))
    }

    /// Adds a reply with an id. Returns `None` if the channel has no message to reply to.
    pub(super) fn reply_as(
        &mut self,
        channel: &str,
        thread: &str,
        id: &str,
        payload: Value,
        at: Timestamp,
    ) -> Option<AppMessage> {
        self.find(channel, thread).filter(|parent| !parent.deleted)?;
        self.post_as(channel, id, payload, at)?;
        let reply = self.find(channel, id)?;
        reply.thread = Some(thread.to_owned());
        Some(reply.clone())
    }

    /// Returns the number of messages so far.
    pub(super) const fn count(&self) -> u64 {
        self.next
    }

    fn add(&mut self, channel: &str, ts: String, payload: Value, at: Timestamp) -> AppMessage {
        let number = self.next;
        self.next += 1;
        let thread = payload.get("thread_ts").and_then(Value::as_str).map(str::to_owned);
        let channel = channel.to_owned();
        let message =
            AppMessage { number, channel, ts, thread, versions: vec![MessageVersion { at, payload }], deleted: false };
        self.all.push_back(message.clone());
        if self.all.len() > MAX_MESSAGES {
            self.all.pop_front();
        }
        message
    }

    /// Edits a message within `window` seconds. The error is Slack's error code.
    pub(super) fn update(
        &mut self,
        channel: &str,
        ts: &str,
        payload: Value,
        at: Timestamp,
        window: Option<u64>,
    ) -> Result<AppMessage, &'static str> {
        let found = self.find(channel, ts).filter(|message| !message.deleted);
        let message = found.ok_or("message_not_found")?;
        let since = message.versions.first().map_or(at, |first| first.at);
        if window.is_some_and(|window| at.duration_since(since).as_millis() >= i128::from(window) * 1000) {
            return Err("edit_window_closed");
        }
        message.versions.push(MessageVersion { at, payload });
        Ok(message.clone())
    }

    /// Deletes a message on behalf of a user. Returns false if the message does not exist.
    pub(super) fn delete(&mut self, channel: &str, ts: &str) -> bool {
        let found = self.find(channel, ts);
        found.is_some_and(|message| !std::mem::replace(&mut message.deleted, true))
    }

    /// Returns the version of a message that the channel shows.
    pub(super) fn shown(&mut self, channel: &str, ts: &str) -> Option<Value> {
        let message = self.find(channel, ts).filter(|message| !message.deleted)?;
        message.versions.last().map(|version| version.payload.clone())
    }

    fn find(&mut self, channel: &str, ts: &str) -> Option<&mut AppMessage> {
        self.all.iter_mut().rev().find(|message| message.channel == channel && message.ts == ts)
    }

    /// Returns up to `most` messages from the given number on, oldest first.
    pub(super) fn since(&self, number: u64, most: usize) -> Vec<AppMessage> {
        let start = self.all.partition_point(|message| message.number < number);
        self.all.iter().skip(start).take(most).cloned().collect()
    }

    /// Returns the last `most` messages that are not deleted, oldest first.
    pub(super) fn last_shown(&self, most: usize) -> Vec<AppMessage> {
        let mut last: Vec<AppMessage> =
            self.all.iter().rev().filter(|message| !message.deleted).take(most).cloned().collect();
        last.reverse();
        last
    }
}
