//! Coalescing of back-to-back calls: a waiting ring is superseded by the ring of the caller's next call, whose card counts
//! both. The final status of each call is still posted.

use super::{row::json, store::Store, trouble::StoreError};
use crate::model::{
    call::{Moment, Telling},
    card::Card,
    delivery::Admission,
    time::Timestamp,
};
use rusqlite::params;

/// Deliveries scanned, from the newest: a back-to-back call is among them, and the cost does not grow with the backlog.
const MAX_SCANNED: i64 = 200;

impl Store {
    /// Supersedes the waiting rings of the same caller that the new ring's card counts.
    pub(super) fn fold(&self, delivery: &Admission, now: Timestamp) -> Result<(), StoreError> {
        let Some(ring) = repeated_ring(&delivery.card) else { return Ok(()) };
        let Some(number) = ring.call.caller.number.known() else { return Ok(()) };
        let mut read = self.db.prepare_cached(
            "SELECT id, card FROM (SELECT id, card, status, mode, attempts FROM deliveries INDEXED BY waiting
                                   WHERE sink = ?1 AND state = 'waiting' ORDER BY id DESC LIMIT ?2)
             WHERE status = 'ringing' AND mode = 'post' AND attempts = 0 AND instr(card, ?3) > 0",
        )?;
        let mut rows = read.query(params![delivery.key.sink.as_str(), MAX_SCANNED, json(number)?])?;
        let mut earlier = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, card): (i64, String) = (row.get(0)?, row.get(1)?);
            let Ok(Card::Call(card)) = serde_json::from_str(&card) else { continue };
            let call = &card.telling.call;
            let is_same_caller = call.caller.number == ring.call.caller.number && call.bound == ring.call.bound;
            if is_same_caller && call.id != ring.call.id && call.started <= ring.call.started {
                earlier.push(id);
            }
        }
        drop(rows);
        for id in earlier.into_iter().filter(|id| !self.held.leased.contains_key(id)) {
            self.supersede(id, "the caller's next call", now)?;
        }
        Ok(())
    }
}

/// Returns the update of a ring card that counts an earlier call of the caller.
fn repeated_ring(card: &Card) -> Option<&Telling> {
    let Card::Call(card) = card else { return None };
    let is_counted = card.found.history.as_ref().is_some_and(|history| history.again.is_some());
    (matches!(card.telling.moment, Moment::Ringing) && is_counted).then_some(&card.telling)
}
