//! Inputs and effects of the connection machine of a Slack app.

use std::time::Duration;

/// Number of a socket; never reused.
pub type Generation = u64;

/// Input of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A deadline passed, or nothing happened.
    Tick,
    /// The socket could not be opened.
    OpenFailed(Generation, OpenFailure),
    /// Slack sent `hello`, with its count of the app's sockets.
    Hello(Generation, u32),
    /// A frame of any kind arrived.
    Frame(Generation),
    /// Slack announced the end of the socket.
    Disconnect(Generation, Announcement),
    /// The socket ended.
    Ended(Generation),
}

/// Reason for which a socket could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenFailure {
    /// Slack rejects the app token, or the app has no Socket Mode: Slack's word.
    Rejected(String),
    /// Slack limits the rate.
    Throttled(Duration),
    /// Any other failure.
    Transient,
}

/// Reason of a `disconnect` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// `warning`, `refresh_requested`, and reasons that are not known: Slack replaces its host.
    Replace,
    /// `link_disabled`: Socket Mode was switched off.
    Disabled,
    /// `too_many_websockets`.
    TooMany,
}

/// Action for the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open a socket.
    Open(Generation),
    /// Send a ping.
    Ping(Generation),
    /// Send a close frame, read the frames in flight, end.
    Close(Generation),
    /// Report a change.
    Report(Change),
}

/// A change of the connection, for journal, status and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A socket is live. `own`: open sockets of this daemon. `reported`: Slack's count.
    Live {
        /// Open sockets of this daemon.
        own: u32,
        /// Slack's count of the app's sockets.
        reported: u32,
    },
    /// No socket is live.
    Lost,
    /// Slack rejects the app: its word.
    Rejected(String),
}

impl Change {
    /// Returns whether Slack counts sockets of another program. `others`: daemons that share the outbox with this one and have a
    /// socket of the app too. A press that one of them receives is not lost.
    #[must_use]
    pub const fn has_foreign(&self, others: u32) -> bool {
        match self {
            Self::Live { own, reported } => *reported > own.saturating_add(others),
            Self::Lost | Self::Rejected(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_daemons_that_share_the_outbox_are_not_foreign() {
        let live = |own, reported| Change::Live { own, reported };
        let foreign =
            |others| [live(1, 1), live(1, 2), live(2, 3), live(1, 3)].map(|change| change.has_foreign(others));
        assert_eq!(foreign(0), [false, true, true, true]);
        assert_eq!(foreign(1), [false, false, false, true]);
        assert_eq!(foreign(u32::MAX), [false; 4], "the other daemons are not known yet");
        assert!(!Change::Lost.has_foreign(0));
    }
}
