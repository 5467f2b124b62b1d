//! Alerts about a trouble that every daemon on the shared database notices, such as a rejected login. The first daemon
//! enqueues the card, the others find it known. Decides no alert.

use super::{disk_error::StoreError, handle::DatabaseOutbox, ownership::SERVER_TIME, store::Store};
use crate::{
    model::{
        delivery::{NewDelivery, OutboxError},
        time::Timestamp,
    },
    runtime::sql::params,
};

/// Time for which an alert of another daemon is known. A trouble that lasts longer is reported again by a daemon that restarts.
const KNOWN_DAYS: i64 = 1;

impl Store {
    /// Enqueues an alert, unless another daemon has reported the same state of `trouble`.
    fn enqueue_shared_alert(
        &mut self,
        trouble: &str,
        state: &str,
        delivery: &NewDelivery,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.is_shared() {
            let mut write = self.db.prepare(&format!(
                "INSERT INTO alerts AS a (trouble, state, daemon, raised_at) VALUES (?1, ?2, ?3, {SERVER_TIME})
                 ON CONFLICT (trouble) DO UPDATE SET state = excluded.state, daemon = excluded.daemon,
                 raised_at = excluded.raised_at
                 WHERE a.state <> excluded.state OR a.daemon = excluded.daemon
                 OR a.raised_at < excluded.raised_at - CAST(?4 AS BIGINT) * 86400000000"
            ))?;
            if write.execute(params![trouble, state, self.daemon, KNOWN_DAYS])? == 0 {
                return Ok(());
            }
        }
        self.enqueue(None, std::slice::from_ref(delivery), now).map(drop)
    }
}

impl DatabaseOutbox {
    /// Enqueues the card of an alert. If daemons share the store, one card is enqueued for each change of `state` of the
    /// `trouble`, whichever daemon reports it first. While the shared database is away, each daemon enqueues its own.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn enqueue_shared_alert(
        &self,
        trouble: String,
        state: String,
        delivery: NewDelivery,
    ) -> Result<(), OutboxError> {
        self.run(true, move |store, now| store.enqueue_shared_alert(&trouble, &state, &delivery, now)).await
    }
}
