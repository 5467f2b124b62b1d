//! The deliveries as SQL on one connection: what waits, what is taken, what a settlement leaves. Knows no
//! threads, reads no clock, and does not care whether the database is a file or memory.

use super::{
    row::{self, DELIVERY, delivery, micros},
    schema,
    trouble::StoreError,
};
use crate::model::{
    delivery::{Delivery, DeliveryId, Form, LONGEST_WAIT, Place, Settle, Settlement},
    ids::SinkName,
    time::{Timestamp, after},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// A due time may lie this much over [`LONGEST_WAIT`] (its jitter, a slow commit) before it is taken for a clock's jump.
const SLACK: Duration = Duration::from_secs(60);

/// A post takes 10 s at most. A lease of this age was forgotten (a worker that died between lease and settlement), and
/// waits again rather than until the next start.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// No earlier moment of the same call and sink is unsettled: the order rule. The index is named because the planner would
/// rather take that of all that waits, and look through everything before each row.
pub(super) const FIRST: &str = "NOT EXISTS (SELECT 1 FROM deliveries e INDEXED BY once WHERE e.subject = d.subject
                                            AND e.sink = d.sink AND e.state = 'waiting' AND e.id < d.id)";

/// What waits behind one, and whether it says what this one said (only a message replaces a message).
pub(super) const LATER: &str = "SELECT e.moment, e.sink, d.form = 'message' AND e.form = 'message'
    FROM deliveries d JOIN deliveries e INDEXED BY once ON e.subject = d.subject AND e.sink = d.sink
    WHERE d.id = ? AND e.id > d.id AND e.state = 'waiting' ORDER BY e.id LIMIT 1";

/// One database and what is only in memory beside it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) db: Connection,
    pub(super) held: Held,
}

/// What a transaction changes beside the database, so that both can be rolled back.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    /// On the wire.
    pub(super) leased: BTreeMap<i64, Lease>,
    /// Whose workers have something new to look at after the commit.
    pub(super) woken: BTreeSet<SinkName>,
}

/// A delivery on the wire.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    since: Instant,
    /// The card it says, if that stands in `newer`: a crash left it there.
    newer: Option<String>,
}

impl Store {
    /// Runs `work` in one transaction; on an error neither database nor memory has changed.
    pub(super) fn transact<T>(
        &mut self,
        writes: bool,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let before = self.held.clone();
        // Taking the write lock at once: a read that becomes a write fails if another process wrote in between.
        self.db.execute_batch(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        let done = work(self).and_then(|out| Ok(self.db.execute_batch("COMMIT").map(|()| out)?));
        if done.is_err() {
            schema::undo(&self.db);
            self.held = before;
        }
        done
    }

    /// What `sink` can be told now, oldest first. Rows that cannot be understood become dead letters on the way.
    pub(super) fn waiting(
        &mut self,
        sink: &SinkName,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut read = self.db.prepare_cached(&format!(
            "SELECT {DELIVERY} FROM deliveries d INDEXED BY waiting WHERE d.state = 'waiting' AND d.sink = ?1
             AND (d.due <= ?2 OR d.due > ?3) AND {FIRST} ORDER BY d.id"
        ))?;
        let mut rows = read.query(params![sink.as_str(), micros(now), horizon(now)])?;
        let (mut found, mut broken) = (Vec::new(), Vec::new());
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            match delivery(row)? {
                (id, _) if self.held.leased.contains_key(&id) => {}
                (_, Some(delivery)) => found.push(delivery),
                (id, None) => broken.push(id),
            }
        }
        drop(rows);
        drop(read);
        for id in broken {
            tracing::error!(sink = %sink, delivery = id, "stored card is unreadable, kept as a dead letter");
            self.end(id, "dead", Some("the stored card cannot be read"), now)?;
        }
        Ok(found)
    }

    /// When `sink` has something to do: a time that has passed if something is due, else the earliest that comes.
    pub(super) fn next_due(&self, sink: &SinkName, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut read = self.db.prepare_cached(&format!(
            "SELECT id, due FROM deliveries d INDEXED BY waiting WHERE state = 'waiting' AND sink = ?1 AND {FIRST}
             ORDER BY id"
        ))?;
        let mut rows = read.query([sink.as_str()])?;
        let (present, horizon) = (micros(now), horizon(now));
        let mut earliest: Option<i64> = None;
        // What is not due was tried within the last minutes, so it is few: the walk soon meets one that is due.
        while let Some(row) = rows.next()? {
            let (id, due): (i64, i64) = (row.get(0)?, row.get(1)?);
            if self.held.leased.contains_key(&id) {
                continue;
            }
            if due <= present || due > horizon {
                return Ok(Some(now));
            }
            earliest = Some(earliest.map_or(due, |other| other.min(due)));
        }
        Ok(earliest.and_then(row::from_micros))
    }

    /// Takes what still waits of `ids` and is first of its call.
    pub(super) fn lease(&mut self, ids: &[DeliveryId], tick: Instant) -> Result<Vec<Delivery>, StoreError> {
        let mut read = self.db.prepare_cached(&format!(
            "SELECT {DELIVERY} FROM deliveries d WHERE d.id = ? AND d.state = 'waiting' AND {FIRST}"
        ))?;
        let mut newer = self.db.prepare_cached("SELECT newer FROM deliveries WHERE id = ?")?;
        let mut taken = Vec::new();
        for id in ids {
            if self.held.leased.contains_key(&id.0) {
                continue;
            }
            if let Some((id, Some(delivery))) = read.query_row([id.0], delivery).optional()? {
                let newer = match delivery.form {
                    Form::Living { .. } => newer.query_row([id], |row| row.get(0))?,
                    Form::Message | Form::Reply { .. } => None,
                };
                self.held.leased.insert(id, Lease { since: tick, newer });
                taken.push(delivery);
            }
        }
        Ok(taken)
    }

