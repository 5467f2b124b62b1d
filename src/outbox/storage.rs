//! Storage of the outbox: the SQLite file, or an in-memory database while the file is unusable. Switches over and back; the
//! store is unaffected.

use super::{
    FILE_NAME, OutboxSettings, Retention,
    copy::{CopyResult, CopyScope, copy_all},
    database::{Database, log_quarantined, open_read_only, quarantine},
    database_link::DatabaseLink,
    disk_error::{DiskProblem, StoreError},
    handover::Slots,
    health::Health,
    schema::{self, MIGRATIONS},
    store::Store,
    wal::Wal,
};
use crate::{model::time::Timestamp, runtime::sql::Session};
use rusqlite::Connection;
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};
use tokio::sync::watch;

/// Most maintenance runs between two attempts to restore the file: half a minute at 2 s each.
pub(super) const MAX_RESTORE_WAIT: u32 = 16;

/// Maintenance runs between two retention steps without work: a minute.
const RETENTION_INTERVAL: u32 = 30;

/// Most jobs of one transaction: a commit of some 10 ms.
const MAX_BATCH: usize = 256;

/// Most jobs of one transaction of a server: each statement waits for the network, and the transaction has a limit.
const MAX_SHARED_BATCH: usize = 32;

/// Retention limit in memory, in bytes.
const MAX_MEMORY_BYTES: u64 = 128 << 20;

/// The store and its backend.
pub(super) struct Storage {
    pub(super) store: Store,
    pub(super) settings: OutboxSettings,
    pub(super) backend: Backend,
    pub(super) health: watch::Sender<Health>,
    /// The shared database was found empty or older than before.
    pub(super) is_replaced: Arc<AtomicBool>,
    /// The way to a store that several daemons share.
    pub(super) link: Option<DatabaseLink>,
    /// Maintenance runs until the next retention step.
    retain_in: u32,
    pub(super) slots: Arc<Slots>,
}

#[derive(Debug)]
pub(super) enum Backend {
    Disk {
        wal: Wal,
        /// Device and inode: a deleted file stays writable, but its rows would be lost.
        file_id: Option<(u64, u64)>,
        /// `PRAGMA data_version`: changes when another process commits.
        version: i64,
    },
    /// A server that several daemons share.
    Shared {
        /// The file that is used while the server is away.
        file: Session,
    },
    Memory {
        /// Maintenance runs until the next attempt to restore the file.
        next: u32,
        /// Wait after that attempt, in maintenance runs; doubles.
        wait: u32,
        /// Memory has all pending updates.
        pending_complete: bool,
    },
}

/// Result of a maintenance run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maintenance {
    /// Nothing to do.
    Idle,
    /// Retention has more rows to delete: run again soon.
    Busy,
    /// Rows changed (another process, a switch of the backend, an expired lease): wake all workers.
    Changed,
}

impl Storage {
    pub(super) fn on_disk(settings: OutboxSettings, disk: Database) -> Self {
        let backend = file_backend(&settings, disk.wal, &disk.db);
        Self::new(settings, Session::Sqlite(disk.db), backend, Health::Durable)
    }

    /// Starts in memory, with the rows that are readable in the file.
    pub(super) fn in_memory(settings: OutboxSettings, why: DiskProblem, since: Timestamp) -> rusqlite::Result<Self> {
        let file = open_read_only(&settings.dir.join(FILE_NAME));
        let (db, copied) = memory(file.as_ref())?;
        let backend = Backend::Memory { next: 1, wait: 1, pending_complete: copied.pending_complete };
        let mut storage = Self::new(settings, Session::Sqlite(db), backend, Health::InMemory { reason: why, since });
        storage.store.lacks_history = !copied.history_complete;
        Ok(storage)
    }

    fn new(settings: OutboxSettings, db: Session, backend: Backend, health: Health) -> Self {
        let slots = Arc::new(Slots::default());
        Self {
            store: Store::new(db, Arc::clone(&slots)),
            settings,
            backend,
            health: watch::Sender::new(health),
            link: None,
            is_replaced: Arc::default(),
            retain_in: RETENTION_INTERVAL,
            slots,
        }
    }

    pub(super) fn slots(&self) -> Arc<Slots> {
        Arc::clone(&self.slots)
    }

