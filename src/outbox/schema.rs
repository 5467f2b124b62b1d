//! Database schema, its version, and connection settings. Decides whether a file is an outbox; reads and writes no rows.

use rusqlite::{Connection, config::DbConfig};
use std::time::Duration;

/// `PRAGMA application_id` of an outbox: "POPR" in ASCII.
const APPLICATION_ID: i64 = 0x504f_5052;

/// One step for each `user_version`: the first creates version 1. Steps are only appended.
pub(super) const MIGRATIONS: &[&str] = &[r"
CREATE TABLE deliveries (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: an operator's 17 stays 17
  subject  TEXT NOT NULL,                      -- 'call:…' or 'named:…'
  sink     TEXT NOT NULL,
  status   TEXT NOT NULL,                      -- of a live message 'live', of a reply its status and time
  state    TEXT NOT NULL DEFAULT 'waiting',    -- waiting, delivered, dead, superseded, dropped
  due      INTEGER NOT NULL DEFAULT 0,         -- µs since 1970; 0: immediately
  plain    INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  enqueued_at INTEGER NOT NULL,                -- µs since 1970
  settled  INTEGER,                            -- µs since 1970
  reason   TEXT,                               -- of dead and superseded rows
  card     TEXT NOT NULL,                      -- JSON
  newer    TEXT,                               -- card that arrived while the delivery was leased
  mode     TEXT NOT NULL DEFAULT 'post',       -- post, live, reply
  message_ref TEXT,                            -- JSON: the posted message
  revision INTEGER NOT NULL DEFAULT 0,         -- posted updates
  reposts  INTEGER NOT NULL DEFAULT 0          -- messages that were not editable any more
) STRICT;
CREATE UNIQUE INDEX once ON deliveries (subject, sink, status);
CREATE INDEX waiting ON deliveries (sink, id) WHERE state = 'waiting';
CREATE INDEX settled ON deliveries (settled) WHERE state <> 'waiting';
CREATE TABLE attempts (
  delivery INTEGER NOT NULL,
  nth      INTEGER NOT NULL,
  at       INTEGER NOT NULL,                   -- µs since 1970
  took     INTEGER NOT NULL,                   -- µs
  status   INTEGER,
  answer   TEXT NOT NULL,
  PRIMARY KEY (delivery, nth)
) STRICT, WITHOUT ROWID;
CREATE TABLE pending_updates (
  call        TEXT NOT NULL,
  status      TEXT NOT NULL,
  saved_at    INTEGER NOT NULL,                -- µs since 1970
  call_update TEXT NOT NULL,                   -- JSON
  PRIMARY KEY (call, status)
) STRICT;
CREATE TABLE calls (
  call       TEXT PRIMARY KEY,
  connection TEXT NOT NULL,
  account    TEXT NOT NULL,
  last_seen  INTEGER NOT NULL,                 -- µs since 1970
  ended      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX last_seen ON calls (last_seen);
CREATE TABLE metadata (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE missed_calls (
  call     TEXT PRIMARY KEY,
  number   INTEGER NOT NULL,                   -- E.164 as look-ups compare it
  started  INTEGER NOT NULL,                   -- µs since 1970
  waiting  INTEGER NOT NULL,                   -- 0: the call proved not to be missed
  card     TEXT NOT NULL,                      -- JSON: update and caller info
  callback TEXT                                -- JSON: the return call that the cards show
) STRICT;
CREATE INDEX missed_of_number ON missed_calls (number, started);
CREATE TABLE return_calls (
  call        TEXT PRIMARY KEY,
  number      INTEGER NOT NULL,                -- E.164 as look-ups compare it
  started     INTEGER NOT NULL,                -- µs since 1970
  recorded    INTEGER NOT NULL,                -- µs since 1970
  return_call TEXT                             -- JSON; NULL: the call proved to return nothing
) STRICT, WITHOUT ROWID;
CREATE INDEX returns_of_number ON return_calls (number, started);
CREATE TABLE claims (                          -- claims in force, without those that are done
  call       TEXT PRIMARY KEY,
  sink       TEXT NOT NULL,                    -- of the pressed message
  user       TEXT NOT NULL,
  claimed_at INTEGER NOT NULL,                 -- µs since 1970
  reminded   INTEGER NOT NULL DEFAULT 0        -- 1: the reminder is enqueued, or not needed any more
) STRICT, WITHOUT ROWID;
CREATE TABLE chat_users (
  user  TEXT PRIMARY KEY,
  name  TEXT,                                  -- NULL: not known
  asked INTEGER NOT NULL                       -- µs since 1970
) STRICT, WITHOUT ROWID;
CREATE TABLE call_history (
  call      TEXT PRIMARY KEY,                  -- account and call id; of a reported call direction, number and start
  number    TEXT,                              -- E.164; NULL: withheld
  started   INTEGER NOT NULL,                  -- µs since 1970
  outcome   INTEGER NOT NULL,                  -- 0 ringing, 1 answered, 2 missed, 3 voicemail, 4 ended
  colleague TEXT,
  outbound  INTEGER NOT NULL DEFAULT 0,
  waited    INTEGER,                           -- µs until the answer, or until the end without one
  sinks     TEXT NOT NULL DEFAULT '',          -- separated by spaces
  reported  INTEGER NOT NULL DEFAULT 0,        -- 1: known from a GoTo report only; a recorded call replaces it
  decided   INTEGER,                           -- µs since 1970: first status after ringing
  callback  INTEGER NOT NULL DEFAULT 0         -- 1: the caller waits for one
) STRICT, WITHOUT ROWID;
CREATE INDEX history_of_number ON call_history (number, started);
CREATE INDEX history_by_start ON call_history (started);
"];

/// Schema version of this program.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Owner of an opened database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatabaseKind {
    /// Empty.
    Empty,
    /// An outbox of this or an older version.
    Outbox(usize),
    /// An outbox of a newer version.
    Newer(usize),
    /// Another program's database.
    Foreign,
}

/// Returns the owner of a database; reads the first page and the schema.
pub(super) fn database_kind(db: &Connection) -> rusqlite::Result<DatabaseKind> {
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    Ok(match application {
        0 if tables == 0 && version == 0 => DatabaseKind::Empty,
        APPLICATION_ID if version > VERSION => DatabaseKind::Newer(version),
        APPLICATION_ID => DatabaseKind::Outbox(version),
        _ => DatabaseKind::Foreign,
    })
}

/// Migrates a database from version `from` to the last of `steps`. Each step, with its version number, is one transaction.
pub(super) fn migrate(db: &Connection, from: usize, steps: &[&str]) -> rusqlite::Result<()> {
    for (index, step) in steps.iter().enumerate().skip(from) {
        let version = index + 1;
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {step} PRAGMA user_version = {version}; COMMIT;"
        ))
        .inspect_err(|_| rollback(db))?;
    }
    Ok(())
}