    /// Frees what is leased for longer than any post takes: its worker is gone. `true` if there was any.
    pub(super) fn free_forgotten(&mut self, tick: Instant) -> bool {
        let before = self.held.leased.len();
        self.held.leased.retain(|_, lease| tick.saturating_duration_since(lease.since) < FORGOTTEN);
        let freed = before - self.held.leased.len();
        if freed > 0 {
            tracing::warn!(freed, "leased deliveries were never settled, they wait again");
        }
        freed > 0
    }

    /// Ends a lease. What an operator dropped meanwhile stays dropped; its attempt is kept all the same.
    pub(super) fn settle(&mut self, settle: &Settle, now: Timestamp) -> Result<(), StoreError> {
        let id = settle.id.0;
        let said = self.held.leased.remove(&id).and_then(|lease| lease.newer);
        if let Some(attempt) = &settle.attempt {
            let mut count = self.db.prepare_cached("UPDATE deliveries SET attempts = attempts + 1 WHERE id = ?")?;
            count.execute([id])?;
            let mut keep = self.db.prepare_cached(
                "INSERT INTO attempts (delivery, nth, at, took, status, answer)
                 SELECT id, attempts, ?2, ?3, ?4, ?5 FROM deliveries WHERE id = ?1",
            )?;
            let took = i64::try_from(attempt.took.as_micros()).unwrap_or(i64::MAX);
            keep.execute(params![id, micros(attempt.at), took, attempt.status, row::bounded(&attempt.answer, 256)])?;
        }
        match &settle.settlement {
            Settlement::Delivered => self.told(id, None, said.as_deref(), now)?,
            Settlement::Shown(place) => self.told(id, Some(place), said.as_deref(), now)?,
            Settlement::Dead(why) => {
                if !self.follow(id, said.as_deref())? {
                    self.end(id, "dead", Some(why), now)?;
                }
            }
            Settlement::Lost => {
                let mut write = self
                    .db
                    .prepare_cached("UPDATE deliveries SET place = NULL, lost = lost + 1, due = 0 WHERE id = ?")?;
                write.execute([id])?;
                drop(write);
                self.come_back(id, None, now)?;
            }
            Settlement::Released => self.come_back(id, None, now)?,
            Settlement::Retry { not_before, plain } => self.come_back(id, Some((*not_before, *plain)), now)?,
        }
        Ok(())
    }

    /// The chat took it; a living card that has moved on meanwhile waits again at once. Where it stands is kept even of one
    /// that an operator dropped meanwhile.
    fn told(&mut self, id: i64, place: Option<&Place>, said: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let place = place.map(row::json).transpose()?;
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET place = coalesce(?2, place), revision = revision + 1 WHERE id = ?1",
        )?;
        write.execute(params![id, place])?;
        drop(write);
        if self.follow(id, said)? { Ok(()) } else { self.end(id, "delivered", None, now) }
    }

    /// A living card that became something else while it was on the wire says that next. `true` if it has. `said`: what
    /// was on the wire, where that is not its card.
    fn follow(&mut self, id: i64, said: Option<&str>) -> Result<bool, StoreError> {
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET card = newer, newer = NULL, due = 0, plain = 0
             WHERE id = ?1 AND state = 'waiting' AND form = 'living' AND newer IS NOT NULL AND newer <> coalesce(?2, card)
             RETURNING sink",
        )?;
        let sink: Option<String> = write.query_row(params![id, said], |row| row.get(0)).optional()?;
        self.held.woken.extend(sink.as_deref().and_then(|sink| SinkName::try_from(sink).ok()));
        Ok(sink.is_some())
    }

    /// The end of a delivery, unless it has ended already; a later moment of its call may go now.
    pub(super) fn end(&mut self, id: i64, state: &str, why: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        // A dead letter keeps what the card had become: that is what an operator's retry should say.
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET state = ?2, settled = ?3, why = ?4, newer = NULL,
             card = CASE WHEN ?2 = 'dead' OR form = 'living' THEN coalesce(newer, card) ELSE card END WHERE id = ?1 AND state = 'waiting'",
        )?;
        write.execute(params![id, state, micros(now), why.map(|why| row::bounded(why, 1024))])?;
        drop(write);
        if let Some((_, sink, _)) = self.later(id)? {
            self.held.woken.insert(sink);
        }
        Ok(())
    }

    /// A lease that ended without an end: it waits again, unless a later moment of its call waits to be told instead.
    fn come_back(&mut self, id: i64, again: Option<(Timestamp, bool)>, now: Timestamp) -> Result<(), StoreError> {
        if let Some((moment, sink, true)) = self.later(id)? {
            self.supersede(id, &moment, now)?;
            self.held.woken.insert(sink);
            return Ok(());
        }
        let mut write = self.db.prepare_cached(
            "UPDATE deliveries SET card = coalesce(newer, card), newer = NULL, due = coalesce(?2, due),
             plain = max(plain, ?3) WHERE id = ?1 AND state = 'waiting'",
        )?;
        write.execute(params![id, again.map(|(at, _)| micros(at)), again.is_some_and(|(_, plain)| plain)])?;
        Ok(())
    }

    fn later(&self, id: i64) -> Result<Option<(String, SinkName, bool)>, StoreError> {
        let mut read = self.db.prepare_cached(LATER)?;
        let next: Option<(String, String, bool)> =
            read.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        Ok(next.and_then(|(moment, sink, instead)| Some((moment, SinkName::try_from(sink).ok()?, instead))))
    }
}

/// From here on a due time is a clock's jump.
fn horizon(now: Timestamp) -> i64 {
    micros(after(now, LONGEST_WAIT + SLACK))
}
