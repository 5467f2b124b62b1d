//! Owners of sinks, where several daemons share the outbox. Of all daemons only the owner of a sink posts to it. So order,
//! batches, rate limit and live messages are those of one daemon. Decides no ownership: `daemon` does.
//!
//! A claim lasts until its expiry, by the clock of the server. Each change of the owner gives the sink a higher fence. A daemon
//! that was stopped and continues has a lower fence than the new owner, and its leases and settlements are refused.

use super::{
    disk_error::StoreError,
    handle::DatabaseOutbox,
    row::from_micros,
    store::{FIRST_SPOOLED_ID, Store},
};
use crate::{
    model::{
        delivery::{DeliveryId, OutboxError, SettleRequest},
        ids::SinkName,
        time::Timestamp,
    },
    runtime::sql::{OptionalRow as _, params},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The server's time in microseconds since 1970.
pub(super) const SERVER_TIME: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// Time after a connection in which expired sinks of others are not claimed. After an outage all have expired. Their owners
/// went on posting and first store what they posted.
const RETURN_GRACE: Duration = Duration::from_secs(5);

/// The owner of a sink, as the shared database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkOwner {
    /// The sink.
    pub sink: SinkName,
    /// The daemon; empty: handed back.
    pub owner: String,
    /// Number of the claim; grows with each change of the owner.
    pub fence: i64,
    /// Time of the claim, by the server's clock.
    pub since: Timestamp,
    /// Time until the claim expires, by the server's clock; `None`: expired.
    pub expires_in: Option<Duration>,
}

impl Store {
    /// Returns whether this daemon may post to `sink`.
    pub(super) fn owns(&self, sink: &SinkName) -> bool {
        self.daemon.is_none() || self.tx_state.owned.contains_key(sink)
    }

    /// Returns whether the claim of `sink` is in force at the shared database.
    pub(super) fn holds(&self, sink: &SinkName) -> Result<bool, StoreError> {
        let Some(daemon) = &self.daemon else { return Ok(true) };
        let Some(fence) = self.tx_state.owned.get(sink) else { return Ok(false) };
        if !self.is_shared() {
            return Ok(true);
        }
        let mut read = self.db.prepare(&format!(
            "SELECT count(*) FROM sink_owners WHERE sink = ? AND owner = ? AND fence = ? AND expires_at > {SERVER_TIME}"
        ))?;
        Ok(read.query_row(params![sink.as_str(), daemon, fence], |row| row.get::<i64>(0))? > 0)
    }

