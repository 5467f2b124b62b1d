//! SQL of the deliveries on one connection: due queries, leases, settlements. Contains no threads and reads no clock; works
//! the same on a file and in memory.

use super::{
    disk_error::StoreError,
    row::{self, DELIVERY_COLUMNS, micros, read_delivery},
    schema,
};
use crate::model::{
    delivery::{Delivery, DeliveryId, MAX_RETRY_AFTER, MessageRef, PostMode, SettleRequest, Settlement},
    ids::SinkName,
    time::{Timestamp, after},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Tolerance of a due time over [`MAX_RETRY_AFTER`] (jitter, a slow commit). A later one means that the clock jumped.
const DUE_TOLERANCE: Duration = Duration::from_secs(60);

/// Age at which a lease expires: a post takes 10 s at most. Without expiry, the lease of a worker that died would last until
/// the next start.
const LEASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Order rule: no earlier delivery of the same call and sink waits. The index is named because the planner prefers the one of
/// all waiting rows and would scan them for each row.
pub(super) const IS_HEAD: &str = "NOT EXISTS (SELECT 1 FROM deliveries e INDEXED BY once WHERE e.subject = d.subject
                                            AND e.sink = d.sink AND e.state = 'waiting' AND e.id < d.id)";

/// Next waiting delivery of the same call and sink, and whether it replaces this one (both are posts).
pub(super) const NEXT_IN_CALL: &str = "SELECT e.status, e.sink, d.mode = 'post' AND e.mode = 'post'
    FROM deliveries d JOIN deliveries e INDEXED BY once ON e.subject = d.subject AND e.sink = d.sink
    WHERE d.id = ? AND e.id > d.id AND e.state = 'waiting' ORDER BY e.id LIMIT 1";

/// One database and its transactional state in memory.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) db: Connection,
    pub(super) tx_state: TxState,
}

/// State in memory that a transaction changes, rolled back with the database.
#[derive(Debug, Clone, Default)]
pub(super) struct TxState {
    /// Leased deliveries.
    pub(super) leased: BTreeMap<i64, Lease>,
    /// Sinks whose workers are woken after the commit.
    pub(super) wakeups: BTreeSet<SinkName>,
}

/// Lease of a delivery.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    since: Instant,
    /// The leased card, if from `newer`: a crash left the card there.
    newer: Option<String>,
}

