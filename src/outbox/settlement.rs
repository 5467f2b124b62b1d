//! Settlement: what becomes of a delivery after its post, and of the next one of its call. Runs inside the caller's
//! transaction.

use super::{
    disk_error::StoreError,
    row::{self, micros},
    store::{NEXT_IN_CALL, Store},
};
use crate::{
    model::{
        delivery::{MessageRef, SettleRequest, Settlement},
        ids::SinkName,
        time::Timestamp,
    },
    runtime::sql::{OptionalRow as _, params},
};

impl Store {
    /// Ends a lease. A delivery dropped by an operator stays dropped; its attempt is still stored.
    pub(super) fn settle(&mut self, request: &SettleRequest, now: Timestamp) -> Result<(), StoreError> {
        let Some(id) = self.row_to_settle(request)? else { return Ok(()) };
        let leased = self.tx_state.leased.remove(&id).and_then(|lease| lease.newer);
        if let Some(attempt) = &request.attempt {
            let mut count = self.db.prepare("UPDATE deliveries SET attempts = attempts + 1 WHERE id = ?")?;
            count.execute(params![id])?;
            let mut insert = self.db.prepare(
                "INSERT INTO attempts (delivery, nth, at, took, status, answer)
                 SELECT id, attempts, CAST(?2 AS BIGINT), CAST(?3 AS BIGINT), CAST(?4 AS BIGINT), CAST(?5 AS TEXT)
                 FROM deliveries WHERE id = ?1",
            )?;
            let took = i64::try_from(attempt.took.as_micros()).unwrap_or(i64::MAX);
            insert.execute(params![
                id,
                micros(attempt.at),
                took,
                attempt.status,
                row::sanitize(&attempt.response, 256)
            ])?;
        }
        match &request.settlement {
            Settlement::Delivered => self.mark_delivered(id, None, leased.as_deref(), now)?,
            Settlement::Posted(message) => self.mark_delivered(id, Some(message), leased.as_deref(), now)?,
            Settlement::Dead(reason) => {
                if !self.promote_newer(id, leased.as_deref())? {
                    self.finish(id, "dead", Some(reason), now)?;
                }
            }
            Settlement::Repost => {
                let mut write = self
                    .db
                    .prepare("UPDATE deliveries SET message_ref = NULL, reposts = reposts + 1, due = 0 WHERE id = ?")?;
                write.execute(params![id])?;
                drop(write);
                self.requeue(id, None, now)?;
            }
            Settlement::Released => self.requeue(id, None, now)?,
            Settlement::Retry { not_before, plain } => self.requeue(id, Some((*not_before, *plain)), now)?,
        }
        self.keep_posted(id)
    }

    /// Marks a delivery as posted. A live message with a newer card waits again immediately. The message reference is stored
    /// even for a delivery that an operator dropped.
    fn mark_delivered(
        &mut self,
        id: i64,
        message: Option<&MessageRef>,
        leased: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let message = message.map(row::to_json).transpose()?;
        let mut write = self.db.prepare(
            "UPDATE deliveries SET message_ref = coalesce(?2, message_ref), revision = revision + 1 WHERE id = ?1",
        )?;
        write.execute(params![id, message])?;
        drop(write);
        if self.promote_newer(id, leased)? { Ok(()) } else { self.finish(id, "delivered", None, now) }
    }

    /// Makes a card that arrived during the lease the next one of its live message. Returns `true` if there was one. `leased`:
    /// the leased card, if not that of the row.
    fn promote_newer(&mut self, id: i64, leased: Option<&str>) -> Result<bool, StoreError> {
        let mut write = self.db.prepare(
            "UPDATE deliveries SET card = newer, newer = NULL, due = 0, plain = 0
             WHERE id = ?1 AND state = 'waiting' AND mode = 'live' AND newer IS NOT NULL AND newer <> coalesce(?2, card)
             RETURNING sink",
        )?;
        let sink: Option<String> = write.query_row(params![id, leased], |row| row.get(0)).optional()?;
        self.tx_state.wakeups.extend(sink.as_deref().and_then(|sink| SinkName::try_from(sink).ok()));
        Ok(sink.is_some())
    }

    /// Settles a delivery, unless already settled. The next delivery of its call becomes due.
    pub(super) fn finish(
        &mut self,
        id: i64,
        state: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.withdraw(id);
        // A dead letter keeps the newest card: an operator's retry posts that one.
        let mut write = self.db.prepare(
            "UPDATE deliveries SET state = ?2, settled = ?3, reason = ?4, newer = NULL,
             card = CASE WHEN ?2 = 'dead' OR mode = 'live' THEN coalesce(newer, card) ELSE card END
             WHERE id = ?1 AND state = 'waiting'",
        )?;
        write.execute(params![id, state, micros(now), reason.map(|reason| row::sanitize(reason, 1024))])?;
        drop(write);
        if let Some((_, sink, _)) = self.next_in_call(id)? {
            self.tx_state.wakeups.insert(sink);
        }
        Ok(())
    }

    /// Makes a leased delivery wait again, or supersedes it if a later status of its call waits.
    fn requeue(&mut self, id: i64, retry: Option<(Timestamp, bool)>, now: Timestamp) -> Result<(), StoreError> {
        if let Some((status, sink, true)) = self.next_in_call(id)? {
            self.supersede(id, &status, now)?;
            self.tx_state.wakeups.insert(sink);
            return Ok(());
        }
        let mut write = self.db.prepare(
            "UPDATE deliveries SET card = coalesce(newer, card), newer = NULL, due = coalesce(CAST(?2 AS BIGINT), due),
             plain = CASE WHEN plain <> 0 OR ?3 <> 0 THEN 1 ELSE 0 END
             WHERE id = ?1 AND state = 'waiting' AND (newer IS NOT NULL OR CAST(?2 AS BIGINT) IS NOT NULL)",
        )?;
        write.execute(params![id, retry.map(|(at, _)| micros(at)), retry.is_some_and(|(_, plain)| plain)])?;
        Ok(())
    }

    fn next_in_call(&self, id: i64) -> Result<Option<(String, SinkName, bool)>, StoreError> {
        let mut read = self.db.prepare(NEXT_IN_CALL)?;
        let next: Option<(String, String, bool)> =
            read.query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        Ok(next.and_then(|(status, sink, replaces)| Some((status, SinkName::try_from(sink).ok()?, replaces))))
    }
}