    /// Returns whether a waiting row is on the wire: of this daemon's sinks from memory, of others' from the row.
    pub(super) fn is_leased(&self, id: i64, sink: &SinkName) -> Result<bool, StoreError> {
        if self.tx_state.leased.contains_key(&id) {
            return Ok(true);
        }
        if self.owns(sink) || !self.is_shared() {
            return Ok(false);
        }
        let mut read = self.db.prepare("SELECT leased FROM deliveries WHERE id = ?")?;
        Ok(read.query_row(params![id], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    /// Records in the shared database whether a row is on the wire.
    pub(super) fn mark_leased(&self, id: i64, leased: bool) -> Result<(), StoreError> {
        if self.is_shared() {
            self.db.prepare("UPDATE deliveries SET leased = ?2 WHERE id = ?1")?.execute(params![id, leased])?;
        }
        Ok(())
    }

    /// Records and announces what the other daemons have to know of a transaction, before its commit.
    pub(super) fn share_changes(&self) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        for id in self.tx_state.offers.keys() {
            self.mark_leased(*id, true)?;
        }
        for sink in self.tx_state.wakeups.iter().filter(|sink| !self.owns(sink)) {
            let mut notify = self.db.prepare("SELECT pg_notify('poprelay ' || current_schema(), ?)")?;
            notify.query_row(params![sink.as_str()], |_| Ok(()))?;
        }
        Ok(())
    }

    /// Returns the row that a request settles; `None`: the settlement waits for the shared database.
    pub(super) fn row_to_settle(&mut self, request: &SettleRequest) -> Result<Option<i64>, StoreError> {
        let id = request.id.0;
        if self.daemon.is_none() {
            return Ok(Some(id));
        }
        let id = self.tx_state.aliases.remove(&id).unwrap_or(id);
        if !self.is_shared() {
            if id >= FIRST_SPOOLED_ID {
                return Ok(Some(id));
            }
            self.tx_state.leased.remove(&id);
            self.tx_state.deferred.push(SettleRequest { id: DeliveryId(id), ..request.clone() });
            return Ok(None);
        }
        let mut read = self.db.prepare(
            "SELECT o.sink, o.fence FROM deliveries d JOIN sink_owners o ON o.sink = d.sink
             WHERE d.id = ? AND o.owner = ?",
        )?;
        let found: Option<(String, i64)> =
            read.query_row(params![id, self.daemon], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let is_owner = found.is_some_and(|(sink, fence)| {
            SinkName::try_from(sink).is_ok_and(|sink| self.tx_state.owned.get(&sink) == Some(&fence))
        });
        if !is_owner {
            return Err(StoreError::Fenced);
        }
        self.mark_leased(id, false)?;
        // A crash of the server that loses the settlement would repeat the card.
        self.tx_state.urgent = true;
        Ok(Some(id))
    }

    /// Reads all owners.
    pub(super) fn sink_owners(&self) -> Result<Vec<SinkOwner>, StoreError> {
        if !self.is_shared() {
            return Ok(Vec::new());
        }
        let mut read = self.db.prepare(&format!(
            "SELECT sink, owner, fence, since, expires_at - {SERVER_TIME} FROM sink_owners ORDER BY sink"
        ))?;
        let rows = read.query_map(params![], |row| {
            Ok((row.get::<String>(0)?, row.get(1)?, row.get(2)?, row.get::<i64>(3)?, row.get::<i64>(4)?))
        })?;
        let owner = |(sink, owner, fence, since, left): (String, String, i64, i64, i64)| {
            let expires_in = u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_micros);
            Some(SinkOwner { sink: sink.try_into().ok()?, owner, fence, since: from_micros(since)?, expires_in })
        };
        Ok(rows.into_iter().filter_map(owner).collect())
    }

    /// Claims a sink that is free, or whose owner's claim has expired. Returns whether this daemon owns the sink now.
    fn claim(&mut self, sink: &SinkName, lasts: Duration, tick: Instant) -> Result<bool, StoreError> {
        let (true, Some(daemon)) = (self.is_shared(), self.daemon.clone()) else { return Ok(self.owns(sink)) };
        if self.holds(sink)? {
            return Ok(true);
        }
        let takes_over = self.connected.is_some_and(|since| tick.saturating_duration_since(since) >= RETURN_GRACE);
        let mut write = self.db.prepare(&format!(
            "INSERT INTO sink_owners AS o (sink, owner, fence, since, expires_at)
             VALUES (?1, ?2, 1, {SERVER_TIME}, {SERVER_TIME} + CAST(?3 AS BIGINT))
             ON CONFLICT (sink) DO UPDATE SET owner = excluded.owner, fence = o.fence + 1, since = excluded.since,
             expires_at = excluded.expires_at
             WHERE o.owner = '' OR o.owner = ?2 OR (?4 <> 0 AND o.expires_at <= {SERVER_TIME}) RETURNING fence"
        ))?;
        let lasts = i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX);
        let fence = write.query_row(params![sink.as_str(), daemon, lasts, takes_over], |row| row.get(0)).optional()?;
        drop(write);
        let Some(fence) = fence else { return Ok(false) };
        // What the earlier owner had on the wire is not settled: it waits again.
        let freed = "UPDATE deliveries SET leased = 0 WHERE sink = ? AND state = 'waiting' AND leased <> 0";
        self.db.prepare(freed)?.execute(params![sink.as_str()])?;
        // A fence that a crash of the server loses would be given twice.
        self.tx_state.urgent = true;
        self.tx_state.owned.insert(sink.clone(), fence);
        self.tx_state.wakeups.insert(sink.clone());
        Ok(true)
    }

    /// Extends the claims that are still this daemon's. Returns their sinks; the others are not owned any more.
    pub(super) fn renew(&mut self, lasts: Duration) -> Result<Vec<SinkName>, StoreError> {
        if let (true, Some(daemon)) = (self.is_shared(), self.daemon.clone()) {
            let lasts = i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX);
            let mut write = self.db.prepare(&format!(
                "UPDATE sink_owners SET expires_at = {SERVER_TIME} + CAST(?4 AS BIGINT)
                 WHERE sink = ?1 AND owner = ?2 AND fence = ?3"
            ))?;
            let mut lost = Vec::new();
            for (sink, fence) in &self.tx_state.owned {
                if write.execute(params![sink.as_str(), daemon, fence, lasts])? == 0 {
                    lost.push(sink.clone());
                }
            }
            drop(write);
            self.tx_state.owned.retain(|sink, _| !lost.contains(sink));
        }
        Ok(self.tx_state.owned.keys().cloned().collect())
    }

