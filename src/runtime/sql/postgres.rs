//! A session with a PostgreSQL server that blocks like SQLite: its own runtime drives the connection while a statement runs.
//! Every wait has a bound. A session that did not answer in time is not used again.

use super::{Error, SqlValue, dialect, own_runtime::OwnRuntime};
use crate::runtime::postgres::{PostgresFault, PostgresSettings};
use bytes::BytesMut;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    future::Future,
    time::{Duration, Instant},
};
use tokio_postgres::{
    Client, Row, Statement,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

/// Limit of a transaction, and of a statement outside of one. A phone rings only some 20 s.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(4);

/// Limits that the server applies. A daemon that is stopped within a transaction loses it, and with it the lock, after 1.5 s.
/// The others wait for the lock for 3 s.
const SERVER_LIMITS: &str = "SET statement_timeout = 3000; SET lock_timeout = 3000;
    SET idle_in_transaction_session_timeout = 1500; SET client_min_messages = warning";

/// Begins a transaction that writes: one at a time in a schema, as in SQLite. The lock ends with the transaction.
const BEGIN_WRITE: &str =
    "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('poprelay writer ' || current_schema(), 0))";

/// A session with a PostgreSQL server.
pub struct PostgresSession {
    runtime: OwnRuntime,
    client: Client,
    settings: PostgresSettings,
    /// Prepared statements, by their common text.
    statements: RefCell<HashMap<String, Statement>>,
    /// End of the open transaction at the latest.
    until: Cell<Option<Instant>>,
    /// A transaction is open at the server.
    is_open: Cell<bool>,
    /// Whether an answer was lost: the state of the session is then unknown.
    is_lost: Cell<bool>,
}

impl fmt::Debug for PostgresSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSession").field("place", &self.settings.place()).finish_non_exhaustive()
    }
}

impl PostgresSession {
    /// Connects. The tables of statements are in `schema`. Must not be called within an asynchronous task.
    ///
    /// # Errors
    /// [`Error::Postgres`].
    pub fn connect(settings: &PostgresSettings, schema: &str) -> Result<Self, Error> {
        let failed = || settings.error(PostgresFault::Other);
        let runtime = OwnRuntime::new().map_err(|_| failed())?;
        // The result of the connection's task is the error of the next statement.
        let connected = runtime.block_on(async {
            let (client, connection) = settings.connect().await?;
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        });
        let client = connected.unwrap_or_else(|| Err(failed()))?;
        let session = Self {
            runtime,
            client,
            settings: settings.clone(),
            statements: RefCell::default(),
            until: Cell::new(None),
            is_open: Cell::new(false),
            is_lost: Cell::new(false),
        };
        session.batch(SERVER_LIMITS)?;
        session.batch(&format!("SET search_path TO {}", quoted(schema)))?;
        Ok(session)
    }

    /// Runs statements without values or rows.
    ///
    /// # Errors
    /// [`Error::Postgres`].
    pub fn batch(&self, statements: &str) -> Result<(), Error> {
        self.wait(self.client.batch_execute(statements))
    }

    /// Returns whether the session can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.is_lost.get() && !self.client.is_closed()
    }

    pub(super) fn begin(&self, writes: bool) -> Result<(), Error> {
        self.until.set(Some(Instant::now() + TRANSACTION_TIMEOUT));
        if !writes {
            // Each statement sees the newest commit, in a transaction too: without one, two waits less.
            return Ok(());
        }
        self.is_open.set(true);
        let begun = self.batch(BEGIN_WRITE);
        if begun.is_err() {
            // The transaction is open without the lock.
            self.rollback()?;
        }
        begun
    }

    pub(super) fn commit(&self, durable: bool) -> Result<(), Error> {
        if self.is_open.get() {
            self.batch(if durable { "COMMIT" } else { "SET LOCAL synchronous_commit TO off; COMMIT" })?;
            self.is_open.set(false);
        }
        self.until.set(None);
        Ok(())
    }

    pub(super) fn rollback(&self) -> Result<(), Error> {
        self.until.set(None);
        if self.is_open.replace(false) && self.is_usable() { self.batch("ROLLBACK") } else { Ok(()) }
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.wait(self.client.prepare(&dialect::for_postgres(sql)))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(super) fn execute(&self, statement: &Statement, values: &[SqlValue<'_>]) -> Result<usize, Error> {
        let changed = self.wait(self.client.execute_raw(statement, values.iter().map(as_parameter)))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(super) fn query(&self, statement: &Statement, values: &[SqlValue<'_>]) -> Result<Vec<Row>, Error> {
        let values: Vec<_> = values.iter().map(as_parameter).collect();
        self.wait(self.client.query(statement, &values))
    }

    /// Waits for an answer, at most until the end of the transaction's time.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
        if self.is_lost.get() {
            return Err(self.settings.error(PostgresFault::Closed).into());
        }
        let left =
            self.until.get().map_or(TRANSACTION_TIMEOUT, |until| until.saturating_duration_since(Instant::now()));
        match self.runtime.block_on(async { tokio::time::timeout(left, answer).await }) {
            Some(Ok(Ok(answer))) => Ok(answer),
            Some(Ok(Err(error))) => Err(self.settings.describe(&error).into()),
            Some(Err(_)) | None => {
                self.is_lost.set(true);
                Err(self.settings.error(PostgresFault::Timeout).into())
            }
        }
    }
}

/// Returns a name as an SQL identifier.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn as_parameter<'v>(value: &'v SqlValue<'v>) -> &'v (dyn ToSql + Sync) {
    value
}

impl ToSql for SqlValue<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (*self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(number), &Type::INT8) => number.to_sql(ty, out),
            (Self::Integer(number), &Type::INT4) => i32::try_from(number)?.to_sql(ty, out),
            (Self::Integer(number), &Type::BOOL) => (number != 0).to_sql(ty, out),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME) => text.to_sql(ty, out),
            (Self::Integer(_) | Self::Text(_), ty) => Err(format!("the statement expects a {ty}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for SqlValue<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Integer(i32::from_sql(ty, raw)?.into()),
            Type::BOOL => Self::Integer(bool::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::NAME => Self::Text(<&str>::from_sql(ty, raw)?),
            _ => return Err(format!("the column is a {ty}").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
