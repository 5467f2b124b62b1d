//! Retention: deletes old settled rows in small steps. Waiting rows are never deleted.

use super::{Retention, disk_error::StoreError, row::micros, store::Store};
use crate::{
    model::time::Timestamp,
    runtime::sql::{self, Session, params},
};
use std::time::Duration;

/// Rows of one step: some 10 ms, short enough for a ring behind the step.
const ROWS_PER_STEP: usize = 500;

/// Retention of the `calls` table, which tracks open calls; no call lasts longer.
const CALL_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

impl Store {
    /// Runs one step. Returns `true` if more rows are left to delete.
    pub(super) fn retain(&mut self, retention: Retention, now: Timestamp) -> Result<bool, StoreError> {
        let is_over_limit = used_bytes(&self.db)? > retention.bytes;
        self.transact(true, |store| {
            let oldest = if is_over_limit { i64::MAX } else { before(now, retention.age) };
            let db = &store.db;
            let mut read = db.prepare(
                "SELECT id FROM deliveries INDEXED BY settled WHERE state <> 'waiting' AND settled < ?
                 ORDER BY settled LIMIT ?",
            )?;
            let ids: Vec<i64> =
                read.query_map(params![oldest, i64::try_from(ROWS_PER_STEP).unwrap_or(i64::MAX)], |row| row.get(0))?;
            let mut attempts = db.prepare("DELETE FROM attempts WHERE delivery = ?")?;
            let mut deliveries = db.prepare("DELETE FROM deliveries WHERE id = ?")?;
            for id in &ids {
                attempts.execute(params![id])?;
                deliveries.execute(params![id])?;
            }
            db.prepare("DELETE FROM calls WHERE last_seen < ?")?.execute(params![before(now, CALL_RETENTION)])?;
            db.prepare("DELETE FROM pending_updates WHERE saved_at < ?")?
                .execute(params![before(now, retention.age)])?;
            store.retain_caller_calls(&retention, now)?;
            store.retain_claims(&retention, now)?;
            // The limit is of the file. Otherwise the config of the history decides, and the daemon prunes it.
            let has_more_calls = is_over_limit && store.prune_history(now)?;
            if !ids.is_empty() || is_over_limit {
                release_pages(db)?;
            }
            Ok(ids.len() == ROWS_PER_STEP || has_more_calls)
        })
    }
}

/// Returns the bytes in use. Free pages do not count: SQLite reuses them.
fn used_bytes(db: &Session) -> Result<u64, StoreError> {
    let Some(db) = db.sqlite() else { return Ok(0) };
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sql::Error::from);
    let (pages, free, size) = (pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?);
    Ok((pages - free).max(0).unsigned_abs().saturating_mul(size.unsigned_abs()))
}

/// Returns free pages to the file system, so that the file shrinks after a burst.
fn release_pages(db: &Session) -> Result<(), sql::Error> {
    let Some(db) = db.sqlite() else { return Ok(()) };
    let mut vacuum = db.prepare("PRAGMA incremental_vacuum(2000)")?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn before(now: Timestamp, age: Duration) -> i64 {
    micros(now.checked_sub(age).unwrap_or(Timestamp::MIN))
}
