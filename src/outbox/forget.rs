//! Erasure of a phone number from deliveries, attempts and pending updates. Keys stay, so that nothing is posted again.
//! Decides what remains of a card, and empties the WAL and the free space of the file.

use super::{
    admin::BATCH_ROWS,
    call_history, missed_calls,
    place::{AdminError, OutboxPlace},
    row,
};
use crate::{
    model::{
        card::Card,
        phone::{E164, PhoneNumber},
        time::Timestamp,
    },
    runtime::sql::{self, OptionalRow as _, Session, params},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Replacement of the number in cards of other callers.
const MASKED_NUMBER: &str = "•••";

/// Report of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErasureReport {
    /// Deliveries of calls from the number: their cards were erased.
    pub erased: u64,
    /// Erased deliveries that were waiting or dead letters: dropped.
    pub dropped: u64,
    /// Deliveries of other callers in which the number was masked.
    pub masked: u64,
    /// Pending updates that were deleted.
    pub pending: u64,
    /// Missed calls of the number that were deleted.
    pub missed: u64,
    /// Calls of the number that were deleted from the history.
    pub calls: u64,
}

/// Erases a number. A delivery that is being posted cannot be recalled.
///
/// # Errors
/// [`AdminError`].
pub fn forget<'a>(
    place: impl Into<OutboxPlace<'a>>,
    number: &E164,
    now: Timestamp,
) -> Result<ErasureReport, AdminError> {
    let db = place.into().connect()?;
    if let Some(file) = db.sqlite() {
        // A pragma of the connection, not of the file: deleted content is overwritten with zeros.
        file.pragma_update(None, "secure_delete", true).map_err(sql::Error::from)?;
    }
    let digits = number.expose().trim_start_matches('+');
    let mut report = ErasureReport::default();
    let deliveries =
        "SELECT id FROM deliveries WHERE instr(card, ?1) > 0 OR instr(coalesce(newer, ''), ?1) > 0 ORDER BY id";
    each(&db, deliveries, digits, |id| erase(&db, id, digits, now, &mut report))?;
    let pending = "SELECT rowid FROM pending_updates WHERE instr(call_update, ?1) > 0 ORDER BY rowid";
    each(&db, pending, digits, |rowid| {
        let update: Option<String> = db
            .query_row("SELECT call_update FROM pending_updates WHERE rowid = ?", params![rowid], |row| row.get(0))
            .optional()?;
        if update.is_some_and(|update| contains(&update, digits)) {
            db.execute("DELETE FROM pending_updates WHERE rowid = ?", params![rowid])?;
            report.pending += 1;
        }
        Ok(())
    })?;
    report.missed = missed_calls::forget_caller(&db, number)?;
    report.calls = call_history::forget_calls(&db, number)?;
    let missed = "SELECT rowid FROM missed_calls WHERE instr(card, ?1) > 0 ORDER BY rowid";
    each(&db, missed, digits, |rowid| mask_missed_call(&db, rowid, digits))?;
    empty_wal(&db)?;
    Ok(report)
}

/// Rewrites the file: pages keep copies of moved rows in their free space. Other connections wait.
///
/// # Errors
/// [`AdminError`].
pub fn rewrite<'a>(place: impl Into<OutboxPlace<'a>>) -> Result<(), AdminError> {
    let db = place.into().connect()?;
    if let Some(file) = db.sqlite() {
        file.execute_batch("VACUUM").map_err(sql::Error::from)?;
    }
    Ok(empty_wal(&db)?)
}

/// Truncates the WAL. Waits for readers up to the busy timeout; then the WAL is unchanged.
fn empty_wal(db: &Session) -> Result<(), sql::Error> {
    let Some(file) = db.sqlite() else { return Ok(()) };
    Ok(file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}

/// Runs `work` for each row that `select` finds, [`BATCH_ROWS`] rows in a transaction.
fn each(
    db: &Session,
    select: &str,
    digits: &str,
    mut work: impl FnMut(i64) -> Result<(), sql::Error>,
) -> Result<(), sql::Error> {
    let ids: Vec<i64> = db.prepare(select)?.query_map(params![digits], |row| row.get(0))?;
    for step in ids.chunks(BATCH_ROWS) {
        db.begin(true)?;
        let result = step.iter().try_for_each(|id| work(*id)).and_then(|()| db.commit(true));
        result.inspect_err(|_| db.rollback())?;
    }
    Ok(())
}

fn erase(db: &Session, id: i64, digits: &str, now: Timestamp, report: &mut ErasureReport) -> Result<(), sql::Error> {
    // Read again: the daemon may have settled or updated the row since.
    let found = db
        .query_row("SELECT state, card, newer FROM deliveries WHERE id = ?", params![id], |row| {
            Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<Option<String>>(2)?))
        })
        .optional()?;
    let Some((state, card, newer)) = found else { return Ok(()) };
    match (redact(&card, digits), newer.as_deref().map(|newer| redact(newer, digits))) {
        (Redaction::Unchanged, None | Some(Redaction::Unchanged)) => return Ok(()),
        (Redaction::Erased, _) | (_, Some(Redaction::Erased)) => {
            let drops = matches!(state.as_str(), "waiting" | "dead");
            db.prepare(
                "UPDATE deliveries SET card = '', newer = NULL, state = CASE WHEN ?2 <> 0 THEN 'dropped' ELSE state END,
                 settled = CASE WHEN ?2 <> 0 THEN ?3 ELSE settled END, reason = CASE WHEN ?2 <> 0 THEN 'forgotten' ELSE reason END
                 WHERE id = ?1",
            )?
            .execute(params![id, drops, row::micros(now)])?;
            report.erased += 1;
            report.dropped += u64::from(drops);
        }
        (first, second) => {
            let newer =
                newer.map(|newer| second.map_or_else(|| newer.clone(), |redaction| redaction.or(newer.clone())));
            let mut write = db.prepare("UPDATE deliveries SET card = ?2, newer = ?3 WHERE id = ?1")?;
            write.execute(params![id, first.or(card), newer])?;
            report.masked += 1;
        }
    }
    // A chat's response may repeat the card.
    db.prepare("UPDATE attempts SET answer = '' WHERE delivery = ?")?.execute(params![id])?;
    Ok(())
}

