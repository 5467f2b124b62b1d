//! Coalescing of back-to-back calls: a waiting ring is superseded by the ring of the caller's next call, whose card counts
//! both. The final status of each call is still posted.

use super::{disk_error::StoreError, row::to_json, store::Store};
use crate::{
    model::{
        call::{CallStatus, CallUpdate},
        card::Card,
        delivery::NewDelivery,
        time::Timestamp,
    },
    runtime::sql::params,
};

/// Deliveries scanned, from the newest: a back-to-back call is among them, and the cost does not grow with the backlog.
const MAX_SCANNED: i64 = 200;

impl Store {
    /// Supersedes the waiting rings of the same caller that the new ring's card counts.
    pub(super) fn coalesce(&mut self, delivery: &NewDelivery, now: Timestamp) -> Result<(), StoreError> {
        let Some(ring) = repeated_ring(&delivery.card) else { return Ok(()) };
        let Some(number) = ring.call.caller.number.as_e164() else { return Ok(()) };
        let mut read = self.db.prepare(
            "SELECT id, card FROM (SELECT id, card, status, mode, attempts FROM deliveries INDEXED BY waiting
                                   WHERE sink = ?1 AND state = 'waiting' ORDER BY id DESC LIMIT ?2) newest
             WHERE status = 'ringing' AND mode = 'post' AND attempts = 0 AND instr(card, ?3) > 0",
        )?;
        let mut rows = read.query(params![delivery.key.sink.as_str(), MAX_SCANNED, to_json(number)?])?;
        let mut earlier = Vec::new();
        while let Some(row) = rows.next_row()? {
            let (id, card): (i64, String) = (row.get(0)?, row.get(1)?);
            let Ok(Card::Call(card)) = serde_json::from_str(&card) else { continue };
            let call = &card.update.call;
            let is_same_caller = call.caller.number == ring.call.caller.number && call.direction == ring.call.direction;
            if is_same_caller && call.id != ring.call.id && call.started_at <= ring.call.started_at {
                earlier.push(id);
            }
        }
        drop(rows);
        drop(read);
        for id in earlier {
            if !self.is_leased(id, &delivery.key.sink)? {
                self.supersede(id, "the caller's next call", now)?;
            }
        }
        Ok(())
    }
}

/// Returns the update of a ring card that counts an earlier call of the caller.
fn repeated_ring(card: &Card) -> Option<&CallUpdate> {
    let Card::Call(card) = card else { return None };
    let is_counted = card.caller_info.history.as_ref().is_some_and(|history| history.repeat_calls.is_some());
    (matches!(card.update.status, CallStatus::Ringing) && is_counted).then_some(&card.update)
}
