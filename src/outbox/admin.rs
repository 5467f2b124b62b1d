//! Operator commands on the file, with or without a running daemon: list, retry, drop. The daemon detects changes within two
//! seconds, except while its outbox is in memory (see [`super::Health`]).

use super::{
    FILE,
    row::{self, State},
    schema::{self, Kind, VERSION},
};
use crate::model::{
    call::MomentKind,
    card::Card,
    delivery::{Attempt, DeliveryId, Place, Subject},
    ids::SinkName,
    time::Timestamp,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use std::{io, path::Path, path::PathBuf, time::Duration};

/// Rows changed by one transaction: the daemon's writer, and with it a ring, waits for each transaction.
pub(super) const STEP: usize = 500;

/// Filter of listed deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only this state.
    pub state: Option<State>,
    /// Only this sink.
    pub sink: Option<SinkName>,
    /// Most deliveries listed, the newest.
    pub most: u32,
}

/// Deliveries to retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One delivery: dead, dropped or waiting.
    One(DeliveryId),
    /// All dead letters of one sink, or of all sinks.
    Dead(Option<SinkName>),
}

/// A stored delivery, for an operator. Unreadable columns are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Row id.
    pub id: DeliveryId,
    /// State.
    pub state: Option<State>,
    /// Subject.
    pub subject: Option<Subject>,
    /// Status.
    pub moment: Option<MomentKind>,
    /// Sink name in the file: the config may not have the sink any more.
    pub sink: String,
    /// When the delivery was enqueued.
    pub admitted: Option<Timestamp>,
    /// Earliest next attempt; `None`: immediately.
    pub due: Option<Timestamp>,
    /// When the delivery was settled.
    pub settled: Option<Timestamp>,
    /// Number of attempts.
    pub attempts: u32,
    /// Rendered as plain text.
    pub plain: bool,
    /// Reason of a dead letter, or the status that superseded the delivery.
    pub why: Option<String>,
    /// Card; `None` if erased or unreadable.
    pub card: Option<Card>,
    /// `post`, `live` (one message that is edited) or `reply`.
    pub form: String,
    /// Reference of the posted message, if the chat returned one.
    pub place: Option<Place>,
    /// Number of posted updates.
    pub revision: u32,
}

/// Failure of an operator command.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The file does not exist.
    #[error("no outbox at {0}. Run the daemon with this state directory first")]
    Missing(PathBuf),
    /// Permission denied.
    #[error("{0} cannot be opened. Run this command as the daemon's user")]
    Denied(PathBuf),
    /// The file has another version.
    #[error("{path} has version {found}, but this program supports {VERSION}. Use the same poprelay as the daemon")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// The file is not an outbox.
    #[error("{0} is not an outbox")]
    Foreign(PathBuf),
    /// SQLite failed.
    #[error("outbox access failed")]
    Store(#[from] rusqlite::Error),
}

pub(super) const LETTER: &str = "id, state, subject, status, sink, enqueued_at, due, settled, attempts, plain, reason,
    coalesce(newer, card), mode, message_ref, revision";

/// Returns the newest deliveries that match, oldest first.
///
/// # Errors
/// [`AdminError`].
pub fn list(dir: &Path, filter: &Filter) -> Result<Vec<Letter>, AdminError> {
    let db = connect(dir)?;
    // The state as a literal: SQLite then uses the partial index of waiting rows.
    let state = filter.state.map_or_else(|| "TRUE".to_owned(), |state| format!("state = '{}'", state.as_str()));
    let mut read = db.prepare(&format!(
        "SELECT {LETTER} FROM deliveries WHERE {state} AND (?1 IS NULL OR sink = ?1) ORDER BY id DESC LIMIT ?2"
    ))?;
    let rows = read.query_map(params![filter.sink.as_ref().map(SinkName::as_str), filter.most], letter)?;
    let mut deliveries: Vec<Letter> = rows.collect::<Result<_, _>>()?;
    deliveries.reverse();
    Ok(deliveries)
}

/// Returns one delivery with its attempts.
///
/// # Errors
/// [`AdminError`].
pub fn show(dir: &Path, id: DeliveryId) -> Result<Option<(Letter, Vec<Attempt>)>, AdminError> {
    let db = connect(dir)?;
    let found = db.query_row(&format!("SELECT {LETTER} FROM deliveries WHERE id = ?"), [id.0], letter).optional()?;
    let Some(delivery) = found else { return Ok(None) };
    Ok(Some((delivery, attempts(&db, id)?)))
}

