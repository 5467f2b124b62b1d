//! Enqueueing: inserts a delivery, updates a waiting one, or does nothing. Runs inside the caller's transaction.

use super::{
    card_update::updated_card,
    disk_error::StoreError,
    row::{self, card_progress, micros, progress, subject_key, to_json},
    store::Store,
};
use crate::{
    model::{
        call::{Callback, Revision, StatusKind},
        card::{CallCard, Card},
        delivery::{Delivery, DeliveryId, EnqueueMode, EnqueueResult, NewDelivery, PostMode, Subject},
        ids::{ConversationSpaceId, SinkName},
        time::Timestamp,
    },
    runtime::sql::{OptionalRow as _, params},
};

impl Store {
    /// Removes the pending update and enqueues its deliveries.
    pub(super) fn enqueue(
        &mut self,
        pending: Option<&(ConversationSpaceId, StatusKind)>,
        deliveries: &[NewDelivery],
        now: Timestamp,
    ) -> Result<Vec<EnqueueResult>, StoreError> {
        if let Some((call, status)) = pending {
            let mut delete = self.db.prepare("DELETE FROM pending_updates WHERE call = ? AND status = ?")?;
            delete.execute(params![call.as_str(), status.as_str()])?;
        }
        // The cards of one update are about one call.
        let mut recorded: Option<&Subject> = None;
        for delivery in deliveries {
            if recorded.replace(&delivery.key.subject) != Some(&delivery.key.subject) {
                self.record_call(&delivery.card, now)?;
                if delivery.mode != EnqueueMode::MergeInfo {
                    self.record_caller_calls(&delivery.card, now)?;
                }
                if let Card::Call(card) = &delivery.card
                    && card.update.call.course.callback.as_ref().is_some_and(Callback::is_reached)
                {
                    self.withdraw_reminders(&card.update.call.id, now)?;
                }
            }
        }
        deliveries
            .iter()
            .map(|delivery| match delivery.mode {
                EnqueueMode::Insert => self.insert(delivery, now),
                EnqueueMode::UpdatePending => self.update_pending(delivery),
                EnqueueMode::UpsertLive => self.upsert_live(delivery, now),
                EnqueueMode::Reply => self.insert_reply(delivery, now),
                EnqueueMode::MergeInfo | EnqueueMode::MergeCallback => self.merge(delivery),
            })
            .collect()
    }

    fn insert(&mut self, delivery: &NewDelivery, now: Timestamp) -> Result<EnqueueResult, StoreError> {
        let (subject, sink) = (subject_key(&delivery.key.subject), &delivery.key.sink);
        let status = delivery.key.status;
        let mut known = Vec::new();
        let mut read = self
            .db
            .prepare("SELECT id, status, state FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ?")?;
        let mut rows = read.query(params![subject, sink.as_str()])?;
        while let Some(row) = rows.next_row()? {
            let (id, status, state): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            known.push((id, row::parse_status(&status), state == "waiting"));
        }
        drop(rows);
        drop(read);
        if let Some((id, _, waits)) = known.iter().find(|(_, kind, _)| *kind == Some(status)) {
            return if *waits { self.replace_card(*id, &delivery.card, sink) } else { self.resolve(*id, delivery) };
        }
        // The sink supported edits until now: its live message already shows the status.
        if self.live_covers(delivery)? {
            return Ok(EnqueueResult::Unchanged);
        }
        // Updates of a call can arrive out of order; the later one includes the earlier.
        if known.iter().any(|(_, kind, _)| kind.is_some_and(|kind| progress(kind) > progress(status))) {
            return Ok(EnqueueResult::Unchanged);
        }
        // An earlier status that is being posted goes first; one that waits is replaced.
        let waiting = known.iter().filter(|(.., waits)| *waits).map(|(id, ..)| *id);
        let mut is_behind = false;
        for id in waiting.collect::<Vec<_>>() {
            if self.is_leased(id, sink)? {
                is_behind = true;
            } else {
                self.supersede(id, status.as_str(), now)?;
            }
        }
        self.coalesce(delivery, now)?;
        let mut insert = self.db.prepare(
            "INSERT INTO deliveries (subject, sink, status, enqueued_at, card) VALUES (?, ?, ?, ?, ?) RETURNING id",
        )?;
        let card = to_json(&delivery.card)?;
        let id =
            insert.query_row(params![subject, sink.as_str(), status.as_str(), micros(now), card], |row| row.get(0))?;
        drop(insert);
        self.announce(sink, || (!is_behind).then(|| new_post(id, delivery, now)));
        Ok(EnqueueResult::Inserted)
    }

