//! How things stand, read from the file beside a running daemon: what each sink still has to be told, and up to when each
//! login was heard. Changes nothing.

use super::{
    admin::{AdminError, connect},
    row::from_micros,
};
use crate::model::time::Timestamp;
use rusqlite::Connection;
use std::{collections::BTreeMap, path::Path};

/// How things stand in one outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Each sink that was ever told something that is still kept, by the name that the file has.
    pub sinks: BTreeMap<String, Standing>,
    /// Up to when each login was heard without a gap, as of the daemon's last heartbeat: it is written every 10 s.
    pub heard: BTreeMap<String, Timestamp>,
}

/// How one sink stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Cards that wait.
    pub waiting: u64,
    /// When the oldest of them was admitted.
    pub oldest: Option<Timestamp>,
    /// Dead letters.
    pub dead: u64,
    /// When it last took a card.
    pub delivered: Option<Timestamp>,
    /// What it answered to the newest attempt for a card that waits; `None` if none of them was tried.
    pub answer: Option<String>,
}

/// Reads the overview of a state directory's outbox.
///
/// # Errors
/// [`AdminError`].
pub fn overview(dir: &Path) -> Result<Overview, AdminError> {
    let db = connect(dir)?;
    let mut overview = Overview { heard: heard(&db)?, ..Overview::default() };
    let mut read = db.prepare(
        "SELECT sink, state, count(*), min(admitted), max(settled) FROM deliveries
         WHERE state IN ('waiting', 'dead', 'delivered') GROUP BY sink, state",
    )?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let standing = overview.sinks.entry(row.get(0)?).or_default();
        let count = row.get::<_, i64>(2)?.unsigned_abs();
        match row.get::<_, String>(1)?.as_str() {
            "waiting" => (standing.waiting, standing.oldest) = (count, from_micros(row.get(3)?)),
            "dead" => standing.dead = count,
            _ => standing.delivered = row.get::<_, Option<i64>>(4)?.and_then(from_micros),
        }
    }
    let mut last = db.prepare(
        "SELECT answer FROM attempts JOIN deliveries ON id = delivery
         WHERE state = 'waiting' AND sink = ? ORDER BY at DESC LIMIT 1",
    )?;
    for (sink, standing) in &mut overview.sinks {
        let mut answers = last.query([sink])?;
        standing.answer = answers.next()?.map(|row| row.get(0)).transpose()?;
    }
    Ok(overview)
}

fn heard(db: &Connection) -> Result<BTreeMap<String, Timestamp>, AdminError> {
    let mut read = db.prepare("SELECT substr(name, 7), value FROM facts WHERE name GLOB 'alive *'")?;
    let rows = read.query_map([], |row| Ok((row.get(0)?, from_micros(row.get(1)?))))?;
    let all: Vec<(String, Option<Timestamp>)> = rows.collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter_map(|(name, at)| Some((name, at?))).collect())
}