impl Store {
    /// Runs `work` in one transaction. On an error, database and memory are unchanged.
    pub(super) fn transact<T>(
        &mut self,
        writes: bool,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let before = self.tx_state.clone();
        // Takes the write lock immediately: a read that becomes a write fails if another process wrote in between.
        self.db.execute_batch(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        let result = work(self).and_then(|out| Ok(self.db.execute_batch("COMMIT").map(|()| out)?));
        if result.is_err() {
            schema::rollback(&self.db);
            self.tx_state = before;
        }
        result
    }

    /// Returns the due deliveries of `sink`, oldest first. Unreadable rows become dead letters.
    pub(super) fn due(&mut self, sink: &SinkName, now: Timestamp, most: usize) -> Result<Vec<Delivery>, StoreError> {
        let mut read = self.db.prepare_cached(&format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries d INDEXED BY waiting WHERE d.state = 'waiting' AND d.sink = ?1
             AND (d.due <= ?2 OR d.due > ?3) AND {IS_HEAD} ORDER BY d.id"
        ))?;
        let mut rows = read.query(params![sink.as_str(), micros(now), latest_due(now)])?;
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            match read_delivery(row)? {
                (id, _) if self.tx_state.leased.contains_key(&id) => {}
                (_, Some(delivery)) => found.push(delivery),
                (id, None) => unreadable.push(id),
            }
        }
        drop(rows);
        drop(read);
        for id in unreadable {
            tracing::error!(sink = %sink, delivery = id, "stored card is unreadable, kept as a dead letter");
            self.finish(id, "dead", Some("stored card is unreadable"), now)?;
        }
        Ok(found)
    }

    /// Returns when `sink` has a due delivery: `now` if one is due, else the earliest due time.
    pub(super) fn next_due(&self, sink: &SinkName, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut read = self.db.prepare_cached(&format!(
            "SELECT id, due FROM deliveries d INDEXED BY waiting WHERE state = 'waiting' AND sink = ?1 AND {IS_HEAD}
             ORDER BY id"
        ))?;
        let mut rows = read.query([sink.as_str()])?;
        let (present, latest_due) = (micros(now), latest_due(now));
        let mut earliest: Option<i64> = None;
        // Deliveries that are not due were tried within the last minutes and are few: the scan soon reaches a due one.
        while let Some(row) = rows.next()? {
            let (id, due): (i64, i64) = (row.get(0)?, row.get(1)?);
            if self.tx_state.leased.contains_key(&id) {
                continue;
            }
            if due <= present || due > latest_due {
                return Ok(Some(now));
            }
            earliest = Some(earliest.map_or(due, |other| other.min(due)));
        }
        Ok(earliest.and_then(row::from_micros))
    }

    /// Leases those of `ids` that still wait and are first in their call.
    pub(super) fn lease(&mut self, ids: &[DeliveryId], tick: Instant) -> Result<Vec<Delivery>, StoreError> {
        let mut read = self.db.prepare_cached(&format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries d WHERE d.id = ? AND d.state = 'waiting' AND {IS_HEAD}"
        ))?;
        let mut newer = self.db.prepare_cached("SELECT newer FROM deliveries WHERE id = ?")?;
        let mut taken = Vec::new();
        for id in ids {
            if self.tx_state.leased.contains_key(&id.0) {
                continue;
            }
            if let Some((id, Some(delivery))) = read.query_row([id.0], read_delivery).optional()? {
                let newer = match delivery.mode {
                    PostMode::Live { .. } => newer.query_row([id], |row| row.get(0))?,
                    PostMode::Post | PostMode::ThreadReply { .. } => None,
                };
                self.tx_state.leased.insert(id, Lease { since: tick, newer });
                taken.push(delivery);
            }
        }
        Ok(taken)
    }

    /// Expires leases older than any post: their worker is gone. Returns `true` if any expired.
    pub(super) fn expire_leases(&mut self, tick: Instant) -> bool {
        let before = self.tx_state.leased.len();
        self.tx_state.leased.retain(|_, lease| tick.saturating_duration_since(lease.since) < LEASE_TIMEOUT);
        let expired = before - self.tx_state.leased.len();
        if expired > 0 {
            tracing::warn!(expired, "leases expired, deliveries wait again");
        }
        expired > 0
    }

    /// Ends a lease. A delivery dropped by an operator stays dropped; its attempt is still stored.
    pub(super) fn settle(&mut self, request: &SettleRequest, now: Timestamp) -> Result<(), StoreError> {
        let id = request.id.0;
        let leased = self.tx_state.leased.remove(&id).and_then(|lease| lease.newer);
        if let Some(attempt) = &request.attempt {
            let mut count = self.db.prepare_cached("UPDATE deliveries SET attempts = attempts + 1 WHERE id = ?")?;
            count.execute([id])?;
            let mut insert = self.db.prepare_cached(
                "INSERT INTO attempts (delivery, nth, at, took, status, answer)
                 SELECT id, attempts, ?2, ?3, ?4, ?5 FROM deliveries WHERE id = ?1",
            )?;
            let took = i64::try_from(attempt.took.as_micros()).unwrap_or(i64::MAX);
            insert.execute(params![
                id,
                micros(attempt.at),
                took,
                attempt.status,
                row::sanitize(&attempt.response, 256)
            ])?;
        }
        match &request.settlement {
            Settlement::Delivered => self.mark_delivered(id, None, leased.as_deref(), now)?,
            Settlement::Posted(message) => self.mark_delivered(id, Some(message), leased.as_deref(), now)?,
            Settlement::Dead(reason) => {
                if !self.promote_newer(id, leased.as_deref())? {
                    self.finish(id, "dead", Some(reason), now)?;
                }
            }
            Settlement::Repost => {
                let mut write = self.db.prepare_cached(
                    "UPDATE deliveries SET message_ref = NULL, reposts = reposts + 1, due = 0 WHERE id = ?",
                )?;
                write.execute([id])?;
                drop(write);
                self.requeue(id, None, now)?;
            }
            Settlement::Released => self.requeue(id, None, now)?,
            Settlement::Retry { not_before, plain } => self.requeue(id, Some((*not_before, *plain)), now)?,
        }
        Ok(())
    }

    /// Marks a delivery as posted. A live message with a newer card waits again immediately. The message reference is stored
    /// even for a delivery that an operator dropped.
    fn mark_delivered(
        &mut self,
        id: i64,
        message: Option<&MessageRef>,
        leased: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let message = message.map(row::to_json).transpose()?;
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET message_ref = coalesce(?2, message_ref), revision = revision + 1 WHERE id = ?1",
        )?;
        write.execute(params![id, message])?;
        drop(write);
        if self.promote_newer(id, leased)? { Ok(()) } else { self.finish(id, "delivered", None, now) }
    }

    /// Makes a card that arrived during the lease the next one of its live message. Returns `true` if there was one. `leased`:
    /// the leased card, if not that of the row.
    fn promote_newer(&mut self, id: i64, leased: Option<&str>) -> Result<bool, StoreError> {
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET card = newer, newer = NULL, due = 0, plain = 0
             WHERE id = ?1 AND state = 'waiting' AND mode = 'live' AND newer IS NOT NULL AND newer <> coalesce(?2, card)
             RETURNING sink",
        )?;
        let sink: Option<String> = write.query_row(params![id, leased], |row| row.get(0)).optional()?;
        self.tx_state.wakeups.extend(sink.as_deref().and_then(|sink| SinkName::try_from(sink).ok()));
        Ok(sink.is_some())
    }

    /// Settles a delivery, unless already settled. The next delivery of its call becomes due.
    pub(super) fn finish(
        &mut self,
        id: i64,
        state: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // A dead letter keeps the newest card: an operator's retry posts that one.
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET state = ?2, settled = ?3, reason = ?4, newer = NULL,
             card = CASE WHEN ?2 = 'dead' OR mode = 'live' THEN coalesce(newer, card) ELSE card END
             WHERE id = ?1 AND state = 'waiting'",
        )?;
        write.execute(params![id, state, micros(now), reason.map(|reason| row::sanitize(reason, 1024))])?;
        drop(write);
        if let Some((_, sink, _)) = self.next_in_call(id)? {
            self.tx_state.wakeups.insert(sink);
        }
        Ok(())
    }

    /// Makes a leased delivery wait again, or supersedes it if a later status of its call waits.
    fn requeue(&mut self, id: i64, retry: Option<(Timestamp, bool)>, now: Timestamp) -> Result<(), StoreError> {
        if let Some((status, sink, true)) = self.next_in_call(id)? {
            self.supersede(id, &status, now)?;
            self.tx_state.wakeups.insert(sink);
            return Ok(());
        }
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET card = coalesce(newer, card), newer = NULL, due = coalesce(?2, due),
             plain = max(plain, ?3) WHERE id = ?1 AND state = 'waiting'",
        )?;
        write.execute(params![id, retry.map(|(at, _)| micros(at)), retry.is_some_and(|(_, plain)| plain)])?;
        Ok(())
    }

    fn next_in_call(&self, id: i64) -> Result<Option<(String, SinkName, bool)>, StoreError> {
        let mut read = self.db.prepare_cached(NEXT_IN_CALL)?;
        let next: Option<(String, String, bool)> =
            read.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        Ok(next.and_then(|(status, sink, replaces)| Some((status, SinkName::try_from(sink).ok()?, replaces))))
    }
}

/// Returns the latest plausible due time. A later one means that the clock jumped back.
fn latest_due(now: Timestamp) -> i64 {
    micros(after(now, MAX_RETRY_AFTER + DUE_TOLERANCE))
}
