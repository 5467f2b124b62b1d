//! What a Slack app wrote: messages with their edits and threads, as a channel keeps them. A book; it answers nobody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;

/// Messages kept; beyond it the oldest are forgotten.
const KEPT: usize = 50_000;

/// One message of an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its place in the order of arrival, from 0.
    pub number: u64,
    /// The channel's id.
    pub channel: String,
    /// Its name in the channel.
    pub ts: String,
    /// The message that it replies to.
    pub thread: Option<String>,
    /// Everything it said, oldest first; the last is what the channel shows.
    pub said: Vec<Said>,
    /// A person deleted it.
    pub deleted: bool,
}

/// What a message said from a time on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Since when.
    pub at: Timestamp,
    /// The arguments that it came with.
    pub payload: Value,
}

/// Every message of every channel.
#[derive(Debug, Default)]
pub(super) struct Messages {
    all: VecDeque<Message>,
    next: u64,
}

impl Messages {
    /// A new message.
    pub(super) fn post(&mut self, channel: &str, payload: Value, at: Timestamp) -> Message {
        let number = self.next;
        self.next += 1;
        // As Slack's: seconds, and a count that keeps two of them apart.
        let ts = format!("{}.{number:06}", at.as_second());
        let thread = payload.get("thread_ts").and_then(Value::as_str).map(str::to_owned);
        let channel = channel.to_owned();
        let message = Message { number, channel, ts, thread, said: vec![Said { at, payload }], deleted: false };
        self.all.push_back(message.clone());
        if self.all.len() > KEPT {
            self.all.pop_front();
        }
        message
    }

    /// Changes a message; the error is Slack's. `window`: how long it may be changed.
    pub(super) fn update(
        &mut self,
        channel: &str,
        ts: &str,
        payload: Value,
        at: Timestamp,
        window: Option<u64>,
    ) -> Result<Message, &'static str> {
        let found = self.find(channel, ts).filter(|message| !message.deleted);
        let message = found.ok_or("message_not_found")?;
        let since = message.said.first().map_or(at, |first| first.at);
        if window.is_some_and(|window| at.duration_since(since).as_millis() >= i128::from(window) * 1000) {
            return Err("edit_window_closed");
        }
        message.said.push(Said { at, payload });
        Ok(message.clone())
    }

    /// Deletes a message, as a person would. False if there is none.
    pub(super) fn delete(&mut self, channel: &str, ts: &str) -> bool {
        let found = self.find(channel, ts);
        found.is_some_and(|message| !std::mem::replace(&mut message.deleted, true))
    }

    fn find(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.all.iter_mut().rev().find(|message| message.channel == channel && message.ts == ts)
    }

    /// Messages from the given number on, oldest first.
    pub(super) fn from(&self, number: u64, most: usize) -> Vec<Message> {
        let start = self.all.partition_point(|message| message.number < number);
        self.all.iter().skip(start).take(most).cloned().collect()
    }

    /// The last `most` that a channel shows, oldest first.
    pub(super) fn last_shown(&self, most: usize) -> Vec<Message> {
        let mut last: Vec<Message> =
            self.all.iter().rev().filter(|message| !message.deleted).take(most).cloned().collect();
        last.reverse();
        last
    }
}
