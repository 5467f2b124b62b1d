//! Metrics of a Slack app in Socket Mode: its sockets, and the presses of buttons.

use super::{
    catalog::{Catalog, FloatGauge, Labeled},
    histogram::Histogram,
};
use prometheus_client::metrics::counter::Counter;
use std::{array, sync::Arc, time::Duration};

/// Results of a press.
pub const PRESS_RESULTS: [&str; 9] =
    ["applied", "repeated", "taken", "not_own", "too_late", "not_open", "unknown_card", "unknown_button", "not_stored"];

/// Metrics of all apps.
#[derive(Debug)]
pub(super) struct SocketModeFamilies {
    sockets: Labeled<FloatGauge>,
    presses: Labeled<Counter>,
    acknowledge_duration: Labeled<Histogram>,
}

/// Metrics of one app. Clones share them. The default is not exported.
#[derive(Debug, Clone, Default)]
pub struct SocketModeMetrics(Arc<Values>);

#[derive(Debug, Default)]
struct Values {
    own: FloatGauge,
    reported: FloatGauge,
    presses: [Counter; PRESS_RESULTS.len()],
    acknowledge_duration: Histogram,
}

impl SocketModeFamilies {
    pub(super) fn register(catalog: &mut Catalog) -> Self {
        Self {
            sockets: catalog.gauge(
                "slack_sockets",
                None,
                &["sink", "state"],
                "Sockets of a Slack app: open ones of this daemon (own), and as Slack counted when the last one opened (reported). \
                 More reported ones belong to daemons that share the database, to another program, or are dead; the latter take \
                 presses away",
            ),
            presses: catalog.counter("presses", &["sink", "result"], "Presses of buttons on cards, by their result"),
            acknowledge_duration: catalog.histogram(
                "press_acknowledge_duration",
                &["sink"],
                "Time from the receipt of a press to its acknowledgement, with the sync of the store. Slack waits 3 s",
            ),
        }
    }

    /// Returns the metrics of one app. All label values exist from then on.
    pub(super) fn app(&self, sink: &str) -> SocketModeMetrics {
        let result = |index: usize| PRESS_RESULTS.get(index).copied().unwrap_or_default();
        SocketModeMetrics(Arc::new(Values {
            own: self.sockets.of(&[sink, "own"]),
            reported: self.sockets.of(&[sink, "reported"]),
            presses: array::from_fn(|index| self.presses.of(&[sink, result(index)])),
            acknowledge_duration: self.acknowledge_duration.of(&[sink]),
        }))
    }
}

impl SocketModeMetrics {
    /// Sets the number of open sockets, and Slack's count.
    pub fn sockets(&self, own: u32, reported: u32) {
        self.0.own.set(f64::from(own));
        self.0.reported.set(f64::from(reported));
    }

    /// Counts a press by one of the [`PRESS_RESULTS`].
    pub fn press(&self, result: &str) {
        let index = PRESS_RESULTS.iter().position(|one| *one == result);
        if let Some(counter) = index.and_then(|index| self.0.presses.get(index)) {
            counter.inc();
        }
    }

    /// Records the time until an acknowledgement.
    pub fn acknowledged(&self, took: Duration) {
        self.0.acknowledge_duration.observe(took);
    }
}
