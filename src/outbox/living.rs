//! A living card: the one row of a call at a sink whose chat can edit. Decides what the card becomes when its call moves,
//! and what the row becomes with it. What is told where is in `store`; how it is drawn is not known here.

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

/// What stands in a living row's `moment`: its key is (subject, sink), and what it tells moves.
pub(super) const LIVING: &str = "living";
/// A living row as far as an admission has to know it.
struct Living {
    id: i64,
    state: Option<row::State>,
    lost: bool,
    card: String,
}

impl Store {
    /// Makes, revises or reopens the living card of the admission's call and sink.
    pub(super) fn live(&mut self, admission: &Admission, now: Timestamp) -> Result<Admitted, StoreError> {
        if let Some(living) = self.living(admission)? {
            return self.revise(&living, admission);
        }
        let (subject, sink) = (subject(&admission.key.subject), &admission.key.sink);
        // A sink that was a webhook until now: what it said stands there and is not said again; what waits for it is told
        // by the living card.
        let mut read = self.db.prepare_cached(
            "SELECT id, moment, state FROM deliveries INDEXED BY once WHERE subject = ? AND sink = ?
             AND state IN ('waiting', 'delivered')",
        )?;
        let earlier: Vec<(i64, Option<MomentKind>, bool)> = read
            .query_map(params![subject, sink.as_str()], |row| {
                let (moment, state): (String, String) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, row::read_moment(&moment), state == "waiting"))
            })?
            .collect::<Result<_, _>>()?;
        drop(read);
        let waits = |id, waiting| waiting && !self.held.leased.contains_key(&id);
        let moment = admission.key.moment;
        let is_said = |kind: MomentKind| kind == moment || progress(kind) > progress(moment);
        if earlier.iter().any(|(id, kind, waiting)| !waits(*id, *waiting) && kind.is_some_and(is_said)) {
            return Ok(Admitted::Known);
        }
        for (id, ..) in earlier.iter().filter(|(id, _, waiting)| waits(*id, *waiting)) {
            self.supersede(*id, LIVING, now)?;
        }
        let mut insert = self.db.prepare_cached(
            "INSERT INTO deliveries (subject, sink, moment, form, admitted, card) VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
        )?;
        insert.execute(params![subject, sink.as_str(), LIVING, micros(now), json(&admission.card)?])?;
        self.held.woken.insert(sink.clone());
        Ok(Admitted::New)
    }

    /// Revises the living card if it still waits: a state that has no message of its own at a sink that cannot edit any
    /// more. A message that stands is left as it is: what would be its edit would be a message of its own.
    pub(super) fn revise_if_waiting(&mut self, admission: &Admission) -> Result<Option<Admitted>, StoreError> {
        match self.living(admission)? {
            Some(living) if living.state == Some(row::State::Waiting) => self.revise(&living, admission).map(Some),
            Some(_) => Ok(Some(Admitted::Known)),
            None => Ok(None),
        }
    }

    /// Whether the chat was shown this moment, or a later one, by a living card.
    pub(super) fn living_said(&self, admission: &Admission) -> Result<bool, StoreError> {
        let Some(living) = self.living(admission)? else { return Ok(false) };
        let moment = admission.key.moment;
        let shows = row::told(LIVING, LIVING, serde_json::from_str(&living.card).ok().as_ref());
        Ok(living.state == Some(row::State::Delivered)
            && shows.is_some_and(|kind| kind == moment || progress(kind) > progress(moment)))
    }

    /// Revises the living card if there is one: late facts.
    pub(super) fn revise_if_living(&mut self, admission: &Admission) -> Result<Option<Admitted>, StoreError> {
        let living = self.living(admission)?;
        living.map(|living| self.revise(&living, admission)).transpose()
    }

    fn living(&self, admission: &Admission) -> Result<Option<Living>, StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT id, state, lost, coalesce(newer, card) FROM deliveries INDEXED BY once
             WHERE subject = ? AND sink = ? AND moment = ?",
        )?;
        let key = params![subject(&admission.key.subject), admission.key.sink.as_str(), LIVING];
        let found = read.query_row(key, |row| {
            let state: String = row.get(1)?;
            Ok(Living { id: row.get(0)?, state: row::State::read(&state), lost: row.get(2)?, card: row.get(3)? })
        });
        Ok(found.optional()?)
    }

    fn revise(&mut self, living: &Living, admission: &Admission) -> Result<Admitted, StoreError> {
        let ended = match living.state {
            Some(row::State::Waiting) => false,
            Some(row::State::Delivered) => true,
            // Refused so far: what the call has become gets a chance of its own, unless its message was lost twice.
            Some(row::State::Dead) if !living.lost => true,
            _ => return Ok(Admitted::Known),
        };
        let Some(card) = revised(&living.card, &admission.card, admission.rule) else { return Ok(Admitted::Known) };
        let leased = self.held.leased.contains_key(&living.id);
        let mut write = self.db.prepare_cached(match (leased, ended) {
            (true, _) => "UPDATE deliveries SET newer = ? WHERE id = ?",
            (false, false) => "UPDATE deliveries SET card = ?, newer = NULL WHERE id = ?",
            (false, true) => {
                "UPDATE deliveries SET card = ?, newer = NULL, state = 'waiting', due = 0, plain = 0, settled = NULL,
                 why = NULL WHERE id = ?"
            }
        })?;
        write.execute(params![json(&card)?, living.id])?;
        self.held.woken.insert(admission.key.sink.clone());
        Ok(if leased { Admitted::Known } else { Admitted::Renewed })
    }

    /// Admits a reply under the living card, unless that is still to be posted.
    pub(super) fn reply(&mut self, admission: &Admission, now: Timestamp) -> Result<Admitted, StoreError> {
        let key = &admission.key;
        let subject = subject(&key.subject);
        let mut read = self.db.prepare_cached(
            "SELECT id, place IS NOT NULL FROM deliveries INDEXED BY once
             WHERE subject = ? AND sink = ? AND moment = ? AND state IN ('waiting', 'delivered')",
        )?;
        let living: Option<(i64, bool)> = read
            .query_row(params![subject, key.sink.as_str(), LIVING], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        drop(read);
        if !living.is_some_and(|(id, posted)| posted || self.held.leased.contains_key(&id)) {
            return Ok(Admitted::Known);
        }
        // Two people may take a call one after the other: the time of the moment tells their replies apart.
        let at = admission.card.happened().map_or(0, micros);
        let moment = format!("{} {at}", key.moment.as_str());
        let mut insert = self.db.prepare_cached(
            "INSERT OR IGNORE INTO deliveries (subject, sink, moment, form, admitted, card)
             VALUES (?, ?, ?, 'reply', ?, ?)",
        )?;
        let made = insert.execute(params![subject, key.sink.as_str(), moment, micros(now), json(&admission.card)?])?;
        self.held.woken.insert(key.sink.clone());
        Ok(if made > 0 { Admitted::New } else { Admitted::Known })
    }
}

