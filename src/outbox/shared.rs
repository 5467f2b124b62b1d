//! The outbox shared by several daemons, in PostgreSQL: connects, and recognizes a database that is not the one written
//! before. Reads and writes no deliveries.

use super::{
    shared_schema::{self, Prepared},
    store::Store,
};
use crate::runtime::{
    postgres::{PostgresError, PostgresFault, PostgresSettings},
    sql::{self, PostgresSession, Session, params},
};
use rusqlite::Connection;

/// Where the shared outbox is.
#[derive(Debug, Clone)]
pub struct SharedDatabase {
    /// The server.
    pub server: PostgresSettings,
    /// The schema of the tables.
    pub schema: String,
    /// This daemon, among those that share the database. The same after a restart.
    pub daemon: String,
}

impl SharedDatabase {
    /// Connects, and creates or migrates the tables. Blocks for some seconds at most.
    pub(super) fn connect(&self) -> Result<Session, PostgresError> {
        let server = PostgresSession::connect(&self.server, &self.schema).map_err(|error| self.describe(error))?;
        let session = Session::Postgres(Box::new(server));
        self.prepare(&session).map_err(|error| self.describe(error))?;
        Ok(session)
    }

    fn prepare(&self, session: &Session) -> Result<(), sql::Error> {
        let Some(server) = session.postgres() else { return Ok(()) };
        session.query_row("SELECT set_config('poprelay.daemon', ?, false)", params![self.daemon], |_| Ok(()))?;
        match shared_schema::prepare(server, session, &self.schema)? {
            Prepared::Ready => Ok(()),
            Prepared::Newer(_) => Err(self.server.error(PostgresFault::NewerSchema).into()),
        }
    }

    /// Returns the server's error. Others of a session mean that the tables are not as expected.
    pub(super) fn describe(&self, error: sql::Error) -> PostgresError {
        match error {
            sql::Error::Postgres(error) => error,
            sql::Error::Sqlite(_) | sql::Error::NoRow | sql::Error::Column(_) => {
                self.server.error(PostgresFault::Layout)
            }
        }
    }
}

/// What a daemon stores of the shared outbox in the metadata of its file. Another epoch is another database, and a lower id
/// an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    epoch: i64,
    last_id: i64,
}

/// Ids that a server reserves in its log in advance (PostgreSQL, `SEQ_LOG_VALS`).
const ID_STEP: i64 = 32;

const EPOCH: &str = "shared epoch";
const LAST_ID: &str = "shared last id";

impl Mark {
    /// Reads the mark of the shared outbox.
    pub(super) fn of_shared(session: &Session) -> Result<Self, sql::Error> {
        let number = |sql: &str| session.query_row(sql, params![], |row| row.get(0));
        Ok(Self {
            epoch: number("SELECT value FROM metadata WHERE name = 'epoch'")?,
            last_id: number("SELECT last_value FROM deliveries_id_seq")?,
        })
    }

    /// Returns whether the shared outbox is another or an older one than `stored`. A server reserves ids in steps of 32:
    /// a database that is older by fewer deliveries is not recognized.
    pub(super) const fn has_lost(self, stored: Self) -> bool {
        self.epoch != stored.epoch || self.last_id < stored.last_id
    }

    /// Returns whether the stored mark is to be replaced: of another database, or a step of ids earlier.
    pub(super) const fn is_ahead_of(self, stored: Self) -> bool {
        self.epoch != stored.epoch || self.last_id >= stored.last_id + ID_STEP || self.last_id < stored.last_id
    }

    /// Reads the stored mark; `None` without one.
    pub(super) fn stored(file: &Connection) -> Option<Self> {
        let number = |name: &str| {
            file.query_row("SELECT value FROM metadata WHERE name = ?", [name], |row| row.get::<_, i64>(0)).ok()
        };
        Some(Self { epoch: number(EPOCH)?, last_id: number(LAST_ID)? })
    }

    /// Stores the mark.
    pub(super) fn store(self, file: &Connection) -> rusqlite::Result<()> {
        let mut write = file.prepare_cached(
            "INSERT INTO metadata (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?;
        write.execute((EPOCH, self.epoch))?;
        write.execute((LAST_ID, self.last_id))?;
        // Little else is written while the server answers: the log is merged here.
        file.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }
}

impl Store {
    /// Returns whether the store is the shared one.
    pub(super) const fn is_shared(&self) -> bool {
        self.db.postgres().is_some()
    }
}
