//! Copies rows between outbox databases: to memory when the disk fails, back when the disk works again, and out of a
//! damaged file. Stops each table at its first unreadable row.

use rusqlite::{Connection, params_from_iter, types::Value};

/// Most rows copied of each kind (settled, waiting, history): some 100 MB of waiting cards at worst. Further rows stay in the
/// file: cards are posted when it is back, and look-ups have no history until then.
const MAX_ROWS: usize = 50_000;

/// All columns of a delivery, and those of a settled one for memory, without the card. A live message keeps its card,
/// because a later update edits the message.
const ALL_COLUMNS: &str = "*";
const KEY_COLUMNS: &str = "id, subject, sink, status, state, due, plain, attempts, enqueued_at, settled, reason,
    CASE mode WHEN 'live' THEN card ELSE '' END AS card, NULL AS newer, mode, message_ref, revision, reposts";

/// Copied part of settled deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyScope {
    /// Keys only, to prevent duplicates: for memory.
    Keys,
    /// All columns: for a new file.
    Full,
}

/// Result of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CopyResult {
    /// Number of waiting deliveries and pending updates copied.
    pub(super) rows: u64,
    /// Whether all pending updates were readable.
    pub(super) pending_complete: bool,
    /// Whether all calls of the history were copied.
    pub(super) history_complete: bool,
}

/// Copies from `from` into the empty `into`: the newest settled and the oldest waiting deliveries, and the other tables.
///
/// # Errors
/// Only if `into` cannot be written.
pub(super) fn copy_all(from: &Connection, into: &Connection, scope: CopyScope) -> rusqlite::Result<CopyResult> {
    let (columns, states) = match scope {
        CopyScope::Keys => (KEY_COLUMNS, "('waiting')"),
        CopyScope::Full => (ALL_COLUMNS, "('waiting', 'dead')"),
    };
    copy_table(
        from,
        into,
        "deliveries",
        &format!("SELECT {columns} FROM deliveries WHERE state <> 'waiting' ORDER BY settled DESC LIMIT {MAX_ROWS}"),
    )?;
    let waiting = copy_table(
        from,
        into,
        "deliveries",
        &format!("SELECT * FROM deliveries WHERE state = 'waiting' ORDER BY id LIMIT {MAX_ROWS}"),
    )?;
    let pending = copy_table(from, into, "pending_updates", "SELECT * FROM pending_updates ORDER BY rowid")?;
    copy_table(
        from,
        into,
        "attempts",
        &format!("SELECT * FROM attempts WHERE delivery IN (SELECT id FROM deliveries WHERE state IN {states})"),
    )?;
    copy_table(from, into, "calls", "SELECT * FROM calls")?;
    for table in ["metadata", "missed_calls", "return_calls", "claims", "chat_users"] {
        copy_table(from, into, table, &format!("SELECT * FROM {table}"))?;
    }
    let history = match scope {
        CopyScope::Keys => {
            let newest = format!("SELECT * FROM call_history ORDER BY started DESC LIMIT {MAX_ROWS}");
            let history = copy_table(from, into, "call_history", &newest)?;
            history.is_complete && history.rows < MAX_ROWS as u64
        }
        CopyScope::Full => copy_table(from, into, "call_history", "SELECT * FROM call_history")?.is_complete,
    };
    continue_ids(from, into)?;
    let rows = waiting.rows + pending.rows;
    Ok(CopyResult { rows, pending_complete: pending.is_complete, history_complete: history })
}

/// Copies memory's rows over those of a file, in one transaction: memory has all later changes. `pending_complete`: memory
/// started with all pending updates, so those missing in memory were enqueued and are deleted.
pub(super) fn copy_back(from: &Connection, into: &Connection, pending_complete: bool) -> rusqlite::Result<()> {
    into.execute_batch("BEGIN IMMEDIATE")?;
    if pending_complete {
        into.execute("DELETE FROM pending_updates", [])?;
    }
    copy_table(from, into, "deliveries", "SELECT * FROM deliveries WHERE card <> ''")?;
    // Rows without a card add their keys to a new file; a file that has the keys keeps its cards.
    copy_table_as(from, into, "INSERT OR IGNORE", "deliveries", "SELECT * FROM deliveries WHERE card = ''")?;
    copy_table(from, into, "pending_updates", "SELECT * FROM pending_updates ORDER BY rowid")?;
    into.execute("DELETE FROM claims", [])?;
    for table in
        ["attempts", "calls", "metadata", "missed_calls", "return_calls", "claims", "chat_users", "call_history"]
    {
        copy_table(from, into, table, &format!("SELECT * FROM {table}"))?;
    }
    continue_ids(from, into)?;
    into.execute_batch("COMMIT")
}

struct TableCopy {
    rows: u64,
    is_complete: bool,
}

fn copy_table(from: &Connection, into: &Connection, table: &str, select: &str) -> rusqlite::Result<TableCopy> {
    copy_table_as(from, into, "INSERT OR REPLACE", table, select)
}

fn copy_table_as(
    from: &Connection,
    into: &Connection,
    verb: &str,
    table: &str,
    select: &str,
) -> rusqlite::Result<TableCopy> {
    let mut copied = TableCopy { rows: 0, is_complete: false };
    let Ok(mut read) = from.prepare(select) else { return Ok(copied) };
    // Columns by name: an older file has fewer.
    let names = read.column_names().collect::<Vec<_>>().join(", ");
    let columns = read.column_count();
    let placeholders = vec!["?"; columns].join(", ");
    let mut write = into.prepare(&format!("{verb} INTO {table} ({names}) VALUES ({placeholders})"))?;
    let Ok(mut rows) = read.query([]) else { return Ok(copied) };
    while let Ok(next) = rows.next() {
        let Some(row) = next else {
            copied.is_complete = true;
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

/// Continues the id sequence, so that no id is used twice across both databases.
fn continue_ids(from: &Connection, into: &Connection) -> rusqlite::Result<()> {
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
