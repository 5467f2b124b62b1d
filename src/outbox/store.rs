//! SQL of the deliveries on one connection: due queries, leases, hand-over. Contains no threads and reads no clock; works
//! the same on a file and in memory.

use super::{
    disk_error::StoreError,
    handover::Slots,
    row::{self, DELIVERY_COLUMNS, micros, read_delivery},
    spooled_row::SpooledRow,
};
use crate::{
    model::{
        delivery::{Delivery, DeliveryId, MAX_RETRY_AFTER, PostMode, SettleRequest},
        ids::SinkName,
        time::{Timestamp, after},
    },
    runtime::sql::{OptionalRow as _, Session, params},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// Tolerance of a due time over [`MAX_RETRY_AFTER`] (jitter, a slow commit). A later one means that the clock jumped.
const DUE_TOLERANCE: Duration = Duration::from_secs(60);

/// Age at which a lease expires: a post takes 10 s at most. Without expiry, the lease of a worker that died would last until
/// the next start.
const LEASE_TIMEOUT: Duration = Duration::from_secs(120);

/// First id of the rows of a file that replaces the shared database: its ids are those of no shared row. Far from the ids of
/// a shared database, and exact in JSON.
pub(super) const FIRST_SPOOLED_ID: i64 = 1 << 40;

/// Unreadable rows that a query of due deliveries passes over.
const MOST_UNREADABLE: usize = 64;

/// Deliveries that are not due and are read to find the earliest due time. They were tried within the last minutes.
const MOST_NOT_DUE: usize = 10_000;

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
    pub(super) db: Session,
    pub(super) tx_state: TxState,
    /// Of a store that several daemons share, and of the file that replaces it: this daemon, as the others know it.
    pub(super) daemon: Option<String>,
    /// The run of this daemon that the shared database has as the live one.
    pub(super) run: Option<String>,
    /// Since when the store is the shared one.
    pub(super) connected: Option<Instant>,
    /// The store replaces another and has only a part of its history.
    pub(super) lacks_history: bool,
    /// The newest deliveries that this daemon posted from the shared database, by id: while the store is away they are known.
    pub(super) posted: BTreeMap<i64, SpooledRow>,
    slots: Arc<Slots>,
}

/// State in memory that a transaction changes, rolled back with the database.
#[derive(Debug, Clone, Default)]
pub(super) struct TxState {
    /// Leased deliveries.
    pub(super) leased: BTreeMap<i64, Lease>,
    /// Sinks whose workers are woken after the commit.
    pub(super) wakeups: BTreeSet<SinkName>,
    /// New deliveries for workers that wait for one, by row id. Leased and handed over after the commit.
    pub(super) offers: BTreeMap<i64, Delivery>,
    /// A delivery or a pending update was created or changed: the commit is synced.
    pub(super) urgent: bool,
    /// Sinks that this daemon owns, with their fences. Of several daemons only the owner posts to a sink.
    pub(super) owned: BTreeMap<SinkName, i64>,
    /// Settlements of rows of the shared database, made while it was away.
    pub(super) deferred: Vec<SettleRequest>,
    /// Rows of the shared database, by the ids that they had in the file while it was away. Until they are settled.
    pub(super) aliases: BTreeMap<i64, i64>,
}

/// Lease of a delivery.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) since: Instant,
    /// The leased card, if from `newer`: a crash left the card there.
    pub(super) newer: Option<String>,
}

impl Store {
    pub(super) fn new(db: Session, slots: Arc<Slots>) -> Self {
        Self {
            db,
            tx_state: TxState::default(),
            daemon: None,
            run: None,
            connected: None,
            lacks_history: false,
            posted: BTreeMap::new(),
            slots,
        }
    }

    /// Runs `work` and returns its result, and whether it was urgent.
    pub(super) fn watch_urgency<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<(T, bool), StoreError> {
        let earlier = std::mem::take(&mut self.tx_state.urgent);
        let out = work(self)?;
        let urgent = self.tx_state.urgent;
        self.tx_state.urgent |= earlier;
        Ok((out, urgent))
    }

    /// Announces a delivery that waits since now. It is handed over after the commit if the worker of its sink waits and
    /// `delivery` is the first of its call. Otherwise the worker is woken.
    pub(super) fn announce(&mut self, sink: &SinkName, delivery: impl FnOnce() -> Option<Delivery>) {
        self.tx_state.urgent = true;
        match (self.slots.is_open(sink) && self.owns(sink)).then(delivery).flatten() {
            Some(delivery) => drop(self.tx_state.offers.insert(delivery.id.0, delivery)),
            None => drop(self.tx_state.wakeups.insert(sink.clone())),
        }
    }

