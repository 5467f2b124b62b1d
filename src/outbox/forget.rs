//! Erasing a person: what a delivery, an attempt or a noted moment says of a number goes, the keys stay, so that nothing
//! is told again. Decides what is left of a card; the log and the free space of the file are emptied with it.

use super::{
    admin::{AdminError, STEP, connect},
    row, schema,
};
use crate::model::{
    card::Card,
    phone::{E164, Number},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::path::Path;

/// What stands where the number stood in what is said of somebody else.
const GONE: &str = "•••";

/// What was found of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Deliveries that are blank now: the number called.
    pub blanked: u64,
    /// Of those, the ones that still waited (or were dead letters): they are dropped.
    pub dropped: u64,
    /// Deliveries of others that named the number, and do no more.
    pub changed: u64,
    /// Moments that were noted and not yet admitted: removed.
    pub noted: u64,
}

/// Erases a number. What is on the wire at this moment cannot be called back.
///
/// # Errors
/// [`AdminError`].
pub fn forget(dir: &Path, number: &E164, now: Timestamp) -> Result<Forgotten, AdminError> {
    let db = connect(dir)?;
    // A pragma of the connection, not of the file: what this one overwrites is overwritten with zeros.
    db.pragma_update(None, "secure_delete", true)?;
    let digits = number.expose().trim_start_matches('+');
    let mut forgotten = Forgotten::default();
    let deliveries = "SELECT id FROM deliveries WHERE instr(card, ?1) OR instr(coalesce(newer, ''), ?1) ORDER BY id";
    each(&db, deliveries, digits, |id| erase(&db, id, digits, now, &mut forgotten))?;
    let noted = "SELECT rowid FROM noted WHERE instr(telling, ?1) ORDER BY rowid";
    each(&db, noted, digits, |rowid| {
        let telling: Option<String> =
            db.query_row("SELECT telling FROM noted WHERE rowid = ?", [rowid], |row| row.get(0)).optional()?;
        if telling.is_some_and(|telling| names(&telling, digits)) {
            db.execute("DELETE FROM noted WHERE rowid = ?", [rowid])?;
            forgotten.noted += 1;
        }
        Ok(())
    })?;
    empty_log(&db)?;
    Ok(forgotten)
}

/// Writes the file anew: pages that SQLite moved rows between keep copies in their free space. Others wait meanwhile.
///
/// # Errors
/// [`AdminError`].
pub fn rewrite(dir: &Path) -> Result<(), AdminError> {
    let db = connect(dir)?;
    db.execute_batch("VACUUM")?;
    Ok(empty_log(&db)?)
}

