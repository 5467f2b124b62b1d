//! What an operator may do to the file, beside a running daemon or without one: look, try again, drop. The daemon notices
//! within two seconds. While it runs from memory (see [`super::Health`]) it does not see what is done here.

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

/// Rows that one transaction changes: the daemon's writer waits for it, a ring behind the writer too.
pub(super) const STEP: usize = 500;

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Of this state only.
    pub state: Option<State>,
    /// For this sink only.
    pub sink: Option<SinkName>,
    /// The newest so many.
    pub most: u32,
}

/// Which deliveries to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One: a dead letter, one that was dropped, or one that waits for its time.
    One(DeliveryId),
    /// All dead letters, of one sink or of all.
    Dead(Option<SinkName>),
}

/// A delivery as an operator sees it. What cannot be understood is `None`; it is shown all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its number.
    pub id: DeliveryId,
    /// Where it stands.
    pub state: Option<State>,
    /// What it is about.
    pub subject: Option<Subject>,
    /// Which moment of it.
    pub moment: Option<MomentKind>,
    /// Who is told, as the file has it: the sink may have left the config.
    pub sink: String,
    /// When it was admitted.
    pub admitted: Option<Timestamp>,
    /// Not before this time; `None`: at once.
    pub due: Option<Timestamp>,
    /// When it ended.
    pub settled: Option<Timestamp>,
    /// Attempts made.
    pub attempts: u32,
    /// It is drawn plain.
    pub plain: bool,
    /// Why it is dead, or what it was told as.
    pub why: Option<String>,
    /// What it says.
    pub card: Option<Card>,
    /// `message`, `living` (one message that is edited) or `reply`.
    pub form: String,
    /// Where the chat shows it, if it said so.
    pub place: Option<Place>,
    /// How many states the chat was told.
    pub revision: u32,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nothing is there.
    #[error("there is no outbox at {0}: has the daemon run with this state directory?")]
    Missing(PathBuf),
    /// Not allowed.
    #[error("{0} cannot be opened: run this as the daemon's user")]
    Denied(PathBuf),
    /// Another version's.
    #[error("{path} is of version {found}, this program knows {VERSION}: use the poprelay that the daemon runs")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// No outbox.
    #[error("{0} is no outbox")]
    Foreign(PathBuf),
    /// SQLite refused.
    #[error("the outbox could not be read or written")]
    Store(#[from] rusqlite::Error),
}

pub(super) const LETTER: &str = "id, state, subject, moment, sink, admitted, due, settled, attempts, plain, why,
    coalesce(newer, card), form, place, revision";

/// The newest deliveries that fit, oldest first.
///
/// # Errors
/// [`AdminError`].
pub fn list(dir: &Path, filter: &Filter) -> Result<Vec<Letter>, AdminError> {
    let db = connect(dir)?;
    // The state as a literal: that is what lets SQLite take the index of what waits.
    let state = filter.state.map_or_else(|| "TRUE".to_owned(), |state| format!("state = '{}'", state.as_str()));
    let mut read = db.prepare(&format!(
        "SELECT {LETTER} FROM deliveries WHERE {state} AND (?1 IS NULL OR sink = ?1) ORDER BY id DESC LIMIT ?2"
    ))?;
    let rows = read.query_map(params![filter.sink.as_ref().map(SinkName::as_str), filter.most], letter)?;
    let mut letters: Vec<Letter> = rows.collect::<Result<_, _>>()?;
    letters.reverse();
    Ok(letters)
}

/// One delivery with its attempts.
///
/// # Errors
/// [`AdminError`].
pub fn show(dir: &Path, id: DeliveryId) -> Result<Option<(Letter, Vec<Attempt>)>, AdminError> {
    let db = connect(dir)?;
    let found = db.query_row(&format!("SELECT {LETTER} FROM deliveries WHERE id = ?"), [id.0], letter).optional()?;
    let Some(letter) = found else { return Ok(None) };
    Ok(Some((letter, attempts(&db, id)?)))
}

pub(super) fn attempts(db: &Connection, id: DeliveryId) -> rusqlite::Result<Vec<Attempt>> {
    let mut read = db.prepare("SELECT at, took, status, answer FROM attempts WHERE delivery = ? ORDER BY nth")?;
    read.query_map([id.0], attempt)?.collect()
}

/// Has deliveries tried again, at once and in full form. Answers how many: 0 if the one was told, forgotten or is unknown.
///
/// # Errors
/// [`AdminError`].
pub fn retry(dir: &Path, which: &Which) -> Result<u64, AdminError> {
    let db = connect(dir)?;
    let ids: Vec<i64> = match which {
        Which::One(id) => vec![id.0],
        Which::Dead(sink) => db
            .prepare("SELECT id FROM deliveries WHERE state = 'dead' AND (?1 IS NULL OR sink = ?1) ORDER BY id")?
            .query_map([sink.as_ref().map(SinkName::as_str)], |row| row.get(0))?
            .collect::<Result<_, _>>()?,
    };
    each(
        &db,
        &ids,
        "UPDATE deliveries SET state = 'waiting', due = 0, plain = 0, settled = NULL, why = NULL
         WHERE id = ? AND state IN ('dead', 'dropped', 'waiting') AND card <> ''",
    )
}

/// Gives one up for good: it is not told, and stays known. `false` if it has been told, or is not there.
///
/// # Errors
/// [`AdminError`].
pub fn drop_one(dir: &Path, id: DeliveryId, now: Timestamp) -> Result<bool, AdminError> {
    let db = connect(dir)?;
    let dropped = db.execute(
        "UPDATE deliveries SET state = 'dropped', settled = ?2, why = NULL WHERE id = ?1 AND state IN ('dead', 'waiting')",
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
