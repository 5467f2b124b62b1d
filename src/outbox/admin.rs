//! Operator commands on the file, with or without a running daemon: list, retry, drop. The daemon detects changes within two
//! seconds, except while its outbox is in memory (see [`super::Health`]).

use super::{
    place::{AdminError, OutboxPlace},
    row::{self, DeliveryState},
};
use crate::{
    model::{
        call::StatusKind,
        card::Card,
        delivery::{Attempt, DeliveryId, MessageRef, Subject},
        ids::SinkName,
        time::Timestamp,
    },
    runtime::sql::{self, OptionalRow as _, Row, Session, params},
};
use std::time::Duration;

/// Rows changed by one transaction: the daemon's writer, and with it a ring, waits for each transaction.
pub(super) const BATCH_ROWS: usize = 500;

/// Filter of listed deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only this state.
    pub state: Option<DeliveryState>,
    /// Only this sink.
    pub sink: Option<SinkName>,
    /// Most deliveries listed, the newest.
    pub limit: u32,
}

/// Deliveries to retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryTarget {
    /// One delivery: dead, dropped or waiting.
    One(DeliveryId),
    /// All dead letters of one sink, or of all sinks.
    DeadLetters(Option<SinkName>),
}

/// A stored delivery, for an operator. Unreadable columns are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// Row id.
    pub id: DeliveryId,
    /// State.
    pub state: Option<DeliveryState>,
    /// Subject.
    pub subject: Option<Subject>,
    /// Status.
    pub status: Option<StatusKind>,
    /// Sink name in the file: the config may not have the sink any more.
    pub sink: String,
    /// When the delivery was enqueued.
    pub enqueued_at: Option<Timestamp>,
    /// Earliest next attempt; `None`: immediately.
    pub due: Option<Timestamp>,
    /// When the delivery was settled.
    pub settled: Option<Timestamp>,
    /// Number of attempts.
    pub attempts: u32,
    /// Rendered as plain text.
    pub plain: bool,
    /// Reason of a dead letter, or the status that superseded the delivery.
    pub reason: Option<String>,
    /// Card; `None` if erased or unreadable.
    pub card: Option<Card>,
    /// `post`, `live` (one message that is edited) or `reply`.
    pub mode: String,
    /// Reference of the posted message, if the chat returned one.
    pub message_ref: Option<MessageRef>,
    /// Number of posted updates.
    pub revision: u32,
}

pub(super) const STORED_COLUMNS: &str =
    "id, state, subject, status, sink, enqueued_at, due, settled, attempts, plain, reason,
    coalesce(newer, card), mode, message_ref, revision";

/// Returns the newest deliveries that match, oldest first.
///
/// # Errors
/// [`AdminError`].
pub fn list<'a>(place: impl Into<OutboxPlace<'a>>, filter: &Filter) -> Result<Vec<StoredDelivery>, AdminError> {
    let db = place.into().connect()?;
    // The state as a literal: SQLite then uses the partial index of waiting rows.
    let state = filter.state.map_or_else(|| "TRUE".to_owned(), |state| format!("state = '{}'", state.as_str()));
    let mut read = db.prepare(&format!(
        "SELECT {STORED_COLUMNS} FROM deliveries WHERE {state} AND (CAST(?1 AS TEXT) IS NULL OR sink = ?1) ORDER BY id DESC LIMIT ?2"
    ))?;
    let rows = read.query_map(params![filter.sink.as_ref().map(SinkName::as_str), filter.limit], read_stored)?;
    let mut deliveries: Vec<StoredDelivery> = rows;
    deliveries.reverse();
    Ok(deliveries)
}

