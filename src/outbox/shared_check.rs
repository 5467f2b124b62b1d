//! Inspects a shared database for `poprelay check --online`. Changes nothing.

use super::{SharedDatabase, shared_schema::SHARED_VERSION};
use crate::{
    model::time::Timestamp,
    runtime::{
        postgres::{PostgresError, PostgresFault},
        sql::{self, PostgresSession, Session, params},
    },
};
use std::time::Duration;

/// Oldest supported server: the oldest that PostgreSQL's project maintained in 2025.
const OLDEST_SERVER: i64 = 130_000;

/// What a shared database has, and what this daemon may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedReport {
    /// Version of the server as it numbers itself: 150018 is 15.18.
    pub server_version: i64,
    /// Difference between the clocks of the server and of this machine, less the time of the question.
    pub clock_difference: Duration,
    /// Version of the tables; `None`: there are no tables yet.
    pub version: Option<i64>,
    /// The role may create the schema.
    pub may_create: bool,
    /// The role may read and write the tables.
    pub may_write: bool,
}

impl SharedReport {
    /// Returns why a daemon cannot use the database, as a sentence with advice.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let version = self.server_version;
        if version < OLDEST_SERVER {
            return Some(format!("the server is PostgreSQL {}; 13 or later is needed.", version / 10_000));
        }
        let newest = i64::try_from(SHARED_VERSION).unwrap_or(i64::MAX);
        let fault = match self.version {
            Some(found) if found > newest => PostgresFault::NewerSchema,
            Some(_) if !self.may_write => PostgresFault::Privilege,
            None if !self.may_create => {
                return Some(
                    "there are no tables, and the role may not create them. Run `poprelay schema`, let the database's \
                     owner apply its output, and grant the privileges of deploy/postgresql.md."
                        .to_owned(),
                );
            }
            Some(_) | None => return None,
        };
        Some(format!("{fault}. {}", fault.advice()))
    }
}

/// Connects and inspects. Blocks for some seconds at most; must not be called within an asynchronous task.
///
/// # Errors
/// [`PostgresError`]: the server cannot be reached, or rejects the login.
pub fn inspect(database: &SharedDatabase) -> Result<SharedReport, PostgresError> {
    let read = || -> Result<SharedReport, sql::Error> {
        let server = PostgresSession::connect(&database.server, &database.schema)?;
        let session = Session::Postgres(Box::new(server));
        let before = Timestamp::now();
        let clock: i64 = session.query_row(
            "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
            params![],
            |row| row.get(0),
        )?;
        let after = Timestamp::now();
        let server_version =
            session.query_row("SELECT CAST(current_setting('server_version_num') AS BIGINT)", params![], |row| {
                row.get(0)
            })?;
        let has_tables: bool =
            session.query_row("SELECT to_regclass('metadata') IS NOT NULL", params![], |row| row.get(0))?;
        let may_create = session.query_row(
            "SELECT has_database_privilege(current_database(), 'CREATE') OR coalesce((SELECT
             has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = ?), false)",
            params![database.schema],
            |row| row.get(0),
        )?;
        let (mut version, mut may_write) = (None, false);
        if has_tables {
            let can = "SELECT has_table_privilege('metadata', 'SELECT') AND has_table_privilege('deliveries', 'SELECT')
                       AND has_table_privilege('deliveries', 'INSERT') AND has_table_privilege('deliveries', 'UPDATE')
                       AND has_table_privilege('deliveries', 'DELETE') AND has_table_privilege('sink_owners', 'UPDATE')";
            may_write = session.query_row(can, params![], |row| row.get(0))?;
            let found = "SELECT value FROM metadata WHERE name = 'version'";
            version = if may_write { Some(session.query_row(found, params![], |row| row.get(0))?) } else { Some(0) };
        }
        let clock_difference = distance(clock, before.as_microsecond(), after.as_microsecond());
        Ok(SharedReport { server_version, clock_difference, version, may_create, may_write })
    };
    read().map_err(|error| database.describe(error))
}

/// Returns how far a time is outside of a span, in microseconds.
fn distance(time: i64, from: i64, to: i64) -> Duration {
    let outside = from.saturating_sub(time).max(time.saturating_sub(to)).max(0);
    Duration::from_micros(outside.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_names_what_a_daemon_lacks() {
        let good = SharedReport {
            server_version: 150_018,
            clock_difference: Duration::ZERO,
            version: Some(1),
            may_create: false,
            may_write: true,
        };
        assert_eq!(good.problem(), None);
        assert_eq!(SharedReport { version: None, may_create: true, may_write: false, ..good }.problem(), None);
        let text = |report: SharedReport| report.problem().unwrap();
        assert!(text(SharedReport { server_version: 120_022, ..good }).contains("PostgreSQL 12"));
        assert!(text(SharedReport { version: Some(99), ..good }).contains("newer version"));
        assert!(text(SharedReport { may_write: false, ..good }).contains("privilege"));
        assert!(text(SharedReport { version: None, ..good }).contains("poprelay schema"));
    }

    #[test]
    fn distance_is_zero_within_the_span() {
        assert_eq!(distance(5, 3, 7), Duration::ZERO);
        assert_eq!(distance(1, 3, 7), Duration::from_micros(2));
        assert_eq!(distance(9, 3, 7), Duration::from_micros(2));
    }
}
