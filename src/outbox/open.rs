//! Opens the outbox on its file, or in memory if the disk is unusable, and starts the writer. Decides which files are
//! refused at start; disk problems are no reason to refuse.

use super::{
    FILE_NAME, OutboxSettings, connector,
    database::{DiskError, Quarantined, open_database},
    handle::{DatabaseOutbox, MAINTENANCE_INTERVAL},
    health::Health,
    schema::VERSION,
    shared::SharedDatabase,
    storage::Storage,
};
use crate::{model::time::Timestamp, runtime::postgres::PostgresFault};
use std::{
    io,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Longest wait of a start for the shared database: a start must not wait for a server that is away.
const FIRST_CONTACT: Duration = Duration::from_secs(3);

/// Report of an opened outbox.
#[derive(Debug, Clone)]
pub struct OpenReport {
    /// Number of waiting deliveries.
    pub waiting: u64,
    /// Version before the migration, if the file was migrated.
    pub migrated_from: Option<usize>,
    /// The quarantined file, if the file was damaged.
    pub quarantined: Option<Quarantined>,
    /// Storage health.
    pub health: Health,
}

/// Why the outbox cannot open. A full or read-only disk is not among the reasons: see [`Health`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file has a newer version.
    #[error(
        "{path} has version {found}, but this program supports {VERSION}. Run the newer poprelay again, or move the file \
         away (waiting deliveries in the file are then not posted)"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// The file belongs to another program.
    #[error("{path} is a database of another program. Use a separate state directory for poprelay")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The shared database has a newer version.
    #[error(
        "the shared database was written by a newer version of poprelay. Install the version that the other daemons run"
    )]
    NewerShared,
    /// The in-memory database or the writer thread cannot start.
    #[error("the outbox cannot start")]
    Start(#[source] io::Error),
}

/// As [`open`], for a store that several daemons share. Waits some seconds for the server. While it is away, the file is used,
/// and the health names the fault.
///
/// # Errors
/// [`OpenError`]: file or server must not be changed.
pub fn open_shared(
    settings: OutboxSettings,
    database: SharedDatabase,
    now: Timestamp,
) -> Result<(DatabaseOutbox, OpenReport), OpenError> {
    let (mut storage, mut report) = open_storage(settings, now)?;
    storage.share(database.clone(), now).map_err(|error| OpenError::Start(io::Error::other(error)))?;
    connector::listen(database, Arc::downgrade(&storage.slots())).map_err(OpenError::Start)?;
    let outbox = DatabaseOutbox::start(storage, MAINTENANCE_INTERVAL).map_err(OpenError::Start)?;
    let health = outbox.health();
    let until = Instant::now() + FIRST_CONTACT;
    report.health = loop {
        let found = *health.borrow();
        match found {
            Health::Spooling { reason: PostgresFault::NewerSchema, .. } => return Err(OpenError::NewerShared),
            Health::Spooling { reason: PostgresFault::Closed, .. } if Instant::now() < until => {
                thread::sleep(Duration::from_millis(5));
            }
            health => break health,
        }
    };
    Ok((outbox, report))
}

/// Opens the outbox, migrates or quarantines the file as needed, and starts the writer. Blocks for some milliseconds.
///
/// # Errors
/// [`OpenError`]: the file must not be changed.
pub fn open(settings: OutboxSettings, now: Timestamp) -> Result<(DatabaseOutbox, OpenReport), OpenError> {
    let (storage, report) = open_storage(settings, now)?;
    Ok((DatabaseOutbox::start(storage, MAINTENANCE_INTERVAL).map_err(OpenError::Start)?, report))
}

pub(super) fn open_storage(settings: OutboxSettings, now: Timestamp) -> Result<(Storage, OpenReport), OpenError> {
    let path = settings.dir.join(FILE_NAME);
    let (storage, mut report) = match open_database(&settings, now) {
        Ok(disk) => {
            let (migrated_from, quarantined) = (disk.migrated_from, disk.quarantined.clone());
            (Storage::on_disk(settings, disk), OpenReport { migrated_from, quarantined, ..OpenReport::empty() })
        }
        Err(DiskError::Newer(found)) => return Err(OpenError::Newer { path, found }),
        Err(DiskError::Foreign) => return Err(OpenError::Foreign { path }),
        Err(DiskError::Problem(why)) => {
            let storage = Storage::in_memory(settings, why, now).map_err(|e| OpenError::Start(io::Error::other(e)))?;
            (storage, OpenReport::empty())
        }
    };
    report.health = storage.health();
    report.waiting = storage.store().backlog().map_or(0, |sinks| sinks.iter().map(|sink| sink.cards).sum());
    Ok((storage, report))
}

impl OpenReport {
    const fn empty() -> Self {
        Self { waiting: 0, migrated_from: None, quarantined: None, health: Health::Durable }
    }
}
