//! Forgetting what was settled long ago, a little at a time. What waits is never touched.

use super::{Retention, row::micros, store::Store, trouble::StoreError};
use crate::model::time::Timestamp;
use rusqlite::{Connection, params};
use std::time::Duration;

/// Rows of one step: some 10 ms, which no ring notices.
const STEP: usize = 500;

/// How long a call is remembered for the question whether it is still under way; no call lasts longer.
const CALLS: Duration = Duration::from_secs(7 * 24 * 3600);

impl Store {
    /// One step. `true`: there is more to do.
    pub(super) fn retain(&mut self, retention: Retention, now: Timestamp) -> Result<bool, StoreError> {
        let crowded = content(&self.db)? > retention.bytes;
        self.transact(true, |store| {
            let oldest = if crowded { i64::MAX } else { before(now, retention.age) };
            let db = &store.db;
            let mut read = db.prepare_cached(
                "SELECT id FROM deliveries INDEXED BY settled WHERE state <> 'waiting' AND settled < ?
                 ORDER BY settled LIMIT ?",
            )?;
            let ids: Vec<i64> = read
                .query_map(params![oldest, i64::try_from(STEP).unwrap_or(i64::MAX)], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut attempts = db.prepare_cached("DELETE FROM attempts WHERE delivery = ?")?;
            let mut deliveries = db.prepare_cached("DELETE FROM deliveries WHERE id = ?")?;
            for id in &ids {
                attempts.execute([id])?;
                deliveries.execute([id])?;
            }
            db.prepare_cached("DELETE FROM calls WHERE heard < ?")?.execute([before(now, CALLS)])?;
            db.prepare_cached("DELETE FROM noted WHERE noted < ?")?.execute([before(now, retention.age)])?;
            if !ids.is_empty() {
                give_back(db)?;
            }
            Ok(ids.len() == STEP)
        })
    }
}

/// Bytes in use: pages that are free already will be used again.
fn content(db: &Connection) -> Result<u64, StoreError> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (pages, free, size) = (pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?);
    Ok((pages - free).max(0).unsigned_abs().saturating_mul(size.unsigned_abs()))
}

/// Gives freed pages back to the disk, so that a storm's file does not stay large for ever.
fn give_back(db: &Connection) -> Result<(), StoreError> {
    let mut vacuum = db.prepare("PRAGMA incremental_vacuum(2000)")?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn before(now: Timestamp, age: Duration) -> i64 {
    micros(now.checked_sub(age).unwrap_or(Timestamp::MIN))
}