/// What a stored card becomes with a new one; `None`: it stays as it is. A card that was erased stays so; one that cannot
/// be read is replaced.
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
    let becomes = match rule {
        Rule::Learn => CallCard { found: better(&old.found, &new.found).clone(), ..(*old).clone() },
        Rule::Tell | Rule::Renew | Rule::Live | Rule::Reply => moved(&old, new)?,
    };
    (becomes != *old).then(|| Card::Call(Box::new(becomes)))
}

/// A card whose call moved; `None` if it would move back.
fn moved(old: &CallCard, new: &CallCard) -> Option<CallCard> {
    let (was, is) = (&old.telling.moment, &new.telling.moment);
    if progress(is.kind()) < progress(was.kind()) {
        return None;
    }
    // Of two who took it, whoever did so later has it.
    if matches!((was, is), (Moment::Answered { .. }, Moment::Answered { .. })) && new.telling.at < old.telling.at {
        return None;
    }
    // That the same was decided again is no news.
    let routed = if was.kind() == is.kind() { &old.routed } else { &new.routed };
    let found = better(&old.found, &new.found).clone();
    Some(CallCard { found, routed: routed.clone(), ..new.clone() })
}

/// The newer findings, unless sources that answered before were silent this time.
fn better<'a>(old: &'a Findings, new: &'a Findings) -> &'a Findings {
    let asked = |found: &Findings| found.who != Match::NotAsked;
    if new.silent.len() > old.silent.len() || (asked(old) && !asked(new)) { old } else { new }
}
