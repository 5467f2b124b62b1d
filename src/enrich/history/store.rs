//! The SQL of the history: one row a call. Decides what of a caller's past is told; blocks, so it lives on its own thread.

use super::{Past, Rules, Seen, elsewhere::SAME};
use crate::model::{
    call::MomentKind,
    card::{Again, History, PastCall},
    ids::SinkName,
    past::Remembered,
    phone::{E164, Number, Region},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, config::DbConfig, params};
use std::{path::Path, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

/// What layout (`user_version`) 2 adds: who called whom, how long it waited (ms), the sinks that heard of it (one a line), and whether it is
/// known from a report of GoTo only, which gives way to what was seen.
const LAYOUT_2: &str = "BEGIN;
    ALTER TABLE calls ADD COLUMN outbound INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE calls ADD COLUMN waited INTEGER;
    ALTER TABLE calls ADD COLUMN sinks TEXT NOT NULL DEFAULT '';
    ALTER TABLE calls ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
    PRAGMA user_version = 2;
    COMMIT;";

/// What layout 3 adds: when it was first known what became of the call (ms).
const LAYOUT_3: &str = "BEGIN;
    ALTER TABLE calls ADD COLUMN decided INTEGER;
    UPDATE calls SET decided = started WHERE outcome > 0;
    CREATE INDEX calls_by_outcome ON calls (decided);
    PRAGMA user_version = 3;
    COMMIT;";

/// Calls that a recap counts at most: a shift of a busy call center, and no more memory than some megabytes.
const COUNTED: i64 = 50_000;

/// Outcomes are kept as numbers that grow as a call goes on, so that a moment heard late never takes one back.
const RINGING: i64 = 0;
const ANSWERED: i64 = 1;
const MISSED: i64 = 2;
const VOICEMAIL: i64 = 3;
const ENDED: i64 = 4;

/// [`SAME`] as the file counts.
const SAME_MS: i64 = SAME.as_millis() as i64;

/// Connection and rules.
pub struct Store {
    db: Connection,
    rules: Rules,
}

impl Store {
    /// Opens or makes the file, readable by its owner alone.
    pub fn open(path: &Path, rules: Rules) -> rusqlite::Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(2))?;
        // NORMAL: a power cut may cost the last calls' history, which is not worth a disk flush a call.
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "secure_delete", true)?;
        // Without it SQLite compiles both questions again for each new number, which costs more than their answers.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let layout: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if layout < 1 {
            db.execute_batch(
                "BEGIN;
                 CREATE TABLE IF NOT EXISTS calls (
                     call TEXT PRIMARY KEY, number TEXT NOT NULL, started INTEGER NOT NULL,
                     outcome INTEGER NOT NULL, colleague TEXT
                 ) WITHOUT ROWID;
                 CREATE INDEX IF NOT EXISTS calls_of_a_number ON calls (number, started);
                 CREATE INDEX IF NOT EXISTS calls_by_age ON calls (started);
                 PRAGMA user_version = 1;
                 COMMIT;",
            )?;
        }
        if layout < 2 {
            db.execute_batch(LAYOUT_2)?;
        }
        if layout < 3 {
            db.execute_batch(LAYOUT_3)?;
        }
        close_to_others(path);
        Ok(Self { db, rules })
    }

    /// Keeps a moment. What a report said of the same call gives way.
    pub fn saw(&mut self, seen: &Seen) -> rusqlite::Result<()> {
        let outcome = match seen.kind {
            MomentKind::Answered => ANSWERED,
            MomentKind::Ended if !seen.lost => ENDED,
            MomentKind::Missed if !seen.outbound => MISSED,
            MomentKind::Voicemail if !seen.outbound => VOICEMAIL,
            // Nobody knows how it ended, or nobody there took it: no talk, and nobody of us missed anything.
            MomentKind::Ringing | MomentKind::Ended | MomentKind::Missed | MomentKind::Voicemail => RINGING,
        };
        let number = seen.number.as_ref().map_or("", E164::expose);
        let (started, waited) = (seen.started.as_millisecond(), seen.waited.map(millis));
        let decided = (seen.kind != MomentKind::Ringing).then_some(seen.at.as_millisecond());
        let change = self.db.transaction()?;
        change
            .prepare_cached(
                "INSERT INTO calls (call, number, started, outcome, colleague, outbound, waited, decided)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (call) DO UPDATE SET
                     outcome = max(outcome, excluded.outcome), colleague = coalesce(colleague, excluded.colleague),
                     waited = coalesce(waited, excluded.waited), decided = coalesce(decided, excluded.decided)",
            )?
            .execute(params![seen.call, number, started, outcome, seen.with, seen.outbound, waited, decided])?;
        for sink in &seen.sinks {
            change
                .prepare_cached(
                    "UPDATE calls SET sinks = sinks || ?2 || ' '
                     WHERE call = ?1 AND instr(' ' || sinks, ' ' || ?2 || ' ') = 0",
                )?
                .execute(params![seen.call, sink.as_str()])?;
        }
        if !number.is_empty() {
            change
                .prepare_cached(
                    "DELETE FROM calls WHERE number = ?1 AND started BETWEEN ?2 AND ?3 AND outbound = ?4 AND reported",
                )?
                .execute(params![number, started - SAME_MS, started + SAME_MS, seen.outbound])?;
        }
        change.commit()
    }

    /// Keeps what a report says of a number, instead of what an earlier one said. What was seen is left as it is.
    pub fn import(&mut self, number: &E164, calls: &[Remembered]) -> rusqlite::Result<()> {
        let number = number.expose();
        let change = self.db.transaction()?;
        change.execute("DELETE FROM calls WHERE number = ?1 AND reported", [number])?;
        for call in calls {
            let started = call.started.as_millisecond();
            let way = if call.outbound { "to" } else { "from" };
            let outcome = match (call.answered, call.outbound) {
                (Some(_), _) => ENDED,
                (None, false) => MISSED,
                (None, true) => RINGING,
            };
            let waited = call.answered.map(|at| millis(crate::model::time::elapsed(call.started, at)));
            change
                .prepare_cached(
                    "INSERT INTO calls (call, number, started, outcome, colleague, outbound, waited, reported)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1
                     WHERE NOT EXISTS (SELECT 1 FROM calls WHERE number = ?2 AND started BETWEEN ?8 AND ?9
                                                            AND outbound = ?6)",
                )?
                .execute(params![
                    format!("report {way} {number} {started}"),
                    number,
                    started,
                    outcome,
                    call.with,
                    call.outbound,
                    waited,
                    started - SAME_MS,
                    started + SAME_MS,
                ])?;
        }
        change.commit()
    }

    /// What is known of the caller as of `at`, leaving out `call`.
    pub fn find(&self, number: &E164, call: Option<&str>, at: Timestamp) -> rusqlite::Result<History> {
        let since = |age: Duration| crate::model::time::before(at, age).as_millisecond();
        let (number, this) = (number.expose(), call.unwrap_or_default());
        let last = self
            .db
            .prepare_cached(
                "SELECT started, outcome, colleague FROM calls
                 WHERE number = ?1 AND call <> ?2 AND started <= ?3 AND NOT (outbound AND outcome = 0)
                 ORDER BY started DESC LIMIT 1",
            )?
            .query_row(params![number, this, at.as_millisecond()], past_call)
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
        let (missed, back_to_back) = (since(self.rules.missed_within), since(self.rules.calls_within));
        counts.query_row(params![number, this, at.as_millisecond(), week, month, missed, back_to_back], |row| {
            let earlier: u32 = row.get(4)?;
            let nth = earlier.saturating_add(1);
            let urgent = row.get::<_, u32>(3)? > 0 || nth >= self.rules.calls.max(2);
            let again = (nth > 1).then_some(Again { nth, within: self.rules.calls_within });
            Ok(History { last, week: row.get(0)?, month: row.get(1)?, missed_since: row.get(2)?, urgent, again })
        })
    }

    /// All calls that began or were decided since `from`, oldest first.
    pub fn since(&self, from: Timestamp) -> rusqlite::Result<Vec<Past>> {
        let mut read = self.db.prepare_cached(
            "SELECT number, started, outcome, outbound, waited, decided, sinks FROM calls
             WHERE started >= ?1 OR decided >= ?1 ORDER BY started DESC LIMIT ?2",
        )?;
        let rows = read.query_map(params![from.as_millisecond(), COUNTED], past)?;
        let mut calls: Vec<Past> = rows.collect::<Result<_, _>>()?;
        calls.reverse();
        Ok(calls)
    }

    /// Forgets a number, its traces in the write-ahead log too.
    pub fn forget(&self, number: &E164) -> rusqlite::Result<usize> {
        let gone = self.db.execute("DELETE FROM calls WHERE number = ?1", [number.expose()])?;
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(gone)
    }

    /// Writes the file anew: pages that rows moved between keep copies in their free space.
    pub fn rewrite(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("VACUUM")?;
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// Forgets what is older than the retention.
    pub fn tidy(&self, now: Timestamp) -> rusqlite::Result<()> {
        let oldest = crate::model::time::before(now, self.rules.retention).as_millisecond();
        self.db.execute("DELETE FROM calls WHERE started < ?1", [oldest]).map(drop)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn outcome(number: i64) -> MomentKind {
    match number {
        ANSWERED => MomentKind::Answered,
        MISSED => MomentKind::Missed,
        VOICEMAIL => MomentKind::Voicemail,
        ENDED => MomentKind::Ended,
        _ => MomentKind::Ringing,
    }
}

fn past(row: &Row<'_>) -> rusqlite::Result<Past> {
    let number: String = row.get(0)?;
    let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default();
    let waited: Option<i64> = row.get(4)?;
    let sinks: String = row.get(6)?;
    Ok(Past {
        number: Number::read(Some(&number), Region::US).known().cloned(),
        started: at(row.get(1)?),
        outcome: outcome(row.get(2)?),
        outbound: row.get(3)?,
        waited: waited.map(|ms| Duration::from_millis(ms.unsigned_abs())),
        decided: row.get::<_, Option<i64>>(5)?.map(at),
        sinks: sinks.split_whitespace().filter_map(|name| SinkName::try_from(name).ok()).collect(),
    })
}

fn past_call(row: &Row<'_>) -> rusqlite::Result<PastCall> {
    let outcome = outcome(row.get(1)?);
    let at = Timestamp::from_millisecond(row.get(0)?).unwrap_or_default();
    Ok(PastCall { at, outcome, with: row.get(2)? })
}

/// Who called whom is nobody else's business. The files are the directory's owner's, even if root looked a number up before
/// the daemon first ran. Where the file system knows neither owners nor modes, the directory's have to do.
fn close_to_others(path: &Path) {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt, chown},
    };
    let home = path.parent().and_then(|dir| fs::metadata(dir).ok());
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        let mine = fs::metadata(&file).ok();
        if let (Some(home), Some(mine)) = (&home, mine)
            && home.uid() != mine.uid()
            && let Err(error) = chown(&file, Some(home.uid()), Some(home.gid()))
        {
            tracing::debug!(%error, "history keeps the owner it has");
        }
        if let Err(error) = fs::set_permissions(&file, fs::Permissions::from_mode(0o600)) {
            tracing::debug!(%error, "history keeps the mode it has");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn store() -> Store {
        Store::open(Path::new(":memory:"), Rules::default()).unwrap()
    }

    fn number(text: &str) -> E164 {
        Number::read(Some(text), Region::US).known().unwrap().clone()
    }

    fn seen(call: &str, number: Option<E164>, started: Timestamp, kind: MomentKind) -> Seen {
        let (call, sinks) = (call.to_owned(), Vec::new());
        Seen { call, number, started, at: started, kind, with: None, outbound: false, lost: false, waited: None, sinks }
    }

    fn saw(store: &mut Store, call: &str, started: &str, kind: MomentKind, with: Option<&str>) {
        let started = started.parse().unwrap();
        let number = number("+15145550199");
        let seen = Seen { with: with.map(str::to_owned), ..seen(call, Some(number), started, kind) };
        store.saw(&seen).unwrap();
    }

    fn ask(store: &Store, call: &str) -> History {
        store.find(&number("+15145550199"), Some(call), NOW.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_call_that_rings_is_not_its_own_history() {
        let mut store = store();
        saw(&mut store, "now", NOW, MomentKind::Ringing, None);
        assert_eq!(ask(&store, "now"), History::default());
    }

    #[test]
    fn calls_are_counted_by_their_age() {
        let mut store = store();
        for (call, started) in
            [("a", "2026-11-22T12:00:00Z"), ("b", "2026-11-10T12:00:00Z"), ("c", "2026-09-20T12:00:00Z")]
        {
            saw(&mut store, call, started, MomentKind::Answered, Some("Bob"));
            saw(&mut store, call, started, MomentKind::Ended, None);
        }
        let history = ask(&store, "now");
        assert_eq!((history.week, history.month, history.missed_since, history.urgent), (1, 2, 0, false));
        let last = history.last.unwrap();
        assert_eq!((last.outcome, last.with.as_deref()), (MomentKind::Ended, Some("Bob")));
        assert_eq!(store.find(&number("+15145550100"), None, NOW.parse().unwrap()).unwrap(), History::default());
    }

    #[test]
    fn missed_since_counts_from_the_last_talk() {
        let mut store = store();
        saw(&mut store, "a", "2026-11-20T10:00:00Z", MomentKind::Missed, None);
        saw(&mut store, "b", "2026-11-20T11:00:00Z", MomentKind::Ended, Some("Bob"));
        saw(&mut store, "c", "2026-11-21T10:00:00Z", MomentKind::Missed, None);
        saw(&mut store, "d", "2026-11-21T11:00:00Z", MomentKind::Voicemail, None);
        assert_eq!(ask(&store, "now").missed_since, 2);
    }

    #[test]
    fn who_was_missed_minutes_ago_or_calls_again_at_once_is_urgent() {
        let mut store = store();
        saw(&mut store, "a", "2026-11-23T11:46:00Z", MomentKind::Missed, None);
        assert!(ask(&store, "now").urgent, "missed 14 minutes ago");
        saw(&mut store, "b", "2026-11-23T11:48:00Z", MomentKind::Ended, None);
        assert!(!ask(&store, "now").urgent, "talked to since, 12 minutes ago");
        saw(&mut store, "c", "2026-11-23T11:51:00Z", MomentKind::Ended, None);
        let history = ask(&store, "now");
        assert!(history.urgent, "the second call in 10 minutes");
        let within = Duration::from_secs(600);
        assert_eq!(history.again, Some(Again { nth: 2, within }));
        saw(&mut store, "d", "2026-11-23T11:52:00Z", MomentKind::Ringing, None);
        assert_eq!(ask(&store, "now").again, Some(Again { nth: 3, within }));
        saw(&mut store, "now", NOW, MomentKind::Ringing, None);
        assert_eq!(ask(&store, "now").again, Some(Again { nth: 3, within }), "a call is counted once");
    }

    #[test]
    fn a_moment_heard_late_takes_no_outcome_back() {
        let mut store = store();
        saw(&mut store, "a", "2026-11-20T10:00:00Z", MomentKind::Missed, None);
        saw(&mut store, "a", "2026-11-20T10:00:00Z", MomentKind::Ringing, None);
        assert_eq!(ask(&store, "now").last.unwrap().outcome, MomentKind::Missed);
    }

    fn reported(started: &str, outbound: bool, answered: bool) -> Remembered {
        let started: Timestamp = started.parse().unwrap();
        let with = answered.then(|| "Ben".to_owned());
        Remembered { outbound, started, answered: answered.then_some(started), ended: None, with }
    }

    #[test]
    fn what_a_report_says_joins_what_was_seen_and_no_call_counts_twice() {
        let mut store = store();
        saw(&mut store, "a", "2026-11-20T10:00:00Z", MomentKind::Missed, None);
        let report = [
            reported("2026-11-20T10:00:07Z", false, true),
            reported("2026-11-21T10:00:00Z", false, false),
            reported("2026-11-10T10:00:00Z", false, true),
        ];
        store.import(&number("+15145550199"), &report).unwrap();
        store.import(&number("+15145550199"), &report).unwrap();
        let history = ask(&store, "now");
        assert_eq!(
            (history.week, history.month, history.missed_since),
            (2, 3, 2),
            "what was seen counts as it was seen"
        );
        saw(&mut store, "b", "2026-11-21T09:59:55Z", MomentKind::Ended, Some("Bob"));
        let history = ask(&store, "now");
        assert_eq!((history.week, history.month, history.missed_since), (2, 3, 0), "seen after it was reported");
        assert_eq!(history.last.unwrap().with.as_deref(), Some("Bob"));
    }

    #[test]
    fn our_own_calls_are_no_calls_of_the_caller_but_a_talk_is_a_talk() {
        let mut store = store();
        saw(&mut store, "a", "2026-11-20T10:00:00Z", MomentKind::Missed, None);
        store.import(&number("+15145550199"), &[reported("2026-11-20T11:00:00Z", true, false)]).unwrap();
        let history = ask(&store, "now");
        assert_eq!((history.week, history.missed_since), (1, 1), "we called and nobody was there");
        assert_eq!(history.last.unwrap().outcome, MomentKind::Missed);
        let at = "2026-11-21T10:00:00Z".parse().unwrap();
        let back = Seen { outbound: true, ..seen("b", Some(number("+15145550199")), at, MomentKind::Ended) };
        store.saw(&back).unwrap();
        let history = ask(&store, "now");
        assert_eq!((history.week, history.missed_since), (1, 0), "called back");
        assert_eq!(history.last.unwrap().at, at);
    }

    #[test]
    fn a_file_of_the_first_layout_opens_with_all_that_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE calls (call TEXT PRIMARY KEY, number TEXT NOT NULL, started INTEGER NOT NULL,
                                 outcome INTEGER NOT NULL, colleague TEXT) WITHOUT ROWID;
             CREATE INDEX calls_of_a_number ON calls (number, started);
             CREATE INDEX calls_by_age ON calls (started);
             INSERT INTO calls VALUES ('1/a', '+15145550199', 1795255200000, 4, 'Bob'),
                                      ('1/r', '+15145550177', 1795255200000, 0, NULL);
             PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(old);
        for _ in 0..2 {
            let mut store = Store::open(&path, Rules::default()).unwrap();
            saw(&mut store, "b", "2026-11-22T10:00:00Z", MomentKind::Missed, None);
            let history = ask(&store, "now");
            assert_eq!((history.month, history.missed_since), (2, 1));
            let began = Timestamp::from_millisecond(1_795_255_200_000).unwrap();
            let decided: Vec<_> = store.since(began).unwrap().iter().map(|past| past.decided).collect();
            let missed = "2026-11-22T10:00:00Z".parse().ok();
            assert_eq!(decided, [Some(began), None, missed], "what rang was not known to end");
        }
    }

    #[test]
    fn a_call_is_remembered_with_who_heard_of_it_and_when_it_was_first_known_what_became_of_it() {
        let mut store = store();
        let at = |time: &str| -> Timestamp { format!("2026-11-23T{time}Z").parse().unwrap() };
        let (desk, sales): (SinkName, SinkName) = ("desk".try_into().unwrap(), "sales".try_into().unwrap());
        let one = |kind, time: &str, sinks| {
            let waited = (kind == MomentKind::Missed).then_some(Duration::from_millis(20_500));
            let first = seen("a", Some(number("+15145550199")), at("09:59:00"), kind);
            Seen { at: at(time), waited, sinks, ..first }
        };
        for moment in [
            one(MomentKind::Ringing, "09:59:00", vec![desk.clone()]),
            one(MomentKind::Missed, "09:59:20", vec![desk.clone(), sales.clone()]),
            one(MomentKind::Voicemail, "10:01:00", vec![desk.clone()]),
        ] {
            store.saw(&moment).unwrap();
        }
        let withheld = seen("b", None, at("10:02:00"), MomentKind::Ringing);
        store.saw(&withheld).unwrap();
        let [call, unknown] = &store.since(at("09:59:10")).unwrap()[..] else { panic!() };
        assert_eq!((unknown.number.clone(), unknown.decided), (None, None));
        let expected = Past {
            number: Some(number("+15145550199")),
            started: at("09:59:00"),
            outcome: MomentKind::Voicemail,
            outbound: false,
            waited: Some(Duration::from_millis(20_500)),
            decided: Some(at("09:59:20")),
            sinks: vec![desk, sales],
        };
        assert_eq!(*call, expected);
    }

    #[test]
    fn what_is_older_than_the_retention_is_forgotten() {
        let mut store = store();
        saw(&mut store, "old", "2026-08-20T10:00:00Z", MomentKind::Missed, None);
        saw(&mut store, "new", "2026-11-20T10:00:00Z", MomentKind::Missed, None);
        store.tidy(NOW.parse().unwrap()).unwrap();
        assert_eq!(ask(&store, "now").missed_since, 1);
    }
}