pub(super) fn attempts(db: &Connection, id: DeliveryId) -> rusqlite::Result<Vec<Attempt>> {
    let mut read = db.prepare("SELECT at, took, status, answer FROM attempts WHERE delivery = ? ORDER BY nth")?;
    read.query_map([id.0], attempt)?.collect()
}

/// Retries deliveries immediately, in the full layout. Returns their number: 0 for a delivered, erased or unknown one.
///
/// # Errors
/// [`AdminError`].
pub fn retry(dir: &Path, target: &Which) -> Result<u64, AdminError> {
    let db = connect(dir)?;
    let ids: Vec<i64> = match target {
        Which::One(id) => vec![id.0],
        Which::Dead(sink) => db
            .prepare("SELECT id FROM deliveries WHERE state = 'dead' AND (?1 IS NULL OR sink = ?1) ORDER BY id")?
            .query_map([sink.as_ref().map(SinkName::as_str)], |row| row.get(0))?
            .collect::<Result<_, _>>()?,
    };
    each(
        &db,
        &ids,
        "UPDATE deliveries SET state = 'waiting', due = 0, plain = 0, settled = NULL, reason = NULL
         WHERE id = ? AND state IN ('dead', 'dropped', 'waiting') AND card <> ''",
    )
}

/// Drops a delivery: never posted, but its key stays. Returns `false` for a delivered or unknown one.
///
/// # Errors
/// [`AdminError`].
pub fn drop_one(dir: &Path, id: DeliveryId, now: Timestamp) -> Result<bool, AdminError> {
    let db = connect(dir)?;
    let dropped = db.execute(
        "UPDATE deliveries SET state = 'dropped', settled = ?2, reason = NULL WHERE id = ?1 AND state IN ('dead', 'waiting')",
        params![id.0, row::micros(now)],
    )?;
    Ok(dropped > 0)
}

fn each(db: &Connection, ids: &[i64], change: &str) -> Result<u64, AdminError> {
    let mut write = db.prepare(change)?;
    let mut changed = 0;
    for step in ids.chunks(STEP) {
        db.execute_batch("BEGIN IMMEDIATE")?;
        for id in step {
            changed += write.execute([id]).inspect_err(|_| schema::undo(db))?;
        }
        db.execute_batch("COMMIT").inspect_err(|_| schema::undo(db))?;
    }
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

pub(super) fn connect(dir: &Path) -> Result<Connection, AdminError> {
    let path = dir.join(FILE);
    if let Err(error) = std::fs::OpenOptions::new().read(true).write(true).open(&path) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => AdminError::Missing(path),
            _ => AdminError::Denied(path),
        });
    }
    let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(Duration::from_secs(10))?;
    match schema::kind(&db)? {
        Kind::Ours(VERSION) => Ok(db),
        Kind::Ours(found) | Kind::Newer(found) => Err(AdminError::Version { path, found }),
        Kind::Fresh | Kind::Foreign => Err(AdminError::Foreign(path)),
    }
}

pub(super) fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    let text = |column: usize| row.get::<_, String>(column);
    let time = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.and_then(row::from_micros));
    let (card, form) = (serde_json::from_str(&text(11)?).ok(), text(12)?);
    Ok(Letter {
        id: DeliveryId(row.get(0)?),
        state: State::read(&text(1)?),
        subject: row::read_subject(&text(2)?),
        moment: row::told(&form, &text(3)?, card.as_ref()),
        sink: text(4)?,
        admitted: time(5)?,
        due: time(6)?.filter(|due| *due > Timestamp::UNIX_EPOCH),
        settled: time(7)?,
        attempts: row.get::<_, i64>(8)?.try_into().unwrap_or(u32::MAX),
        plain: row.get(9)?,
        why: row.get(10)?,
        card,
        form,
        place: row.get::<_, Option<String>>(13)?.as_deref().and_then(row::read_place),
        revision: row.get::<_, i64>(14)?.try_into().unwrap_or(u32::MAX),
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let took: i64 = row.get(1)?;
    Ok(Attempt {
        at: row::from_micros(row.get(0)?).unwrap_or(Timestamp::UNIX_EPOCH),
        took: Duration::from_micros(took.unsigned_abs()),
        status: row.get(2)?,
        answer: row.get(3)?,
    })
}
