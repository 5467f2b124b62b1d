//! One blocking interface for the statements of a store, over its database. Contains no statements.
//!
//! Statements are written once, in the SQL that the databases have in common. Values are integers, texts and null.

mod dialect;
mod error;
mod own_runtime;
mod postgres;
mod statement;
mod value;

pub use error::{Error, OptionalRow};
pub use postgres::{PostgresSession, quoted};
pub use statement::{Row, Rows, Session, Statement};
pub use value::{FromColumn, Param, SqlValue};

/// Makes the values of a statement from expressions of [`Param`] types.
macro_rules! params {
    ($($param:expr),* $(,)?) => {
        &[$($crate::runtime::sql::Param::to_value(&$param)),*] as &[$crate::runtime::sql::SqlValue<'_>]
    };
}
pub(crate) use params;
