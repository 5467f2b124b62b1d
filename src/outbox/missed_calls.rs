//! Missed calls and the return calls of their numbers: what decides whether a caller was called back. Stored in the
//! transaction that enqueues the cards of a call, so that both survive a crash. Decides no callback and posts nothing.
//!
//! # Use
//! - [`Outbox::enqueue`](crate::model::delivery::Outbox::enqueue) and [`DatabaseOutbox::record_silent_call`] record the final update of each inbound call
//!   whose caller waits for a callback, and each return call ([`ReturnCall::of`]). A call that proves to be something else
//!   later is kept with that fact.
//! - [`DatabaseOutbox::caller_calls`] returns both by number. The caller decides the callback
//!   ([`Callback::decide`]) and enqueues an update of the missed call with [`Revision::CalledBack`]; the same transaction
//!   stores that callback here.
//! - A missed call is open until its stored callback reached the caller, or a person is done with it: [`open_missed_calls`].
//! - Rows are keyed by call, and rewritten with each update of the call. Who takes care of it is in the live messages of the
//!   call (`claims`).

use super::{
    Retention,
    chat_users::name_of,
    claims::claim_of_call,
    disk_error::StoreError,
    handle::DatabaseOutbox,
    place::{AdminError, OutboxPlace},
    row::{micros, to_json},
    store::Store,
};
use crate::{
    model::{
        call::{CallDirection, CallUpdate, Callback, ReturnCall, Revision},
        call_history::CallEntry,
        card::{CallCard, Card},
        claim::{Claim, ClaimKind},
        delivery::OutboxError,
        phone::E164,
        time::{Timestamp, before},
    },
    runtime::sql::{self, Session, params},
};
use std::time::Duration;

/// How long a return call is kept without a missed call before it. The value is 1 day: reports of a long event gap are read
/// within hours, and not in the order of the calls.
const UNMATCHED_RETENTION: Duration = Duration::from_secs(24 * 3600);

/// Key of a caller: the number as look-ups compare it ([`E164::as_u64`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallerKey(i64);

impl CallerKey {
    /// Returns the key of a number.
    #[must_use]
    pub fn of(number: &E164) -> Self {
        Self(number.as_u64().cast_signed())
    }
}

/// A missed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedCall {
    /// The final update with the caller info of its look-up, without a callback. Options are those of one sink.
    pub card: CallCard,
    /// The callback that the cards show.
    pub callback: Option<Callback>,
    /// Who calls back, in the open list only.
    pub claim: Option<Claim>,
    /// Name of that person, if it is known.
    pub claimant: Option<String>,
}

/// Calls of one number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallerCalls {
    /// Missed calls, oldest first.
    pub missed: Vec<MissedCall>,
    /// Return calls, oldest first. Also those before the missed calls.
    pub returns: Vec<ReturnCall>,
}

impl Store {
    /// Records the calls of a card.
    pub(super) fn record_caller_calls(&self, card: &Card, now: Timestamp) -> Result<(), StoreError> {
        match card {
            Card::Call(card) => self.record_caller_call(card, now),
            Card::GapSummary(summary) => summary.calls.iter().try_for_each(|update| {
                self.record_caller_call(&CallCard::new(update.clone(), crate::model::card::CallerInfo::default()), now)
            }),
            Card::Recap(_) | Card::Alert(_) => Ok(()),
        }
    }

    /// Records a missed call, a callback of one, or a return call.
    pub(super) fn record_caller_call(&self, card: &CallCard, now: Timestamp) -> Result<(), StoreError> {
        let call = &card.update.call;
        if call.revision == Some(Revision::CalledBack) {
            let callback = call.course.callback.as_ref().map(to_json).transpose()?;
            let mut write = self.db.prepare("UPDATE missed_calls SET callback = ?2 WHERE call = ?1")?;
            write.execute(params![call.id.as_str(), callback])?;
            return Ok(());
        }
        self.record_missed_call(card)?;
        self.record_return_call(&card.update, now)
    }