/// Who reads at this moment keeps the log from being cut; the connection waits for them, then it stays as it is.
fn empty_log(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Does `work` for each row that `which` finds, some hundreds in a transaction.
fn each(
    db: &Connection,
    which: &str,
    digits: &str,
    mut work: impl FnMut(i64) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let ids: Vec<i64> = db.prepare(which)?.query_map([digits], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for step in ids.chunks(STEP) {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let done = step.iter().try_for_each(|id| work(*id)).and_then(|()| db.execute_batch("COMMIT"));
        done.inspect_err(|_| schema::undo(db))?;
    }
    Ok(())
}

fn erase(db: &Connection, id: i64, digits: &str, now: Timestamp, forgotten: &mut Forgotten) -> rusqlite::Result<()> {
    // Read again: the daemon may have settled or renewed it since it was found.
    let found = db
        .query_row("SELECT state, card, newer FROM deliveries WHERE id = ?", [id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let Some((state, card, newer)) = found else { return Ok(()) };
    match (left(&card, digits), newer.as_deref().map(|newer| left(newer, digits))) {
        (Left::All, None | Some(Left::All)) => return Ok(()),
        (Left::Nothing, _) | (_, Some(Left::Nothing)) => {
            let ends = matches!(state.as_str(), "waiting" | "dead");
            db.prepare_cached(
                "UPDATE deliveries SET card = '', newer = NULL, state = CASE WHEN ?2 THEN 'dropped' ELSE state END,
                 settled = CASE WHEN ?2 THEN ?3 ELSE settled END, why = CASE WHEN ?2 THEN 'forgotten' ELSE why END
                 WHERE id = ?1",
            )?
            .execute(params![id, ends, row::micros(now)])?;
            forgotten.blanked += 1;
            forgotten.dropped += u64::from(ends);
        }
        (first, second) => {
            let newer = newer.map(|newer| second.map_or_else(|| newer.clone(), |left| left.or(newer.clone())));
            let mut write = db.prepare_cached("UPDATE deliveries SET card = ?2, newer = ?3 WHERE id = ?1")?;
            write.execute(params![id, first.or(card), newer])?;
            forgotten.changed += 1;
        }
    }
    // A chat may repeat in its answer what it was told.
    db.prepare_cached("UPDATE attempts SET answer = '' WHERE delivery = ?")?.execute([id])?;
    Ok(())
}

/// What is left of a stored card.
enum Left {
    /// All of it: it does not name the number.
    All,
    /// This.
    Some(String),
    /// Nothing: it is about the number, or cannot be read.
    Nothing,
}

impl Left {
    fn or(self, all: String) -> String {
        match self {
            Self::Some(text) => text,
            Self::All | Self::Nothing => all,
        }
    }
}

fn left(card: &str, digits: &str) -> Left {
    if !names(card, digits) {
        return Left::All;
    }
    let is_caller = |number: &Number| number.known().is_some_and(|it| it.expose().trim_start_matches('+') == digits);
    let kept = match serde_json::from_str(card) {
        Ok(Card::Call(card)) if is_caller(&card.telling.call.caller.number) => None,
        Ok(Card::Recap(mut recap)) => {
            recap.calls.retain(|telling| !is_caller(&telling.call.caller.number));
            (!recap.calls.is_empty()).then_some(Card::Recap(recap))
        }
        Ok(Card::Shift(mut shift)) => {
            shift.waiting.retain(|it| !is_caller(&it.number));
            Some(Card::Shift(shift))
        }
        Ok(card) => Some(card),
        Err(_) => None,
    };
    let text = kept.and_then(|card| without(&card, digits)).and_then(|card| serde_json::to_string(&card).ok());
    text.map_or(Left::Nothing, |text| if text == card { Left::All } else { Left::Some(text) })
}

/// The same with the number gone from its texts. Which of our numbers was called stays: it is nobody's but ours.
fn without<T: Serialize + DeserializeOwned>(value: &T, digits: &str) -> Option<T> {
    fn walk(value: &mut Value, digits: &str) {
        match value {
            Value::String(text) if names(text, digits) => *text = covered(text, digits),
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, digits)),
            Value::Object(fields) => {
                fields.iter_mut().filter(|(key, _)| *key != "ours").for_each(|(_, value)| walk(value, digits));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut json = serde_json::to_value(value).ok()?;
    walk(&mut json, digits);
    serde_json::from_value(json).ok()
}

fn names(text: &str, digits: &str) -> bool {
    places(text, digits).next().is_some()
}

/// Where the digits stand alone, not as a part of more of them.
fn places<'a>(text: &'a str, digits: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_digit = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
    let alone = move |at: &usize| !is_digit(at.checked_sub(1)) && !is_digit(at.checked_add(digits.len()));
    text.match_indices(digits).map(|(at, _)| at).filter(alone)
}

fn covered(text: &str, digits: &str) -> String {
    let (mut kept, mut from) = (String::new(), 0);
    for at in places(text, digits) {
        kept.push_str(text.get(from..at).unwrap_or_default().trim_end_matches('+'));
        kept.push_str(GONE);
        from = at + digits.len();
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    kept
}
