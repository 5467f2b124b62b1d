//! The write-ahead log of the open file. SQLite commits without a sync (`synchronous = NORMAL`). A thread of its own syncs
//! the log after urgent transactions. The log is merged into the file between jobs, not within a commit.

use super::Durability;
use rusqlite::Connection;
use std::{
    ffi::OsString,
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// Pages of the log from which it is merged while no job waits: 8 MiB of 4 KiB pages, some 10 ms. A longer log has more
/// versions of the same pages, and only the last one is written.
const CHECKPOINT_PAGES: u32 = 2000;

/// Pages of the log from which it is merged although jobs wait.
const MAX_PAGES: u32 = 4 * CHECKPOINT_PAGES;

/// The log of one open database.
#[derive(Debug)]
pub(super) struct Wal {
    /// `None`: a commit need not survive a power loss.
    pub(super) synced: Option<Arc<File>>,
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
}

impl Wal {
    /// Opens the log beside the file at `path`, which `db` has written to.
    pub(super) fn open(path: &Path, db: &mut Connection, durability: Durability) -> io::Result<Self> {
        let synced = match durability {
            Durability::PowerLoss => {
                let mut log = OsString::from(path);
                log.push("-wal");
                // SQLite takes no locks on this file, which closing this handle would release.
                Some(Arc::new(File::open(log)?))
            }
            Durability::Crash => None,
        };
        let pages = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&pages);
        // The hook replaces the one that merges the log within a commit.
        let hook = move |_: &mut _, pages| {
            counter.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        db.wal_hook(Some(hook)).map_err(io::Error::other)?;
        Ok(Self { synced, pages })
    }

    /// Returns the log to sync; `None`: commits need not survive a power loss.
    pub(super) fn to_sync(&self) -> Option<Arc<File>> {
        self.synced.clone()
    }

    /// Merges the log into the file if it is long enough: with jobs waiting (`busy`), only a very long one. Pages that a
    /// reader uses wait for the next time.
    pub(super) fn checkpoint(&self, db: &Connection, busy: bool) -> rusqlite::Result<()> {
        if self.pages.load(Ordering::Relaxed) < if busy { MAX_PAGES } else { CHECKPOINT_PAGES } {
            return Ok(());
        }
        self.pages.store(0, Ordering::Relaxed);
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }
}