    fn record_missed_call(&self, card: &CallCard) -> Result<(), StoreError> {
        let call = &card.update.call;
        let Some(number) = call.caller.number.as_e164() else { return Ok(()) };
        if call.direction != CallDirection::Inbound || !card.update.status.kind().is_final() {
            return Ok(());
        }
        if !call.course.needs_callback {
            let mut write = self.db.prepare("UPDATE missed_calls SET waiting = 0 WHERE call = ?")?;
            write.execute(params![call.id.as_str()])?;
            return Ok(());
        }
        let card = to_json(&Card::Call(Box::new(card.clone())))?;
        let mut write = self.db.prepare(
            "INSERT INTO missed_calls (call, number, started, waiting, card) VALUES (?, ?, ?, 1, ?)
             ON CONFLICT (call) DO UPDATE SET waiting = 1, card = excluded.card",
        )?;
        write.execute(params![call.id.as_str(), CallerKey::of(number).0, micros(call.started_at), card])?;
        Ok(())
    }

    pub(super) fn record_return_call(&self, update: &CallUpdate, now: Timestamp) -> Result<(), StoreError> {
        let call = &update.call;
        let Some(number) = call.caller.number.as_e164() else { return Ok(()) };
        let Some(returned) = ReturnCall::of(update) else {
            // An answered caller may be left waiting in the end.
            if update.status.kind().is_final() {
                let mut write = self.db.prepare("UPDATE return_calls SET return_call = NULL WHERE call = ?")?;
                write.execute(params![call.id.as_str()])?;
            }
            return Ok(());
        };
        let mut write = self.db.prepare(
            "INSERT INTO return_calls (call, number, started, recorded, return_call) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (call) DO UPDATE SET recorded = excluded.recorded, return_call = excluded.return_call",
        )?;
        let started = micros(call.started_at);
        write.execute(params![call.id.as_str(), CallerKey::of(number).0, started, micros(now), to_json(&returned)?])?;
        Ok(())
    }

    fn caller_calls(&self, number: i64) -> Result<CallerCalls, StoreError> {
        let mut read = self.db.prepare(
            "SELECT card, callback FROM missed_calls WHERE number = ? AND waiting <> 0 ORDER BY started, call",
        )?;
        let rows = read.query_map(params![number], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(String, Option<String>)> = rows;
        let missed = rows.iter().filter_map(|(card, callback)| missed_call(card, callback.as_deref())).collect();
        let mut read = self.db.prepare(
            "SELECT return_call FROM return_calls WHERE number = ? AND return_call IS NOT NULL ORDER BY started, call",
        )?;
        let texts: Vec<String> = read.query_map(params![number], |row| row.get(0))?;
        let returns = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        Ok(CallerCalls { missed, returns })
    }

    fn open_calls_of(&self, number: i64) -> Result<Option<Vec<MissedCall>>, StoreError> {
        let missed = self.caller_calls(number)?.missed;
        if missed.is_empty() {
            return Ok(None);
        }
        let mut open = Vec::new();
        for call in missed {
            open.extend(if_open(&self.db, call)?);
        }
        Ok(Some(open))
    }

    fn returned_callers(&self, since: Timestamp) -> Result<Vec<CallerKey>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT DISTINCT number FROM return_calls r WHERE recorded >= ? AND EXISTS
             (SELECT 1 FROM missed_calls m WHERE m.number = r.number AND m.started < r.started)",
        )?;
        let callers = read.query_map(params![micros(since)], |row| row.get(0).map(CallerKey))?;
        Ok(callers)
    }

    /// Deletes missed calls older than the retention of deliveries, and return calls that return none.
    pub(super) fn retain_caller_calls(&self, retention: &Retention, now: Timestamp) -> Result<(), StoreError> {
        let mut missed = self.db.prepare("DELETE FROM missed_calls WHERE started < ?")?;
        missed.execute(params![micros(before(now, retention.age))])?;
        let mut returns = self.db.prepare(
            "DELETE FROM return_calls WHERE recorded < ? AND NOT EXISTS
             (SELECT 1 FROM missed_calls m WHERE m.number = return_calls.number AND m.started < return_calls.started)",
        )?;
        returns.execute(params![micros(before(now, UNMATCHED_RETENTION))])?;
        Ok(())
    }
}

