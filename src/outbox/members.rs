//! The daemons that share the outbox: each records its heartbeat, renews its claims and reads those of the others, in one
//! transaction. Decides no ownership.

use super::{
    disk_error::StoreError,
    handle::DatabaseOutbox,
    ownership::{SERVER_TIME, SinkOwner},
    row::from_micros,
    store::Store,
};
use crate::{
    model::{delivery::OutboxError, ids::SinkName, time::Timestamp},
    runtime::sql::params,
};
use std::time::Duration;

/// A daemon that shares the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharingDaemon {
    /// Its id, the same after a restart.
    pub id: String,
    /// Its host name.
    pub host: String,
    /// Its version.
    pub version: String,
    /// Its last heartbeat, by the server's clock.
    pub seen: Timestamp,
    /// Time since then.
    pub silence: Duration,
}

/// What a daemon reads when it renews its claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedState {
    /// Whether the shared database answered. If not, the rest is what this daemon knows without it.
    pub is_shared: bool,
    /// Whether another run with this daemon's id is live. This one then owns nothing.
    pub has_other_run: bool,
    /// The daemons, this one included.
    pub daemons: Vec<SharingDaemon>,
    /// The owners of all sinks that ever had one.
    pub owners: Vec<SinkOwner>,
    /// The sinks that this daemon owns.
    pub owned: Vec<SinkName>,
}

/// Silence after which a run counts as ended, and another one takes its id. Two lost heartbeats, and shorter than the restart of
/// a killed daemon by systemd.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(3);

/// Age at which the row of a daemon is deleted: the row of a host that is gone for good.
const FORGET_AFTER_DAYS: i64 = 7;

impl Store {
    /// Records the heartbeat of this daemon. Returns `false` without a change if another run with its id is live: a copied
    /// state directory.
    fn record_heartbeat(&self, host: &str, run: &str, version: &str) -> Result<bool, StoreError> {
        let mut write = self.db.prepare(&format!(
            "INSERT INTO daemons AS d (id, host, version, run, seen) VALUES (?1, ?2, ?3, ?4, {SERVER_TIME})
             ON CONFLICT (id) DO UPDATE SET host = excluded.host, version = excluded.version, run = excluded.run,
             seen = excluded.seen WHERE d.run = excluded.run OR d.seen <= excluded.seen - CAST(?5 AS BIGINT)"
        ))?;
        let silence = i64::try_from(RUN_TIMEOUT.as_micros()).unwrap_or(i64::MAX);
        Ok(write.execute(params![self.daemon, host, version, run, silence])? > 0)
    }

    /// Reads the daemons.
    fn daemons(&self) -> Result<Vec<SharingDaemon>, StoreError> {
        let oldest = format!("DELETE FROM daemons WHERE seen < {SERVER_TIME} - {FORGET_AFTER_DAYS} * 86400000000");
        self.db.prepare(&oldest)?.execute(params![])?;
        let mut read = self
            .db
            .prepare(&format!("SELECT id, host, version, seen, {SERVER_TIME} - seen FROM daemons ORDER BY host, id"))?;
        let rows: Vec<(String, String, String, i64, i64)> =
            read.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
        let daemon = |(id, host, version, seen, silence): (String, String, String, i64, i64)| {
            let silence = Duration::from_micros(u64::try_from(silence).unwrap_or_default());
            Some(SharingDaemon { id, host, version, seen: from_micros(seen)?, silence })
        };
        Ok(rows.into_iter().filter_map(daemon).collect())
    }

    fn renew_and_read(
        &mut self,
        host: &str,
        run: &str,
        version: &str,
        lasts: Duration,
    ) -> Result<SharedState, StoreError> {
        if !self.is_shared() {
            return Ok(SharedState { owned: self.renew(lasts)?, ..SharedState::default() });
        }
        let has_other_run = !self.record_heartbeat(host, run, version)?;
        self.run = (!has_other_run).then(|| run.to_owned());
        if has_other_run {
            self.tx_state.owned.clear();
        }
        let owned = self.renew(lasts)?;
        Ok(SharedState { is_shared: true, has_other_run, daemons: self.daemons()?, owners: self.sink_owners()?, owned })
    }

    /// Hands all sinks back and removes the heartbeat: the other daemons share the sinks among themselves immediately.
    fn leave(&mut self) -> Result<(), StoreError> {
        let owned: Vec<SinkName> = self.tx_state.owned.keys().cloned().collect();
        owned.iter().try_for_each(|sink| self.release(sink))?;
        if let (true, Some(run)) = (self.is_shared(), &self.run) {
            self.db.prepare("DELETE FROM daemons WHERE id = ? AND run = ?")?.execute(params![self.daemon, run])?;
        }
        Ok(())
    }
}

impl DatabaseOutbox {
    /// Records the heartbeat of this daemon and its `run`, extends its claims to `lasts` from now, and reads the other daemons and
    /// all owners. While another run with this daemon's id is live, all claims of this one are dropped instead.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn renew_and_read(&self, host: String, run: String, lasts: Duration) -> Result<SharedState, OutboxError> {
        self.run(true, move |store, _| store.renew_and_read(&host, &run, env!("CARGO_PKG_VERSION"), lasts)).await
    }

    /// Hands all sinks back before a stop.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn leave(&self) -> Result<(), OutboxError> {
        self.run(true, |store, _| store.leave()).await
    }
}
