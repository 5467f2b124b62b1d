//! The small things that live beside the deliveries: moments noted before their look-up, calls under way, and when the
//! daemon last said that it hears. Same file, same writer, same transactions.

use super::{
    row::{from_micros, json, micros, subject},
    store::Store,
    trouble::StoreError,
};
use crate::model::{
    call::Telling,
    card::Card,
    delivery::Subject,
    ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
    time::{Timestamp, elapsed},
};
use rusqlite::{OptionalExtension as _, params};
use std::time::Duration;

/// The heartbeat is written at most this often: a sync each time, and a blind window is told in seconds, not finer.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A call that was heard of and whose end was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The login that heard it.
    pub connection: ConnectionName,
    /// The account it belongs to.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// When it was last heard of.
    pub heard: Timestamp,
    /// What was told of it last; `None` if no sink was told.
    pub last: Option<Telling>,
}

impl Store {
    /// Keeps a moment until it is admitted.
    pub(super) fn note(&self, telling: &Telling, now: Timestamp) -> Result<(), StoreError> {
        let mut keep = self
            .db
            .prepare_cached("INSERT OR REPLACE INTO noted (call, moment, noted, telling) VALUES (?, ?, ?, ?)")?;
        keep.execute(params![telling.call.id.as_str(), telling.moment.kind().as_str(), micros(now), json(telling)?])?;
        self.track(telling, now)
    }

    /// What was noted and never admitted, oldest first. What cannot be understood stays in the file and is said.
    pub(super) fn noted(&self) -> Result<Vec<Telling>, StoreError> {
        let mut read = self.db.prepare_cached("SELECT telling FROM noted ORDER BY noted, rowid")?;
        let texts: Vec<String> = read.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let (all, mut tellings) = (texts.len(), Vec::new());
        tellings.extend(texts.iter().filter_map(|text| serde_json::from_str(text).ok()));
        if tellings.len() < all {
            tracing::error!(unreadable = all - tellings.len(), "noted moments cannot be read");
        }
        Ok(tellings)
    }

    /// Learns of calls from a card.
    pub(super) fn hear(&self, card: &Card, now: Timestamp) -> Result<(), StoreError> {
        match card {
            Card::Call(card) => self.track(&card.telling, now),
            // Or a next run, whose window may begin where this one's did, would tell them again.
            Card::Recap(recap) => recap.calls.iter().try_for_each(|telling| self.track(telling, now)),
            Card::Shift(_) | Card::Notice(_) => Ok(()),
        }
    }

    fn track(&self, telling: &Telling, now: Timestamp) -> Result<(), StoreError> {
        let call = &telling.call;
        let mut keep = self.db.prepare_cached(
            "INSERT INTO calls (call, connection, account, heard, over) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (call) DO UPDATE SET heard = excluded.heard, over = max(over, excluded.over)",
        )?;
        let over = telling.moment.kind().is_last();
        keep.execute(params![call.id.as_str(), call.connection.as_str(), call.account.as_str(), micros(now), over])?;
        Ok(())
    }

    /// Calls heard of since `since` whose last moment never came, oldest first.
    pub(super) fn open_calls(&self, since: Timestamp) -> Result<Vec<OpenCall>, StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT connection, account, call, heard FROM calls WHERE heard >= ? AND NOT over ORDER BY heard, call",
        )?;
        let mut rows = read.query([micros(since)])?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            let words: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            open.extend(open_call(&words, row.get(3)?));
        }
        for call in &mut open {
            call.last = self.last_told(&call.call)?;
        }
        Ok(open)
    }

    /// What a call's newest card tells. A card that cannot be read tells nothing.
    fn last_told(&self, call: &ConversationSpaceId) -> Result<Option<Telling>, StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT coalesce(newer, card) FROM deliveries INDEXED BY once WHERE subject = ? ORDER BY id DESC LIMIT 1",
        )?;
        let subject = subject(&Subject::Call(call.clone()));
        let card: Option<String> = read.query_row([subject], |row| row.get(0)).optional()?;
        Ok(card.and_then(|card| match serde_json::from_str(&card) {
            Ok(Card::Call(card)) => Some(card.telling),
            _ => None,
        }))
    }

    /// Calls whose last moment came, and that were heard of since `since`.
    pub(super) fn ended_calls(&self, since: Timestamp) -> Result<Vec<ConversationSpaceId>, StoreError> {
        let mut read = self.db.prepare_cached("SELECT call FROM calls WHERE heard >= ? AND over")?;
        let calls: Vec<String> = read.query_map([micros(since)], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(calls.into_iter().filter_map(|call| ConversationSpaceId::try_from(call).ok()).collect())
    }

    /// The heartbeat. A clock that jumped back writes too, or the old time would stand until it is reached again.
    pub(super) fn alive(&self, connection: &ConnectionName, now: Timestamp) -> Result<(), StoreError> {
        let fresh = self.last_alive(connection)?.is_some_and(|last| last <= now && elapsed(last, now) < HEARTBEAT);
        if !fresh {
            let mut write = self.db.prepare_cached("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)")?;
            write.execute(params![format!("alive {connection}"), micros(now)])?;
        }
        Ok(())
    }

    pub(super) fn last_alive(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, StoreError> {
        let mut read = self.db.prepare_cached("SELECT value FROM facts WHERE name = ?")?;
        Ok(read.query_row([format!("alive {connection}")], |row| row.get(0)).optional()?.and_then(from_micros))
    }

    /// How many deliveries wait, by sink.
    pub(super) fn backlog(&self) -> Result<Vec<(SinkName, u64)>, StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT sink, count(*) FROM deliveries INDEXED BY waiting WHERE state = 'waiting' GROUP BY sink",
        )?;
        let rows = read.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        let counts: Vec<(String, i64)> = rows.collect::<Result<_, _>>()?;
        let named = |(sink, count): (String, i64)| Some((SinkName::try_from(sink).ok()?, count.unsigned_abs()));
        Ok(counts.into_iter().filter_map(named).collect())
    }
}

fn open_call((connection, account, call): &(String, String, String), heard: i64) -> Option<OpenCall> {
    Some(OpenCall {
        connection: ConnectionName::try_from(connection.as_str()).ok()?,
        account: AccountKey::try_from(account.as_str()).ok()?,
        call: ConversationSpaceId::try_from(call.as_str()).ok()?,
        heard: from_micros(heard)?,
        last: None,
    })
}
