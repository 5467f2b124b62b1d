//! What goes wrong, as switches: settable while the world runs, in-process or over `/sim/faults`. The defaults are a
//! GoTo and a chat in good health. Shares are 0 (never) to 1 (always).

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Every switch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Nothing answers: connections are cut and new ones are closed at once. Channels and grants are kept.
    pub down: bool,
    /// Logins and tokens.
    pub tokens: TokenFaults,
    /// Notification channels.
    pub channels: ChannelFaults,
    /// The sockets of the channels.
    pub sockets: SocketFaults,
    /// All REST calls of GoTo except the token endpoint.
    pub rest: RestFaults,
    /// Accounts whose call-events subscription is refused in the 207, with the status they get (403, 404, 429, 500).
    pub accounts: BTreeMap<String, u16>,
    /// The chat's webhooks.
    pub chat: ChatFaults,
    /// Slack's Web API.
    pub app: AppFaults,
}

/// Switches of the login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenFaults {
    /// `expires_in` of new tokens, in seconds; absent from the answer if unset (they then live 3600 s).
    pub expires_in: Option<u64>,
    /// A refresh hands out a new refresh token.
    pub rotate: bool,
    /// After a rotation the old refresh token still works. GoTo does not say whether it does: the default is the worse.
    pub old_lives: bool,
    /// Refresh tokens and codes get `invalid_grant`: somebody must consent again.
    pub revoked: bool,
    /// The user says no on the consent page.
    pub denied: bool,
    /// Scopes that are never granted.
    pub withheld_scopes: Vec<String>,
    /// Share of token requests that get 500.
    pub server_error: f64,
    /// Milliseconds before a token answer.
    pub slow_ms: u64,
}

impl Default for TokenFaults {
    fn default() -> Self {
        Self {
            expires_in: Some(3600),
            rotate: false,
            old_lives: false,
            revoked: false,
            denied: false,
            withheld_scopes: Vec::new(),
            server_error: 0.0,
            slow_ms: 0,
        }
    }
}

/// Switches of the notification channels. They hold for channels made or renewed from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelFaults {
    /// Real life of a channel, seconds: 10800 is what GoTo's answers say.
    pub lifetime: u64,
    /// What the answers say instead of the real life, if it is a lie.
    pub stated_lifetime: Option<i64>,
    /// Part of the life that is left when `WEBSOCKET_REFRESH_REQUIRED` is sent; 0: it is never sent. GoTo's lead is unknown.
    pub refresh_notice: f64,
    /// Part of the life that is left when `WEBSOCKET_TO_BE_CLOSED` is sent; 0: it is never sent. GoTo's lead is unknown.
    pub close_notice: f64,
    /// Channels a user may have: 50 is documented; one more is answered with 409.
    pub limit: usize,
    /// A line break at the end of `channelURL`, as in GoTo's own sample.
    pub newline_in_url: bool,
}

impl Default for ChannelFaults {
    fn default() -> Self {
        Self {
            lifetime: 10_800,
            stated_lifetime: None,
            refresh_notice: 1.0 / 6.0,
            close_notice: 1.0 / 60.0,
            limit: 50,
            newline_in_url: false,
        }
    }
}

impl ChannelFaults {
    /// The real life of a channel.
    pub(super) const fn life(&self) -> Duration {
        Duration::from_secs(self.lifetime)
    }

    /// The life that an answer states.
    pub(super) fn stated(&self, life: Duration) -> i64 {
        self.stated_lifetime.unwrap_or_else(|| i64::try_from(life.as_secs()).unwrap_or(i64::MAX))
    }
}

/// Switches of the sockets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocketFaults {
    /// Mean seconds between two cuts of a random socket, without a word; 0: never.
    pub drop_every: f64,
    /// Mean seconds between two announced closings of a random socket (`WEBSOCKET_TO_BE_CLOSED`, 2 s later the close);
    /// 0: never.
    pub close_every: f64,
    /// Sockets stay open and nothing comes out of them, no pong either. What was to be said is lost.
    pub silent: bool,
    /// Share of call frames that are sent twice.
    pub doubled: f64,
    /// Share of call frames that are not sent, which leaves a hole in the sequence.
    pub lost: f64,
}

