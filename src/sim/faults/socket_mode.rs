//! Fault switches of Slack's Socket Mode.

use serde::{Deserialize, Serialize};

/// Switches of the sockets of Slack apps. Each socket counts its seconds from `hello`, so a new socket gets the fault again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocketModeFaults {
    /// Seconds from the handshake to `hello`. Until then the socket receives no press.
    pub hello_delay: f64,
    /// Seconds after `hello` until a `disconnect` frame with the reason `warning`; unset: never.
    pub warning_after: Option<f64>,
    /// Seconds after `hello` until a `disconnect` frame with the reason `refresh_requested`; unset: never.
    pub refresh_after: Option<f64>,
    /// Seconds from one of these frames to the end of the socket. Slack documents about 10.
    pub end_delay: f64,
    /// Whether Socket Mode is switched off: open and new sockets get a `disconnect` frame with the reason `link_disabled`,
    /// and end.
    pub link_disabled: bool,
    /// Seconds after `hello` until the socket is half open: the connection stays, and nothing is read or sent, not even pongs.
    /// Unset: never.
    pub silent_after: Option<f64>,
    /// Seconds between two envelopes of an unknown type; unset: none.
    pub unknown_every: Option<f64>,
    /// Sockets that Slack counts beside the open ones.
    pub ghosts: u32,
    /// Share of presses that a ghost receives: they are lost.
    pub to_ghosts: f64,
    /// Share of presses whose envelope is sent twice.
    pub doubled: f64,
    /// Share of presses that are sent again in a second envelope, with an id of its own.
    pub redelivered: f64,
    /// Whether presses go to the oldest socket instead of the newest. Slack chooses any one.
    pub to_oldest: bool,
}

impl Default for SocketModeFaults {
    fn default() -> Self {
        Self {
            hello_delay: 0.0,
            warning_after: None,
            refresh_after: None,
            end_delay: 10.0,
            link_disabled: false,
            silent_after: None,
            unknown_every: None,
            ghosts: 0,
            to_ghosts: 0.0,
            doubled: 0.0,
            redelivered: 0.0,
            to_oldest: false,
        }
    }
}
