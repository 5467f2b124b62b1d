//! Fault switches of the simulated Teams bot service and its login.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Switches of the bot service and its login. Shares are 0 (never) to 1 (always).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeamsAppFaults {
    /// `expires_in` of new tokens, seconds. Microsoft's have about an hour.
    pub token_lifetime: u64,
    /// Whether the client secret has expired.
    pub secret_expired: bool,
    /// Share of token requests answered with 503.
    pub login_error: f64,
    /// Channels of teams without the app.
    pub not_installed: BTreeSet<String>,
    /// Channels that accept no messages of the app.
    pub blocked: BTreeSet<String>,
    /// Channels that do not exist.
    pub unknown: BTreeSet<String>,
    /// Whether requests beyond the limits of a conversation get 429.
    pub limits: bool,
    /// Share answered with 429, at any rate.
    pub too_many: f64,
    /// `Retry-After` of a 429, seconds; unset: absent, which Teams allows.
    pub retry_after: Option<u64>,
    /// Share answered with 412, 502 or 504; not shown.
    pub unavailable: f64,
    /// Share neither read nor answered.
    pub hang: f64,
    /// Share whose connection is closed without an answer; not shown.
    pub hang_up: f64,
    /// Share shown, whose connection is then closed without an answer.
    pub hang_up_after_accept: f64,
    /// Share answered late.
    pub slow: f64,
    /// Maximum delay, milliseconds.
    pub slow_ms: u64,
}

impl Default for TeamsAppFaults {
    fn default() -> Self {
        Self {
            token_lifetime: 3599,
            secret_expired: false,
            login_error: 0.0,
            not_installed: BTreeSet::new(),
            blocked: BTreeSet::new(),
            unknown: BTreeSet::new(),
            limits: true,
            too_many: 0.0,
            retry_after: Some(1),
            unavailable: 0.0,
            hang: 0.0,
            hang_up: 0.0,
            hang_up_after_accept: 0.0,
            slow: 0.0,
            slow_ms: 0,
        }
    }
}
