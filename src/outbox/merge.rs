//! Merges the rows of a daemon's file into the shared database, by their keys. It runs after an outage of the shared
//! database, and when a daemon shares it for the first time. The rules are those of enqueueing. What was posted meanwhile is
//! settled; what the shared database knows better stays as it is there.

use super::{
    disk_error::StoreError,
    enqueue::resolves,
    live_message::LIVE,
    row::DeliveryState,
    spooled_row::{SpooledAttempt, SpooledRow, spooled_row},
    store::Store,
};
use crate::{
    model::{
        delivery::{EnqueueMode, NewDelivery},
        time::Timestamp,
    },
    runtime::sql::{self, OptionalRow as _, Session, params},
};

/// Posted deliveries that are kept: calls of the last minutes, some 2 KB each.
const MOST_POSTED: usize = 1000;

/// Rows of one transaction at most: some 100 ms, short enough for a ring behind it.
pub(super) const ROWS_PER_STEP: usize = 100;

/// A row of the shared database with the subject and sink of one of the file.
struct SharedRow {
    id: i64,
    status: String,
    waits: bool,
    attempts: i64,
    message_ref: Option<String>,
}

/// Reads the next deliveries of the file, without those with the ids `except`.
pub(super) fn spooled_rows(file: &Session, except: impl Fn(i64) -> bool) -> Result<Vec<SpooledRow>, sql::Error> {
    let mut read = file.prepare("SELECT id FROM deliveries ORDER BY id")?;
    let mut ids = Vec::new();
    let mut rows = read.query(params![])?;
    while ids.len() < ROWS_PER_STEP
        && let Some(row) = rows.next_row()?
    {
        ids.extend(Some(row.get::<i64>(0)?).filter(|id| !except(*id)));
    }
    ids.into_iter().map(|id| spooled_row(file, id)).collect()
}

/// Deletes merged deliveries from the file, in the caller's transaction.
pub(super) fn delete_spooled(file: &Session, ids: impl IntoIterator<Item = i64>) -> Result<(), sql::Error> {
    let mut attempts = file.prepare("DELETE FROM attempts WHERE delivery = ?")?;
    let mut deliveries = file.prepare("DELETE FROM deliveries WHERE id = ?")?;
    for id in ids {
        attempts.execute(params![id])?;
        deliveries.execute(params![id])?;
    }
    Ok(())
}

impl Store {
    /// Merges a delivery of the file. Returns the id of its row here, if it has one.
    pub(super) fn merge_spooled(&mut self, spooled: &SpooledRow, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let known = self.rows_of(spooled)?;
        if known.is_empty() && !spooled.waits() {
            return self.insert_merged(spooled);
        }
        let before = known.into_iter().find(|row| row.status == spooled.status);
        let is_new = before.is_none();
        let new = spooled.as_new();
        // Enqueueing would change nothing: each statement waits for the server.
        let is_posted =
            !spooled.waits() && new.as_ref().is_some_and(|new| new.mode == EnqueueMode::Insert && !resolves(new));
        let row = match before {
            Some(row) if is_posted => Some(row),
            _ => {
                new.map_or(Ok(()), |new| self.enqueue_merged(new, now))?;
                self.rows_of(spooled)?.into_iter().find(|row| row.status == spooled.status)
            }
        };
        match row {
            None if spooled.waits() => Ok(None),
            None => self.insert_merged(spooled),
            Some(row) => {
                if row.waits && (is_new || !spooled.waits()) && !self.tx_state.leased.contains_key(&row.id) {
                    self.adopt(&row, spooled, is_new)?;
                }
                Ok(Some(row.id))
            }
        }
    }

    /// Enqueues a delivery. The workers query: what waits here may have been posted from the file.
    fn enqueue_merged(&mut self, new: NewDelivery, now: Timestamp) -> Result<(), StoreError> {
        self.enqueue(None, &[new], now)?;
        for (_, offer) in std::mem::take(&mut self.tx_state.offers) {
            self.tx_state.wakeups.insert(offer.key.sink);
        }
        Ok(())
    }