fn missed_call(card: &str, callback: Option<&str>) -> Option<MissedCall> {
    let callback = callback.and_then(|text| serde_json::from_str(text).ok());
    let Ok(Card::Call(card)) = serde_json::from_str(card) else { return None };
    Some(MissedCall { card: *card, callback, claim: None, claimant: None })
}

/// Returns a missed call with its claim if it is open: the caller was not reached, and no person is done with it.
fn if_open(db: &Session, missed: MissedCall) -> Result<Option<MissedCall>, sql::Error> {
    if missed.callback.as_ref().is_some_and(Callback::is_reached) {
        return Ok(None);
    }
    let Some(claim) = claim_of_call(db, &missed.card.update.call.id)? else { return Ok(Some(missed)) };
    let claimant = name_of(db, &claim.by)?;
    Ok((claim.kind != ClaimKind::Done).then_some(MissedCall { claim: Some(claim), claimant, ..missed }))
}

/// Deletes the calls of a number and returns how many were missed calls.
pub(super) fn forget_caller(db: &Session, number: &E164) -> Result<u64, sql::Error> {
    let key = CallerKey::of(number).0;
    db.execute("DELETE FROM return_calls WHERE number = ?", params![key])?;
    let deleted = db.execute("DELETE FROM missed_calls WHERE number = ?", params![key])?;
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}

/// Returns the open missed calls, oldest first: the caller was not reached, and no person is done. A try without an answer is
/// their callback. Reads the file beside a running daemon.
///
/// # Errors
/// [`AdminError`].
pub fn open_missed_calls<'a>(place: impl Into<OutboxPlace<'a>>) -> Result<Vec<MissedCall>, AdminError> {
    let db = place.into().connect()?;
    let mut read = db.prepare("SELECT card, callback FROM missed_calls WHERE waiting <> 0 ORDER BY started, call")?;
    let rows: Vec<(String, Option<String>)> = read.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut open = Vec::new();
    for missed in rows.iter().filter_map(|(card, callback)| missed_call(card, callback.as_deref())) {
        open.extend(if_open(&db, missed)?);
    }
    Ok(open)
}

impl DatabaseOutbox {
    /// Records an update that has no deliveries: its return call, and its entry in the history.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn record_unposted(&self, update: CallUpdate, entry: Option<CallEntry>) -> Result<(), OutboxError> {
        self.run(true, move |store, now| {
            entry.iter().try_for_each(|entry| store.record_history(entry))?;
            store.record_return_call(&update, now)
        })
        .await
    }

    /// Returns the missed calls and the return calls of a number.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn caller_calls(&self, caller: CallerKey) -> Result<CallerCalls, OutboxError> {
        self.run(false, move |store, _| store.caller_calls(caller.0)).await
    }

    /// Returns the open missed calls of each caller, as [`open_missed_calls`] does; `None` for a caller without missed calls.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn open_calls_of(&self, callers: Vec<CallerKey>) -> Result<Vec<Option<Vec<MissedCall>>>, OutboxError> {
        self.run(false, move |store, _| callers.iter().map(|caller| store.open_calls_of(caller.0)).collect()).await
    }

    /// Returns the callers with a return call recorded since `since` after a missed call: a crash may have come before the
    /// callback was enqueued.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn returned_callers(&self, since: Timestamp) -> Result<Vec<CallerKey>, OutboxError> {
        self.run(false, move |store, _| store.returned_callers(since)).await
    }
}
