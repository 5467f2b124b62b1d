//! What the queue stands on: the file, or memory while the disk does not bear. Decides when to fall and when to come back;
//! the store above does not notice.

use super::{
    FILE, Retention, Settings,
    carry::{Carried, Settled, carry, carry_back},
    open::{Disk, NoDisk, disk, read_only, set_aside},
    queue::Job,
    schema::{self, MIGRATIONS},
    store::{Held, Store},
    trouble::{StoreError, Trouble},
};
use crate::model::time::Timestamp;
use rusqlite::Connection;
use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Instant};
use tokio::sync::watch;

/// What the queue stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// What it answers is on the disk.
    Durable,
    /// The disk does not bear: cards go out, and a crash of the daemon loses those that wait.
    Volatile {
        /// Why.
        why: Trouble,
        /// Since when.
        since: Timestamp,
    },
}

/// Looks between two attempts to come back, at most: with a look every 2 s, half a minute.
const RAREST: u32 = 16;

/// Looks between two steps of retention when there was nothing to do: a minute.
const SELDOM: u32 = 30;

/// Memory keeps this much of what was settled while the disk was away.
const MEMORY: u64 = 128 << 20;

/// The store and its footing.
#[derive(Debug)]
pub(super) struct Ground {
    store: Store,
    settings: Settings,
    stand: Stand,
    health: watch::Sender<Health>,
    /// Looks until the next step of retention.
    retain_in: u32,
}

#[derive(Debug)]
enum Stand {
    Disk {
        /// Device and inode: a file that was removed can be written for ever, and nobody would find it again.
        node: Option<(u64, u64)>,
        /// `PRAGMA data_version`: moves when another process commits.
        version: i64,
    },
    Memory {
        /// Looks until the next attempt to come back.
        next: u32,
        /// And until the one after, doubling.
        wait: u32,
        /// Memory knows all noted moments.
        noted: bool,
    },
}

/// What a look around found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing.
    Quiet,
    /// More of the same is to do: look again soon.
    Busy,
    /// Another process changed the file, or the ground did: all workers should look.
    Changed,
}

impl Ground {
    pub(super) fn on_disk(settings: Settings, disk: Disk) -> Self {
        let stand = standing(&settings, &disk.db);
        let store = Store { db: disk.db, held: Held::default() };
        Self { store, settings, stand, health: watch::Sender::new(Health::Durable), retain_in: SELDOM }
    }

