//! Status of the buttons of a Slack app: whether their presses are received.

use super::alert::AlertKind;
use crate::{
    deliver::socket_mode::{Change, rejection},
    model::ids::SinkName,
};
use std::collections::BTreeMap;

/// Status of the connection that receives presses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ButtonStatus {
    /// No socket is live; the daemon connects.
    #[default]
    Connecting,
    /// A socket is live.
    Live {
        /// Whether Slack counts more sockets of the app than this daemon and those that share its outbox have.
        has_foreign: bool,
    },
    /// Slack rejects the app token, or Socket Mode is off: Slack's word.
    Rejected(String),
}

impl ButtonStatus {
    fn after(change: &Change, others: u32) -> Self {
        match change {
            Change::Live { .. } => Self::Live { has_foreign: change.has_foreign(others) },
            Change::Lost => Self::Connecting,
            Change::Rejected(word) => Self::Rejected(word.clone()),
        }
    }

    /// Records a change. A rejection stays until a socket is live: its sockets are lost too. `others`: other daemons with a socket
    /// of the app. Returns the alert of a rejection that begins or ends.
    pub fn record(&mut self, sink: &SinkName, change: &Change, others: u32) -> Option<AlertKind> {
        let alert = match (&self, change) {
            (Self::Rejected(_), Change::Lost) => return None,
            (Self::Rejected(_), Change::Live { .. }) => Some(AlertKind::ButtonsRestored(sink.clone())),
            (Self::Connecting | Self::Live { .. }, Change::Rejected(word)) => {
                Some(AlertKind::ButtonsRejected(sink.clone(), word.clone()))
            }
            _ => None,
        };
        *self = Self::after(change, others);
        alert
    }

    /// Returns the status in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Connecting => "not received, connecting".to_owned(),
            Self::Live { has_foreign: false } => "received".to_owned(),
            Self::Live { has_foreign: true } => "received in part, another program has sockets of the app".to_owned(),
            Self::Rejected(word) => format!("not received, {}", rejection(word)),
        }
    }

    /// Returns whether presses are lost.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        !matches!(self, Self::Live { has_foreign: false })
    }
}

/// Drops the status of sinks that are not configured. Returns those with a rejection, which is over with the app token.
pub fn retain(buttons: &mut BTreeMap<SinkName, ButtonStatus>, is_wanted: impl Fn(&SinkName) -> bool) -> Vec<SinkName> {
    let mut over = Vec::new();
    buttons.retain(|name, status| {
        let is_kept = is_wanted(name);
        if !is_kept && matches!(status, ButtonStatus::Rejected(_)) {
            over.push(name.clone());
        }
        is_kept
    });
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_keeps_a_rejection_until_a_socket_is_live_and_alerts_once() {
        let sink = SinkName::try_from("desk").unwrap();
        let mut status = ButtonStatus::default();
        assert!(status.is_degraded());
        let live = |reported| Change::Live { own: 1, reported };
        let rejected = |word: &str| Change::Rejected(word.to_owned());
        assert_eq!(status.record(&sink, &live(1), 0), None);
        assert_eq!((status.describe().as_str(), status.is_degraded()), ("received", false));
        let alert = AlertKind::ButtonsRejected(sink.clone(), "link_disabled".to_owned());
        assert_eq!(status.record(&sink, &rejected("link_disabled"), 0), Some(alert));
        assert_eq!(status.record(&sink, &Change::Lost, 0), None);
        assert_eq!(status.describe(), "not received, Socket Mode is switched off (link_disabled)");
        assert_eq!(status.record(&sink, &rejected("token_revoked"), 0), None, "one alert");
        assert_eq!(status.record(&sink, &live(3), 1), Some(AlertKind::ButtonsRestored(sink.clone())));
        assert!(status.describe().contains("another program") && status.is_degraded());
        assert_eq!(status.record(&sink, &Change::Lost, 0), None);
        assert_eq!(status, ButtonStatus::Connecting);
        assert_eq!(status.record(&sink, &live(2), 1), None);
        assert_eq!(status.describe(), "received", "the second socket is that of a daemon that shares the outbox");
    }

    #[test]
    fn retain_returns_removed_sinks_with_a_rejection() {
        let sink = |name: &str| SinkName::try_from(name).unwrap();
        let rejected = || ButtonStatus::Rejected("token_revoked".to_owned());
        let mut buttons: BTreeMap<_, _> =
            [(sink("a"), rejected()), (sink("b"), ButtonStatus::Connecting), (sink("c"), rejected())].into();
        assert_eq!(retain(&mut buttons, |name| name.as_str() == "c"), [sink("a")]);
        assert_eq!(buttons.keys().collect::<Vec<_>>(), [&sink("c")]);
    }
}
