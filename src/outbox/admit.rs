//! What an admission does: a new delivery, a newer card for one that waits, or nothing. Runs inside the caller's
//! transaction.

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
    /// Settles a noted moment and admits what it becomes.
    pub(super) fn admit(
        &mut self,
        noted: Option<&(ConversationSpaceId, MomentKind)>,
        admissions: &[Admission],
        now: Timestamp,
    ) -> Result<Vec<Admitted>, StoreError> {
        if let Some((call, moment)) = noted {
            let mut settle = self.db.prepare_cached("DELETE FROM noted WHERE call = ? AND moment = ?")?;
            settle.execute(params![call.as_str(), moment.as_str()])?;
        }
        for admission in admissions {
            self.hear(&admission.card, now)?;
        }
        admissions
            .iter()
            .map(|admission| match admission.rule {
                Rule::Tell => self.tell(admission, now),
                Rule::Renew => self.renew(admission),
                Rule::Live => self.live(admission, now),
                Rule::Reply => self.reply(admission, now),
                Rule::Learn => self.learn(admission),
            })
            .collect()
    }

    fn tell(&mut self, admission: &Admission, now: Timestamp) -> Result<Admitted, StoreError> {
        let (subject, sink) = (subject(&admission.key.subject), &admission.key.sink);
        let moment = admission.key.moment;
        let mut known = Vec::new();
        let mut read = self.db.prepare_cached(
            "SELECT id, moment, state FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ?",
        )?;
        let mut rows = read.query(params![subject, sink.as_str()])?;
        while let Some(row) = rows.next()? {
            let (id, moment, state): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            known.push((id, row::read_moment(&moment), state == "waiting"));
        }
        drop(rows);
        drop(read);
        if let Some((id, _, waits)) = known.iter().find(|(_, kind, _)| *kind == Some(moment)) {
            return if *waits { self.bring_up_to_date(*id, &admission.card) } else { Ok(Admitted::Known) };
        }
        // A sink that could edit until now said it in the call's message.
        if self.living_said(admission)? {
            return Ok(Admitted::Known);
        }
        // Two moments of a call can overtake each other on their way here; the later one has said it all.
        if known.iter().any(|(_, kind, _)| kind.is_some_and(|kind| progress(kind) > progress(moment))) {
            return Ok(Admitted::Known);
        }
        for (id, _, _) in known.iter().filter(|(id, _, waits)| *waits && !self.held.leased.contains_key(id)) {
            self.supersede(*id, moment.as_str(), now)?;
        }
        self.fold(admission, now)?;
        let mut insert = self
            .db
            .prepare_cached("INSERT INTO deliveries (subject, sink, moment, admitted, card) VALUES (?, ?, ?, ?, ?)")?;
        insert.execute(params![subject, sink.as_str(), moment.as_str(), micros(now), json(&admission.card)?])?;
        self.held.woken.insert(sink.clone());
        Ok(Admitted::New)
    }

    fn renew(&mut self, admission: &Admission) -> Result<Admitted, StoreError> {
        if let Some(revised) = self.revise_if_waiting(admission)? {
            return Ok(revised);
        }
        let newest = self.newest_waiting(admission)?;
        newest.map_or(Ok(Admitted::Known), |id| self.bring_up_to_date(id, &admission.card))
    }

    /// Late facts for a card that cannot be edited once it is told, but still waits.
    fn learn(&mut self, admission: &Admission) -> Result<Admitted, StoreError> {
        if let Some(revised) = self.revise_if_living(admission)? {
            return Ok(revised);
        }
        let Some(id) = self.newest_waiting(admission)? else { return Ok(Admitted::Known) };
        let mut read = self.db.prepare_cached("SELECT coalesce(newer, card) FROM deliveries WHERE id = ?")?;
        let old: String = read.query_row([id], |row| row.get(0))?;
        let learned = revised(&old, &admission.card, Rule::Learn);
        learned.map_or(Ok(Admitted::Known), |card| self.bring_up_to_date(id, &card))
    }

    fn newest_waiting(&self, admission: &Admission) -> Result<Option<i64>, StoreError> {
        let mut newest = self.db.prepare_cached(
            "SELECT max(id) FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ? AND state = 'waiting'
             AND form = 'message'",
        )?;
        let key = &admission.key;
        Ok(newest.query_row(params![subject(&key.subject), key.sink.as_str()], |row| row.get(0))?)
    }

    /// Gives a waiting delivery a newer card. A leased one keeps it for the case that it comes back.
    fn bring_up_to_date(&self, id: i64, newer: &Card) -> Result<Admitted, StoreError> {
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
            "UPDATE deliveries SET state = 'superseded', settled = ?, why = ?, newer = NULL WHERE id = ?",
        )?;
        write.execute(params![micros(now), format!("told as {by}"), id])?;
        Ok(())
    }
}