/// Switches of the REST calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestFaults {
    /// Share answered with 401 whatever the token.
    pub unauthorized: f64,
    /// Share of channel creations answered with 409.
    pub conflict: f64,
    /// Share answered with 429.
    pub too_many: f64,
    /// `Retry-After` of a 429, seconds. GoTo documents none for these APIs.
    pub retry_after: Option<u64>,
    /// Share answered with 500, 502 or 503.
    pub server_error: f64,
    /// Share that is never answered.
    pub hang: f64,
    /// Share that is answered late.
    pub slow: f64,
    /// How late, milliseconds at most.
    pub slow_ms: u64,
    /// Requests a second and API before 429: 10 is documented. Unset: no limit.
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

/// Switches of the webhooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatFaults {
    /// Messages a second and webhook before 429; unset: no limit. Slack documents 1 with short bursts.
    pub per_second: Option<f64>,
    /// Messages that may come at once before the limit bites.
    pub burst: u32,
    /// Share answered with 429 whatever the rate.
    pub too_many: f64,
    /// `Retry-After` of a 429, seconds.
    pub retry_after: u64,
    /// Share answered with 500.
    pub server_error: f64,
    /// Share that is never read nor answered.
    pub hang: f64,
    /// Share that is taken and shown, but never answered: the sender cannot know.
    pub hang_after_accept: f64,
    /// Share that is answered late.
    pub slow: f64,
    /// How late, milliseconds at most.
    pub slow_ms: u64,
    /// Webhooks by their path (`/slack/front-desk`) that always get this status, with the body the real one has.
    pub gone: BTreeMap<String, u16>,
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
            slow: 0.0,
            slow_ms: 0,
            gone: BTreeMap::new(),
        }
    }
}

/// Switches of Slack's Web API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppFaults {
    /// The token is revoked.
    pub revoked: bool,
    /// Channels that the bot is not in.
    pub uninvited: BTreeSet<String>,
    /// Channels that are archived.
    pub archived: BTreeSet<String>,
    /// Channels that are not there.
    pub unknown: BTreeSet<String>,
    /// Methods that always answer this error.
    pub errors: BTreeMap<String, String>,
    /// Seconds for which a message may be edited; unset: for ever.
    pub edit_window: Option<u64>,
    /// Messages a second and channel before 429; unset: no limit. Slack documents 1 with short bursts.
    pub posts_per_second: Option<f64>,
    /// Messages that may come at once before the limit bites.
    pub burst: u32,
    /// Edits a minute before 429; unset: no limit. Slack documents 50 (tier 3).
    pub edits_per_minute: Option<u32>,
    /// Share answered with 429 whatever the rate.
    pub too_many: f64,
    /// `Retry-After` of a 429, seconds.
    pub retry_after: u64,
    /// Share answered with 503.
    pub server_error: f64,
    /// Share that is never read nor answered.
    pub hang: f64,
    /// Share that is shown, but never answered.
    pub hang_after_accept: f64,
    /// Share that is shown and answered with `fatal_error`.
    pub fatal_after_accept: f64,
    /// Share that is answered late.
    pub slow: f64,
    /// How late, milliseconds at most.
    pub slow_ms: u64,
}

impl Default for AppFaults {
    fn default() -> Self {
        Self {
            revoked: false,
            uninvited: BTreeSet::new(),
            archived: BTreeSet::new(),
            unknown: BTreeSet::new(),
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
            fatal_after_accept: 0.0,
            slow: 0.0,
            slow_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_switches_leaves_the_rest_in_good_health_and_a_wrong_word_is_refused() {
        let faults: Faults = serde_json::from_str(r#"{"sockets":{"drop_every":1.5},"accounts":{"1":403}}"#).unwrap();
        assert_eq!(faults.channels, ChannelFaults::default());
        assert_eq!(faults.accounts.get("1"), Some(&403));
        assert!(serde_json::from_str::<Faults>(r#"{"socket":{}}"#).is_err());
    }
}
