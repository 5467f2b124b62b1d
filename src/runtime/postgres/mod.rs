//! Connections to a PostgreSQL server: settings from an URL, TLS, timeouts, and faults that an operator can act on. Contains
//! no statement and no table.

mod connect;
mod fault;
mod settings;
/// A real server for tests; `it` compiles the same file.
#[cfg(test)]
#[path = "../../../tests/support/postgres.rs"]
pub mod test_server;
#[cfg(test)]
mod tests;
mod verifier;

pub use connect::{PostgresConnection, PostgresError};
pub use fault::PostgresFault;
pub use settings::PostgresSettings;
