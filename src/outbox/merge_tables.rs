//! Moves the rows of the tables beside the deliveries from a daemon's file into the shared database. A row that both have is
//! decided by the table's statement.

use super::merge::ROWS_PER_STEP;
use crate::runtime::sql::{self, Row, Session, params};

/// A table whose rows are merged without rules.
struct MergedTable {
    name: &'static str,
    /// The key first.
    columns: &'static [&'static str],
    key: usize,
    /// What happens to a row that the shared database has too.
    conflict: &'static str,
}

const TABLES: &[MergedTable] = &[
    MergedTable {
        name: "calls",
        columns: &["call", "connection", "account", "last_seen", "ended"],
        key: 1,
        conflict:
            "(call) DO UPDATE SET ended = CASE WHEN calls.ended <> 0 THEN 1 ELSE excluded.ended END,
            last_seen = CASE WHEN calls.last_seen > excluded.last_seen THEN calls.last_seen ELSE excluded.last_seen END",
    },
    MergedTable {
        name: "missed_calls",
        columns: &["call", "number", "started", "waiting", "card", "callback"],
        key: 1,
        conflict: "(call) DO UPDATE SET callback = coalesce(excluded.callback, missed_calls.callback),
            waiting = CASE WHEN missed_calls.waiting = 0 THEN 0 ELSE excluded.waiting END",
    },
    MergedTable {
        name: "return_calls",
        columns: &["call", "number", "started", "recorded", "return_call"],
        key: 1,
        conflict: "DO NOTHING",
    },
    MergedTable {
        name: "claims",
        columns: &["call", "sink", "\"user\"", "claimed_at", "reminded"],
        key: 1,
        conflict: "(call) DO UPDATE SET sink = excluded.sink, \"user\" = excluded.\"user\",
            claimed_at = excluded.claimed_at, reminded = excluded.reminded
            WHERE excluded.claimed_at > claims.claimed_at",
    },
    MergedTable { name: "chat_users", columns: &["\"user\"", "name", "asked"], key: 1, conflict: "DO NOTHING" },
    MergedTable {
        name: "call_history",
        columns: &[
            "call", "number", "started", "outcome", "colleague", "outbound", "waited", "sinks", "reported", "decided", "callback",
        ],
        key: 1,
        conflict: "(call) DO UPDATE SET
            outcome = CASE WHEN call_history.outcome > excluded.outcome THEN call_history.outcome ELSE excluded.outcome END,
            colleague = coalesce(call_history.colleague, excluded.colleague),
            waited = coalesce(call_history.waited, excluded.waited),
            decided = coalesce(call_history.decided, excluded.decided),
            callback = CASE WHEN call_history.outcome > excluded.outcome THEN call_history.callback ELSE excluded.callback END,
            sinks = CASE WHEN length(call_history.sinks) > length(excluded.sinks) THEN call_history.sinks ELSE excluded.sinks END",
    },
    MergedTable {
        name: "pending_updates",
        columns: &["call", "status", "saved_at", "call_update"],
        key: 2,
        conflict: "DO NOTHING",
    },
];

/// Reads the next rows of each table of the file.
pub(super) fn next_rows(file: &Session) -> Result<Vec<TableRows>, sql::Error> {
    let mut found = Vec::new();
    for table in TABLES {
        let columns = table.columns.join(", ");
        let rows: Vec<Vec<OwnedValue>> = file
            .prepare(&format!("SELECT {columns} FROM {} LIMIT {ROWS_PER_STEP}", table.name))?
            .query_map(params![], |row| (0..table.columns.len()).map(|index| OwnedValue::read(row, index)).collect())?;
        if !rows.is_empty() {
            found.push(TableRows { table, rows });
        }
    }
    Ok(found)
}

/// Rows of a table.
pub(super) struct TableRows {
    table: &'static MergedTable,
    rows: Vec<Vec<OwnedValue>>,
}

impl TableRows {
    /// Inserts the rows into the shared database, in the caller's transaction.
    pub(super) fn insert(&self, shared: &Session) -> Result<(), sql::Error> {
        let Self { table, rows } = self;
        // One statement: each would wait for the network.
        let places = format!("({})", vec!["?"; table.columns.len()].join(", "));
        let places = vec![places; rows.len()].join(", ");
        let (name, columns, conflict) = (table.name, table.columns.join(", "), table.conflict);
        let sql = format!("INSERT INTO {name} ({columns}) VALUES {places} ON CONFLICT {conflict}");
        shared.execute(&sql, &rows.iter().flatten().map(OwnedValue::value).collect::<Vec<_>>()).map(drop)
    }

    /// Deletes the rows from the file, in the caller's transaction.
    pub(super) fn delete(&self, file: &Session) -> Result<(), sql::Error> {
        let keys: Vec<String> =
            self.table.columns.iter().take(self.table.key).map(|key| format!("{key} = ?")).collect();
        let mut delete = file.prepare(&format!("DELETE FROM {} WHERE {}", self.table.name, keys.join(" AND ")))?;
        for row in &self.rows {
            delete.execute(&row.iter().take(self.table.key).map(OwnedValue::value).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// A value of a moved row.
enum OwnedValue {
    Text(String),
    Integer(Option<i64>),
}

impl OwnedValue {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sql::Error> {
        row.get(index).map(Self::Text).or_else(|_| row.get(index).map(Self::Integer))
    }

    fn value(&self) -> sql::SqlValue<'_> {
        match self {
            Self::Text(text) => sql::SqlValue::Text(text),
            Self::Integer(number) => number.map_or(sql::SqlValue::Null, sql::SqlValue::Integer),
        }
    }
}
