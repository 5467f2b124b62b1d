//! Enqueueing: inserts a delivery, updates a waiting one, or does nothing. Runs inside the caller's transaction.

use super::{
    living::revised,
    row::{self, json, micros, progress, says, subject},
    store::Store,
    trouble::StoreError,
};
use crate::model::{
    call::MomentKind,
    card::Card,
    delivery::{Admission, Admitted, Rule},
    ids::ConversationSpaceId,
    time::Timestamp,
};
use rusqlite::params;

impl Store {
    /// Removes the pending update and enqueues its deliveries.
    pub(super) fn admit(
        &mut self,
        pending: Option<&(ConversationSpaceId, MomentKind)>,
        deliveries: &[Admission],
        now: Timestamp,
    ) -> Result<Vec<Admitted>, StoreError> {
        if let Some((call, status)) = pending {
            let mut delete = self.db.prepare_cached("DELETE FROM pending_updates WHERE call = ? AND status = ?")?;
            delete.execute(params![call.as_str(), status.as_str()])?;
        }
        for delivery in deliveries {
            self.hear(&delivery.card, now)?;
        }
        deliveries
            .iter()
            .map(|delivery| match delivery.rule {
                Rule::Tell => self.insert(delivery, now),
                Rule::Renew => self.update_pending(delivery),
                Rule::Live => self.live(delivery, now),
                Rule::Reply => self.reply(delivery, now),
                Rule::Learn => self.merge_info(delivery),
            })
            .collect()
    }

    fn insert(&mut self, delivery: &Admission, now: Timestamp) -> Result<Admitted, StoreError> {
        let (subject, sink) = (subject(&delivery.key.subject), &delivery.key.sink);
        let status = delivery.key.moment;
        let mut known = Vec::new();
        let mut read = self.db.prepare_cached(
            "SELECT id, status, state FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ?",
        )?;
        let mut rows = read.query(params![subject, sink.as_str()])?;
        while let Some(row) = rows.next()? {
            let (id, status, state): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            known.push((id, row::read_moment(&status), state == "waiting"));
        }
        drop(rows);
        drop(read);
        if let Some((id, _, waits)) = known.iter().find(|(_, kind, _)| *kind == Some(status)) {
            return if *waits { self.replace_card(*id, &delivery.card) } else { Ok(Admitted::Known) };
        }
        // The sink supported edits until now: its live message already shows the status.
        if self.living_said(delivery)? {
            return Ok(Admitted::Known);
        }
        // Updates of a call can arrive out of order; the later one includes the earlier.
        if known.iter().any(|(_, kind, _)| kind.is_some_and(|kind| progress(kind) > progress(status))) {
            return Ok(Admitted::Known);
        }
        for (id, _, _) in known.iter().filter(|(id, _, waits)| *waits && !self.held.leased.contains_key(id)) {
            self.supersede(*id, status.as_str(), now)?;
        }
        self.fold(delivery, now)?;
        let mut insert = self
            .db
            .prepare_cached("INSERT INTO deliveries (subject, sink, status, enqueued_at, card) VALUES (?, ?, ?, ?, ?)")?;
        insert.execute(params![subject, sink.as_str(), status.as_str(), micros(now), json(&delivery.card)?])?;
        self.held.woken.insert(sink.clone());
        Ok(Admitted::New)
    }

    fn update_pending(&mut self, delivery: &Admission) -> Result<Admitted, StoreError> {
        if let Some(result) = self.revise_if_waiting(delivery)? {
            return Ok(result);
        }
        let newest = self.newest_waiting(delivery)?;
        newest.map_or(Ok(Admitted::Known), |id| self.replace_card(id, &delivery.card))
    }

    /// Merges late caller info into the live message or the newest waiting card.
    fn merge_info(&mut self, delivery: &Admission) -> Result<Admitted, StoreError> {
        if let Some(result) = self.revise_if_living(delivery)? {
            return Ok(result);
        }
        let Some(id) = self.newest_waiting(delivery)? else { return Ok(Admitted::Known) };
        let mut read = self.db.prepare_cached("SELECT coalesce(newer, card) FROM deliveries WHERE id = ?")?;
        let old: String = read.query_row([id], |row| row.get(0))?;
        let merged = revised(&old, &delivery.card, Rule::Learn);
        merged.map_or(Ok(Admitted::Known), |card| self.replace_card(id, &card))
    }

    fn newest_waiting(&self, delivery: &Admission) -> Result<Option<i64>, StoreError> {
        let mut newest = self.db.prepare_cached(
            "SELECT max(id) FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ? AND state = 'waiting'
             AND mode = 'post'",
        )?;
        let key = &delivery.key;
        Ok(newest.query_row(params![subject(&key.subject), key.sink.as_str()], |row| row.get(0))?)
    }

    /// Replaces the card of a waiting delivery. A leased delivery uses the newer card only if requeued.
    fn replace_card(&self, id: i64, newer: &Card) -> Result<Admitted, StoreError> {
        let mut read = self.db.prepare_cached("SELECT coalesce(newer, card) FROM deliveries WHERE id = ?")?;
        let old: String = read.query_row([id], |row| row.get(0))?;
        let old = serde_json::from_str(&old).ok().and_then(|card| says(&card));
        if old.is_some_and(|old| says(newer).is_some_and(|new| new < old)) {
            return Ok(Admitted::Known);
        }
        let leased = self.held.leased.contains_key(&id);
        let mut write = self.db.prepare_cached(if leased {
            "UPDATE deliveries SET newer = ? WHERE id = ?"
        } else {
            "UPDATE deliveries SET card = ?, newer = NULL WHERE id = ?"
        })?;
        write.execute(params![json(newer)?, id])?;
        Ok(if leased { Admitted::Known } else { Admitted::Renewed })
    }

    pub(super) fn supersede(&self, id: i64, by: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET state = 'superseded', settled = ?, reason = ?, newer = NULL WHERE id = ?",
        )?;
        write.execute(params![micros(now), format!("superseded by {by}"), id])?;
        Ok(())
    }
}