    /// Posts an outcome that was not known when the status was posted, and a call back after a try. Every other settled card
    /// stays.
    fn resolve(&mut self, id: i64, delivery: &NewDelivery) -> Result<EnqueueResult, StoreError> {
        let mut read = self.db.prepare("SELECT card FROM deliveries WHERE id = ? AND state = 'delivered'")?;
        let posted: Option<String> = read.query_row(params![id], |row| row.get(0)).optional()?;
        let posted = posted.and_then(|card| serde_json::from_str(&card).ok());
        drop(read);
        let (Some(Card::Call(old)), Card::Call(new)) = (posted, &delivery.card) else {
            return Ok(EnqueueResult::Unchanged);
        };
        let status = delivery.key.status;
        if !has_resolved(status, new) || has_resolved(status, &old) {
            return Ok(EnqueueResult::Unchanged);
        }
        let mut write = self.db.prepare(
            "UPDATE deliveries SET card = ?, state = 'waiting', due = 0, plain = 0, settled = NULL WHERE id = ?",
        )?;
        write.execute(params![to_json(&delivery.card)?, id])?;
        drop(write);
        self.announce(&delivery.key.sink, || None);
        Ok(EnqueueResult::Inserted)
    }

    fn update_pending(&mut self, delivery: &NewDelivery) -> Result<EnqueueResult, StoreError> {
        if let Some(result) = self.update_if_waiting(delivery)? {
            return Ok(result);
        }
        let newest = self.newest_waiting(delivery)?;
        newest.map_or(Ok(EnqueueResult::Unchanged), |id| self.replace_card(id, &delivery.card, &delivery.key.sink))
    }

    /// Merges late caller info or a callback into the live message or the newest waiting card.
    fn merge(&mut self, delivery: &NewDelivery) -> Result<EnqueueResult, StoreError> {
        if let Some(result) = self.update_if_live(delivery)? {
            return Ok(result);
        }
        let Some(id) = self.newest_waiting(delivery)? else { return Ok(EnqueueResult::Unchanged) };
        let mut read = self.db.prepare("SELECT coalesce(newer, card) FROM deliveries WHERE id = ?")?;
        let old: String = read.query_row(params![id], |row| row.get(0))?;
        drop(read);
        let merged = updated_card(&old, &delivery.card, delivery.mode);
        merged.map_or(Ok(EnqueueResult::Unchanged), |card| self.replace_card(id, &card, &delivery.key.sink))
    }

    fn newest_waiting(&self, delivery: &NewDelivery) -> Result<Option<i64>, StoreError> {
        let mut newest = self.db.prepare(
            "SELECT max(id) FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ? AND state = 'waiting'
             AND mode = 'post'",
        )?;
        let key = &delivery.key;
        Ok(newest.query_row(params![subject_key(&key.subject), key.sink.as_str()], |row| row.get(0))?)
    }

    /// Replaces the card of a waiting delivery. A leased delivery uses the newer card only if requeued.
    fn replace_card(&mut self, id: i64, newer: &Card, sink: &SinkName) -> Result<EnqueueResult, StoreError> {
        let mut read = self.db.prepare("SELECT coalesce(newer, card) FROM deliveries WHERE id = ?")?;
        let old: String = read.query_row(params![id], |row| row.get(0))?;
        let old = serde_json::from_str(&old).ok().and_then(|card| card_progress(&card));
        if old.is_some_and(|old| card_progress(newer).is_some_and(|new| new < old)) {
            return Ok(EnqueueResult::Unchanged);
        }
        drop(read);
        self.withdraw(id);
        self.tx_state.urgent = true;
        let leased = self.is_leased(id, sink)?;
        let mut write = self.db.prepare(if leased {
            "UPDATE deliveries SET newer = ? WHERE id = ?"
        } else {
            "UPDATE deliveries SET card = ?, newer = NULL WHERE id = ?"
        })?;
        write.execute(params![to_json(newer)?, id])?;
        Ok(if leased { EnqueueResult::Unchanged } else { EnqueueResult::Updated })
    }

    pub(super) fn supersede(&mut self, id: i64, by: &str, now: Timestamp) -> Result<(), StoreError> {
        self.withdraw(id);
        let mut write = self.db.prepare(
            "UPDATE deliveries SET state = 'superseded', settled = ?, reason = ?, newer = NULL WHERE id = ?",
        )?;
        write.execute(params![micros(now), format!("superseded by {by}"), id])?;
        Ok(())
    }
}

/// Returns whether a delivery may be posted again under its key, as [`Store::enqueue`] does.
pub(super) fn resolves(delivery: &NewDelivery) -> bool {
    matches!(&delivery.card, Card::Call(card) if has_resolved(delivery.key.status, card))
}

fn has_resolved(status: StatusKind, card: &CallCard) -> bool {
    match status {
        StatusKind::CalledBack => card.update.call.course.callback.as_ref().is_some_and(Callback::is_reached),
        _ => card.update.call.revision == Some(Revision::Resolved),
    }
}

/// Returns a new delivery as its row is read.
fn new_post(id: i64, delivery: &NewDelivery, now: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId(id),
        key: delivery.key.clone(),
        card: delivery.card.clone(),
        enqueued_at: now,
        attempts: 0,
        plain: false,
        mode: PostMode::Post,
    }
}