    /// Withdraws the offer of a row that changes in the same transaction: its worker queries instead.
    pub(super) fn withdraw(&mut self, id: i64) {
        if let Some(offer) = self.tx_state.offers.remove(&id) {
            self.tx_state.wakeups.insert(offer.key.sink);
        }
    }

    /// Leases the offered deliveries and hands them over. Called after the commit.
    pub(super) fn hand_over(&mut self, tick: Instant) {
        for (id, delivery) in std::mem::take(&mut self.tx_state.offers) {
            if self.slots.hand_over(&delivery) {
                self.tx_state.leased.insert(id, Lease { since: tick, newer: None });
            } else {
                self.tx_state.wakeups.insert(delivery.key.sink);
            }
        }
    }

    /// Wakes the workers of the sinks with changes.
    pub(super) fn wake_workers(&mut self) {
        for sink in std::mem::take(&mut self.tx_state.wakeups) {
            self.slots.wake(&sink);
        }
    }

    /// Runs `work` in one transaction. On an error, database and memory are unchanged.
    pub(super) fn transact<T>(
        &mut self,
        writes: bool,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let before = self.tx_state.clone();
        self.db.begin(writes)?;
        let result = work(self).and_then(|out| {
            self.share_changes()?;
            Ok(self.db.commit(self.tx_state.urgent).map(|()| out)?)
        });
        if result.is_err() {
            self.db.rollback();
            self.tx_state = before;
        }
        result
    }

    /// Returns the due deliveries of `sink`, oldest first. Unreadable rows become dead letters.
    pub(super) fn due(&mut self, sink: &SinkName, now: Timestamp, most: usize) -> Result<Vec<Delivery>, StoreError> {
        if !self.owns(sink) {
            return Ok(Vec::new());
        }
        let mut read = self.db.prepare(&format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries d INDEXED BY waiting WHERE d.state = 'waiting' AND d.sink = ?1
             AND (d.due <= ?2 OR d.due > ?3) AND {IS_HEAD} ORDER BY d.id LIMIT ?4"
        ))?;
        let limit = most.saturating_add(self.tx_state.leased.len()).saturating_add(MOST_UNREADABLE);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = read.query(params![sink.as_str(), micros(now), latest_due(now), limit])?;
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        while found.len() < most
            && let Some(row) = rows.next_row()?
        {
            match read_delivery(&row)? {
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
        if !self.owns(sink) {
            return Ok(None);
        }
        let mut read = self.db.prepare(&format!(
            "SELECT id, due FROM deliveries d INDEXED BY waiting WHERE state = 'waiting' AND sink = ?1 AND {IS_HEAD}
             ORDER BY id LIMIT ?2"
        ))?;
        let limit = i64::try_from(self.tx_state.leased.len() + MOST_NOT_DUE).unwrap_or(i64::MAX);
        let mut rows = read.query(params![sink.as_str(), limit])?;
        let (present, latest_due) = (micros(now), latest_due(now));
        let mut earliest: Option<i64> = None;
        // Deliveries that are not due were tried within the last minutes and are few: the scan soon reaches a due one.
        while let Some(row) = rows.next_row()? {
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
        let mut read = self.db.prepare(&format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries d WHERE d.id = ? AND d.state = 'waiting' AND {IS_HEAD}"
        ))?;
        let mut newer = self.db.prepare("SELECT newer FROM deliveries WHERE id = ?")?;
        let (mut taken, mut held) = (Vec::new(), BTreeMap::new());
        for id in ids {
            if self.tx_state.leased.contains_key(&id.0) {
                continue;
            }
            if let Some((id, Some(delivery))) = read.query_row(params![id.0], read_delivery).optional()? {
                let sink = &delivery.key.sink;
                let is_held = match held.get(sink) {
                    Some(known) => *known,
                    None => self.holds(sink)?,
                };
                held.insert(sink.clone(), is_held);
                if !is_held {
                    continue;
                }
                let newer = match delivery.mode {
                    PostMode::Live { .. } => newer.query_row(params![id], |row| row.get(0))?,
                    PostMode::Post | PostMode::ThreadReply { .. } => None,
                };
                self.mark_leased(id, true)?;
                self.tx_state.leased.insert(id, Lease { since: tick, newer });
                self.tx_state.offers.remove(&id);
                taken.push(delivery);
            }
        }
        Ok(taken)
    }

    /// Returns whether no earlier delivery of its call and sink waits.
    pub(super) fn is_head(&self, id: i64) -> Result<bool, StoreError> {
        let mut read = self.db.prepare(&format!("SELECT {IS_HEAD} FROM deliveries d WHERE d.id = ?"))?;
        Ok(read.query_row(params![id], |row| row.get(0))?)
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
}

/// Returns the latest plausible due time. A later one means that the clock jumped back.
fn latest_due(now: Timestamp) -> i64 {
    micros(after(now, MAX_RETRY_AFTER + DUE_TOLERANCE))
}
