//! The SQL of the history: one row a call. Decides what of a caller's past is told; blocks, so it lives on its own thread.

use super::{Rules, Seen};
use crate::model::{
    call::MomentKind,
    card::{Again, History, PastCall},
    phone::E164,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, config::DbConfig, params};
use std::{path::Path, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

/// `user_version` of the layout below.
const LAYOUT: i64 = 1;

/// Outcomes are kept as numbers that grow as a call goes on, so that a moment heard late never takes one back.
const RINGING: i64 = 0;
const ANSWERED: i64 = 1;
const MISSED: i64 = 2;
const VOICEMAIL: i64 = 3;
const ENDED: i64 = 4;

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
        if layout < LAYOUT {
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
        close_to_others(path);
        Ok(Self { db, rules })
    }

    /// Keeps a moment.
    pub fn saw(&mut self, seen: &Seen) -> rusqlite::Result<()> {
        let outcome = match seen.kind {
            MomentKind::Ringing => RINGING,
            MomentKind::Answered => ANSWERED,
            MomentKind::Missed => MISSED,
            MomentKind::Voicemail => VOICEMAIL,
            MomentKind::Ended => ENDED,
        };
        self.db
            .prepare_cached(
                "INSERT INTO calls (call, number, started, outcome, colleague) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (call) DO UPDATE SET
                     outcome = max(outcome, excluded.outcome), colleague = coalesce(colleague, excluded.colleague)",
            )?
            .execute(params![seen.call, seen.number.expose(), seen.started.as_millisecond(), outcome, seen.with])
            .map(drop)
    }

    /// What is known of the caller as of `at`, leaving out `call`.
    pub fn find(&self, number: &E164, call: Option<&str>, at: Timestamp) -> rusqlite::Result<History> {
        let since = |age: Duration| crate::model::time::before(at, age).as_millisecond();
        let (number, this) = (number.expose(), call.unwrap_or_default());
        let last = self
            .db
            .prepare_cached(
                "SELECT started, outcome, colleague FROM calls
                 WHERE number = ?1 AND call <> ?2 AND started <= ?3 ORDER BY started DESC LIMIT 1",
            )?
            .query_row(params![number, this, at.as_millisecond()], past_call)
            .optional()?;
        let mut counts = self.db.prepare_cached(
            "WITH his AS (SELECT started, outcome FROM calls WHERE number = ?1 AND call <> ?2 AND started <= ?3),
                  talked AS (SELECT coalesce(max(started), -1) AS started FROM his WHERE outcome IN (1, 4))
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

fn past_call(row: &Row<'_>) -> rusqlite::Result<PastCall> {
    let outcome = match row.get(1)? {
        ANSWERED => MomentKind::Answered,
        MISSED => MomentKind::Missed,
        VOICEMAIL => MomentKind::Voicemail,
        ENDED => MomentKind::Ended,
        _ => MomentKind::Ringing,
    };
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
    use crate::model::phone::{Number, Region};

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn store() -> Store {
        Store::open(Path::new(":memory:"), Rules::default()).unwrap()
    }

    fn number(text: &str) -> E164 {
        Number::read(Some(text), Region::US).known().unwrap().clone()
    }

    fn saw(store: &mut Store, call: &str, started: &str, kind: MomentKind, with: Option<&str>) {
        let started = started.parse().unwrap();
        let number = number("+15145550199");
        store.saw(&Seen { call: call.into(), number, started, kind, with: with.map(str::to_owned) }).unwrap();
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

    #[test]
    fn what_is_older_than_the_retention_is_forgotten() {
        let mut store = store();
        saw(&mut store, "old", "2026-08-20T10:00:00Z", MomentKind::Missed, None);
        saw(&mut store, "new", "2026-11-20T10:00:00Z", MomentKind::Missed, None);
        store.tidy(NOW.parse().unwrap()).unwrap();
        assert_eq!(ask(&store, "now").missed_since, 1);
    }
}
