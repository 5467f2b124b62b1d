//! A delivery as it moves between the file of a daemon and the shared database. Reads rows; writes none.

use super::row::{self, DeliveryState};
use crate::{
    model::{
        card::Card,
        delivery::{DeliveryKey, EnqueueMode, NewDelivery},
        ids::SinkName,
    },
    runtime::sql::{self, Row, Session, params},
};

/// A delivery with its attempts.
#[derive(Debug, Clone)]
pub(super) struct SpooledRow {
    pub(super) id: i64,
    pub(super) subject: String,
    pub(super) sink: String,
    pub(super) status: String,
    pub(super) state: String,
    pub(super) due: i64,
    pub(super) plain: bool,
    pub(super) attempts: i64,
    pub(super) enqueued_at: i64,
    pub(super) settled: Option<i64>,
    pub(super) reason: Option<String>,
    /// The newest card.
    pub(super) card: String,
    pub(super) mode: String,
    pub(super) message_ref: Option<String>,
    pub(super) revision: i64,
    pub(super) reposts: i64,
    pub(super) history: Vec<SpooledAttempt>,
}

/// An attempt, as its row has it.
#[derive(Debug, Clone)]
pub(super) struct SpooledAttempt {
    pub(super) nth: i64,
    pub(super) at: i64,
    pub(super) took: i64,
    pub(super) status: Option<i64>,
    pub(super) answer: String,
}

/// Reads a delivery with its attempts.
pub(super) fn spooled_row(file: &Session, id: i64) -> Result<SpooledRow, sql::Error> {
    let mut found = file.query_row(
        "SELECT id, subject, sink, status, state, due, plain, attempts, enqueued_at, settled, reason,
         coalesce(newer, card), mode, message_ref, revision, reposts FROM deliveries WHERE id = ?",
        params![id],
        read_row,
    )?;
    found.history = file
        .prepare("SELECT nth, at, took, status, answer FROM attempts WHERE delivery = ? ORDER BY nth")?
        .query_map(params![id], |row| {
            Ok(SpooledAttempt {
                nth: row.get(0)?,
                at: row.get(1)?,
                took: row.get(2)?,
                status: row.get(3)?,
                answer: row.get(4)?,
            })
        })?;
    Ok(found)
}

fn read_row(row: &Row<'_>) -> Result<SpooledRow, sql::Error> {
    Ok(SpooledRow {
        id: row.get(0)?,
        subject: row.get(1)?,
        sink: row.get(2)?,
        status: row.get(3)?,
        state: row.get(4)?,
        due: row.get(5)?,
        plain: row.get(6)?,
        attempts: row.get(7)?,
        enqueued_at: row.get(8)?,
        settled: row.get(9)?,
        reason: row.get(10)?,
        card: row.get(11)?,
        mode: row.get(12)?,
        message_ref: row.get(13)?,
        revision: row.get(14)?,
        reposts: row.get(15)?,
        history: Vec::new(),
    })
}

impl SpooledRow {
    /// Returns whether the delivery is not settled.
    pub(super) fn waits(&self) -> bool {
        self.state == DeliveryState::Waiting.as_str()
    }

    /// Returns the row as it was enqueued; `None` for an erased or unreadable one.
    pub(super) fn as_new(&self) -> Option<NewDelivery> {
        let card: Card = serde_json::from_str(&self.card).ok()?;
        let mode = match self.mode.as_str() {
            "live" => EnqueueMode::UpsertLive,
            "reply" => EnqueueMode::Reply,
            _ => EnqueueMode::Insert,
        };
        let key = DeliveryKey {
            subject: row::parse_subject(&self.subject)?,
            status: row::status_of(&self.mode, &self.status, Some(&card))?,
            sink: SinkName::try_from(self.sink.as_str()).ok()?,
        };
        Some(NewDelivery { key, card, mode })
    }
}
