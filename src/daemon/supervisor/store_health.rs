//! Reports the changes of the outbox's storage: to the status, the journal and the operator.

use super::Daemon;
use crate::{daemon::health::alert::AlertKind, outbox::Health, runtime::message_id};
use std::mem::replace;

impl Daemon {
    /// Reports the current health. The only writer of these fields of the status after the start: a change is reported once.
    pub(super) async fn on_store_health(&self) {
        let health = *self.health.borrow();
        let (was_in_memory, was_away) = {
            let mut status = self.pipeline.status.lock();
            let away = match health {
                Health::Spooling { reason, .. } => Some(reason),
                Health::Durable | Health::InMemory { .. } => None,
            };
            let is_in_memory = matches!(health, Health::InMemory { .. });
            (replace(&mut status.store_in_memory, is_in_memory), replace(&mut status.store_away, away))
        };
        if self.pipeline.outbox.take_replaced() {
            self.pipeline.raise(AlertKind::DatabaseReplaced).await;
        }
        match health {
            Health::InMemory { reason, .. } => {
                self.pipeline.raise(AlertKind::StoreInMemory(reason.to_string())).await;
                return;
            }
            Health::Spooling { reason, .. } if was_away.is_none() => {
                let (error, advice) = (reason.as_str(), reason.advice());
                tracing::warn!(error, advice, message_id = message_id::DATABASE_AWAY, "shared database away");
            }
            Health::Durable if was_away.is_some() => {
                tracing::info!(message_id = message_id::DATABASE_BACK, "shared database back");
            }
            Health::Spooling { .. } | Health::Durable => {}
        }
        if was_in_memory {
            self.pipeline.raise(AlertKind::StoreRecovered).await;
        }
    }
}
