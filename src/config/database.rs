//! The `[state] database` table: a PostgreSQL database that several daemons share.

use super::{Validator, schema::DatabaseTable};
use crate::runtime::{http::read_ca, postgres::PostgresSettings};

/// Schema of the tables without `schema`.
pub const DEFAULT_SCHEMA: &str = "poprelay";
/// Longest name in PostgreSQL: 63 bytes. A longer one would be cut silently.
const MAX_NAME_BYTES: usize = 63;

/// The shared database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// The server, with role and database.
    pub server: PostgresSettings,
    /// Schema of the tables.
    pub schema: String,
}

impl Validator<'_> {
    pub(super) fn database(&mut self, table: DatabaseTable) -> Option<DatabaseConfig> {
        let url = self.secret("state.database.url", &table.url);
        let schema = table.schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned());
        if !is_name(&schema) {
            let text = "expected a name of lower-case letters, digits and _, as in \"poprelay\"";
            self.error("state.database.schema", text);
        }
        if let Some(Err(error)) = table.ca.as_deref().map(read_ca) {
            self.error("state.database.ca", error.to_string());
        }
        let server = PostgresSettings::parse(url?.expose(), table.ca);
        let server = server.map_err(|text| self.error("state.database.url", text)).ok()?;
        Some(DatabaseConfig { server, schema })
    }
}

/// Returns whether PostgreSQL takes a name without quotes.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && !text.starts_with("pg_")
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_name_is_one_that_needs_no_quotes() {
        for good in ["poprelay", "calls_2", "_x"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Poprelay", "a b", "a\"b", "pg_calls", "1a", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
