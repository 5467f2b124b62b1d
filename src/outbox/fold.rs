//! Back-to-back calls of one number: a ring that still waits goes along with the ring of the caller's next call, whose
//! card counts it. Each call's outcome is told all the same.

use super::{row::json, store::Store, trouble::StoreError};
use crate::model::{
    call::{Moment, Telling},
    card::Card,
    delivery::Admission,
    time::Timestamp,
};
use rusqlite::params;

/// Deliveries that are looked through, from the newest: who calls again at once is among them, and a long queue costs no
/// more than a short one.
const LOOKED_AT: i64 = 200;

impl Store {
    /// Settles the waiting rings of the same caller that this ring's card counts.
    pub(super) fn fold(&self, admission: &Admission, now: Timestamp) -> Result<(), StoreError> {
        let Some(ring) = again(&admission.card) else { return Ok(()) };
        let Some(number) = ring.call.caller.number.known() else { return Ok(()) };
        let mut read = self.db.prepare_cached(
            "SELECT id, card FROM (SELECT id, card, moment, form, attempts FROM deliveries INDEXED BY waiting
                                   WHERE sink = ?1 AND state = 'waiting' ORDER BY id DESC LIMIT ?2)
             WHERE moment = 'ringing' AND form = 'message' AND attempts = 0 AND instr(card, ?3) > 0",
        )?;
        let mut rows = read.query(params![admission.key.sink.as_str(), LOOKED_AT, json(number)?])?;
        let mut earlier = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, card): (i64, String) = (row.get(0)?, row.get(1)?);
            let Ok(Card::Call(card)) = serde_json::from_str(&card) else { continue };
            let call = &card.telling.call;
            let same = call.caller.number == ring.call.caller.number && call.bound == ring.call.bound;
            if same && call.id != ring.call.id && call.started <= ring.call.started {
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

/// A ring whose card says that the caller called before it.
fn again(card: &Card) -> Option<&Telling> {
    let Card::Call(card) = card else { return None };
    let counted = card.found.history.as_ref().is_some_and(|history| history.again.is_some());
    (matches!(card.telling.moment, Moment::Ringing) && counted).then_some(&card.telling)
}
