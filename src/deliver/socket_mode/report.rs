//! Journal entries and metrics of the changes of an app's connection.

use super::types::Change;
use crate::{
    model::ids::SinkName,
    runtime::{message_id, metrics::SocketModeMetrics},
};

/// Records a change. `others`: see [`Change::has_foreign`].
pub fn record(app: &SinkName, change: &Change, others: u32, metrics: &SocketModeMetrics) {
    match change {
        Change::Live { own, reported } if change.has_foreign(others) => {
            metrics.sockets(*own, *reported);
            tracing::warn!(
                sink = %app, own, reported, message_id = message_id::FOREIGN_SLACK_SOCKETS,
                "slack socket live, but slack counts sockets of another program: presses may be lost"
            );
        }
        Change::Live { own, reported } => {
            metrics.sockets(*own, *reported);
            tracing::info!(sink = %app, own, reported, "slack socket live");
        }
        Change::Lost => {
            metrics.sockets(0, 0);
            tracing::warn!(sink = %app, "slack socket lost, connecting again");
        }
        Change::Rejected(error) => {
            metrics.sockets(0, 0);
            tracing::error!(
                sink = %app, error, message_id = message_id::SLACK_SOCKET_REJECTED,
                "slack rejects the app token: presses of buttons are not received"
            );
        }
    }
}