    /// Starts without a disk, with what can be read of the file.
    pub(super) fn in_memory(settings: Settings, why: Trouble, since: Timestamp) -> rusqlite::Result<Self> {
        let file = read_only(&settings.dir.join(FILE));
        let (db, carried) = memory(file.as_ref())?;
        let stand = Stand::Memory { next: 1, wait: 1, noted: carried.noted };
        let health = watch::Sender::new(Health::Volatile { why, since });
        Ok(Self { store: Store { db, held: Held::default() }, settings, stand, health, retain_in: SELDOM })
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(super) const fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    pub(super) fn health(&self) -> Health {
        *self.health.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Runs jobs in one transaction and answers them after its commit; on a disk that fails, again in memory. A job that
    /// fails by its own fault fails alone.
    pub(super) fn run(&mut self, mut jobs: Vec<Box<dyn Job>>, now: Timestamp) {
        let mut done = self.attempt(&mut jobs, now);
        if let Err(error) = &done
            && self.fell(error, now)
        {
            done = self.attempt(&mut jobs, now);
        }
        match done {
            Ok(()) => jobs.into_iter().for_each(|job| job.answer(None)),
            Err(_) if jobs.len() > 1 => jobs.into_iter().for_each(|job| self.run(vec![job], now)),
            Err(error) => {
                if let Some(job) = jobs.pop() {
                    job.answer(Some(error));
                }
            }
        }
    }

    fn attempt(&mut self, jobs: &mut [Box<dyn Job>], now: Timestamp) -> Result<(), StoreError> {
        let writes = jobs.iter().any(|job| job.writes());
        self.store.transact(writes, |store| jobs.iter_mut().try_for_each(|job| job.work(store, now)))
    }

    /// Leaves the disk if the error is its fault; `true` if memory is the ground now and it was not before.
    fn fell(&mut self, error: &StoreError, now: Timestamp) -> bool {
        match (error.trouble(), &self.stand) {
            (Some(why), Stand::Disk { .. }) => self.fall(why, now),
            _ => false,
        }
    }

    fn fall(&mut self, why: Trouble, now: Timestamp) -> bool {
        let Ok((db, carried)) = memory(Some(&self.store.db)) else { return false };
        self.store.db = db;
        self.stand = Stand::Memory { next: 1, wait: 1, noted: carried.noted };
        if why == Trouble::Damaged {
            match set_aside(&self.settings.dir.join(FILE), now) {
                Ok(file) => {
                    tracing::error!(file = %file.display(), rescued = carried.rows, "outbox damaged, set aside")
                }
                Err(error) => tracing::error!(%error, "damaged outbox cannot be set aside"),
            }
        }
        self.health.send_replace(Health::Volatile { why, since: now });
        true
    }

    /// Looks after the ground: every 2 s, whatever else happens.
    pub(super) fn look(&mut self, now: Timestamp, tick: Instant) -> Look {
        if self.store.free_forgotten(tick) {
            return Look::Changed;
        }
        match self.stand {
            Stand::Disk { node: before, version } => self.look_at_disk(before, version, now),
            Stand::Memory { next: 0, .. } => self.come_back(now),
            Stand::Memory { ref mut next, .. } => {
                *next -= 1;
                self.retain(now)
            }
        }
    }

    fn look_at_disk(&mut self, before: Option<(u64, u64)>, version: i64, now: Timestamp) -> Look {
        if node(&self.settings.dir.join(FILE)) != before {
            self.fall(Trouble::Vanished, now);
            return Look::Changed;
        }
        let seen = data_version(&self.store.db);
        if seen != version {
            self.stand = Stand::Disk { node: before, version: seen };
            return Look::Changed;
        }
        self.retain(now)
    }

    fn retain(&mut self, now: Timestamp) -> Look {
        if self.retain_in > 0 {
            self.retain_in -= 1;
            return Look::Quiet;
        }
        let retention = match self.stand {
            Stand::Disk { .. } => self.settings.retention,
            Stand::Memory { .. } => Retention { bytes: MEMORY, ..self.settings.retention },
        };
        match self.store.retain(retention, now) {
            Ok(true) => return Look::Busy,
            Ok(false) => {}
            Err(error) => {
                if self.fell(&error, now) {
                    return Look::Changed;
                }
                tracing::warn!(%error, "outbox retention failed");
            }
        }
        self.retain_in = SELDOM;
        Look::Quiet
    }

    /// Tries the disk again: opens it as at a start, and copies memory over it.
    fn come_back(&mut self, now: Timestamp) -> Look {
        let Stand::Memory { wait, noted, .. } = self.stand else { return Look::Quiet };
        let back = disk(&self.settings, now).and_then(|disk| {
            carry_back(&self.store.db, &disk.db, noted).inspect_err(|_| schema::undo(&disk.db))?;
            Ok(disk)
        });
        match back {
            Ok(disk) => {
                self.stand = standing(&self.settings, &disk.db);
                self.store.db = disk.db;
                self.health.send_replace(Health::Durable);
                Look::Changed
            }
            Err(why) => {
                let wait = (wait * 2).min(RAREST);
                self.stand = Stand::Memory { next: wait, wait, noted };
                self.still_away(why);
                Look::Quiet
            }
        }
    }

    /// The reason may change (vanished, then read-only): watchers are told, the time stays that of the fall.
    fn still_away(&self, reason: NoDisk) {
        let new = match reason {
            NoDisk::Trouble(why) => why,
            NoDisk::Newer(_) | NoDisk::Foreign => Trouble::Foreign,
        };
        self.health.send_if_modified(|health| match health {
            Health::Volatile { why, .. } if *why != new => {
                *why = new;
                true
            }
            Health::Volatile { .. } | Health::Durable => false,
        });
    }
}

fn standing(settings: &Settings, db: &Connection) -> Stand {
    Stand::Disk { node: node(&settings.dir.join(FILE)), version: data_version(db) }
}

/// A database in memory with what can be read of `from`.
fn memory(from: Option<&Connection>) -> rusqlite::Result<(Connection, Carried)> {
    let db = Connection::open_in_memory()?;
    schema::keep_plans(&db)?;
    schema::migrate(&db, 0, MIGRATIONS)?;
    let nothing = Carried { rows: 0, noted: false };
    let carried = from.map_or(Ok(nothing), |from| carry(from, &db, Settled::Keys))?;
    Ok((db, carried))
}

fn node(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

fn data_version(db: &Connection) -> i64 {
    db.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap_or(-1)
}
