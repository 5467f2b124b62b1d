//! Live messages: the one row of a call at a sink that supports edits. Decides the row of each update; its card is decided in
//! `card_update`. Posting order and settlement are in `store`; rendering is in `cards`.

use super::{
    card_update::updated_card,
    disk_error::StoreError,
    row::{self, micros, progress, subject_key, to_json},
    store::Store,
};
use crate::{
    model::{
        call::StatusKind,
        card::Card,
        delivery::{Delivery, DeliveryId, DeliveryKey, EnqueueResult, NewDelivery, PostMode},
        ids::SinkName,
        time::Timestamp,
    },
    runtime::sql::{OptionalRow as _, params},
};

/// Value of `status` in a live row: the key is (subject, sink), and the status is that of the card.
pub(super) const LIVE: &str = "live";

/// Progress of a post that was enqueued while its sink did not support edits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Posting {
    Waits,
    Leased,
    Done,
}

/// Columns of a live row that enqueueing needs.
struct LiveRow {
    id: i64,
    state: Option<row::DeliveryState>,
    reposts: i64,
    card: String,
    enqueued_at: i64,
    attempts: i64,
    message_ref: Option<String>,
}

impl Store {
    /// Inserts, updates or reopens the live message of the delivery's call and sink.
    pub(super) fn upsert_live(&mut self, delivery: &NewDelivery, now: Timestamp) -> Result<EnqueueResult, StoreError> {
        if let Some(live) = self.live_row(delivery)? {
            return self.update(&live, delivery);
        }
        let (subject, sink) = (subject_key(&delivery.key.subject), &delivery.key.sink);
        // The sink was a webhook until now. Posted statuses are not posted again; the live message replaces waiting ones.
        let mut read = self.db.prepare(
            "SELECT id, status, state FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ?
             AND state IN ('waiting', 'delivered')",
        )?;
        let mut earlier: Vec<(i64, Option<StatusKind>, Posting)> =
            read.query_map(params![subject, sink.as_str()], |row| {
                let (status, state): (String, String) = (row.get(1)?, row.get(2)?);
                let posting = if state == "waiting" { Posting::Waits } else { Posting::Done };
                Ok((row.get(0)?, row::parse_status(&status), posting))
            })?;
        drop(read);
        for (id, _, posting) in &mut earlier {
            if *posting == Posting::Waits && self.is_leased(*id, sink)? {
                *posting = Posting::Leased;
            }
        }
        let status = delivery.key.status;
        let covers = |kind: StatusKind| kind == status || progress(kind) > progress(status);
        if earlier.iter().any(|(_, kind, posting)| *posting != Posting::Waits && kind.is_some_and(covers)) {
            return Ok(EnqueueResult::Unchanged);
        }
        let free: Vec<i64> =
            earlier.iter().filter(|(.., posting)| *posting == Posting::Waits).map(|(id, ..)| *id).collect();
        for id in free {
            self.supersede(id, LIVE, now)?;
        }
        let mut insert = self.db.prepare(
            "INSERT INTO deliveries (subject, sink, status, mode, enqueued_at, card) VALUES (?1, ?2, ?3, ?3, ?4, ?5)
             RETURNING id",
        )?;
        let card = to_json(&delivery.card)?;
        let id = insert.query_row(params![subject, sink.as_str(), LIVE, micros(now), card], |row| row.get(0))?;
        drop(insert);
        // A post of the webhook that is leased goes first.
        let is_first = !earlier.iter().any(|(.., posting)| *posting == Posting::Leased);
        let mode = PostMode::Live { message: None, reposted: false };
        self.announce(sink, || {
            let (key, card) = (delivery.key.clone(), delivery.card.clone());
            let new = || Delivery { id: DeliveryId(id), key, card, enqueued_at: now, attempts: 0, plain: false, mode };
            is_first.then(new)
        });
        Ok(EnqueueResult::Inserted)
    }

    /// Updates the live message if it still waits, at a sink that does not support edits any more. A posted message is
    /// unchanged: its edit would be a second message.
    pub(super) fn update_if_waiting(&mut self, delivery: &NewDelivery) -> Result<Option<EnqueueResult>, StoreError> {
        match self.live_row(delivery)? {
            Some(live) if live.state == Some(row::DeliveryState::Waiting) => self.update(&live, delivery).map(Some),
            Some(_) => Ok(Some(EnqueueResult::Unchanged)),
            None => Ok(None),
        }
    }

    /// Returns whether a posted live message shows this status or a later one.
    pub(super) fn live_covers(&self, delivery: &NewDelivery) -> Result<bool, StoreError> {
        let Some(live) = self.live_row(delivery)? else { return Ok(false) };
        let status = delivery.key.status;
        let shown = live.status();
        Ok(live.state == Some(row::DeliveryState::Delivered)
            && shown.is_some_and(|kind| kind == status || progress(kind) > progress(status)))
    }

    /// Updates the live message, if there is one, with late caller info.
    pub(super) fn update_if_live(&mut self, delivery: &NewDelivery) -> Result<Option<EnqueueResult>, StoreError> {
        let live = self.live_row(delivery)?;
        live.map(|live| self.update(&live, delivery)).transpose()
    }

