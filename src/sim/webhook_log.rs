//! Log of all requests to the webhooks. `webhooks` answers them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;

/// Requests in the log. Beyond this limit the oldest is removed.
const MAX_REQUESTS: usize = 200_000;

/// Kind of chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatKind {
    /// Slack incoming webhook.
    Slack,
    /// Teams Workflows webhook.
    Teams,
}

/// One request to a webhook, accepted or rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookRequest {
    /// Position in the order of arrival, from 0.
    pub number: u64,
    /// Time of arrival.
    pub at: Timestamp,
    /// Chat of the webhook.
    #[serde(rename = "service")]
    pub chat: ChatKind,
    /// Webhook name: the last part of the path.
    pub name: String,
    /// HTTP status of the answer; 0 if the request was accepted and never answered.
    pub status: u16,
    /// Whether the channel shows the message.
    pub shown: bool,
    /// JSON body; `null` for any other body.
    pub payload: Value,
}

/// All requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct WebhookLog {
    requests: VecDeque<WebhookRequest>,
    next: u64,
}

impl WebhookLog {
    /// Adds a request and numbers it.
    pub(super) fn record(&mut self, mut post: WebhookRequest) -> WebhookRequest {
        post.number = self.next;
        self.next += 1;
        self.requests.push_back(post.clone());
        if self.requests.len() > MAX_REQUESTS {
            self.requests.pop_front();
        }
        post
    }

    /// Returns up to `most` requests from the given number on, oldest first.
    pub(super) fn since(&self, number: u64, most: usize) -> Vec<WebhookRequest> {
        let start = self.requests.partition_point(|post| post.number < number);
        self.requests.iter().skip(start).take(most).cloned().collect()
    }

    /// Returns the last `most` requests that the channel shows, oldest first.
    pub(super) fn last_shown(&self, most: usize) -> Vec<WebhookRequest> {
        let mut last: Vec<WebhookRequest> =
            self.requests.iter().rev().filter(|post| post.shown).take(most).cloned().collect();
        last.reverse();
        last
    }

    /// Removes all requests. Numbering continues.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}
