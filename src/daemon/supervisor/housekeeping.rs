//! The periodic work of the supervisor: heartbeats, backlog, status line, status file, watchdog.

use super::Daemon;
use crate::{
    daemon::{health::status::ConnectionStatus, system::sd_notify},
    model::{ids::ConnectionName, time::Now},
    outbox::Heartbeat,
    runtime::message_id,
};

impl Daemon {
    /// Writes heartbeats, reads the backlog, updates the status line and feeds the watchdog.
    pub(super) async fn housekeeping(&mut self) {
        let now = Now::current();
        self.restore_state_dir();
        let heartbeats: Vec<(ConnectionName, Heartbeat)> = {
            let status = self.pipeline.status.lock();
            let heartbeat =
                |(name, one): (&ConnectionName, &ConnectionStatus)| Some((name.clone(), one.heartbeat(now)?));
            status.connections.iter().filter_map(heartbeat).collect()
        };
        let mut store_answers = true;
        for (connection, heartbeat) in heartbeats {
            store_answers &= self.pipeline.outbox.heartbeat(connection, heartbeat).await.is_ok();
        }
        let backlog = self.pipeline.outbox.backlog().await;
        store_answers &= backlog.is_ok();
        let settings = self.pipeline.settings.load();
        let today = settings.today();
        let (summary, is_ready) = {
            let mut status = self.pipeline.status.lock();
            status.checked = Some((Now::current().instant, store_answers));
            if let Ok(backlog) = backlog {
                status.set_backlog(settings.sinks.keys(), backlog);
            }
            (status.summary(today), status.is_ready())
        };
        let status = self.pipeline.status.lock().clone();
        self.status_file.update(&status, &self.pipeline.metrics, now.timestamp, Now::current().instant);
        self.readiness.update(is_ready, &summary);
        let Some(limit) = sd_notify::watchdog_interval() else { return };
        // The watchdog is fed while the store, this task and all others make progress. systemd restarts a stalled
        // daemon.
        let stalled = self.pipeline.tasks.stalled(Now::current().instant, limit);
        if store_answers && stalled.is_empty() {
            sd_notify::feed_watchdog();
        }
        if !stalled.is_empty() && stalled != self.stalled {
            tracing::error!(
                loops = stalled.join(", "),
                message_id = message_id::TASK_STALLED,
                "task stalled, watchdog will restart the daemon"
            );
        }
        self.stalled = stalled;
    }

    /// Creates a removed state directory again, with its lock.
    fn restore_state_dir(&mut self) {
        match self.state.restore() {
            Ok(restored) => {
                if restored {
                    tracing::warn!("state directory was removed, created and locked again");
                }
                self.state_missing = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.state_missing, true) {
                    tracing::error!(%error, "state directory was removed and cannot be created again");
                }
            }
        }
    }
}
