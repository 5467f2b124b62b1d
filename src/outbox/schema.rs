//! The shape of the file, its version, and the connection's settings. Decides whether a file is ours; moves no rows.

use super::Durability;
use rusqlite::{Connection, config::DbConfig};
use std::time::Duration;

/// `PRAGMA application_id` of an outbox: "POPR" in ASCII.
const APPLICATION: i64 = 0x504f_5052;

/// One step for each `user_version`: the first makes version 1 of nothing. Steps are only ever appended.
pub(super) const MIGRATIONS: &[&str] = &[
    r"
CREATE TABLE deliveries (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: an operator's 17 stays 17
  subject  TEXT NOT NULL,                      -- 'call:…' or 'other:…'
  sink     TEXT NOT NULL,
  moment   TEXT NOT NULL,
  state    TEXT NOT NULL DEFAULT 'waiting',    -- waiting, delivered, dead, superseded, dropped
  due      INTEGER NOT NULL DEFAULT 0,         -- µs since 1970; 0: at once
  plain    INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  admitted INTEGER NOT NULL,                   -- µs since 1970
  settled  INTEGER,                            -- µs since 1970
  why      TEXT,                               -- of dead and superseded ones
  card     TEXT NOT NULL,                      -- JSON
  newer    TEXT                                -- what the card became while it was on the wire
) STRICT;
CREATE UNIQUE INDEX once ON deliveries (subject, sink, moment);
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
CREATE TABLE noted (
  call    TEXT NOT NULL,
  moment  TEXT NOT NULL,
  noted   INTEGER NOT NULL,                    -- µs since 1970
  telling TEXT NOT NULL,                       -- JSON
  PRIMARY KEY (call, moment)
) STRICT;
CREATE TABLE calls (
  call       TEXT PRIMARY KEY,
  connection TEXT NOT NULL,
  account    TEXT NOT NULL,
  heard      INTEGER NOT NULL,                 -- µs since 1970
  over       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX heard ON calls (heard);
CREATE TABLE facts (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    r"
-- A living card's `moment` is 'living', a reply's is its moment and time: both come after any chat that can edit.
ALTER TABLE deliveries ADD COLUMN form     TEXT NOT NULL DEFAULT 'message';  -- message, living, reply
ALTER TABLE deliveries ADD COLUMN place    TEXT;                             -- JSON: where the chat shows it
ALTER TABLE deliveries ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;       -- states the chat was told
ALTER TABLE deliveries ADD COLUMN lost     INTEGER NOT NULL DEFAULT 0;       -- messages that could not be edited
",
];

/// The version that this program writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// What an opened database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Empty: to be made ours.
    Fresh,
    /// An outbox of this version or an older one.
    Ours(usize),
    /// An outbox that a newer program wrote.
    Newer(usize),
    /// Another program's database.
    Foreign,
}

/// Looks who a database belongs to; reads the first page and the schema.
pub(super) fn kind(db: &Connection) -> rusqlite::Result<Kind> {
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    Ok(match application {
        0 if tables == 0 && version == 0 => Kind::Fresh,
        APPLICATION if version > VERSION => Kind::Newer(version),
        APPLICATION => Kind::Ours(version),
        _ => Kind::Foreign,
    })
}

/// Brings a database from `from` to the last of `steps`, each step one transaction with its version number.
pub(super) fn migrate(db: &Connection, from: usize, steps: &[&str]) -> rusqlite::Result<()> {
    for (index, step) in steps.iter().enumerate().skip(from) {
        let version = index + 1;
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION}; {step} PRAGMA user_version = {version}; COMMIT;"
        ))
        .inspect_err(|_| undo(db))?;
    }
    Ok(())
}

/// Rolls back what is open; an error that SQLite answered with a rollback of its own leaves nothing to do.
pub(super) fn undo(db: &Connection) {
    if !db.is_autocommit()
        && let Err(error) = db.execute_batch("ROLLBACK")
    {
        tracing::debug!(%error, "outbox rollback failed");
    }
}

/// Prepared statements stay prepared. Without the planner's stability guarantee SQLite compiles a query again whenever its
/// values change, because its plan might depend on them.
pub(super) fn keep_plans(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(64);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Settings of the daemon's own connection. Two seconds of patience with another writer (the command line holds the
/// lock for milliseconds), then the queue goes on without the disk: a phone rings some 20 s.
pub(super) fn tune(db: &Connection, durability: Durability) -> rusqlite::Result<()> {
    db.busy_timeout(Duration::from_secs(2))?;
    keep_plans(db)?;
    // Only a database without tables takes it: freed pages can then be given back in steps.
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // What is forgotten leaves nothing in the pages that it stood in.
    db.pragma_update(None, "secure_delete", true)?;
    // The log goes back to this after a burst; SQLite's own limit is none.
    db.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |_| Ok(()))?;
    let synchronous = match durability {
        Durability::PowerLoss => "FULL",
        Durability::Crash => "NORMAL",
    };
    db.pragma_update(None, "synchronous", synchronous)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    #[test]
    fn a_question_is_compiled_once_however_many_values_it_is_asked_with() {
        let db = Connection::open_in_memory().unwrap();
        tune(&db, Durability::PowerLoss).unwrap();
        migrate(&db, 0, MIGRATIONS).unwrap();
        let sql = "SELECT max(id) FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ? AND state = 'waiting'";
        for subject in ["call:1", "call:2", "call:3"] {
            let mut question = db.prepare_cached(sql).unwrap();
            question.query_row([subject, "desk"], |row| row.get::<_, Option<i64>>(0)).unwrap();
        }
        let question = db.prepare_cached(sql).unwrap();
        assert_eq!(question.get_status(StatementStatus::RePrepare), 0);
    }
}