/// Masks the number in the missed call of another caller.
fn mask_missed_call(db: &Session, rowid: i64, digits: &str) -> Result<(), sql::Error> {
    let card =
        db.query_row("SELECT card FROM missed_calls WHERE rowid = ?", params![rowid], |row| row.get(0)).optional()?;
    let card: String = card.unwrap_or_default();
    match redact(&card, digits) {
        Redaction::Unchanged => {}
        Redaction::Redacted(masked) => {
            db.execute("UPDATE missed_calls SET card = ?2 WHERE rowid = ?1", params![rowid, masked])?;
        }
        Redaction::Erased => {
            db.execute("DELETE FROM missed_calls WHERE rowid = ?", params![rowid])?;
        }
    }
    Ok(())
}

/// Result of redacting a stored card.
enum Redaction {
    /// The card does not contain the number.
    Unchanged,
    /// The card without the number.
    Redacted(String),
    /// The card is about the number, or unreadable.
    Erased,
}

impl Redaction {
    fn or(self, original: String) -> String {
        match self {
            Self::Redacted(text) => text,
            Self::Unchanged | Self::Erased => original,
        }
    }
}

fn redact(card: &str, digits: &str) -> Redaction {
    if !contains(card, digits) {
        return Redaction::Unchanged;
    }
    let is_caller =
        |number: &PhoneNumber| number.as_e164().is_some_and(|it| it.expose().trim_start_matches('+') == digits);
    let kept = match serde_json::from_str(card) {
        Ok(Card::Call(card)) if is_caller(&card.update.call.caller.number) => None,
        Ok(Card::GapSummary(mut summary)) => {
            summary.calls.retain(|update| !is_caller(&update.call.caller.number));
            (!summary.calls.is_empty()).then_some(Card::GapSummary(summary))
        }
        Ok(Card::Recap(mut recap)) => {
            recap.pending.retain(|it| !is_caller(&it.number));
            Some(Card::Recap(recap))
        }
        Ok(card) => Some(card),
        Err(_) => None,
    };
    let text = kept.and_then(|card| masked(&card, digits)).and_then(|card| serde_json::to_string(&card).ok());
    text.map_or(Redaction::Erased, |text| if text == card { Redaction::Unchanged } else { Redaction::Redacted(text) })
}

/// Masks the number in all texts of a value, except the account's own number.
fn masked<T: Serialize + DeserializeOwned>(value: &T, digits: &str) -> Option<T> {
    fn walk(value: &mut Value, digits: &str) {
        match value {
            Value::String(text) if contains(text, digits) => *text = mask(text, digits),
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, digits)),
            Value::Object(fields) => {
                fields
                    .iter_mut()
                    .filter(|(key, _)| *key != "account_number")
                    .for_each(|(_, value)| walk(value, digits));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut json = serde_json::to_value(value).ok()?;
    walk(&mut json, digits);
    serde_json::from_value(json).ok()
}

fn contains(text: &str, digits: &str) -> bool {
    positions(text, digits).next().is_some()
}

/// Returns the positions of the digits, except within longer digit runs.
fn positions<'a>(text: &'a str, digits: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_digit = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
    let is_whole = move |at: &usize| !is_digit(at.checked_sub(1)) && !is_digit(at.checked_add(digits.len()));
    text.match_indices(digits).map(|(at, _)| at).filter(is_whole)
}

fn mask(text: &str, digits: &str) -> String {
    let (mut kept, mut from) = (String::new(), 0);
    for at in positions(text, digits) {
        kept.push_str(text.get(from..at).unwrap_or_default().trim_end_matches('+'));
        kept.push_str(MASKED_NUMBER);
        from = at + digits.len();
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    kept
}
