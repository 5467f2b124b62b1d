//! The tokens of the connections in the shared database: one row a connection, refreshed under its lock by one daemon and read
//! by all. `model::shared_token` decides which token counts.

use super::{
    disk_error::StoreError,
    handle::DatabaseOutbox,
    ownership::SERVER_TIME,
    row::{from_micros, micros},
    store::Store,
};
use crate::{
    model::{
        delivery::OutboxError,
        ids::ConnectionName,
        secret::Secret,
        shared_token::{
            LocalToken, NewToken, Newest, RefreshDecision, RefreshToken, SharedToken, SharedTokens, TimedAccess,
            TokenFuture, decide_refresh, newest,
        },
    },
    runtime::sql::{OptionalRow as _, params},
};
use std::{sync::Arc, time::Duration};

/// Time after which the lock of a daemon that failed is free. A request of 10 s and two transactions of 4 s fit in.
const LOCK_DURATION: Duration = Duration::from_secs(30);

type TokenRow = (String, i64, Option<String>, Option<String>, i64, String, i64);

impl Store {
    fn shared_token(&self, connection: &ConnectionName) -> Result<SharedToken, StoreError> {
        let mut read = self.db.prepare(&format!(
            "SELECT refresh_token, issued, scope, access_token, access_expires - {SERVER_TIME}, locked_by,
             locked_until - {SERVER_TIME} FROM tokens WHERE connection = ?"
        ))?;
        let row: Option<TokenRow> = read
            .query_row(params![connection.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
            })
            .optional()?;
        let Some((refresh, issued, scope, access, access_left, locked_by, lock_left)) = row else {
            return Ok(SharedToken::default());
        };
        let left = Duration::from_micros(u64::try_from(access_left).unwrap_or_default());
        let issued = Some(issued).filter(|issued| *issued != 0).and_then(from_micros);
        Ok(SharedToken {
            refresh: (!refresh.is_empty()).then(|| RefreshToken { token: Secret::new(refresh), issued, scope }),
            access: access.map(|token| TimedAccess { token: Secret::new(token), left }),
            is_locked: lock_left > 0 && self.daemon.as_ref() != Some(&locked_by),
        })
    }

    fn begin_refresh(
        &mut self,
        connection: &ConnectionName,
        local: &LocalToken,
        lasts: Duration,
    ) -> Result<RefreshDecision, StoreError> {
        let decision = decide_refresh(&self.shared_token(connection)?, local);
        if decision == RefreshDecision::Refresh {
            let mut write = self.db.prepare(&format!(
                "INSERT INTO tokens (connection, locked_by, locked_until)
                 VALUES (?1, ?2, {SERVER_TIME} + CAST(?3 AS BIGINT))
                 ON CONFLICT (connection) DO UPDATE SET locked_by = excluded.locked_by,
                 locked_until = excluded.locked_until"
            ))?;
            write.execute(params![connection.as_str(), self.daemon, in_micros(lasts)])?;
            drop(write);
            // After a failover that loses the lock, a second daemon would send the same refresh token.
            self.tx_state.urgent = true;
        }
        Ok(decision)
    }

    fn store_token(&mut self, connection: &ConnectionName, new: &NewToken) -> Result<(), StoreError> {
        let stored = self.shared_token(connection)?.refresh;
        if newest(stored.as_ref(), Some(&new.refresh), new.rejected.as_ref()) != Newest::Shared {
            let access = new.access.as_ref();
            let mut write = self.db.prepare(&format!(
                "INSERT INTO tokens (connection, refresh_token, issued, scope, access_token, access_expires)
                 VALUES (?1, ?2, ?3, ?4, ?5, {SERVER_TIME} + CAST(?6 AS BIGINT))
                 ON CONFLICT (connection) DO UPDATE SET refresh_token = excluded.refresh_token,
                 issued = excluded.issued, scope = excluded.scope, access_token = excluded.access_token,
                 access_expires = excluded.access_expires"
            ))?;
            write.execute(params![
                connection.as_str(),
                new.refresh.token.expose(),
                new.refresh.issued.map_or(0, micros),
                new.refresh.scope,
                access.map(|access| access.token.expose()),
                access.map_or(0, |access| in_micros(access.left)),
            ])?;
            drop(write);
            // The only valid refresh token may be in this row.
            self.tx_state.urgent = true;
        }
        self.unlock_token(connection)
    }

    fn unlock_token(&self, connection: &ConnectionName) -> Result<(), StoreError> {
        let mut write = self.db.prepare("UPDATE tokens SET locked_until = 0 WHERE connection = ? AND locked_by = ?")?;
        write.execute(params![connection.as_str(), self.daemon])?;
        Ok(())
    }
}

fn in_micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl DatabaseOutbox {
    /// Returns the store of shared tokens; `None` for an outbox of one daemon.
    #[must_use]
    pub fn shared_tokens(&self) -> Option<Arc<dyn SharedTokens>> {
        self.is_shared().then(|| Arc::new(self.clone()) as Arc<dyn SharedTokens>)
    }

    /// As [`SharedTokens::begin_refresh`], with a lock of another duration.
    pub(super) fn begin_refresh_for(
        &self,
        connection: ConnectionName,
        local: LocalToken,
        lasts: Duration,
    ) -> TokenFuture<RefreshDecision> {
        self.run_shared(true, move |store| store.begin_refresh(&connection, &local, lasts))
    }

    /// Runs work on the shared database; `None` while the file is used.
    fn run_shared<T: Send + 'static>(
        &self,
        writes: bool,
        mut work: impl FnMut(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> TokenFuture<T> {
        let answer = self.run(writes, move |store, _| store.is_shared().then(|| work(store)).transpose());
        Box::pin(async move { found(answer.await) })
    }
}

fn found<T>(answer: Result<Option<T>, OutboxError>) -> Option<T> {
    answer.unwrap_or_else(|error| {
        tracing::debug!(%error, "shared tokens not reached");
        None
    })
}

impl SharedTokens for DatabaseOutbox {
    fn read(&self, connection: ConnectionName) -> TokenFuture<SharedToken> {
        self.run_shared(false, move |store| store.shared_token(&connection))
    }

    fn begin_refresh(&self, connection: ConnectionName, local: LocalToken) -> TokenFuture<RefreshDecision> {
        self.begin_refresh_for(connection, local, LOCK_DURATION)
    }

    fn store(&self, connection: ConnectionName, new: NewToken) -> TokenFuture<()> {
        self.run_shared(true, move |store| store.store_token(&connection, &new))
    }

    fn unlock(&self, connection: ConnectionName) -> TokenFuture<()> {
        self.run_shared(true, move |store| store.unlock_token(&connection))
    }
}
