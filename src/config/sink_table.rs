//! Schema of the `[sinks.NAME]` tables. `sink` validates the values.

use crate::{
    deliver::{FlowShape, teams_bot::Cloud},
    model::{
        call::{RingStage, StatusKind},
        delivery::SinkKind,
        phone::Mask,
        secret::SecretRef,
        time::HumanDuration,
    },
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One sink: a chat channel.
#[derive(Debug, Deserialize)]
pub(super) struct SinkTable {
    /// Chat: a [`SinkKind`]. A workflow trigger of Slack has `slack` and is known by its URL.
    #[serde(rename = "type")]
    pub kind: SinkKind,
    /// The webhook's URL, a secret.
    pub url: Option<SecretRef>,
    /// A Slack app's bot token; the access token of other chats.
    pub token: Option<SecretRef>,
    /// A Slack app's app-level token: cards of missed calls get buttons.
    pub app_token: Option<SecretRef>,
    /// Age of a claim without a call back at which a Slack app replies a reminder.
    pub claim_reminder: Option<HumanDuration>,
    /// Channel id an app posts to.
    pub channel: Option<String>,
    /// Base URL of an app's API.
    pub api_url: Option<String>,
    /// Shape of the messages to a Teams flow.
    pub shape: Option<FlowShape>,
    /// Whether an app also replies outcomes in the message's thread.
    pub reply_in_thread: Option<bool>,
    /// Secret that signs the messages of a webhook; the client secret of a Teams app.
    pub secret: Option<SecretRef>,
    /// Headers of a webhook's requests: templates, or secrets.
    pub headers: Option<BTreeMap<String, SecretRef>>,
    /// Template of a webhook's body.
    pub body: Option<String>,
    /// Whether a webhook's requests have the headers of CloudEvents.
    pub cloud_events: Option<bool>,
    /// Tenant of a Teams app: id or domain of the directory.
    pub tenant: Option<String>,
    /// Application id of a Teams app.
    pub app_id: Option<String>,
    /// Cloud of the organization of a Teams app.
    pub cloud: Option<Cloud>,
    /// Base URL of the login of a Teams app.
    pub login_url: Option<String>,
    /// Rate limit of the chat.
    pub pace: Option<PaceValue>,
    /// Statuses posted besides `ringing`.
    pub outcomes: Option<Vec<StatusKind>>,
    /// Stage of a call at which its ring is posted: `phone`, `queue` or `start`.
    #[serde(default)]
    pub ring_at: RingStage,
    /// Whether calls that never left the menu are posted.
    #[serde(default)]
    pub menu_only: bool,
    /// Recap times.
    pub recap: Option<RecapValue>,
    /// Masking of callers' numbers.
    #[serde(default)]
    pub mask: Mask,
}

/// `recap = "17:30"`, a list of times, or a table with times and days.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum RecapValue {
    /// Times of every day.
    Daily(TimeList),
    /// Times on some days of the week.
    OnDays {
        /// Times of day.
        at: TimeList,
        /// Days as in `[hours.NAME]`; every day if missing.
        days: Option<TimeList>,
        /// Whether the recap shows the times from call to card.
        #[serde(default)]
        latency: bool,
    },
}

/// One string or a list of strings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum TimeList {
    /// One string.
    One(String),
    /// A list of strings.
    Many(Vec<String>),
}

impl TimeList {
    /// Returns all strings.
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Many(words) => words,
        }
    }
}

/// `pace = { per_second = 1, burst = 4 }` or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum PaceValue {
    /// A rate limit.
    Rate {
        /// Messages per second.
        #[serde(default = "default_per_second")]
        per_second: f64,
        /// Messages in a burst after a pause.
        #[serde(default = "default_burst")]
        burst: u32,
    },
    /// A keyword.
    Keyword(Off),
}

/// The keyword of `pace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Off {
    /// No rate limit.
    Off,
}

const fn default_per_second() -> f64 {
    1.0
}

const fn default_burst() -> u32 {
    4
}