    /// Drops the claims that another daemon has taken over.
    pub(super) fn drop_lost_claims(&mut self) -> Result<(), StoreError> {
        let mut read = self.db.prepare("SELECT fence FROM sink_owners WHERE sink = ? AND owner = ?")?;
        let mut kept = BTreeMap::new();
        for (sink, fence) in &self.tx_state.owned {
            let found = read.query_row(params![sink.as_str(), self.daemon], |row| row.get::<i64>(0)).optional()?;
            kept.extend((found == Some(*fence)).then(|| (sink.clone(), *fence)));
        }
        drop(read);
        self.tx_state.owned = kept;
        Ok(())
    }

    /// Hands a sink back: another daemon can claim it immediately.
    pub(super) fn release(&mut self, sink: &SinkName) -> Result<(), StoreError> {
        let fence = self.tx_state.owned.remove(sink);
        if let (true, Some(daemon), Some(fence)) = (self.is_shared(), &self.daemon, fence) {
            let mut write = self.db.prepare(
                "UPDATE sink_owners SET owner = '', expires_at = 0 WHERE sink = ? AND owner = ? AND fence = ?",
            )?;
            write.execute(params![sink.as_str(), daemon, fence])?;
        }
        Ok(())
    }
}

impl DatabaseOutbox {
    /// Returns the owners of all sinks that ever had one. Without a shared database, and while it is away: none.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn sink_owners(&self) -> Result<Vec<SinkOwner>, OutboxError> {
        self.run(false, |store, _| store.sink_owners()).await
    }

    /// Claims sinks for `lasts` from now. Returns those that this daemon owns. While the shared database is away, these are the
    /// sinks that it owned last. An own claim of an earlier run, or one that expired, gets a new fence.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn claim(&self, sinks: Vec<SinkName>, lasts: Duration) -> Result<Vec<SinkName>, OutboxError> {
        self.run(true, move |store, _| {
            let mut owned = Vec::new();
            for sink in &sinks {
                if store.claim(sink, lasts, Instant::now())? {
                    owned.push(sink.clone());
                }
            }
            Ok(owned)
        })
        .await
    }

    /// Extends all claims of this daemon to `lasts` from now. Returns the sinks that it owns. Another daemon may have claimed
    /// one after its expiry.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn renew(&self, lasts: Duration) -> Result<Vec<SinkName>, OutboxError> {
        self.run(true, move |store, _| store.renew(lasts)).await
    }

    /// Hands sinks back. Deliveries on the wire must be settled first.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn release(&self, sinks: Vec<SinkName>) -> Result<(), OutboxError> {
        self.run(true, move |store, _| sinks.iter().try_for_each(|sink| store.release(sink))).await
    }
}
