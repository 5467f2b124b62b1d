//! Fault switches of the chats: webhooks and Slack's Web API.

use super::socket_mode::SocketModeFaults;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Switches of the webhooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatFaults {
    /// Messages per second and webhook before 429; unset: no limit. Slack documents 1 with short bursts.
    pub per_second: Option<f64>,
    /// Burst size: messages accepted before the rate limit applies.
    pub burst: u32,
    /// Share answered with 429, at any rate.
    pub too_many: f64,
    /// `Retry-After` of a 429, seconds.
    pub retry_after: u64,
    /// Share answered with 500.
    pub server_error: f64,
    /// Share neither read nor answered.
    pub hang: f64,
    /// Share accepted and shown, but never answered. The sender cannot detect this fault.
    pub hang_after_accept: f64,
    /// Share whose connection is closed without an answer; not shown.
    pub hang_up: f64,
    /// Share accepted and shown, whose connection is then closed without an answer.
    pub hang_up_after_accept: f64,
    /// Share answered with 200 and a web page, like the login page of a network; not shown.
    pub web_page: f64,
    /// Share answered with 502 by a gateway; not shown.
    pub bad_gateway: f64,
    /// Share answered late.
    pub slow: f64,
    /// Maximum delay, milliseconds.
    pub slow_ms: u64,
    /// Webhooks by path (`/slack/front-desk`) that always return this status, with the body of the real webhook.
    #[serde(rename = "gone")]
    pub fixed_status: BTreeMap<String, u16>,
    /// Teams flows by path (`/teams/support`) that post the body as a card, and show nothing for a message with attachments.
    pub bare_card: BTreeSet<String>,
}

impl Default for ChatFaults {
    fn default() -> Self {
        Self {
            per_second: Some(1.0),
            burst: 8,
            too_many: 0.0,
            retry_after: 1,
            server_error: 0.0,
            hang: 0.0,
            hang_after_accept: 0.0,
            hang_up: 0.0,
            hang_up_after_accept: 0.0,
            web_page: 0.0,
            bad_gateway: 0.0,
            slow: 0.0,
            slow_ms: 0,
            fixed_status: BTreeMap::new(),
            bare_card: BTreeSet::new(),
        }
    }
}

/// Switches of Slack's Web API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppFaults {
    /// Whether the token is revoked.
    pub revoked: bool,
    /// Scopes that the token lacks. Other scopes are granted: `chat:write`, `channels:read`, `groups:read` and `users:read`.
    pub withheld_scopes: BTreeSet<String>,
    /// Channels without the bot.
    pub uninvited: BTreeSet<String>,
    /// Archived channels.
    pub archived: BTreeSet<String>,
    /// Channels that do not exist.
    pub unknown: BTreeSet<String>,
    /// Sockets of Socket Mode.
    pub socket_mode: SocketModeFaults,
    /// Methods that always return this error.
    pub errors: BTreeMap<String, String>,
    /// Seconds in which a message may be edited; unset: no limit.
    pub edit_window: Option<u64>,
    /// Messages per second and channel before 429; unset: no limit. Slack documents 1 with short bursts.
    pub posts_per_second: Option<f64>,
    /// Burst size: messages accepted before the rate limit applies.
    pub burst: u32,
    /// Edits per minute before 429; unset: no limit. Slack documents 50 (tier 3).
    pub edits_per_minute: Option<u32>,
    /// Share answered with 429, at any rate.
    pub too_many: f64,
    /// `Retry-After` of a 429, seconds.
    pub retry_after: u64,
    /// Share answered with 503.
    pub server_error: f64,
    /// Share neither read nor answered.
    pub hang: f64,
    /// Share shown, but never answered.
    pub hang_after_accept: f64,
    /// Share whose connection is closed without an answer; not shown.
    pub hang_up: f64,
    /// Share shown, whose connection is then closed without an answer.
    pub hang_up_after_accept: f64,
    /// Share shown and answered with `fatal_error`.
    pub fatal_after_accept: f64,
    /// Share answered late.
    pub slow: f64,
    /// Maximum delay, milliseconds.
    pub slow_ms: u64,
}

impl Default for AppFaults {
    fn default() -> Self {
        Self {
            revoked: false,
            withheld_scopes: BTreeSet::new(),
            uninvited: BTreeSet::new(),
            archived: BTreeSet::new(),
            unknown: BTreeSet::new(),
            socket_mode: SocketModeFaults::default(),
            errors: BTreeMap::new(),
            edit_window: None,
            posts_per_second: Some(1.0),
            burst: 8,
            edits_per_minute: Some(50),
            too_many: 0.0,
            retry_after: 1,
            server_error: 0.0,
            hang: 0.0,
            hang_after_accept: 0.0,
            hang_up: 0.0,
            hang_up_after_accept: 0.0,
            fatal_after_accept: 0.0,
            slow: 0.0,
            slow_ms: 0,
        }
    }
}
