//! The history of calls: one row a call, kept longer than deliveries. An update and its deliveries are one transaction. Counts
//! the calls of a number; what a count means is decided by `enrich`.

use super::{
    disk_error::StoreError,
    row::{from_micros, micros},
    store::Store,
};
use crate::{
    model::{
        call::StatusKind,
        call_history::{CallCounts, CallEntry, HistoryQuery, RecordedCall, SAME_CALL_WINDOW},
        call_record::CallRecord,
        card::PastCall,
        ids::SinkName,
        phone::E164,
        time::{Timestamp, before, elapsed},
    },
    runtime::sql::{self, OptionalRow as _, Row, Session, params},
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Most calls of a recap: a day of a busy call center, within some megabytes of memory.
const MAX_RECAP_CALLS: i64 = 50_000;

/// Longest time from the start of a call to its first status after ringing. A recap reads the calls that started before its
/// period by the index of the starts.
const LONGEST_RING: Duration = DAY;

/// Rows of one retention step: some 10 ms, short enough for a ring behind the step.
const ROWS_PER_STEP: i64 = 500;

/// Stored status codes. Codes grow during a call, hence a late update never lowers the outcome.
const RINGING: i64 = 0;
const ANSWERED: i64 = 1;
const MISSED: i64 = 2;
const VOICEMAIL: i64 = 3;
const ENDED: i64 = 4;

impl Store {
    /// Records a call update. A recorded call replaces a reported one.
    pub(super) fn record_history(&self, entry: &CallEntry) -> Result<(), StoreError> {
        let number = entry.number.as_ref().map(E164::expose);
        let decided = (entry.status != StatusKind::Ringing).then_some(micros(entry.at));
        let mut write = self.db.prepare(
            "INSERT INTO call_history (call, number, started, outcome, colleague, outbound, waited, sinks, decided, callback)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (call) DO UPDATE SET
                 outcome = CASE WHEN call_history.outcome > excluded.outcome THEN call_history.outcome ELSE excluded.outcome END,
                 colleague = coalesce(call_history.colleague, excluded.colleague),
                 waited = coalesce(call_history.waited, excluded.waited),
                 decided = coalesce(call_history.decided, excluded.decided), callback = excluded.callback
             RETURNING sinks",
        )?;
        let sinks: String = entry.sinks.iter().map(|sink| format!("{sink} ")).collect();
        let mut stored: String = write.query_row(
            params![
                entry.call,
                number,
                micros(entry.started),
                outcome_code(entry),
                entry.answered_by,
                entry.outbound,
                entry.waited.map(duration_micros),
                sinks,
                decided,
                entry.needs_callback
            ],
            |row| row.get(0),
        )?;
        drop(write);
        let earlier = stored.len();
        for sink in &entry.sinks {
            if !stored.split_whitespace().any(|known| known == sink.as_str()) {
                stored.push_str(&format!("{sink} "));
            }
        }
        if stored.len() > earlier {
            let mut write = self.db.prepare("UPDATE call_history SET sinks = ? WHERE call = ?")?;
            write.execute(params![stored, entry.call])?;
        }
        // A call of an event gap, which a report may have shown before, is recorded with its end.
        if let (Some(number), true) = (number, entry.status.is_final()) {
            let (first, last) = same_call(entry.started);
            let mut delete = self.db.prepare(
                "DELETE FROM call_history WHERE number = ? AND started BETWEEN ? AND ? AND outbound = ? AND reported <> 0",
            )?;
            delete.execute(params![number, first, last, entry.outbound])?;
        }
        Ok(())
    }

    /// Imports call records of a number, replacing earlier imports. Recorded calls stay unchanged.
    pub(super) fn import_history(&self, number: &E164, calls: &[CallRecord]) -> Result<(), StoreError> {
        let number = number.expose();
        self.db.prepare("DELETE FROM call_history WHERE number = ? AND reported <> 0")?.execute(params![number])?;
        let mut known = self.db.prepare(
            "SELECT count(*) FROM call_history WHERE number = ? AND started BETWEEN ? AND ? AND outbound = ?",
        )?;
        let mut insert = self.db.prepare(
            "INSERT INTO call_history (call, number, started, outcome, colleague, outbound, waited, reported)
             VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING",
        )?;
        for call in calls {
            let (first, last) = same_call(call.started_at);
            let is_known: i64 = known.query_row(params![number, first, last, call.outbound], |row| row.get(0))?;
            if is_known > 0 {
                continue;
            }
            let started = micros(call.started_at);
            let direction = if call.outbound { "to" } else { "from" };
            let outcome = match (call.answered_at, call.outbound) {
                (Some(_), _) => ENDED,
                (None, false) => MISSED,
                (None, true) => RINGING,
            };
            let waited = call.answered_at.map(|at| duration_micros(elapsed(call.started_at, at)));
            let key = format!("report {direction} {number} {started}");
            insert.execute(params![key, number, started, outcome, call.colleague, call.outbound, waited])?;
        }
        Ok(())
    }

    /// Deletes a step of the calls that started before `oldest`. Returns `true` if more are left.
    pub(super) fn prune_history(&self, oldest: Timestamp) -> Result<bool, StoreError> {
        let mut delete = self.db.prepare(
            "DELETE FROM call_history WHERE call IN
             (SELECT call FROM call_history WHERE started < ? ORDER BY started LIMIT ?)",
        )?;
        let deleted = delete.execute(params![micros(oldest), ROWS_PER_STEP])?;
        Ok(i64::try_from(deleted).is_ok_and(|deleted| deleted == ROWS_PER_STEP))
    }
}

/// Counts the calls of a number.
pub(super) fn count_calls(db: &Session, query: &HistoryQuery) -> Result<CallCounts, sql::Error> {
    let since = |age: Duration| micros(before(query.at, age));
    let (number, excluded, until) =
        (query.number.expose(), query.call.as_deref().unwrap_or_default(), micros(query.at));
    // One statement, and one for the previous call if there is one: with a shared database each waits for the network.
    let mut counts = db.prepare(
        "WITH ours AS (SELECT started, outcome, outbound FROM call_history
                       WHERE number = ?1 AND call <> ?2 AND started <= ?3 AND NOT (outbound <> 0 AND outcome = 0)),
              talked AS (SELECT coalesce(max(started), -1) AS started FROM ours WHERE outcome IN (1, 4)),
              inbound AS (SELECT started, outcome FROM ours WHERE outbound = 0)
         SELECT count(*) FILTER (WHERE started > ?4),
                count(*) FILTER (WHERE started > ?5),
                count(*) FILTER (WHERE outcome IN (2, 3) AND started > (SELECT started FROM talked)),
                count(*) FILTER (WHERE outcome IN (2, 3) AND started > (SELECT started FROM talked) AND started > ?6),
                count(*) FILTER (WHERE started > ?7), (SELECT count(*) FROM ours)
         FROM inbound",
    )?;
    let ages = [7 * DAY, 30 * DAY, query.missed_within, query.calls_within].map(since);
    let [week, month, missed, recent] = ages;
    let (mut found, calls): (CallCounts, i64) =
        counts.query_row(params![number, excluded, until, week, month, missed, recent], |row| {
            let counts = CallCounts {
                last_call: None,
                in_week: row.get(0)?,
                in_month: row.get(1)?,
                missed_since: row.get(2)?,
                missed_recently: row.get(3)?,
                recent: row.get(4)?,
            };
            Ok((counts, row.get(5)?))
        })?;
    if calls > 0 {
        let mut last = db.prepare(
            "SELECT started, outcome, colleague FROM call_history
             WHERE number = ? AND call <> ? AND started <= ? AND NOT (outbound <> 0 AND outcome = 0)
             ORDER BY started DESC LIMIT 1",
        )?;
        found.last_call = last.query_row(params![number, excluded, until], past_call).optional()?;
    }
    Ok(found)
}

