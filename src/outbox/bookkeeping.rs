//! Bookkeeping tables beside the deliveries: pending updates, calls, and the heartbeats of live connections. Same file, same
//! writer, same transactions.

use super::{
    disk_error::StoreError,
    row::{from_micros, micros, subject_key, to_json},
    store::Store,
};
use crate::{
    model::{
        call::CallUpdate,
        card::{CallCard, CallerInfo, Card},
        delivery::Subject,
        ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
        time::{Timestamp, elapsed},
    },
    runtime::sql::{OptionalRow as _, params},
};
use std::time::Duration;

/// Shortest time between two heartbeat writes: each one syncs, and event gaps need no finer resolution.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// Heartbeat of a connection: what the next run has to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// When a lane was live last.
    pub live_at: Timestamp,
    /// End of the earliest hidden call that is not posted yet, or start of the earliest event gap that is not recovered yet.
    pub uncovered_since: Option<Timestamp>,
}

/// A call without a final status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The connection that received the call.
    pub connection: ConnectionName,
    /// The account of the call.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Time of the last update.
    pub last_seen: Timestamp,
    /// The last enqueued update; `None` if no sink received any.
    pub last_update: Option<CallUpdate>,
}

/// Waiting deliveries of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkBacklog {
    /// The sink.
    pub sink: SinkName,
    /// Number of deliveries, leased ones included.
    pub cards: u64,
    /// When the oldest was enqueued.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Saves an update until its deliveries are enqueued.
    pub(super) fn save_pending(&mut self, update: &CallUpdate, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.db.prepare(
            "INSERT INTO pending_updates (call, status, saved_at, call_update) VALUES (?, ?, ?, ?)
             ON CONFLICT (call, status) DO UPDATE SET saved_at = excluded.saved_at, call_update = excluded.call_update",
        )?;
        write.execute(params![
            update.call.id.as_str(),
            update.status.kind().as_str(),
            micros(now),
            to_json(update)?
        ])?;
        drop(write);
        self.tx_state.urgent = true;
        self.upsert_call(update, now)
    }

    /// Returns the pending updates, oldest first. Unreadable ones stay in the file and are logged.
    pub(super) fn pending(&self) -> Result<Vec<CallUpdate>, StoreError> {
        let texts: Vec<String> = match self.daemon.as_ref().filter(|_| self.is_shared()) {
            // Another daemon's look-ups are still running.
            Some(daemon) => self
                .db
                .prepare("SELECT call_update FROM pending_updates WHERE saved_by = ? ORDER BY saved_at, rowid")?
                .query_map(params![daemon], |row| row.get(0))?,
            None => self
                .db
                .prepare("SELECT call_update FROM pending_updates ORDER BY saved_at, rowid")?
                .query_map(params![], |row| row.get(0))?,
        };
        let (all, mut updates) = (texts.len(), Vec::new());
        updates.extend(texts.iter().filter_map(|text| serde_json::from_str(text).ok()));
        if updates.len() < all {
            tracing::error!(unreadable = all - updates.len(), "pending updates are unreadable");
        }
        Ok(updates)
    }

    /// Records the calls on a card.
    pub(super) fn record_call(&self, card: &Card, now: Timestamp) -> Result<(), StoreError> {
        match card {
            Card::Call(card) => self.upsert_call(&card.update, now),
            // Otherwise the next run, whose gap may begin at the same time, would post them again.
            Card::GapSummary(summary) => summary.calls.iter().try_for_each(|update| self.upsert_call(update, now)),
            Card::Recap(_) | Card::Alert(_) => Ok(()),
        }
    }

    /// Records a call without a posted card, so that the next run does not take it for a hidden one.
    pub(super) fn record_silent_call(&self, update: &CallUpdate, now: Timestamp) -> Result<(), StoreError> {
        self.upsert_call(update, now)?;
        self.record_caller_call(&CallCard::new(update.clone(), CallerInfo::default()), now)
    }

    fn upsert_call(&self, update: &CallUpdate, now: Timestamp) -> Result<(), StoreError> {
        let call = &update.call;
        let mut write = self.db.prepare(
            "INSERT INTO calls (call, connection, account, last_seen, ended) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (call) DO UPDATE SET last_seen = excluded.last_seen, ended = CASE WHEN calls.ended <> 0 THEN 1 ELSE excluded.ended END",
        )?;
        // An unknown end stays open: a report that is read later completes it, in this run or the next.
        let ended = update.status.kind().is_final() && !call.end_unknown;
        write.execute(params![
            call.id.as_str(),
            call.connection.as_str(),
            call.account.as_str(),
            micros(now),
            ended
        ])?;
        Ok(())
    }

    /// Returns the calls updated since `since` without a final status, oldest first.
    pub(super) fn open_calls(&self, since: Timestamp) -> Result<Vec<OpenCall>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT connection, account, call, last_seen FROM calls
             WHERE last_seen >= ? AND ended = 0 ORDER BY last_seen, call",
        )?;
        let mut rows = read.query(params![micros(since)])?;
        let mut open = Vec::new();
        while let Some(row) = rows.next_row()? {
            let ids: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            open.extend(open_call(&ids, row.get(3)?));
        }
        for call in &mut open {
            call.last_update = self.last_update(&call.call)?;
        }
        Ok(open)
    }

    /// Returns the update on the newest card of a call; `None` if the card is unreadable.
    fn last_update(&self, call: &ConversationSpaceId) -> Result<Option<CallUpdate>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT coalesce(newer, card) FROM deliveries INDEXED BY once WHERE subject = ? ORDER BY id DESC LIMIT 1",
        )?;
        let subject = subject_key(&Subject::Call(call.clone()));
        let card: Option<String> = read.query_row(params![subject], |row| row.get(0)).optional()?;
        Ok(card.and_then(|card| match serde_json::from_str(&card) {
            Ok(Card::Call(card)) => Some(card.update),
            _ => None,
        }))
    }

    /// Returns the calls updated since `since` with a final status.
    pub(super) fn ended_calls(&self, since: Timestamp) -> Result<Vec<ConversationSpaceId>, StoreError> {
        let mut read = self.db.prepare("SELECT call FROM calls WHERE last_seen >= ? AND ended <> 0")?;
        let calls: Vec<String> = read.query_map(params![micros(since)], |row| row.get(0))?;
        Ok(calls.into_iter().filter_map(|call| ConversationSpaceId::try_from(call).ok()).collect())
    }

    /// Writes the heartbeat of a connection. A clock that jumped back also causes a write: the stored time would be later.
    pub(super) fn heartbeat(&self, connection: &ConnectionName, beat: Heartbeat) -> Result<(), StoreError> {
        // An earlier uncovered call is written now, a recovered one with the next heartbeat: it is only queried again.
        let is_fresh = self.last_heartbeat(connection)?.is_some_and(|last| {
            let uncovered = |beat: Heartbeat| beat.uncovered_since.map_or(i64::MAX, micros);
            last.live_at <= beat.live_at
                && elapsed(last.live_at, beat.live_at) < HEARTBEAT_INTERVAL
                && uncovered(last) <= uncovered(beat)
        });
        if is_fresh {
            return Ok(());
        }
        let mut write = self.db.prepare(
            "INSERT INTO metadata (name, value) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?;
        write.execute(params![format!("heartbeat {connection}"), micros(beat.live_at)])?;
        let uncovered = format!("uncovered {connection}");
        match beat.uncovered_since {
            Some(since) => write.execute(params![uncovered, micros(since)])?,
            None => self.db.prepare("DELETE FROM metadata WHERE name = ?")?.execute(params![uncovered])?,
        };
        Ok(())
    }

    pub(super) fn last_heartbeat(&self, connection: &ConnectionName) -> Result<Option<Heartbeat>, StoreError> {
        let mut read = self.db.prepare("SELECT value FROM metadata WHERE name = ?")?;
        let mut time = |name: String| -> Result<Option<Timestamp>, StoreError> {
            Ok(read.query_row(params![name], |row| row.get(0)).optional()?.and_then(from_micros))
        };
        let Some(live_at) = time(format!("heartbeat {connection}"))? else { return Ok(None) };
        Ok(Some(Heartbeat { live_at, uncovered_since: time(format!("uncovered {connection}"))? }))
    }

    /// Returns the waiting deliveries by sink.
    pub(super) fn backlog(&self) -> Result<Vec<SinkBacklog>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT sink, count(*), min(enqueued_at) FROM deliveries INDEXED BY waiting WHERE state = 'waiting' GROUP BY sink",
        )?;
        let rows = read.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let found: Vec<(String, i64, i64)> = rows;
        let named = |(sink, cards, oldest): (String, i64, i64)| {
            Some(SinkBacklog { sink: sink.try_into().ok()?, cards: cards.unsigned_abs(), oldest: from_micros(oldest) })
        };
        Ok(found.into_iter().filter_map(named).collect())
    }
}

fn open_call((connection, account, call): &(String, String, String), last_seen: i64) -> Option<OpenCall> {
    Some(OpenCall {
        connection: ConnectionName::try_from(connection.as_str()).ok()?,
        account: AccountKey::try_from(account.as_str()).ok()?,
        call: ConversationSpaceId::try_from(call.as_str()).ok()?,
        last_seen: from_micros(last_seen)?,
        last_update: None,
    })
}
