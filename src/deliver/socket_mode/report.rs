//! Journal entries and metrics of the changes of an app's connection.

use super::types::Change;
use crate::{
    model::ids::SinkName,
    runtime::{message_id, metrics::SocketModeMetrics},
};
use std::sync::atomic::{AtomicBool, Ordering};

/// Journal and metrics of one app.
#[derive(Debug)]
pub struct SocketJournal {
    app: SinkName,
    metrics: SocketModeMetrics,
    /// Whether sockets of another program were reported and are still counted. They may last for hours, over many `hello`.
    is_foreign_reported: AtomicBool,
}

impl SocketJournal {
    /// Creates a report without entries.
    #[must_use]
    pub const fn new(app: SinkName, metrics: SocketModeMetrics) -> Self {
        Self { app, metrics, is_foreign_reported: AtomicBool::new(false) }
    }

    /// Records a change. `others`: see [`Change::has_foreign`].
    pub fn record(&self, change: &Change, others: u32) {
        let app = &self.app;
        let (own, reported) = if let Change::Live { own, reported } = change { (*own, *reported) } else { (0, 0) };
        self.metrics.sockets(own, reported);
        match change {
            Change::Live { .. } if self.is_new_foreign(change.has_foreign(others)) => tracing::warn!(
                sink = %app, own, reported, message_id = message_id::FOREIGN_SLACK_SOCKETS,
                "slack socket live, but slack counts sockets of another program: presses may be lost"
            ),
            Change::Live { .. } => tracing::info!(sink = %app, own, reported, "slack socket live"),
            Change::Lost => tracing::warn!(sink = %app, "slack socket lost, connecting again"),
            Change::Rejected(error) => tracing::error!(
                sink = %app, error, message_id = message_id::SLACK_SOCKET_REJECTED,
                "slack refuses the socket: presses of buttons are not received"
            ),
        }
    }

    fn is_new_foreign(&self, has_foreign: bool) -> bool {
        !self.is_foreign_reported.swap(has_foreign, Ordering::Relaxed) && has_foreign
    }
}
