//! Log of all requests to the webhooks. `webhooks` answers them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Requests in the log. Beyond this limit the oldest is removed.
const MAX_REQUESTS: usize = 200_000;

/// Kind of chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChatKind {
    /// Slack incoming webhook.
    Slack,
    /// Teams Workflows webhook.
    Teams,
    /// Receiver of signed JSON.
    Webhook,
    /// Topic of an ntfy server.
    Ntfy,
    /// Discord webhook.
    Discord,
    /// Mattermost incoming webhook.
    Mattermost,
    /// Google Chat webhook.
    GoogleChat,
}

impl ChatKind {
    /// Returns the path of a webhook, or of a topic, with its query.
    #[must_use]
    pub fn path(self, name: &str) -> String {
        match self {
            Self::Slack => format!("/slack/{name}"),
            Self::Teams => format!("/teams/{name}"),
            Self::Webhook => format!("/webhook/{name}"),
            Self::Ntfy => format!("/ntfy/{name}"),
            Self::Discord => format!("/discord/api/webhooks/1/{name}"),
            Self::Mattermost => format!("/mattermost/hooks/{name}"),
            Self::GoogleChat => format!("/google-chat/v1/spaces/{name}/messages?key=k&token=t"),
        }
    }
}

/// Signed parts of a request, as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedParts {
    /// Headers in lower case.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: String,
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
    /// Headers and raw body; only of a webhook's receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedParts>,
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
