//! Copying rows from one outbox database to another: to memory when the disk fails, back when it bears again, and out of
//! a damaged file. Copies what can be read and stops a table at its first unreadable row.

use rusqlite::{Connection, params_from_iter, types::Value};

/// Most rows of either kind that are copied: some 100 MB of waiting cards at the very worst. What is beyond stays in the
/// file and is told when it is back.
const MOST: usize = 50_000;

/// The columns of a delivery, and those of one of which only the key matters: it was settled, its card is in the file. A
/// living card is carried whole: its call may move on, and then its message is edited.
const WHOLE: &str = "*";
const KEY: &str = "id, subject, sink, moment, state, due, plain, attempts, admitted, settled, why,
    CASE form WHEN 'living' THEN card ELSE '' END AS card, NULL AS newer, form, place, revision, lost";

/// How much is copied of what was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// The key, so that nothing is told twice: for memory.
    Keys,
    /// All of it: for a new file.
    Whole,
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carried {
    /// Deliveries that wait, and noted moments.
    pub(super) rows: u64,
    /// All noted moments could be read.
    pub(super) noted: bool,
}

/// Copies from `from` into the empty `into`: the newest settled, the oldest waiting, and all that stands beside them.
///
/// # Errors
/// Only what `into` cannot take.
pub(super) fn carry(from: &Connection, into: &Connection, settled: Settled) -> rusqlite::Result<Carried> {
    let (columns, kept) = match settled {
        Settled::Keys => (KEY, "('waiting')"),
        Settled::Whole => (WHOLE, "('waiting', 'dead')"),
    };
    copy(
        from,
        into,
        "deliveries",
        &format!("SELECT {columns} FROM deliveries WHERE state <> 'waiting' ORDER BY settled DESC LIMIT {MOST}"),
    )?;
    let waiting = copy(
        from,
        into,
        "deliveries",
        &format!("SELECT * FROM deliveries WHERE state = 'waiting' ORDER BY id LIMIT {MOST}"),
    )?;
    let noted = copy(from, into, "noted", "SELECT * FROM noted ORDER BY rowid")?;
    copy(
        from,
        into,
        "attempts",
        &format!("SELECT * FROM attempts WHERE delivery IN (SELECT id FROM deliveries WHERE state IN {kept})"),
    )?;
    copy(from, into, "calls", "SELECT * FROM calls")?;
    copy(from, into, "facts", "SELECT * FROM facts")?;
    number_on(from, into)?;
    Ok(Carried { rows: waiting.rows + noted.rows, noted: noted.whole })
}

/// Copies memory's rows over those of a file, in one transaction: memory has seen all that happened since. `noted` says
/// that it also knew all noted moments, so that those it does not have were settled.
pub(super) fn carry_back(from: &Connection, into: &Connection, noted: bool) -> rusqlite::Result<()> {
    into.execute_batch("BEGIN IMMEDIATE")?;
    if noted {
        into.execute("DELETE FROM noted", [])?;
    }
    copy(from, into, "deliveries", "SELECT * FROM deliveries WHERE card <> ''")?;
    // Bare keys teach a new file what was told; a file that knows them keeps its cards.
    copy_as(from, into, "INSERT OR IGNORE", "deliveries", "SELECT * FROM deliveries WHERE card = ''")?;
    copy(from, into, "noted", "SELECT * FROM noted ORDER BY rowid")?;
    for table in ["attempts", "calls", "facts"] {
        copy(from, into, table, &format!("SELECT * FROM {table}"))?;
    }
    number_on(from, into)?;
    into.execute_batch("COMMIT")
}

struct Copied {
    rows: u64,
    whole: bool,
}

fn copy(from: &Connection, into: &Connection, table: &str, select: &str) -> rusqlite::Result<Copied> {
    copy_as(from, into, "INSERT OR REPLACE", table, select)
}

fn copy_as(from: &Connection, into: &Connection, verb: &str, table: &str, select: &str) -> rusqlite::Result<Copied> {
    let mut copied = Copied { rows: 0, whole: false };
    let Ok(mut read) = from.prepare(select) else { return Ok(copied) };
    // By their names: an older file has fewer.
    let names = read.column_names().collect::<Vec<_>>().join(", ");
    let columns = read.column_count();
    let marks = vec!["?"; columns].join(", ");
    let mut write = into.prepare(&format!("{verb} INTO {table} ({names}) VALUES ({marks})"))?;
    let Ok(mut rows) = read.query([]) else { return Ok(copied) };
    while let Ok(next) = rows.next() {
        let Some(row) = next else {
            copied.whole = true;
            break;
        };
        let values: rusqlite::Result<Vec<Value>> = (0..columns).map(|column| row.get(column)).collect();
        if let Ok(values) = values {
            write.execute(params_from_iter(values))?;
            copied.rows += 1;
        }
    }
    Ok(copied)
}

/// Ids go on where they were: none is used twice, whichever database gave it.
fn number_on(from: &Connection, into: &Connection) -> rusqlite::Result<()> {
    let last = |db: &Connection| {
        db.query_row("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'deliveries'", [], |row| {
            row.get::<_, i64>(0)
        })
    };
    let highest = last(from).unwrap_or(0).max(last(into)?);
    into.execute("DELETE FROM sqlite_sequence WHERE name = 'deliveries'", [])?;
    into.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('deliveries', ?)", [highest])?;
    Ok(())
}
