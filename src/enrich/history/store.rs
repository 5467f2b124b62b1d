//! SQL of the history: one row per call, and the caller history computed from the rows. Blocks, and therefore runs on
//! its own thread.

use super::{CallEntry, HistorySettings, RecordedCall, goto_queries::SAME_CALL_WINDOW};
use crate::model::{
    call::StatusKind,
    call_record::CallRecord,
    card::{CallerHistory, PastCall, RepeatCalls},
    ids::SinkName,
    phone::{E164, PhoneNumber, Region},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, Savepoint, config::DbConfig, params};
use std::{path::Path, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

/// Layout (`user_version`) 1. Times and `waited` are in ms, `sinks` is separated by spaces. `reported` calls are known
/// from a GoTo report only; a recorded call replaces them. `decided` is the time of the first status after ringing.
/// `callback`: the caller waits for one.
const LAYOUT: &str = "BEGIN;
    CREATE TABLE calls (
        call TEXT PRIMARY KEY, number TEXT NOT NULL, started INTEGER NOT NULL, outcome INTEGER NOT NULL,
        colleague TEXT, outbound INTEGER NOT NULL DEFAULT 0, waited INTEGER, sinks TEXT NOT NULL DEFAULT '',
        reported INTEGER NOT NULL DEFAULT 0, decided INTEGER,
        callback INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX calls_of_a_number ON calls (number, started);
    CREATE INDEX calls_by_age ON calls (started);
    CREATE INDEX calls_by_outcome ON calls (decided);
    PRAGMA user_version = 1;
    COMMIT;";

/// Most calls of a recap: a day of a busy call center, within some megabytes of memory.
const MAX_RECAP_CALLS: i64 = 50_000;

/// Stored status codes. Codes grow during a call, hence a late update never lowers the outcome.
const RINGING: i64 = 0;
const ANSWERED: i64 = 1;
const MISSED: i64 = 2;
const VOICEMAIL: i64 = 3;
const ENDED: i64 = 4;

/// [`SAME_CALL_WINDOW`] in milliseconds.
const SAME_CALL_MS: i64 = SAME_CALL_WINDOW.as_millis() as i64;

/// Database connection and settings of the history.
pub(super) struct HistoryDb {
    db: Connection,
    settings: HistorySettings,
}

impl HistoryDb {
    /// Opens or creates the file, readable only by its owner.
    pub(super) fn open(path: &Path, settings: HistorySettings) -> rusqlite::Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(2))?;
        // NORMAL: a power cut may lose the last calls. A disk flush per call costs more than that is worth.
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "secure_delete", true)?;
        // Without QPSG, SQLite compiles both queries again for each new number, which costs more than running them.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let layout: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if layout < 1 {
            db.execute_batch(LAYOUT)?;
        }
        restrict_to_owner(path);
        Ok(Self { db, settings })
    }

    /// Commits the open transaction, if any. After a failure its updates are lost.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        if self.db.is_autocommit() {
            return Ok(());
        }
        let committed = self.db.execute_batch("COMMIT");
        if committed.is_err() && !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        committed
    }

    /// Begins a part of the open transaction that is applied whole or not at all. Opens a transaction if none is open.
    fn begin(&mut self) -> rusqlite::Result<Savepoint<'_>> {
        if self.db.is_autocommit() {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
        }
        self.db.savepoint()
    }

    /// Records a call update. A recorded call replaces a reported one.
    pub(super) fn record(&mut self, entry: &CallEntry) -> rusqlite::Result<()> {
        let outcome = match entry.status {
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
        };
        let number = entry.number.as_ref().map_or("", E164::expose);
        let (started, waited) = (entry.started.as_millisecond(), entry.waited.map(millis));
        let decided = (entry.status != StatusKind::Ringing).then_some(entry.at.as_millisecond());
        let transaction = self.begin()?;
        transaction
            .prepare_cached(
                "INSERT INTO calls (call, number, started, outcome, colleague, outbound, waited, decided, callback)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (call) DO UPDATE SET
                     outcome = max(outcome, excluded.outcome), colleague = coalesce(colleague, excluded.colleague),
                     waited = coalesce(waited, excluded.waited), decided = coalesce(decided, excluded.decided),
                     callback = excluded.callback",
            )?
            .execute(params![
                entry.call,
                number,
                started,
                outcome,
                entry.answered_by,
                entry.outbound,
                waited,
                decided,
                entry.needs_callback
            ])?;
        for sink in &entry.sinks {
            transaction
                .prepare_cached(
                    "UPDATE calls SET sinks = sinks || ?2 || ' '
                     WHERE call = ?1 AND instr(' ' || sinks, ' ' || ?2 || ' ') = 0",
                )?
                .execute(params![entry.call, sink.as_str()])?;
        }
        if !number.is_empty() {
            transaction
                .prepare_cached(
                    "DELETE FROM calls WHERE number = ?1 AND started BETWEEN ?2 AND ?3 AND outbound = ?4 AND reported",
                )?
                .execute(params![number, started - SAME_CALL_MS, started + SAME_CALL_MS, entry.outbound])?;
        }
        transaction.commit()
    }

    /// Imports call records of a number, replacing earlier imports. Recorded calls stay unchanged.
    pub(super) fn import(&mut self, number: &E164, calls: &[CallRecord]) -> rusqlite::Result<()> {
        let number = number.expose();
        let transaction = self.begin()?;
        transaction.execute("DELETE FROM calls WHERE number = ?1 AND reported", [number])?;
        for call in calls {
            let started = call.started_at.as_millisecond();
            let direction = if call.outbound { "to" } else { "from" };
            let outcome = match (call.answered_at, call.outbound) {
                (Some(_), _) => ENDED,
                (None, false) => MISSED,
                (None, true) => RINGING,
            };
            let waited = call.answered_at.map(|at| millis(crate::model::time::elapsed(call.started_at, at)));
            transaction
                .prepare_cached(
                    "INSERT INTO calls (call, number, started, outcome, colleague, outbound, waited, reported)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1
                     WHERE NOT EXISTS (SELECT 1 FROM calls WHERE number = ?2 AND started BETWEEN ?8 AND ?9
                                                            AND outbound = ?6)",
                )?
                .execute(params![
                    format!("report {direction} {number} {started}"),
                    number,
                    started,
                    outcome,
                    call.colleague,
                    call.outbound,
                    waited,
                    started - SAME_CALL_MS,
                    started + SAME_CALL_MS,
                ])?;
        }
        transaction.commit()
    }

    /// Returns the caller history as of `at`, without `call`.
    pub(super) fn find(&self, number: &E164, call: Option<&str>, at: Timestamp) -> rusqlite::Result<CallerHistory> {
        let since = |age: Duration| crate::model::time::before(at, age).as_millisecond();
        let (number, excluded) = (number.expose(), call.unwrap_or_default());
        let last = self
            .db
            .prepare_cached(
                "SELECT started, outcome, colleague FROM calls
                 WHERE number = ?1 AND call <> ?2 AND started <= ?3 AND NOT (outbound AND outcome = 0)
                 ORDER BY started DESC LIMIT 1",
            )?
            .query_row(params![number, excluded, at.as_millisecond()], past_call)
            .optional()?;
        let mut counts = self.db.prepare_cached(
            "WITH ours AS (SELECT started, outcome, outbound FROM calls
                           WHERE number = ?1 AND call <> ?2 AND started <= ?3),
                  talked AS (SELECT coalesce(max(started), -1) AS started FROM ours WHERE outcome IN (1, 4)),
                  his AS (SELECT started, outcome FROM ours WHERE NOT outbound)
             SELECT count(*) FILTER (WHERE started > ?4),
                    count(*) FILTER (WHERE started > ?5),
                    count(*) FILTER (WHERE outcome IN (2, 3) AND started > (SELECT started FROM talked)),
                    count(*) FILTER (WHERE outcome IN (2, 3) AND started > (SELECT started FROM talked) AND started > ?6),
                    count(*) FILTER (WHERE started > ?7)
             FROM his",
        )?;
        let (week, month) = (since(7 * DAY), since(30 * DAY));
        let (missed, back_to_back) = (since(self.settings.missed_within), since(self.settings.calls_within));
        counts.query_row(params![number, excluded, at.as_millisecond(), week, month, missed, back_to_back], |row| {
            let earlier: u32 = row.get(4)?;
            let nth = earlier.saturating_add(1);
            let urgent = row.get::<_, u32>(3)? > 0 || nth >= self.settings.calls.max(2);
            let again = (nth > 1).then_some(RepeatCalls { nth, within: self.settings.calls_within });
            Ok(CallerHistory {
                last_call: last,
                calls_in_week: row.get(0)?,
                calls_in_month: row.get(1)?,
                missed_since: row.get(2)?,
                urgent,
                repeat_calls: again,
            })
        })
    }

    /// Returns all calls that started or were decided since `from`, oldest first.
    pub(super) fn since(&self, from: Timestamp) -> rusqlite::Result<Vec<RecordedCall>> {
        let mut select = self.db.prepare_cached(
            "SELECT number, started, outcome, outbound, waited, decided, sinks, callback FROM calls
             WHERE started >= ?1 OR decided >= ?1 ORDER BY started DESC LIMIT ?2",
        )?;
        let rows = select.query_map(params![from.as_millisecond(), MAX_RECAP_CALLS], recorded_call)?;
        let mut calls: Vec<RecordedCall> = rows.collect::<Result<_, _>>()?;
        calls.reverse();
        Ok(calls)
    }

    /// Deletes the calls of a number, also from the write-ahead log, and returns their count.
    pub(super) fn forget(&self, number: &E164) -> rusqlite::Result<usize> {
        let deleted = self.db.execute("DELETE FROM calls WHERE number = ?1", [number.expose()])?;
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(deleted)
    }

    /// Rewrites the file, because free space of pages may hold copies of moved rows.
    pub(super) fn vacuum(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("VACUUM")?;
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// Deletes calls older than the retention.
    pub(super) fn prune(&self, now: Timestamp) -> rusqlite::Result<()> {
        let oldest = crate::model::time::before(now, self.settings.retention).as_millisecond();
        self.db.execute("DELETE FROM calls WHERE started < ?1", [oldest]).map(drop)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn outcome_of(code: i64) -> StatusKind {
    match code {
        ANSWERED => StatusKind::Answered,
        MISSED => StatusKind::Missed,
        VOICEMAIL => StatusKind::Voicemail,
        ENDED => StatusKind::Ended,
        _ => StatusKind::Ringing,
    }
}

fn recorded_call(row: &Row<'_>) -> rusqlite::Result<RecordedCall> {
    let number: String = row.get(0)?;
    let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default();
    let waited: Option<i64> = row.get(4)?;
    let sinks: String = row.get(6)?;
    Ok(RecordedCall {
        number: PhoneNumber::parse(Some(&number), Region::US).as_e164().cloned(),
        started: at(row.get(1)?),
        outcome: outcome_of(row.get(2)?),
        outbound: row.get(3)?,
        waited: waited.map(|ms| Duration::from_millis(ms.unsigned_abs())),
        decided_at: row.get::<_, Option<i64>>(5)?.map(at),
        sinks: sinks.split_whitespace().filter_map(|name| SinkName::try_from(name).ok()).collect(),
        needs_callback: row.get(7)?,
    })
}

fn past_call(row: &Row<'_>) -> rusqlite::Result<PastCall> {
    let outcome = outcome_of(row.get(1)?);
    let at = Timestamp::from_millisecond(row.get(0)?).unwrap_or_default();
    Ok(PastCall { at, outcome, answered_by: row.get(2)? })
}

/// Restricts the files to the owner of the directory, even if root opened them before the daemon first ran. File
/// systems without owners or modes rely on the directory.
fn restrict_to_owner(path: &Path) {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt, chown},
    };
    let directory = path.parent().and_then(|dir| fs::metadata(dir).ok());
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let current = fs::metadata(&file).ok();
        if let (Some(directory), Some(current)) = (&directory, current)
            && directory.uid() != current.uid()
            && let Err(error) = chown(&file, Some(directory.uid()), Some(directory.gid()))
        {
            tracing::debug!(%error, "history file owner not changed");
        }
        if let Err(error) = fs::set_permissions(&file, fs::Permissions::from_mode(0o600)) {
            tracing::debug!(%error, "history file mode not changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn store() -> HistoryDb {
        HistoryDb::open(Path::new(":memory:"), HistorySettings::default()).unwrap()
    }

    fn number(text: &str) -> E164 {
        PhoneNumber::parse(Some(text), Region::US).as_e164().unwrap().clone()
    }

    fn entry(call: &str, number: Option<E164>, started: Timestamp, kind: StatusKind) -> CallEntry {
        let (call, sinks) = (call.to_owned(), Vec::new());
        CallEntry {
            call,
            number,
            started,
            at: started,
            status: kind,
            answered_by: None,
            outbound: false,
            end_unknown: false,
            waited: None,
            sinks,
            needs_callback: matches!(kind, StatusKind::Missed | StatusKind::Voicemail),
        }
    }

    fn record(store: &mut HistoryDb, call: &str, started: &str, kind: StatusKind, with: Option<&str>) {
        let started = started.parse().unwrap();
        let number = number("+15145550199");
        let entry = CallEntry { answered_by: with.map(str::to_owned), ..entry(call, Some(number), started, kind) };
        store.record(&entry).unwrap();
    }

    fn find(store: &HistoryDb, call: &str) -> CallerHistory {
        store.find(&number("+15145550199"), Some(call), NOW.parse().unwrap()).unwrap()
    }

    #[test]
    fn find_excludes_the_ringing_call() {
        let mut store = store();
        record(&mut store, "now", NOW, StatusKind::Ringing, None);
        assert_eq!(find(&store, "now"), CallerHistory::default());
    }

    #[test]
    fn find_counts_calls_by_age() {
        let mut store = store();
        for (call, started) in
            [("a", "2026-11-22T12:00:00Z"), ("b", "2026-11-10T12:00:00Z"), ("c", "2026-09-20T12:00:00Z")]
        {
            record(&mut store, call, started, StatusKind::Answered, Some("Bob"));
            record(&mut store, call, started, StatusKind::Ended, None);
        }
        let history = find(&store, "now");
        assert_eq!(
            (history.calls_in_week, history.calls_in_month, history.missed_since, history.urgent),
            (1, 2, 0, false)
        );
        let last = history.last_call.unwrap();
        assert_eq!((last.outcome, last.answered_by.as_deref()), (StatusKind::Ended, Some("Bob")));
        assert_eq!(store.find(&number("+15145550100"), None, NOW.parse().unwrap()).unwrap(), CallerHistory::default());
    }

    #[test]
    fn find_missed_since_counts_from_last_answered_call() {
        let mut store = store();
        record(&mut store, "a", "2026-11-20T10:00:00Z", StatusKind::Missed, None);
        record(&mut store, "b", "2026-11-20T11:00:00Z", StatusKind::Ended, Some("Bob"));
        record(&mut store, "c", "2026-11-21T10:00:00Z", StatusKind::Missed, None);
        record(&mut store, "d", "2026-11-21T11:00:00Z", StatusKind::Voicemail, None);
        assert_eq!(find(&store, "now").missed_since, 2);
    }

    #[test]
    fn find_recently_missed_or_repeat_caller_is_urgent() {
        let mut store = store();
        record(&mut store, "a", "2026-11-23T11:46:00Z", StatusKind::Missed, None);
        assert!(find(&store, "now").urgent, "missed 14 minutes ago");
        record(&mut store, "b", "2026-11-23T11:48:00Z", StatusKind::Ended, None);
        assert!(!find(&store, "now").urgent, "answered since, 12 minutes ago");
        record(&mut store, "c", "2026-11-23T11:51:00Z", StatusKind::Ended, None);
        let history = find(&store, "now");
        assert!(history.urgent, "the second call in 10 minutes");
        let within = Duration::from_secs(600);
        assert_eq!(history.repeat_calls, Some(RepeatCalls { nth: 2, within }));
        record(&mut store, "d", "2026-11-23T11:52:00Z", StatusKind::Ringing, None);
        assert_eq!(find(&store, "now").repeat_calls, Some(RepeatCalls { nth: 3, within }));
        record(&mut store, "now", NOW, StatusKind::Ringing, None);
        assert_eq!(
            find(&store, "now").repeat_calls,
            Some(RepeatCalls { nth: 3, within }),
            "the ringing call counts once"
        );
    }

    #[test]
    fn record_late_update_keeps_outcome() {
        let mut store = store();
        record(&mut store, "a", "2026-11-20T10:00:00Z", StatusKind::Missed, None);
        record(&mut store, "a", "2026-11-20T10:00:00Z", StatusKind::Ringing, None);
        assert_eq!(find(&store, "now").last_call.unwrap().outcome, StatusKind::Missed);
    }

    fn reported(started: &str, outbound: bool, answered: bool) -> CallRecord {
        let started: Timestamp = started.parse().unwrap();
        let with = answered.then(|| "Ben".to_owned());
        CallRecord {
            outbound,
            started_at: started,
            answered_at: answered.then_some(started),
            ended_at: None,
            colleague: with,
        }
    }

    #[test]
    fn import_reported_and_recorded_call_count_once() {
        let mut store = store();
        record(&mut store, "a", "2026-11-20T10:00:00Z", StatusKind::Missed, None);
        let report = [
            reported("2026-11-20T10:00:07Z", false, true),
            reported("2026-11-21T10:00:00Z", false, false),
            reported("2026-11-10T10:00:00Z", false, true),
        ];
        store.import(&number("+15145550199"), &report).unwrap();
        store.import(&number("+15145550199"), &report).unwrap();
        let history = find(&store, "now");
        assert_eq!(
            (history.calls_in_week, history.calls_in_month, history.missed_since),
            (2, 3, 2),
            "a recorded call keeps its recorded outcome"
        );
        record(&mut store, "b", "2026-11-21T09:59:55Z", StatusKind::Ended, Some("Bob"));
        let history = find(&store, "now");
        assert_eq!(
            (history.calls_in_week, history.calls_in_month, history.missed_since),
            (2, 3, 0),
            "recorded after the report"
        );
        assert_eq!(history.last_call.unwrap().answered_by.as_deref(), Some("Bob"));
    }

    #[test]
    fn find_outbound_call_counts_only_if_answered() {
        let mut store = store();
        record(&mut store, "a", "2026-11-20T10:00:00Z", StatusKind::Missed, None);
        store.import(&number("+15145550199"), &[reported("2026-11-20T11:00:00Z", true, false)]).unwrap();
        let history = find(&store, "now");
        assert_eq!(
            (history.calls_in_week, history.missed_since),
            (1, 1),
            "an unanswered outbound call changes nothing"
        );
        assert_eq!(history.last_call.unwrap().outcome, StatusKind::Missed);
        let at = "2026-11-21T10:00:00Z".parse().unwrap();
        let back = CallEntry { outbound: true, ..entry("b", Some(number("+15145550199")), at, StatusKind::Ended) };
        store.record(&back).unwrap();
        let history = find(&store, "now");
        assert_eq!((history.calls_in_week, history.missed_since), (1, 0), "called back");
        assert_eq!(history.last_call.unwrap().at, at);
    }

    #[test]
    fn reopened_file_keeps_all_rows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.sqlite");
        let mut store = HistoryDb::open(&path, HistorySettings::default()).unwrap();
        record(&mut store, "a", "2026-11-21T10:00:00Z", StatusKind::Ended, None);
        record(&mut store, "b", "2026-11-22T10:00:00Z", StatusKind::Missed, None);
        store.commit().unwrap();
        drop(store);
        let store = HistoryDb::open(&path, HistorySettings::default()).unwrap();
        let history = find(&store, "now");
        assert_eq!((history.calls_in_month, history.missed_since), (2, 1));
    }

    #[test]
    fn since_returns_sinks_and_first_decision_time() {
        let mut store = store();
        let at = |time: &str| -> Timestamp { format!("2026-11-23T{time}Z").parse().unwrap() };
        let (desk, sales): (SinkName, SinkName) = ("desk".try_into().unwrap(), "sales".try_into().unwrap());
        let one = |kind, time: &str, sinks| {
            let waited = (kind == StatusKind::Missed).then_some(Duration::from_millis(20_500));
            let first = entry("a", Some(number("+15145550199")), at("09:59:00"), kind);
            CallEntry { at: at(time), waited, sinks, ..first }
        };
        for update in [
            one(StatusKind::Ringing, "09:59:00", vec![desk.clone()]),
            one(StatusKind::Missed, "09:59:20", vec![desk.clone(), sales.clone()]),
            one(StatusKind::Voicemail, "10:01:00", vec![desk.clone()]),
        ] {
            store.record(&update).unwrap();
        }
        let withheld = entry("b", None, at("10:02:00"), StatusKind::Ringing);
        store.record(&withheld).unwrap();
        let [call, unknown] = &store.since(at("09:59:10")).unwrap()[..] else { panic!() };
        assert_eq!((unknown.number.clone(), unknown.decided_at), (None, None));
        let expected = RecordedCall {
            number: Some(number("+15145550199")),
            started: at("09:59:00"),
            outcome: StatusKind::Voicemail,
            outbound: false,
            waited: Some(Duration::from_millis(20_500)),
            decided_at: Some(at("09:59:20")),
            sinks: vec![desk, sales],
            needs_callback: true,
        };
        assert_eq!(*call, expected);
    }

    #[test]
    fn prune_deletes_calls_older_than_retention() {
        let mut store = store();
        record(&mut store, "old", "2026-08-20T10:00:00Z", StatusKind::Missed, None);
        record(&mut store, "new", "2026-11-20T10:00:00Z", StatusKind::Missed, None);
        store.prune(NOW.parse().unwrap()).unwrap();
        assert_eq!(find(&store, "now").missed_since, 1);
    }
}
