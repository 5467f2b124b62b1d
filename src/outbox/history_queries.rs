//! Access to the history: of the daemon through the writer, and of commands beside a running daemon.

use super::{
    call_history::{calls_since, count_calls},
    handle::DatabaseOutbox,
    place::{AdminError, OutboxPlace},
    shared::SharedDatabase,
};
use crate::{
    model::{
        call_history::{CallCounts, CallHistory, HistoryError, HistoryFuture, HistoryQuery, RecordedCall},
        call_record::CallRecord,
        delivery::OutboxError,
        phone::E164,
        time::Timestamp,
    },
    runtime::sql::{self, Session},
};
use std::path::PathBuf;

impl DatabaseOutbox {
    /// Deletes some of the calls that started before `oldest`. Returns `true` if more are left.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn prune_history(&self, oldest: Timestamp) -> Result<bool, OutboxError> {
        self.run(true, move |store, _| store.prune_history(oldest)).await
    }

    /// Queries the history, if the store has all of it.
    fn query_history<T, F>(&self, query: F) -> HistoryFuture<T>
    where
        T: Send + 'static,
        F: Fn(&Session) -> Result<T, sql::Error> + Send + 'static,
    {
        let found =
            self.run(false, move |store, _| Ok(if store.lacks_history { None } else { Some(query(&store.db)?) }));
        Box::pin(async move { found.await?.ok_or(HistoryError::Incomplete) })
    }
}

impl CallHistory for DatabaseOutbox {
    fn find(&self, query: HistoryQuery) -> HistoryFuture<CallCounts> {
        self.query_history(move |db| count_calls(db, &query))
    }

    fn since(&self, from: Timestamp) -> HistoryFuture<Vec<RecordedCall>> {
        self.query_history(move |db| calls_since(db, from))
    }

    fn import(&self, number: E164, calls: Vec<CallRecord>) {
        // The job is sent; later queries follow it.
        drop(self.run(true, move |store, _| {
            store
                .import_history(&number, &calls)
                .inspect_err(|error| tracing::debug!(%error, "reported calls not imported"))
        }));
    }
}

/// The history as a command reads it, beside a running daemon. Without an outbox it is empty.
#[derive(Debug, Clone)]
pub enum StoredHistory {
    /// Of the file of this state directory.
    Directory(PathBuf),
    /// Of a shared database.
    Shared(Box<SharedDatabase>),
}

impl StoredHistory {
    fn query<T, F>(&self, query: F) -> HistoryFuture<T>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Session) -> Result<T, sql::Error> + Send + 'static,
    {
        let history = self.clone();
        let read = move || {
            let place = match &history {
                Self::Directory(dir) => OutboxPlace::Directory(dir),
                Self::Shared(database) => OutboxPlace::Shared(database),
            };
            match place.connect() {
                Ok(db) => Ok(query(&db)?),
                Err(AdminError::Missing(_)) => Ok(T::default()),
                Err(error) => Err(error),
            }
        };
        Box::pin(async move {
            let found: Result<T, AdminError> =
                tokio::task::spawn_blocking(read).await.map_err(|_| OutboxError::Stopped)?;
            found.map_err(|error| OutboxError::Store(Box::new(error)).into())
        })
    }
}

impl CallHistory for StoredHistory {
    fn find(&self, query: HistoryQuery) -> HistoryFuture<CallCounts> {
        self.query(move |db| count_calls(db, &query))
    }

    fn since(&self, from: Timestamp) -> HistoryFuture<Vec<RecordedCall>> {
        self.query(move |db| calls_since(db, from))
    }

    /// Imports nothing: a command changes no stored call.
    fn import(&self, _: E164, _: Vec<CallRecord>) {}
}