    /// Returns the most jobs of one transaction.
    pub(super) const fn max_batch(&self) -> usize {
        if matches!(self.backend, Backend::Shared { .. }) { MAX_SHARED_BATCH } else { MAX_BATCH }
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn health(&self) -> Health {
        *self.health.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Switches to memory if the disk caused the error. Returns `true` if the backend switched.
    pub(super) fn on_disk_error(&mut self, error: &StoreError, now: Timestamp) -> bool {
        match (error.disk_problem(), &self.backend) {
            (Some(why), Backend::Disk { .. }) => self.switch_to_memory(why, now),
            _ => self.on_server_error(error, now),
        }
    }

    pub(super) fn switch_to_memory(&mut self, why: DiskProblem, now: Timestamp) -> bool {
        let Ok((db, copied)) = memory(self.store.db.sqlite()) else { return false };
        self.store.db = Session::Sqlite(db);
        self.store.lacks_history |= !copied.history_complete;
        self.backend = Backend::Memory { next: 1, wait: 1, pending_complete: copied.pending_complete };
        if why == DiskProblem::Damaged {
            match quarantine(&self.settings.dir.join(FILE_NAME), now) {
                Ok(file) => log_quarantined(&file, copied.rows),
                Err(error) => tracing::error!(%error, "damaged outbox file cannot be quarantined"),
            }
        }
        self.health.send_replace(Health::InMemory { reason: why, since: now });
        true
    }

    /// Runs maintenance: expires leases, checks or restores the file, runs retention. Called every 2 s.
    pub(super) fn maintain(&mut self, now: Timestamp, tick: Instant) -> Maintenance {
        if self.store.expire_leases(tick) {
            return Maintenance::Changed;
        }
        match self.backend {
            Backend::Disk { file_id: before, version, .. } => self.check_file(before, version, now),
            Backend::Shared { .. } => self.check_server(now),
            Backend::Memory { next: 0, .. } => self.try_restore(now),
            Backend::Memory { ref mut next, .. } => {
                *next -= 1;
                self.retain(now)
            }
        }
    }

    fn check_file(&mut self, before: Option<(u64, u64)>, version: i64, now: Timestamp) -> Maintenance {
        if file_id(&self.settings.dir.join(FILE_NAME)) != before {
            self.switch_to_memory(DiskProblem::Missing, now);
            return Maintenance::Changed;
        }
        let seen = self.store.db.sqlite().map_or(-1, data_version);
        if seen != version {
            if let Backend::Disk { version, .. } = &mut self.backend {
                *version = seen;
            }
            return Maintenance::Changed;
        }
        self.retain(now)
    }

    /// Checks that the server answers. A notification may be lost: all workers query.
    fn check_server(&mut self, now: Timestamp) -> Maintenance {
        if let Some(error) = self.store_mark() {
            self.on_server_error(&error, now);
            return Maintenance::Changed;
        }
        match self.retain(now) {
            Maintenance::Idle => Maintenance::Changed,
            other => other,
        }
    }

    fn retain(&mut self, now: Timestamp) -> Maintenance {
        if self.retain_in > 0 {
            self.retain_in -= 1;
            return Maintenance::Idle;
        }
        let retention = match self.backend {
            Backend::Disk { .. } | Backend::Shared { .. } => self.settings.retention,
            Backend::Memory { .. } => Retention { bytes: MAX_MEMORY_BYTES, ..self.settings.retention },
        };
        match self.store.retain(retention, now) {
            Ok(true) => return Maintenance::Busy,
            Ok(false) => {}
            Err(error) => {
                if self.on_disk_error(&error, now) {
                    return Maintenance::Changed;
                }
                tracing::warn!(%error, "outbox retention failed");
            }
        }
        self.retain_in = RETENTION_INTERVAL;
        Maintenance::Idle
    }
}

pub(super) fn file_backend(settings: &OutboxSettings, wal: Wal, db: &Connection) -> Backend {
    Backend::Disk { wal, file_id: file_id(&settings.dir.join(FILE_NAME)), version: data_version(db) }
}

/// Creates an empty in-memory database that replaces the shared database.
pub(super) fn empty_memory() -> rusqlite::Result<(Connection, Backend)> {
    let (db, _) = memory(None)?;
    Ok((db, Backend::Memory { next: 1, wait: 1, pending_complete: false }))
}

/// Creates an in-memory database with the rows that are readable in `from`.
fn memory(from: Option<&Connection>) -> rusqlite::Result<(Connection, CopyResult)> {
    let db = Connection::open_in_memory()?;
    schema::enable_qpsg(&db)?;
    schema::migrate(&db, 0, MIGRATIONS)?;
    let empty = CopyResult { rows: 0, pending_complete: false, history_complete: false };
    let copied = from.map_or(Ok(empty), |from| copy_all(from, &db, CopyScope::Keys))?;
    Ok((db, copied))
}

fn file_id(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

fn data_version(db: &Connection) -> i64 {
    db.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap_or(-1)
}
