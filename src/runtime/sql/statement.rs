//! A session with a database, its statements and their rows.

use super::{Error, FromColumn, PostgresSession, SqlValue};
use rusqlite::{CachedStatement, Connection, params_from_iter, types::ValueRef};

/// A session with a database. Statements run one after another and block.
#[derive(Debug)]
pub enum Session {
    /// A SQLite file or in-memory database.
    Sqlite(Connection),
    /// A PostgreSQL server.
    Postgres(Box<PostgresSession>),
}

impl Session {
    /// Prepares a statement. A statement that was prepared before is taken from the session's cache.
    ///
    /// # Errors
    /// [`Error`].
    pub fn prepare(&self, sql: &str) -> Result<Statement<'_>, Error> {
        Ok(match self {
            Self::Sqlite(db) => Statement::Sqlite(db.prepare_cached(sql)?),
            Self::Postgres(session) => Statement::Postgres { session, statement: session.prepare(sql)? },
        })
    }

    /// Runs a statement once. Returns the number of changed rows.
    ///
    /// # Errors
    /// [`Error`].
    pub fn execute(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<usize, Error> {
        self.prepare(sql)?.execute(values)
    }

    /// Runs a query once and reads its first row.
    ///
    /// # Errors
    /// [`Error`]; [`Error::NoRow`] without a row.
    pub fn query_row<T>(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.prepare(sql)?.query_row(values, read)
    }

    /// Begins a transaction. A transaction that `writes` takes the write lock now: a read that becomes a write fails if
    /// another process wrote in between.
    ///
    /// # Errors
    /// [`Error`].
    pub fn begin(&self, writes: bool) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" })?),
            Self::Postgres(session) => session.begin(writes),
        }
    }

    /// Commits the transaction. A `durable` one survives a power cut of a PostgreSQL server; the sync of a SQLite file is the
    /// caller's.
    ///
    /// # Errors
    /// [`Error`]: a transaction of SQLite is still open, one of PostgreSQL may be committed.
    pub fn commit(&self, durable: bool) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch("COMMIT")?),
            Self::Postgres(session) => session.commit(durable),
        }
    }

    /// Rolls back the open transaction, unless the database already did so after an error.
    pub fn rollback(&self) {
        let result = match self {
            Self::Sqlite(db) if db.is_autocommit() => Ok(()),
            Self::Sqlite(db) => db.execute_batch("ROLLBACK").map_err(Error::from),
            Self::Postgres(session) => session.rollback(),
        };
        if let Err(error) = result {
            tracing::debug!(%error, "rollback failed");
        }
    }

    /// Returns the SQLite database, if the session has one.
    #[must_use]
    pub const fn sqlite(&self) -> Option<&Connection> {
        match self {
            Self::Sqlite(db) => Some(db),
            Self::Postgres(_) => None,
        }
    }

    /// Returns the session with a PostgreSQL server, if it is one.
    #[must_use]
    pub const fn postgres(&self) -> Option<&PostgresSession> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(session) => Some(session),
        }
    }
}

/// A prepared statement.
pub enum Statement<'s> {
    /// Of SQLite.
    Sqlite(CachedStatement<'s>),
    /// Of PostgreSQL.
    Postgres {
        /// The session that runs it.
        session: &'s PostgresSession,
        /// The statement at the server.
        statement: tokio_postgres::Statement,
    },
}

impl Statement<'_> {
    /// Runs the statement. Returns the number of changed rows.
    ///
    /// # Errors
    /// [`Error`].
    pub fn execute(&mut self, values: &[SqlValue<'_>]) -> Result<usize, Error> {
        match self {
            Self::Sqlite(statement) => Ok(statement.execute(params_from_iter(values))?),
            Self::Postgres { session, statement } => session.execute(statement, values),
        }
    }

    /// Runs the query.
    ///
    /// # Errors
    /// [`Error`].
    pub fn query(&mut self, values: &[SqlValue<'_>]) -> Result<Rows<'_>, Error> {
        Ok(match self {
            Self::Sqlite(statement) => Rows::Sqlite(statement.query(params_from_iter(values))?),
            Self::Postgres { session, statement } => Rows::Postgres(session.query(statement, values)?.into_iter()),
        })
    }

    /// Runs the query and reads all rows.
    ///
    /// # Errors
    /// [`Error`].
    pub fn query_map<T>(
        &mut self,
        values: &[SqlValue<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = self.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next_row()? {
            found.push(read(&row)?);
        }
        Ok(found)
    }

    /// Runs the query and reads its first row.
    ///
    /// # Errors
    /// [`Error`]; [`Error::NoRow`] without a row.
    pub fn query_row<T>(
        &mut self,
        values: &[SqlValue<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut rows = self.query(values)?;
        let row = rows.next_row()?.ok_or(Error::NoRow)?;
        read(&row)
    }
}

/// The rows of a query.
pub enum Rows<'s> {
    /// Rows of SQLite, read one by one on request.
    Sqlite(rusqlite::Rows<'s>),
    /// Rows of PostgreSQL, all received.
    Postgres(std::vec::IntoIter<tokio_postgres::Row>),
}

impl Rows<'_> {
    /// Returns the next row.
    ///
    /// # Errors
    /// [`Error`].
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Error> {
        Ok(match self {
            Self::Sqlite(rows) => rows.next()?.map(Row::Sqlite),
            Self::Postgres(rows) => rows.next().map(Row::Postgres),
        })
    }
}

/// A row of a query.
pub enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(tokio_postgres::Row),
}

impl Row<'_> {
    /// Reads a column, counted from 0.
    ///
    /// # Errors
    /// [`Error::Column`] if the column has another type.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T, Error> {
        let value = match self {
            Self::Sqlite(row) => match row.get_ref(index)? {
                ValueRef::Null => Some(SqlValue::Null),
                ValueRef::Integer(number) => Some(SqlValue::Integer(number)),
                ValueRef::Text(text) => std::str::from_utf8(text).ok().map(SqlValue::Text),
                ValueRef::Real(_) | ValueRef::Blob(_) => None,
            },
            Self::Postgres(row) => row.try_get(index).ok(),
        };
        value.and_then(T::from_value).ok_or(Error::Column(index))
    }
}
