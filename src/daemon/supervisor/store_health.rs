//! Reports the changes of the outbox's storage: to the status, the journal and the operator.

use super::Daemon;
use crate::{
    daemon::health::alert::AlertKind,
    outbox::Health,
    runtime::{message_id, postgres::PostgresFault},
};
use std::mem::{replace, take};

/// Reasons of one outage of the shared database that were reported. Several servers of one URL can give theirs in turn.
#[derive(Debug, Default)]
pub(super) struct ReportedFaults(Vec<PostgresFault>);

impl ReportedFaults {
    /// Records a reason. Returns whether it is new in this outage.
    fn is_new(&mut self, fault: PostgresFault) -> bool {
        let is_new = !self.0.contains(&fault);
        if is_new {
            self.0.push(fault);
        }
        is_new
    }

    /// Ends the outage. Returns whether it was reported.
    fn end(&mut self) -> bool {
        !take(&mut self.0).is_empty()
    }
}

impl Daemon {
    /// Reports the current health. The only writer of these fields of the status after the start: a change is reported once.
    pub(super) async fn on_store_health(&mut self) {
        let health = *self.health.borrow();
        let was_in_memory = {
            let mut status = self.pipeline.status.lock();
            status.store_away = health.server_fault();
            replace(&mut status.store_in_memory, matches!(health, Health::InMemory { .. }))
        };
        if self.pipeline.outbox.take_replaced() {
            self.pipeline.raise(AlertKind::DatabaseReplaced).await;
        }
        match health {
            Health::InMemory { reason, .. } => {
                self.pipeline.raise(AlertKind::StoreInMemory(reason.to_string())).await;
                return;
            }
            Health::Spooling { reason, .. } if self.reported_faults.is_new(reason) => self.report_away(reason).await,
            Health::Durable if self.reported_faults.end() => {
                tracing::info!(message_id = message_id::DATABASE_BACK, "shared database back");
            }
            Health::Spooling { .. } | Health::Durable => {}
        }
        if was_in_memory {
            self.pipeline.raise(AlertKind::StoreRecovered).await;
        }
    }

    async fn report_away(&self, reason: PostgresFault) {
        if reason == PostgresFault::NewerSchema {
            self.pipeline.raise(AlertKind::DatabaseNewer).await;
        } else {
            let (error, advice) = (reason.as_str(), reason.advice());
            tracing::warn!(error, advice, message_id = message_id::DATABASE_AWAY, "shared database away");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_reported_once_in_each_outage() {
        let mut reported = ReportedFaults::default();
        assert!(!reported.end(), "no outage yet");
        assert!(reported.is_new(PostgresFault::Closed) && reported.is_new(PostgresFault::Password));
        assert!(!reported.is_new(PostgresFault::Closed) && !reported.is_new(PostgresFault::Password));
        assert!(reported.end() && !reported.end());
        assert!(reported.is_new(PostgresFault::Closed));
    }
}
