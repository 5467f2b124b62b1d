//! Fault switches, settable while the simulator runs, in-process or over `/sim/faults`. The defaults are a healthy GoTo
//! and healthy chats. Shares are 0 (never) to 1 (always).

mod chats;
mod socket_mode;

pub use chats::{AppFaults, ChatFaults};
pub use socket_mode::SocketModeFaults;

use super::teams_app::faults::TeamsAppFaults;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// All fault switches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Whether the simulator is down: open connections are dropped and new ones are closed immediately. Channels and grants are
    /// kept.
    pub down: bool,
    /// Logins and tokens.
    pub tokens: TokenFaults,
    /// Notification channels.
    pub channels: ChannelFaults,
    /// The sockets of the channels.
    pub sockets: SocketFaults,
    /// All REST calls of GoTo except the token endpoint.
    pub rest: RestFaults,
    /// Whether `identity` answers without accounts.
    pub identity_without_accounts: bool,
    /// Accounts whose call-events subscription is rejected in the 207, with their status (403, 404, 429, 500).
    pub accounts: BTreeMap<String, u16>,
    /// Chat webhooks.
    pub chat: ChatFaults,
    /// Slack Web API.
    pub app: AppFaults,
    /// Teams bot service and its login.
    pub teams_app: TeamsAppFaults,
}

/// Switches of the login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenFaults {
    /// `expires_in` of new tokens, in seconds. Unset: absent from the answer, and tokens are valid for 3600 s.
    pub expires_in: Option<u64>,
    /// Whether a refresh returns a new refresh token.
    pub rotate: bool,
    /// Whether the old refresh token is still valid after a rotation. GoTo does not document this; the default is the worse
    /// case.
    #[serde(rename = "old_lives")]
    pub old_token_valid: bool,
    /// Whether refresh tokens, codes and personal access tokens get `invalid_grant`: a new login is required.
    pub revoked: bool,
    /// Whether the user denies access on the consent page.
    pub denied: bool,
    /// Scopes that are never granted.
    pub withheld_scopes: Vec<String>,
    /// Share of token requests that get 500.
    pub server_error: f64,
    /// Share of token requests that are processed, but whose answer is lost: the connection is closed.
    pub lost_answer: f64,
    /// Delay of a token answer, milliseconds.
    pub slow_ms: u64,
}

impl Default for TokenFaults {
    fn default() -> Self {
        Self {
            expires_in: Some(3600),
            rotate: false,
            old_token_valid: false,
            revoked: false,
            denied: false,
            withheld_scopes: Vec::new(),
            server_error: 0.0,
            lost_answer: 0.0,
            slow_ms: 0,
        }
    }
}

/// Switches of the notification channels. The switches apply to channels created or renewed after the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelFaults {
    /// Real lifetime of a channel, seconds. Live accounts have 1200.
    pub lifetime: u64,
    /// Lifetime stated in answers if it differs from the real lifetime.
    pub stated_lifetime: Option<i64>,
    /// Remaining part of the lifetime when `WEBSOCKET_REFRESH_REQUIRED` is sent; 0: never sent. GoTo sends it with 600 s
    /// left.
    pub refresh_notice: f64,
    /// Remaining part of the lifetime when `WEBSOCKET_TO_BE_CLOSED` is sent; 0: never sent. GoTo's lead is unknown.
    pub close_notice: f64,
    /// Channels per user. GoTo documents 50; one more is answered with 409.
    pub limit: usize,
    /// Whether `channelURL` ends with a line break, as in GoTo's own sample.
    pub newline_in_url: bool,
}

impl Default for ChannelFaults {
    fn default() -> Self {
        Self {
            lifetime: 1200,
            stated_lifetime: None,
            refresh_notice: 0.5,
            close_notice: 1.0 / 60.0,
            limit: 50,
            newline_in_url: false,
        }
    }
}

impl ChannelFaults {
    /// Returns the real lifetime of a channel.
    pub(super) const fn real_lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime)
    }

    /// Returns the lifetime that an answer states, seconds.
    pub(super) fn lifetime_to_state(&self, life: Duration) -> i64 {
        self.stated_lifetime.unwrap_or_else(|| i64::try_from(life.as_secs()).unwrap_or(i64::MAX))
    }
}

/// Switches of the sockets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocketFaults {
    /// Mean seconds between two drops of a random socket without a close frame; 0: never.
    pub drop_every: f64,
    /// Mean seconds between two announced closings of a random socket (`WEBSOCKET_TO_BE_CLOSED`, 2 s later the close);
    /// 0: never.
    pub close_every: f64,
    /// Whether sockets stay open and send nothing, not even pongs. Frames are lost.
    pub silent: bool,
    /// Share of call frames that are sent twice.
    pub doubled: f64,
    /// Share of call frames that are not sent. Each leaves a hole in the sequence.
    pub lost: f64,
}

/// Switches of the REST calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestFaults {
    /// Share answered with 401, with any token.
    pub unauthorized: f64,
    /// Share of channel creations answered with 409.
    pub conflict: f64,
    /// Share answered with 429.
    pub too_many: f64,
    /// `Retry-After` of a 429, seconds. GoTo documents none for these APIs.
    pub retry_after: Option<u64>,
    /// Share answered with 500, 502 or 503.
    pub server_error: f64,
    /// Share never answered.
    pub hang: f64,
    /// Share answered late.
    pub slow: f64,
    /// Maximum delay, milliseconds.
    pub slow_ms: u64,
    /// Requests per second and API before 429. GoTo documents 10; unset: no limit.
    pub per_second: Option<u32>,
}

impl Default for RestFaults {
    fn default() -> Self {
        Self {
            unauthorized: 0.0,
            conflict: 0.0,
            too_many: 0.0,
            retry_after: None,
            server_error: 0.0,
            hang: 0.0,
            slow: 0.0,
            slow_ms: 0,
            per_second: Some(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_faults_keep_defaults_and_unknown_switch_is_rejected() {
        let faults: Faults = serde_json::from_str(r#"{"sockets":{"drop_every":1.5},"accounts":{"1":403}}"#).unwrap();
        assert_eq!(faults.channels, ChannelFaults::default());
        assert_eq!(faults.accounts.get("1"), Some(&403));
        assert!(serde_json::from_str::<Faults>(r#"{"socket":{}}"#).is_err());
    }
}
