//! Errors of a database session.

use crate::runtime::postgres::PostgresError;

/// Failure of a statement. Contains no values of rows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite's message: codes, tables and columns, never values.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A statement failed at a PostgreSQL server, or the server is away.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The query found no row.
    #[error("query found no row")]
    NoRow,
    /// The column, counted from 0, has another type than expected.
    #[error("column {0} has an unexpected type")]
    Column(usize),
}

/// Result of a query whose row may be missing.
pub trait OptionalRow<T> {
    /// Returns `None` for [`Error::NoRow`].
    ///
    /// # Errors
    /// All other errors.
    fn optional(self) -> Result<Option<T>, Error>;
}

impl<T> OptionalRow<T> for Result<T, Error> {
    fn optional(self) -> Result<Option<T>, Error> {
        match self {
            Ok(row) => Ok(Some(row)),
            Err(Error::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
