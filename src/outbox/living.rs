//! Live messages: the one row of a call at a sink that supports edits. Decides the new card and row for each update. Posting
//! order and settlement are in `store`; rendering is in `cards`.

use super::{
    row::{self, json, micros, progress, subject},
    store::Store,
    trouble::StoreError,
};
use crate::model::{
    call::{Moment, MomentKind},
    card::{CallCard, Card, Findings, Match},
    delivery::{Admission, Admitted, Rule},
    time::Timestamp,
};
use rusqlite::{OptionalExtension as _, params};

/// Value of `status` in a live row: the key is (subject, sink), and the status is that of the card.
pub(super) const LIVING: &str = "live";

/// Columns of a live row that enqueueing needs.
struct LiveRow {
    id: i64,
    state: Option<row::State>,
    is_reposted: bool,
    card: String,
}

impl Store {
    /// Inserts, updates or reopens the live message of the delivery's call and sink.
    pub(super) fn live(&mut self, delivery: &Admission, now: Timestamp) -> Result<Admitted, StoreError> {
        if let Some(live) = self.live_row(delivery)? {
            return self.update(&live, delivery);
        }
        let (subject, sink) = (subject(&delivery.key.subject), &delivery.key.sink);
        // The sink was a webhook until now. Posted statuses are not posted again; the live message replaces waiting ones.
        let mut read = self.db.prepare_cached(
            "SELECT id, status, state FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ?
             AND state IN ('waiting', 'delivered')",
        )?;
        let earlier: Vec<(i64, Option<MomentKind>, bool)> = read
            .query_map(params![subject, sink.as_str()], |row| {
                let (status, state): (String, String) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, row::read_moment(&status), state == "waiting"))
            })?
            .collect::<Result<_, _>>()?;
        drop(read);
        let is_free = |id, waiting| waiting && !self.held.leased.contains_key(&id);
        let status = delivery.key.moment;
        let covers = |kind: MomentKind| kind == status || progress(kind) > progress(status);
        if earlier.iter().any(|(id, kind, waiting)| !is_free(*id, *waiting) && kind.is_some_and(covers)) {
            return Ok(Admitted::Known);
        }
        for (id, ..) in earlier.iter().filter(|(id, _, waiting)| is_free(*id, *waiting)) {
            self.supersede(*id, LIVING, now)?;
        }
        let mut insert = self.db.prepare_cached(
            "INSERT INTO deliveries (subject, sink, status, mode, enqueued_at, card) VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
        )?;
        insert.execute(params![subject, sink.as_str(), LIVING, micros(now), json(&delivery.card)?])?;
        self.held.woken.insert(sink.clone());
        Ok(Admitted::New)
    }

    /// Updates the live message if it still waits, at a sink that does not support edits any more. A posted message is
    /// unchanged: its edit would be a second message.
    pub(super) fn revise_if_waiting(&mut self, delivery: &Admission) -> Result<Option<Admitted>, StoreError> {
        match self.live_row(delivery)? {
            Some(live) if live.state == Some(row::State::Waiting) => self.update(&live, delivery).map(Some),
            Some(_) => Ok(Some(Admitted::Known)),
            None => Ok(None),
        }
    }

    /// Returns whether a posted live message shows this status or a later one.
    pub(super) fn living_said(&self, delivery: &Admission) -> Result<bool, StoreError> {
        let Some(live) = self.live_row(delivery)? else { return Ok(false) };
        let status = delivery.key.moment;
        let shown = row::told(LIVING, LIVING, serde_json::from_str(&live.card).ok().as_ref());
        Ok(live.state == Some(row::State::Delivered)
            && shown.is_some_and(|kind| kind == status || progress(kind) > progress(status)))
    }

    /// Updates the live message, if there is one, with late caller info.
    pub(super) fn revise_if_living(&mut self, delivery: &Admission) -> Result<Option<Admitted>, StoreError> {
        let live = self.live_row(delivery)?;
        live.map(|live| self.update(&live, delivery)).transpose()
    }

    fn live_row(&self, delivery: &Admission) -> Result<Option<LiveRow>, StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT id, state, reposts, coalesce(newer, card) FROM deliveries INDEXED BY once
             WHERE subject = ? AND sink = ? AND status = ?",
        )?;
        let key = params![subject(&delivery.key.subject), delivery.key.sink.as_str(), LIVING];
        let found = read.query_row(key, |row| {
            let state: String = row.get(1)?;
            Ok(LiveRow {
                id: row.get(0)?,
                state: row::State::read(&state),
                is_reposted: row.get(2)?,
                card: row.get(3)?,
            })
        });
        Ok(found.optional()?)
    }

    fn update(&mut self, live: &LiveRow, delivery: &Admission) -> Result<Admitted, StoreError> {
        let is_settled = match live.state {
            Some(row::State::Waiting) => false,
            Some(row::State::Delivered) => true,
            // A newer status of a dead letter is tried again, unless its message needed a second repost.
            Some(row::State::Dead) if !live.is_reposted => true,
            _ => return Ok(Admitted::Known),
        };
        let Some(card) = revised(&live.card, &delivery.card, delivery.rule) else { return Ok(Admitted::Known) };
        let leased = self.held.leased.contains_key(&live.id);
        let mut write = self.db.prepare_cached(match (leased, is_settled) {
            (true, _) => "UPDATE deliveries SET newer = ? WHERE id = ?",
            (false, false) => "UPDATE deliveries SET card = ?, newer = NULL WHERE id = ?",
            (false, true) => {
                "UPDATE deliveries SET card = ?, newer = NULL, state = 'waiting', due = 0, plain = 0, settled = NULL,
                 reason = NULL WHERE id = ?"
            }
        })?;
        write.execute(params![json(&card)?, live.id])?;
        self.held.woken.insert(delivery.key.sink.clone());
        Ok(if leased { Admitted::Known } else { Admitted::Renewed })
    }

    /// Inserts a reply to the live message, unless that message is not posted yet.
    pub(super) fn reply(&mut self, delivery: &Admission, now: Timestamp) -> Result<Admitted, StoreError> {
        let key = &delivery.key;
        let subject = subject(&key.subject);
        let mut read = self.db.prepare_cached(
            "SELECT id, message_ref IS NOT NULL FROM deliveries INDEXED BY once
             WHERE subject = ? AND sink = ? AND status = ? AND state IN ('waiting', 'delivered')",
        )?;
        let live: Option<(i64, bool)> = read
            .query_row(params![subject, key.sink.as_str(), LIVING], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        drop(read);
        if !live.is_some_and(|(id, posted)| posted || self.held.leased.contains_key(&id)) {
            return Ok(Admitted::Known);
        }
        // A call may be answered several times (transfers): the time makes the keys of their replies unique.
        let at = delivery.card.happened().map_or(0, micros);
        let status = format!("{} {at}", key.moment.as_str());
        let mut insert = self.db.prepare_cached(
            "INSERT OR IGNORE INTO deliveries (subject, sink, status, mode, enqueued_at, card)
             VALUES (?, ?, ?, 'reply', ?, ?)",
        )?;
        let inserted = insert.execute(params![subject, key.sink.as_str(), status, micros(now), json(&delivery.card)?])?;
        self.held.woken.insert(key.sink.clone());
        Ok(if inserted > 0 { Admitted::New } else { Admitted::Known })
    }
}