/// Returns all calls that started or were decided since `from`, oldest first.
pub(super) fn calls_since(db: &Session, from: Timestamp) -> Result<Vec<RecordedCall>, sql::Error> {
    let mut select = db.prepare(
        "SELECT number, started, outcome, outbound, waited, decided, sinks, callback FROM call_history
         WHERE started >= ?2 AND (started >= ?1 OR decided >= ?1) ORDER BY started DESC LIMIT ?3",
    )?;
    let earliest = micros(before(from, LONGEST_RING));
    let mut calls = select.query_map(params![micros(from), earliest, MAX_RECAP_CALLS], recorded_call)?;
    calls.reverse();
    Ok(calls)
}

/// Deletes the calls of a number and returns their count.
pub(super) fn forget_calls(db: &Session, number: &E164) -> Result<u64, sql::Error> {
    let deleted = db.execute("DELETE FROM call_history WHERE number = ?", params![number.expose()])?;
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}

/// Returns the first and the last start of a record of the same call.
fn same_call(started: Timestamp) -> (i64, i64) {
    let window = duration_micros(SAME_CALL_WINDOW);
    (micros(started).saturating_sub(window), micros(started).saturating_add(window))
}

fn duration_micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

const fn outcome_code(entry: &CallEntry) -> i64 {
    match entry.status {
        StatusKind::Answered => ANSWERED,
        StatusKind::Ended if !entry.end_unknown => ENDED,
        StatusKind::Missed if !entry.outbound => MISSED,
        StatusKind::Voicemail if !entry.outbound => VOICEMAIL,
        // Unknown end or unanswered outbound call: neither answered nor missed.
        StatusKind::Ringing
        | StatusKind::Ended
        | StatusKind::Missed
        | StatusKind::Voicemail
        | StatusKind::CalledBack => RINGING,
    }
}

const fn outcome_of(code: i64) -> StatusKind {
    match code {
        ANSWERED => StatusKind::Answered,
        MISSED => StatusKind::Missed,
        VOICEMAIL => StatusKind::Voicemail,
        ENDED => StatusKind::Ended,
        _ => StatusKind::Ringing,
    }
}

fn recorded_call(row: &Row<'_>) -> Result<RecordedCall, sql::Error> {
    let number: Option<String> = row.get(0)?;
    let time = |micros| from_micros(micros).unwrap_or_default();
    let waited: Option<i64> = row.get(4)?;
    let sinks: String = row.get(6)?;
    Ok(RecordedCall {
        number: number.and_then(|number| E164::try_from(number).ok()),
        started: time(row.get(1)?),
        outcome: outcome_of(row.get(2)?),
        outbound: row.get(3)?,
        waited: waited.map(|waited| Duration::from_micros(waited.unsigned_abs())),
        decided_at: row.get::<Option<i64>>(5)?.map(time),
        sinks: sinks.split_whitespace().filter_map(|name| SinkName::try_from(name).ok()).collect(),
        needs_callback: row.get(7)?,
    })
}

fn past_call(row: &Row<'_>) -> Result<PastCall, sql::Error> {
    let at = from_micros(row.get(0)?).unwrap_or_default();
    Ok(PastCall { at, outcome: outcome_of(row.get(1)?), answered_by: row.get(2)? })
}
