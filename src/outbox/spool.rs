//! The shared database and the file that replaces it while it is away. Switches to the file when the server is away, and
//! back when its rows are merged. No step blocks a ring for longer than a transaction.

use super::{
    connector::{CONNECT_INTERVAL, ConnectResult},
    database::open_database,
    database_link::{DatabaseLink, SendConnectResult},
    disk_error::StoreError,
    health::Health,
    merge, merge_tables,
    shared::{Mark, SharedDatabase},
    spooled_row::{SpooledRow, spooled_row},
    storage::{Backend, Storage},
    store::{FIRST_SPOOLED_ID, Lease, Store},
};
use crate::{
    model::time::Timestamp,
    runtime::{
        postgres::PostgresFault,
        sql::{self, Session},
    },
};
use rusqlite::Connection;
use std::{
    collections::BTreeMap,
    mem::{replace, take},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Time of merging before the next jobs: a ring waits for it, and for the transaction at its end. New calls fill the file
/// meanwhile, so that a step at a time would never end under load.
const MERGE_TIME: Duration = Duration::from_millis(200);

/// Time after which a transaction of the merge takes no further row. The other daemons wait for its end.
const STEP_TIME: Duration = Duration::from_millis(250);

impl Storage {
    /// Makes the store the replacement of a shared one that is not connected yet.
    pub(super) fn share(&mut self, database: SharedDatabase, now: Timestamp) -> rusqlite::Result<()> {
        if let Some(file) = self.store.db.sqlite() {
            start_ids(file)?;
        }
        self.store.daemon = Some(database.daemon.clone());
        self.store.lacks_history = true;
        self.link = Some(DatabaseLink::new(database));
        self.health.send_replace(Health::Spooling { reason: PostgresFault::Closed, since: now });
        Ok(())
    }

    /// Starts to connect; `send` gets the results.
    pub(super) fn connect(&mut self, send: SendConnectResult) {
        if let Some(link) = &mut self.link {
            link.send = Some(send);
            link.connect_later(Duration::ZERO);
        }
    }

    /// Returns whether rows of the file wait to be merged into the connected shared database.
    pub(super) const fn is_returning(&self) -> bool {
        matches!(&self.link, Some(DatabaseLink { returning: Some(_), .. }))
    }

    /// Switches to the file if the server caused the error. Returns `true` if the backend switched.
    pub(super) fn on_server_error(&mut self, error: &StoreError, now: Timestamp) -> bool {
        error.server_fault().is_some_and(|fault| self.switch_to_file(fault, now))
    }

    fn switch_to_file(&mut self, fault: PostgresFault, now: Timestamp) -> bool {
        if !matches!(self.backend, Backend::Shared { .. }) {
            return false;
        }
        let Some((file, backend)) = self.open_replacement(now) else { return false };
        self.store.db = Session::Sqlite(file);
        self.store.connected = None;
        self.store.lacks_history = true;
        self.backend = backend;
        if let Err(error) = self.store.restore_posted() {
            tracing::warn!(%error, "posted deliveries are not in the file: some statuses of their calls may be posted again");
        }
        self.health.send_replace(Health::Spooling { reason: fault, since: now });
        if let Some(link) = &self.link {
            link.connect_later(Duration::ZERO);
        }
        true
    }

    /// Opens what replaces the shared database: the file, or memory.
    fn open_replacement(&self, now: Timestamp) -> Option<(Connection, Backend)> {
        let (file, backend) = match open_database(&self.settings, now) {
            Ok(disk) => {
                let backend = super::storage::file_backend(&self.settings, disk.wal, &disk.db);
                (disk.db, backend)
            }
            Err(_) => super::storage::empty_memory().ok()?,
        };
        start_ids(&file).ok()?;
        Some((file, backend))
    }

    /// Takes the result of an attempt to connect.
    pub(super) fn on_connect_result(&mut self, result: ConnectResult, now: Timestamp) {
        match result {
            ConnectResult::Away(fault) => {
                tracing::debug!(error = fault.as_str(), "shared database still away");
                self.health.send_if_modified(|health| match health {
                    // The store of a newer version stays one while its server is away.
                    Health::Spooling { reason, .. } if *reason != fault && *reason != PostgresFault::NewerSchema => {
                        *reason = fault;
                        true
                    }
                    Health::Spooling { .. } | Health::InMemory { .. } | Health::Durable => false,
                });
            }
            ConnectResult::Connected(session) => {
                tracing::debug!("shared database connected, rows of the file are merged");
                let Some(link) = &mut self.link else { return };
                if let (Ok(found), Some(known)) =
                    (Mark::of_shared(&session), self.store.db.sqlite().and_then(Mark::stored))
                    && found.has_lost(known)
                {
                    self.is_replaced.store(true, Ordering::Relaxed);
                }
                let mut store = Store::new(*session, Arc::clone(&self.slots));
                store.daemon.clone_from(&self.store.daemon);
                store.run.clone_from(&self.store.run);
                store.connected = Some(Instant::now());
                link.returning = Some(store);
                self.merge(now);
            }
        }
    }

    /// Merges for a short time, and switches to the shared database when nothing is left in the file.
    pub(super) fn merge(&mut self, now: Timestamp) {
        let Some(mut shared) = self.link.as_mut().and_then(|link| link.returning.take()) else { return };
        let until = Instant::now() + MERGE_TIME;
        let merged = self.begin_merge(&mut shared, now).and_then(|()| {
            loop {
                match self.merge_step(&mut shared, now) {
                    Ok(false) if Instant::now() < until => {}
                    ended => return ended,
                }
            }
        });
        match merged {
            Ok(true) => self.switch_to_shared(shared),
            Ok(false) => {
                if let Some(link) = &mut self.link {
                    link.returning = Some(shared);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "rows of the file are not merged into the shared database yet");
                if let Some(link) = &self.link {
                    link.connect_later(CONNECT_INTERVAL);
                }
            }
        }
    }

    /// Takes the leases and claims of the file over, and settles what was posted from the shared database before the outage.
    fn begin_merge(&mut self, shared: &mut Store, now: Timestamp) -> Result<(), StoreError> {
        let mine = &mut self.store.tx_state;
        // Those of the last step were sent.
        shared.tx_state.wakeups.clear();
        shared.tx_state.owned.clone_from(&mine.owned);
        let of_shared = mine.leased.iter().filter(|(id, _)| **id < FIRST_SPOOLED_ID);
        shared.tx_state.leased = of_shared.map(|(id, lease)| (*id, lease.clone())).collect();
        shared.tx_state.aliases.clone_from(&mine.aliases);
        shared.transact(false, |shared| shared.drop_lost_claims())?;
        mine.owned.clone_from(&shared.tx_state.owned);
        for request in &mine.deferred {
            match shared.transact(true, |shared| shared.settle(request, now)) {
                Err(StoreError::Fenced) => tracing::warn!(delivery = request.id.0, "another daemon owns the sink now"),
                other => other?,
            }
        }
        mine.deferred.clear();
        Ok(())
    }

    /// Merges the next rows. Returns whether nothing is left in the file.
    fn merge_step(&mut self, shared: &mut Store, now: Timestamp) -> Result<bool, StoreError> {
        shared.tx_state.wakeups.clear();
        let refused = self.link.as_ref().map(|link| link.refused.clone()).unwrap_or_default();
        let on_wire = self.store.tx_state.leased.iter().filter(|(id, _)| **id >= FIRST_SPOOLED_ID);
        let leased: BTreeMap<i64, Lease> = on_wire.map(|(id, lease)| (*id, lease.clone())).collect();
        let skipped = |id: i64| leased.contains_key(&id) || refused.contains(&id);
        let rows = merge::spooled_rows(&self.store.db, skipped)?;
        if !rows.is_empty() {
            self.merge_rows(shared, &rows, now)?;
            return Ok(false);
        }
        let tables = merge_tables::next_rows(&self.store.db)?;
        if !tables.is_empty() {
            shared.transact(true, |shared| Ok(tables.iter().try_for_each(|table| table.insert(&shared.db))?))?;
            in_transaction(&self.store.db, |file| tables.iter().try_for_each(|table| table.delete(file)))?;
            return Ok(false);
        }
        self.merge_leased(shared, leased, now)?;
        Ok(true)
    }

    fn merge_rows(&mut self, shared: &mut Store, rows: &[SpooledRow], now: Timestamp) -> Result<(), StoreError> {
        let merged = shared.transact(true, |shared| {
            // The wait for the writer's lock is over.
            let started = Instant::now();
            let until = started + STEP_TIME;
            let mut count = 0;
            while let Some(row) = rows.get(count).filter(|_| count == 0 || Instant::now() < until) {
                shared.merge_spooled(row, now)?;
                count += 1;
            }
            tracing::debug!(rows = count, took_ms = started.elapsed().as_millis(), "deliveries of the file merged");
            Ok(count)
        });
        match merged {
            Ok(count) => {
                let ids = rows.iter().take(count).map(|row| row.id);
                Ok(in_transaction(&self.store.db, |file| merge::delete_spooled(file, ids))?)
            }
            Err(error) if error.server_fault().is_some() => Err(error),
            // One of them is refused: the others are merged alone.
            Err(_) => {
                rows.iter().try_for_each(|row| match shared.transact(true, |shared| shared.merge_spooled(row, now)) {
                    Ok(_) => Ok(in_transaction(&self.store.db, |file| merge::delete_spooled(file, [row.id]))?),
                    Err(error) if error.server_fault().is_some() => Err(error),
                    Err(error) => {
                        tracing::error!(%error, delivery = row.id, "the shared database refuses a delivery of the file");
                        self.link.iter_mut().for_each(|link| link.refused.extend([row.id]));
                        Ok(())
                    }
                })
            }
        }
    }

    /// Merges the deliveries on the wire. Their settlements name them by the ids of the file.
    fn merge_leased(&self, shared: &mut Store, leased: BTreeMap<i64, Lease>, now: Timestamp) -> Result<(), StoreError> {
        let rows: Vec<_> = leased.keys().filter_map(|id| spooled_row(&self.store.db, *id).ok()).collect();
        shared.transact(true, |shared| {
            for row in &rows {
                if let (Some(id), Some(lease)) = (shared.merge_spooled(row, now)?, leased.get(&row.id)) {
                    shared.mark_leased(id, true)?;
                    shared.tx_state.leased.insert(id, lease.clone());
                    shared.tx_state.aliases.insert(row.id, id);
                }
            }
            Ok(())
        })?;
        Ok(in_transaction(&self.store.db, |file| merge::delete_spooled(file, rows.iter().map(|row| row.id)))?)
    }

    fn switch_to_shared(&mut self, shared: Store) {
        let file = replace(&mut self.store, shared);
        self.store.tx_state.urgent = false;
        drop(take(&mut self.store.tx_state.wakeups));
        self.backend = Backend::Shared { file: file.db };
        self.store_mark();
        self.health.send_replace(Health::Durable);
        self.slots.wake_all();
    }

    /// Stores the mark of the shared database in the file. Returns the error of the server, if it is away.
    pub(super) fn store_mark(&self) -> Option<StoreError> {
        let Backend::Shared { file } = &self.backend else { return None };
        let found = match Mark::of_shared(&self.store.db) {
            Ok(found) => found,
            Err(error) => return Some(error.into()),
        };
        if let Some(file) = file.sqlite()
            && Mark::stored(file).is_none_or(|known| found.is_ahead_of(known))
            && let Err(error) = found.store(file)
        {
            tracing::debug!(%error, "the mark of the shared database is not stored");
        }
        None
    }
}

fn in_transaction(file: &Session, work: impl FnOnce(&Session) -> Result<(), sql::Error>) -> Result<(), sql::Error> {
    file.begin(true)?;
    work(file).and_then(|()| file.commit(true)).inspect_err(|_| file.rollback())
}

/// Makes the ids of new rows those of no shared row.
fn start_ids(file: &Connection) -> rusqlite::Result<()> {
    let last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'deliveries'";
    if file.query_row(last, [], |row| row.get::<_, i64>(0))? < FIRST_SPOOLED_ID {
        file.execute("DELETE FROM sqlite_sequence WHERE name = 'deliveries'", [])?;
        file.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('deliveries', ?)", [FIRST_SPOOLED_ID])?;
    }
    Ok(())
}