/// Rolls back the open transaction, unless SQLite already did so after an error.
pub(super) fn rollback(db: &Connection) {
    if !db.is_autocommit()
        && let Err(error) = db.execute_batch("ROLLBACK")
    {
        tracing::debug!(%error, "outbox rollback failed");
    }
}

/// Enables the query planner stability guarantee. Without it, SQLite recompiles a prepared query when its values change,
/// because the plan may depend on them.
pub(super) fn enable_qpsg(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(64);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Configures the daemon's connection. The busy timeout is 2 s (the CLI holds the lock for milliseconds). Then the outbox
/// continues in memory, because a phone rings only some 20 s.
pub(super) fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(Duration::from_secs(2))?;
    enable_qpsg(db)?;
    // Effective only in a database without tables: freed pages can then be returned in steps.
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // Deleted content is overwritten with zeros.
    db.pragma_update(None, "secure_delete", true)?;
    // Size of the WAL after a burst; SQLite's default is no limit.
    db.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |_| Ok(()))?;
    // The writer syncs the commits that need it.
    db.pragma_update(None, "synchronous", "NORMAL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    #[test]
    fn query_is_compiled_once_for_different_values() {
        let db = Connection::open_in_memory().unwrap();
        configure(&db).unwrap();
        migrate(&db, 0, MIGRATIONS).unwrap();
        let sql = "SELECT max(id) FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ? AND state = 'waiting'";
        for subject in ["call:1", "call:2", "call:3"] {
            let mut query = db.prepare_cached(sql).unwrap();
            query.query_row([subject, "desk"], |row| row.get::<_, Option<i64>>(0)).unwrap();
        }
        let query = db.prepare_cached(sql).unwrap();
        assert_eq!(query.get_status(StatementStatus::RePrepare), 0);
    }
}
