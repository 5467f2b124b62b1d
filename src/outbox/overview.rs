//! Read-only summary of the outbox file, beside a running daemon: deliveries of each sink and heartbeats of each
//! connection.

use super::{
    place::{AdminError, OutboxPlace},
    row::from_micros,
};
use crate::{
    model::time::Timestamp,
    runtime::sql::{Session, params},
};
use std::collections::BTreeMap;

/// Summary of one outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Statistics of each sink with stored deliveries, by the name in the file.
    pub sinks: BTreeMap<String, SinkStats>,
    /// Last heartbeat of each connection, written every 10 s while a lane is live.
    pub last_heartbeats: BTreeMap<String, Timestamp>,
}

/// Delivery statistics of one sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkStats {
    /// Waiting deliveries.
    pub waiting: u64,
    /// When the oldest waiting delivery was enqueued.
    pub oldest_enqueued: Option<Timestamp>,
    /// Dead letters.
    pub dead: u64,
    /// When the sink last accepted a card.
    pub last_delivered: Option<Timestamp>,
    /// Response to the latest attempt of a waiting delivery; `None` without attempts.
    pub last_response: Option<String>,
}

/// Reads the overview of an outbox.
///
/// # Errors
/// [`AdminError`].
pub fn overview<'a>(place: impl Into<OutboxPlace<'a>>) -> Result<Overview, AdminError> {
    let db = place.into().connect()?;
    let mut overview = Overview { last_heartbeats: heartbeats(&db)?, ..Overview::default() };
    let mut read = db.prepare(
        "SELECT sink, state, count(*), min(enqueued_at), max(settled) FROM deliveries
         WHERE state IN ('waiting', 'dead', 'delivered') GROUP BY sink, state",
    )?;
    let mut rows = read.query(params![])?;
    while let Some(row) = rows.next_row()? {
        let stats = overview.sinks.entry(row.get(0)?).or_default();
        let count = row.get::<i64>(2)?.unsigned_abs();
        match row.get::<String>(1)?.as_str() {
            "waiting" => (stats.waiting, stats.oldest_enqueued) = (count, from_micros(row.get(3)?)),
            "dead" => stats.dead = count,
            _ => stats.last_delivered = row.get::<Option<i64>>(4)?.and_then(from_micros),
        }
    }
    let mut last = db.prepare(
        "SELECT answer FROM attempts JOIN deliveries ON id = delivery
         WHERE state = 'waiting' AND sink = ? ORDER BY at DESC LIMIT 1",
    )?;
    for (sink, stats) in &mut overview.sinks {
        let mut responses = last.query(params![sink])?;
        stats.last_response = responses.next_row()?.map(|row| row.get(0)).transpose()?;
    }
    Ok(overview)
}

fn heartbeats(db: &Session) -> Result<BTreeMap<String, Timestamp>, AdminError> {
    let mut read =
        db.prepare("SELECT substr(name, 11), value FROM metadata WHERE substr(name, 1, 10) = 'heartbeat '")?;
    let rows = read.query_map(params![], |row| Ok((row.get(0)?, from_micros(row.get(1)?))))?;
    let all: Vec<(String, Option<Timestamp>)> = rows;
    Ok(all.into_iter().filter_map(|(name, at)| Some((name, at?))).collect())
}