    fn live_row(&self, delivery: &NewDelivery) -> Result<Option<LiveRow>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT id, state, reposts, coalesce(newer, card), enqueued_at, attempts, message_ref
             FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ? AND status = ?",
        )?;
        let subject = subject_key(&delivery.key.subject);
        let found = read.query_row(params![subject, delivery.key.sink.as_str(), LIVE], |row| {
            let state: String = row.get(1)?;
            Ok(LiveRow {
                id: row.get(0)?,
                state: row::DeliveryState::parse(&state),
                reposts: row.get(2)?,
                card: row.get(3)?,
                enqueued_at: row.get(4)?,
                attempts: row.get(5)?,
                message_ref: row.get(6)?,
            })
        });
        Ok(found.optional()?)
    }

    fn update(&mut self, live: &LiveRow, delivery: &NewDelivery) -> Result<EnqueueResult, StoreError> {
        let is_settled = match live.state {
            Some(row::DeliveryState::Waiting) => false,
            Some(row::DeliveryState::Delivered) => true,
            // A newer status of a dead letter is tried again, unless its message needed a second repost. Newer facts are not.
            Some(row::DeliveryState::Dead) if live.reposts == 0 && live.status() != Some(delivery.key.status) => true,
            _ => return Ok(EnqueueResult::Unchanged),
        };
        let Some(card) = updated_card(&live.card, &delivery.card, delivery.mode) else {
            return Ok(EnqueueResult::Unchanged);
        };
        let offer = || live.reopened(delivery, card.clone());
        let leased = self.write_live(live.id, is_settled, &card, &delivery.key.sink, offer)?;
        Ok(if leased { EnqueueResult::Unchanged } else { EnqueueResult::Updated })
    }

    /// Writes the newer card of a live message and announces it to its worker. A settled one that is the next of its call is
    /// announced as `offer`. Returns whether the message is leased: the card then follows the leased one.
    pub(super) fn write_live(
        &mut self,
        id: i64,
        is_settled: bool,
        card: &Card,
        sink: &SinkName,
        offer: impl FnOnce() -> Option<Delivery>,
    ) -> Result<bool, StoreError> {
        self.withdraw(id);
        let leased = self.is_leased(id, sink)?;
        let mut write = self.db.prepare(match (leased, is_settled) {
            (true, _) => "UPDATE deliveries SET newer = ? WHERE id = ?",
            (false, false) => "UPDATE deliveries SET card = ?, newer = NULL WHERE id = ?",
            (false, true) => {
                "UPDATE deliveries SET card = ?, newer = NULL, state = 'waiting', due = 0, plain = 0, settled = NULL,
                 reason = NULL WHERE id = ?"
            }
        })?;
        write.execute(params![to_json(card)?, id])?;
        drop(write);
        // A card of a leased or of a waiting message is read with its row.
        let is_offered = !leased && is_settled && self.is_head(id)?;
        self.announce(sink, || if is_offered { offer() } else { None });
        Ok(leased)
    }

    /// Inserts a reply to the live message, unless that message is not posted yet.
    pub(super) fn insert_reply(&mut self, delivery: &NewDelivery, now: Timestamp) -> Result<EnqueueResult, StoreError> {
        let key = &delivery.key;
        let subject = subject_key(&key.subject);
        let mut read = self.db.prepare(
            "SELECT id, message_ref IS NOT NULL FROM deliveries INDEXED BY once
             WHERE subject = ? AND sink = ? AND status = ? AND state IN ('waiting', 'delivered')",
        )?;
        let live: Option<(i64, bool)> = read
            .query_row(params![subject, key.sink.as_str(), LIVE], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        drop(read);
        let Some((id, is_posted)) = live else { return Ok(EnqueueResult::Unchanged) };
        if !is_posted && !self.is_leased(id, &key.sink)? {
            return Ok(EnqueueResult::Unchanged);
        }
        // A call may be answered several times (transfers): the time makes the keys of their replies unique.
        let at = delivery.card.occurred_at().map_or(0, micros);
        let status = format!("{} {at}", key.status.as_str());
        let mut insert = self.db.prepare(
            "INSERT INTO deliveries (subject, sink, status, mode, enqueued_at, card)
             VALUES (?, ?, ?, 'reply', ?, ?) ON CONFLICT DO NOTHING",
        )?;
        let inserted =
            insert.execute(params![subject, key.sink.as_str(), status, micros(now), to_json(&delivery.card)?])?;
        drop(insert);
        self.announce(&key.sink, || None);
        Ok(if inserted > 0 { EnqueueResult::Inserted } else { EnqueueResult::Unchanged })
    }
}

impl LiveRow {
    /// Returns the status of its card.
    fn status(&self) -> Option<StatusKind> {
        row::status_of(LIVE, LIVE, serde_json::from_str(&self.card).ok().as_ref())
    }

    /// Returns the delivery of a settled row that waits again with `card`.
    fn reopened(&self, delivery: &NewDelivery, card: Card) -> Option<Delivery> {
        let Card::Call(call) = &card else { return None };
        let message = self.message_ref.as_deref().and_then(row::parse_message_ref);
        Some(Delivery {
            id: DeliveryId(self.id),
            key: DeliveryKey { status: call.update.status.kind(), ..delivery.key.clone() },
            enqueued_at: row::from_micros(self.enqueued_at)?,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            plain: false,
            mode: PostMode::Live { message, reposted: self.reposts > 0 },
            card,
        })
    }
}