    fn rows_of(&self, spooled: &SpooledRow) -> Result<Vec<SharedRow>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT id, status, state, attempts, message_ref FROM deliveries WHERE subject = ? AND sink = ?",
        )?;
        Ok(read.query_map(params![spooled.subject, spooled.sink], |row| {
            let waits = row.get::<String>(2)? == DeliveryState::Waiting.as_str();
            Ok(SharedRow {
                id: row.get(0)?,
                status: row.get(1)?,
                waits,
                attempts: row.get(3)?,
                message_ref: row.get(4)?,
            })
        })?)
    }

    /// Gives a waiting row the progress of the file's row. A live message that was posted before the outage is edited instead:
    /// the message of the outage is not edited any more.
    fn adopt(&self, row: &SharedRow, spooled: &SpooledRow, is_new: bool) -> Result<(), StoreError> {
        if spooled.mode == LIVE && row.message_ref.is_some() && row.message_ref != spooled.message_ref {
            return Ok(());
        }
        let mut write = self.db.prepare(
            "UPDATE deliveries SET state = ?2, due = ?3, plain = ?4, settled = ?5, reason = ?6, attempts = attempts + ?7,
             message_ref = ?8, revision = ?9, reposts = ?10 WHERE id = ?1",
        )?;
        write.execute(params![
            row.id,
            spooled.state,
            spooled.due,
            spooled.plain,
            spooled.settled,
            spooled.reason,
            spooled.attempts,
            spooled.message_ref,
            spooled.revision,
            spooled.reposts
        ])?;
        if is_new {
            let mut enqueued = self.db.prepare("UPDATE deliveries SET enqueued_at = ? WHERE id = ?")?;
            enqueued.execute(params![spooled.enqueued_at, row.id])?;
        }
        self.insert_attempts(row.id, row.attempts, spooled)
    }

    fn insert_merged(&self, spooled: &SpooledRow) -> Result<Option<i64>, StoreError> {
        let mut insert = self.db.prepare(
            "INSERT INTO deliveries (subject, sink, status, state, due, plain, attempts, enqueued_at, settled, reason, card,
             mode, message_ref, revision, reposts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING RETURNING id",
        )?;
        let id: Option<i64> = insert
            .query_row(
                params![
                    spooled.subject,
                    spooled.sink,
                    spooled.status,
                    spooled.state,
                    spooled.due,
                    spooled.plain,
                    spooled.attempts,
                    spooled.enqueued_at,
                    spooled.settled,
                    spooled.reason,
                    spooled.card,
                    spooled.mode,
                    spooled.message_ref,
                    spooled.revision,
                    spooled.reposts
                ],
                |row| row.get(0),
            )
            .optional()?;
        drop(insert);
        if let Some(id) = id {
            self.insert_attempts(id, 0, spooled)?;
        }
        Ok(id)
    }

    fn insert_attempts(&self, id: i64, earlier: i64, spooled: &SpooledRow) -> Result<(), StoreError> {
        let mut insert = self.db.prepare(
            "INSERT INTO attempts (delivery, nth, at, took, status, answer) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?;
        for attempt in &spooled.history {
            let SpooledAttempt { nth, at, took, status, answer } = attempt;
            insert.execute(params![id, earlier + nth, at, took, status, answer])?;
        }
        Ok(())
    }
}

impl Store {
    /// Keeps a posted delivery of the shared database, in case the store goes away before the next update of its call. Then
    /// its live message is edited, and a status that comes again (a transferred call rings again) is known.
    pub(super) fn keep_posted(&mut self, id: i64) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        let row = spooled_row(&self.db, id)?;
        if !row.waits() && (row.mode != LIVE || row.message_ref.is_some()) {
            self.posted.insert(id, row);
            if self.posted.len() > MOST_POSTED {
                self.posted.pop_first();
            }
        }
        Ok(())
    }

    /// Stores the posted deliveries of the shared database in the file that replaces it.
    pub(super) fn restore_posted(&mut self) -> Result<(), StoreError> {
        let posted = std::mem::take(&mut self.posted);
        self.transact(true, |file| {
            posted.into_values().try_for_each(|mut row| {
                (row.attempts, row.history) = (0, Vec::new());
                file.insert_merged(&row).map(drop)
            })
        })
    }
}