/// Returns one delivery with its attempts.
///
/// # Errors
/// [`AdminError`].
pub fn show<'a>(
    place: impl Into<OutboxPlace<'a>>,
    id: DeliveryId,
) -> Result<Option<(StoredDelivery, Vec<Attempt>)>, AdminError> {
    let db = place.into().connect()?;
    let found = db
        .query_row(&format!("SELECT {STORED_COLUMNS} FROM deliveries WHERE id = ?"), params![id.0], read_stored)
        .optional()?;
    let Some(delivery) = found else { return Ok(None) };
    Ok(Some((delivery, attempts(&db, id)?)))
}

pub(super) fn attempts(db: &Session, id: DeliveryId) -> Result<Vec<Attempt>, sql::Error> {
    let mut read = db.prepare("SELECT at, took, status, answer FROM attempts WHERE delivery = ? ORDER BY nth")?;
    read.query_map(params![id.0], attempt)
}

/// Retries deliveries immediately, in the full layout. Returns their number: 0 for a delivered, erased or unknown one.
///
/// # Errors
/// [`AdminError`].
pub fn retry<'a>(place: impl Into<OutboxPlace<'a>>, target: &RetryTarget) -> Result<u64, AdminError> {
    let db = place.into().connect()?;
    let ids: Vec<i64> = match target {
        RetryTarget::One(id) => vec![id.0],
        RetryTarget::DeadLetters(sink) => db
            .prepare("SELECT id FROM deliveries WHERE state = 'dead' AND (CAST(?1 AS TEXT) IS NULL OR sink = ?1) ORDER BY id")?
            .query_map(params![sink.as_ref().map(SinkName::as_str)], |row| row.get(0))?,
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
pub fn drop_one<'a>(place: impl Into<OutboxPlace<'a>>, id: DeliveryId, now: Timestamp) -> Result<bool, AdminError> {
    let db = place.into().connect()?;
    let dropped = db.execute(
        "UPDATE deliveries SET state = 'dropped', settled = ?2, reason = NULL WHERE id = ?1 AND state IN ('dead', 'waiting')",
        params![id.0, row::micros(now)],
    )?;
    Ok(dropped > 0)
}

fn each(db: &Session, ids: &[i64], change: &str) -> Result<u64, AdminError> {
    let mut write = db.prepare(change)?;
    let mut changed = 0;
    for step in ids.chunks(BATCH_ROWS) {
        db.begin(true)?;
        for id in step {
            changed += write.execute(params![id]).inspect_err(|_| db.rollback())?;
        }
        db.commit(true).inspect_err(|_| db.rollback())?;
    }
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

pub(super) fn read_stored(row: &Row<'_>) -> Result<StoredDelivery, sql::Error> {
    let text = |column: usize| row.get::<String>(column);
    let time = |column: usize| Ok::<_, sql::Error>(row.get::<Option<i64>>(column)?.and_then(row::from_micros));
    let (card, form) = (serde_json::from_str(&text(11)?).ok(), text(12)?);
    Ok(StoredDelivery {
        id: DeliveryId(row.get(0)?),
        state: DeliveryState::parse(&text(1)?),
        subject: row::parse_subject(&text(2)?),
        status: row::status_of(&form, &text(3)?, card.as_ref()),
        sink: text(4)?,
        enqueued_at: time(5)?,
        due: time(6)?.filter(|due| *due > Timestamp::UNIX_EPOCH),
        settled: time(7)?,
        attempts: row.get::<i64>(8)?.try_into().unwrap_or(u32::MAX),
        plain: row.get(9)?,
        reason: row.get(10)?,
        card,
        mode: form,
        message_ref: row.get::<Option<String>>(13)?.as_deref().and_then(row::parse_message_ref),
        revision: row.get::<i64>(14)?.try_into().unwrap_or(u32::MAX),
    })
}

fn attempt(row: &Row<'_>) -> Result<Attempt, sql::Error> {
    let took: i64 = row.get(1)?;
    Ok(Attempt {
        at: row::from_micros(row.get(0)?).unwrap_or(Timestamp::UNIX_EPOCH),
        took: Duration::from_micros(took.unsigned_abs()),
        status: row.get(2)?,
        response: row.get(3)?,
    })
}