/// Returns the updated card for a stored card and a new one; `None`: unchanged. An erased card stays erased; an unreadable
/// one is replaced.
pub(super) fn revised(old: &str, new: &Card, rule: Rule) -> Option<Card> {
    let Card::Call(new) = new else { return None };
    if old.is_empty() {
        return None;
    }
    let old = match serde_json::from_str(old) {
        Ok(Card::Call(old)) => old,
        _ if rule == Rule::Learn => return None,
        _ => return Some(Card::Call(new.clone())),
    };
    let updated = match rule {
        Rule::Learn => CallCard { found: better_info(&old.found, &new.found).clone(), ..(*old).clone() },
        Rule::Tell | Rule::Renew | Rule::Live | Rule::Reply => advanced(&old, new)?,
    };
    (updated != *old).then(|| Card::Call(Box::new(updated)))
}

/// Returns the card with the new status; `None` if the status would go back.
fn advanced(old: &CallCard, new: &CallCard) -> Option<CallCard> {
    let (old_status, new_status) = (&old.telling.moment, &new.telling.moment);
    if progress(new_status.kind()) < progress(old_status.kind()) {
        return None;
    }
    // Of two answers, the later one is current.
    if matches!((old_status, new_status), (Moment::Answered { .. }, Moment::Answered { .. }))
        && new.telling.at < old.telling.at
    {
        return None;
    }
    // A repeated route decision for the same status is not a change.
    let routed = if old_status.kind() == new_status.kind() { &old.routed } else { &new.routed };
    let found = better_info(&old.found, &new.found).clone();
    Some(CallCard { found, routed: routed.clone(), ..new.clone() })
}

/// Returns the newer caller info, unless sources that answered before failed this time.
fn better_info<'a>(old: &'a Findings, new: &'a Findings) -> &'a Findings {
    let was_looked_up = |info: &Findings| info.who != Match::NotAsked;
    if new.silent.len() > old.silent.len() || (was_looked_up(old) && !was_looked_up(new)) { old } else { new }
}
