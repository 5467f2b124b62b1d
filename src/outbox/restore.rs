//! Restores the file while cards are in memory: opens it, and copies the rows of memory back.

use super::{
    copy::copy_back,
    database::{DiskError, open_database},
    disk_error::DiskProblem,
    health::Health,
    schema,
    storage::{Backend, MAX_RESTORE_WAIT, Maintenance, Storage, file_backend},
};
use crate::{
    model::time::Timestamp,
    runtime::{postgres::PostgresFault, sql::Session},
};

impl Storage {
    /// Tries to restore the file: opens it as at start, and copies memory's rows into it.
    pub(super) fn try_restore(&mut self, now: Timestamp) -> Maintenance {
        let Backend::Memory { wait, pending_complete, .. } = self.backend else { return Maintenance::Idle };
        let restored = open_database(&self.settings, now).and_then(|disk| {
            if let Some(memory) = self.store.db.sqlite() {
                copy_back(memory, &disk.db, pending_complete).inspect_err(|_| schema::rollback(&disk.db))?;
            }
            Ok(disk)
        });
        match restored {
            Ok(disk) => {
                self.backend = file_backend(&self.settings, disk.wal, &disk.db);
                self.store.db = Session::Sqlite(disk.db);
                self.store.lacks_history = self.link.is_some();
                self.health.send_replace(if self.link.is_some() {
                    Health::Spooling { reason: PostgresFault::Closed, since: now }
                } else {
                    Health::Durable
                });
                Maintenance::Changed
            }
            Err(why) => {
                tracing::debug!(?why, "the outbox file is not restored yet");
                let wait = (wait * 2).min(MAX_RESTORE_WAIT);
                self.backend = Backend::Memory { next: wait, wait, pending_complete };
                self.update_reason(why);
                Maintenance::Idle
            }
        }
    }

    /// Updates the reason if it changed (missing, then read-only) and notifies the watchers. The time of the switch stays.
    fn update_reason(&self, reason: DiskError) {
        let new = match reason {
            DiskError::Problem(why) => why,
            DiskError::Newer(_) | DiskError::Foreign => DiskProblem::Foreign,
        };
        self.health.send_if_modified(|health| match health {
            Health::InMemory { reason: why, .. } if *why != new => {
                *why = new;
                true
            }
            Health::InMemory { .. } | Health::Durable | Health::Spooling { .. } => false,
        });
    }
}
