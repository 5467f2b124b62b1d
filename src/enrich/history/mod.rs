//! Calls recorded by this daemon: an SQLite file in the state directory, owned by one thread. Async code sends
//! requests and never waits for the disk. A full or broken disk costs a card its history, not the card.

mod elsewhere;
mod store;

use super::config::SourceConfig;
use crate::model::{
    call::{Bound, Call, Moment, MomentKind, Telling},
    card::History,
    ids::SinkName,
    past::Remembered,
    phone::E164,
    time::{Span, Timestamp},
};
pub use elsewhere::{Elsewhere, SAME};
use std::{
    io,
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};
use store::Store;
use tokio::sync::oneshot;

/// File name in the state directory.
const FILE_NAME: &str = "history.sqlite";
/// Requests that may wait for the disk. An update beyond them is not recorded.
const MAX_QUEUED: usize = 4096;
/// Interval of deleting calls older than the retention.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// Retention of calls, and limits from which a caller is urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Older calls are deleted.
    pub retention: Duration,
    /// A caller who was missed within this time and not answered since is urgent.
    pub missed_within: Duration,
    /// A caller with `calls` calls within this time is urgent.
    pub calls_within: Duration,
    /// See `calls_within`. The ringing call counts.
    pub calls: u32,
    /// Enables GoTo queries for calls that this daemon did not receive.
    pub goto: bool,
}

impl Rules {
    /// Reads the config table, with defaults for missing keys.
    #[must_use]
    pub fn read(config: &SourceConfig) -> Self {
        let defaults = Self::default();
        let span = |span: Option<Span>, default| span.map_or(default, |span| span.0);
        Self {
            retention: span(config.retention, defaults.retention),
            missed_within: span(config.missed_within, defaults.missed_within),
            calls_within: span(config.calls_within, defaults.calls_within),
            calls: config.calls.unwrap_or(defaults.calls),
            goto: config.goto.unwrap_or(defaults.goto),
        }
    }
}

impl Default for Rules {
    /// 90 days; missed within 15 minutes; two calls in 10 minutes; GoTo queries enabled.
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(90 * 86_400),
            missed_within: Duration::from_secs(15 * 60),
            calls_within: Duration::from_secs(10 * 60),
            calls: 2,
            goto: true,
        }
    }
}

/// Failure of a history request.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// SQLite error.
    #[error("history.sqlite: {0}")]
    Store(#[from] rusqlite::Error),
    /// The history thread did not start.
    #[error("history thread cannot be started: {0}")]
    Thread(io::Error),
    /// The history thread has ended.
    #[error("history is closed")]
    Closed,
}

/// Returns the key of a call. Call ids are unique within an account.
#[must_use]
pub fn key(call: &Call) -> String {
    format!("{}/{}", call.account.as_str(), call.id.as_str())
}

/// Handle to the history thread.
#[derive(Debug, Clone)]
pub struct Shelf {
    requests: SyncSender<Request>,
    settings: Rules,
}

enum Request {
    Record(Box<Seen>),
    Import { number: E164, calls: Vec<Remembered> },
    Find { number: E164, call: Option<String>, at: Timestamp, reply: oneshot::Sender<rusqlite::Result<History>> },
    Since { from: Timestamp, reply: oneshot::Sender<rusqlite::Result<Vec<Past>>> },
}

/// Recorded part of a call update.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    call: String,
    /// Number of the external party, if known.
    number: Option<E164>,
    started: Timestamp,
    /// Time of the update.
    at: Timestamp,
    kind: MomentKind,
    with: Option<String>,
    outbound: bool,
    /// The end of the call was not received.
    lost: bool,
    /// Time from start to answer, or to the end without one.
    waited: Option<Duration>,
    sinks: Vec<SinkName>,
}

/// Call as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Number of the external party, if known.
    pub number: Option<E164>,
    /// Start of the call.
    pub started: Timestamp,
    /// Last known status. `Ringing` if the end is unknown, or for an unanswered outbound call.
    pub outcome: MomentKind,
    /// Call made by the account.
    pub outbound: bool,
    /// Time from start to answer, or to the end without one.
    pub waited: Option<Duration>,
    /// Time of the first status after ringing.
    pub decided: Option<Timestamp>,
    /// Sinks that received a card of the call.
    pub sinks: Vec<SinkName>,
}

impl Shelf {
    /// Opens or creates `history.sqlite` in `dir` and starts the history thread. The thread ends when the last clone
    /// of the handle is dropped.
    ///
    /// # Errors
    /// If the file cannot be opened or has another format.
    pub fn open(dir: &Path, settings: Rules) -> Result<Self, HistoryError> {
        let store = Store::open(&dir.join(FILE_NAME), settings)?;
        let (requests, inbox) = sync_channel(MAX_QUEUED);
        let thread = thread::Builder::new().name("history".to_owned());
        thread.spawn(move || run_worker(store, &inbox)).map_err(HistoryError::Thread)?;
        Ok(Self { requests, settings })
    }

    /// Returns the settings of this history.
    #[must_use]
    pub const fn rules(&self) -> Rules {
        self.settings
    }

    /// Queues a call update and its sinks for recording. Internal calls are not recorded.
    pub fn saw(&self, update: &Telling, sinks: Vec<SinkName>) {
        let call = &update.call;
        if call.bound == Bound::Internal {
            return;
        }
        let (person, waited) = match &update.moment {
            Moment::Answered { by, after } => (Some(by), Some(*after)),
            Moment::Missed { after, .. } => (None, Some(*after)),
            Moment::Ringing | Moment::Voicemail { .. } | Moment::Ended { .. } => (None, None),
        };
        let entry = Seen {
            call: key(call),
            number: call.caller.number.known().cloned(),
            started: call.started,
            at: update.at,
            kind: update.moment.kind(),
            with: person.and_then(|it| it.name.clone().or_else(|| it.extension.clone())),
            outbound: call.bound == Bound::Outbound,
            lost: call.lost,
            waited,
            sinks,
        };
        if let Err(TrySendError::Full(_)) = self.requests.try_send(Request::Record(Box::new(entry))) {
            tracing::warn!("history queue full, call not recorded");
        }
    }

    /// Imports call records of a number from GoTo, before any later request.
    pub fn import(&self, number: &E164, records: Vec<Remembered>) {
        let (number, calls) = (number.clone(), elsewhere::calls(records));
        if let Err(TrySendError::Full(_)) = self.requests.try_send(Request::Import { number, calls }) {
            tracing::debug!("history queue full, GoTo records not imported");
        }
    }

    /// Returns the recorded calls of the caller before `call` (account and call id), as of `at`.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn find(&self, number: &E164, call: Option<String>, at: Timestamp) -> Result<History, HistoryError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Find { number: number.clone(), call, at, reply })?;
        answer.await.map_err(|_| HistoryError::Closed)?.map_err(HistoryError::Store)
    }

    /// Returns all calls that started or were decided since `from`, oldest first.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn since(&self, from: Timestamp) -> Result<Vec<Past>, HistoryError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Since { from, reply })?;
        answer.await.map_err(|_| HistoryError::Closed)?.map_err(HistoryError::Store)
    }

    /// Returns a handle without a thread.
    #[cfg(test)]
    pub fn closed() -> Self {
        Self { requests: sync_channel(1).0, settings: Rules::default() }
    }

    fn send(&self, request: Request) -> Result<(), HistoryError> {
        self.requests.try_send(request).map_err(|_| HistoryError::Closed)
    }
}

/// Deletes all calls of a number from the file in `dir`, with or without a running daemon, and returns their count.
/// Blocks. A missing file is not created.
///
/// # Errors
/// If the file cannot be written or has another format.
pub fn forget(dir: &Path, number: &E164) -> Result<usize, HistoryError> {
    let path = dir.join(FILE_NAME);
    if !path.exists() {
        return Ok(0);
    }
    let store = Store::open(&path, Rules::default())?;
    let deleted = store.forget(number)?;
    store.rewrite()?;
    Ok(deleted)
}

/// Runs the history thread until all handles are dropped.
fn run_worker(mut store: Store, inbox: &Receiver<Request>) {
    let mut failing = false;
    let mut pruned_at: Option<Instant> = None;
    loop {
        if pruned_at.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL) {
            pruned_at = Some(Instant::now());
            log_health(&mut failing, &store.tidy(Timestamp::now()));
        }
        match inbox.recv_timeout(PRUNE_INTERVAL) {
            Ok(Request::Record(entry)) => log_health(&mut failing, &store.saw(&entry)),
            Ok(Request::Import { number, calls }) => log_health(&mut failing, &store.import(&number, &calls)),
            // The requester may have timed out: a failed reply is ignored.
            Ok(Request::Find { number, call, at, reply }) => {
                let found = store.find(&number, call.as_deref(), at);
                log_health(&mut failing, &found);
                drop(reply.send(found));
            }
            Ok(Request::Since { from, reply }) => {
                let calls = store.since(from);
                log_health(&mut failing, &calls);
                drop(reply.send(calls));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Logs the first failure and the recovery.
fn log_health<T>(failing: &mut bool, result: &rusqlite::Result<T>) {
    match result {
        Ok(_) if *failing => tracing::info!("history recovered"),
        Err(error) if !*failing => tracing::warn!(%error, "history failed, calls are not recorded"),
        Ok(_) | Err(_) => {}
    }
    *failing = result.is_err();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Caller, MissedWhy, Person},
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{Number, Region},
    };

    fn update(id: &str, started: &str, moment: Moment) -> Telling {
        let started: Timestamp = started.parse().unwrap();
        let call = Call {
            id: ConversationSpaceId::try_from(id).unwrap(),
            connection: ConnectionName::try_from("main").unwrap(),
            region: Region::US,
            account: AccountKey::try_from("1").unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: None, number: Number::read(Some("+15145550199"), Region::US) },
            ours: None,
            queues: vec![],
            people: vec![],
            transfers: Vec::new(),
            answered: None,
            queued: None,
            started,
            late: false,
            lost: false,
            revised: None,
        };
        Telling { call, moment, at: started }
    }

    #[tokio::test]
    async fn history_after_restart_has_recorded_calls() {
        let dir = tempfile::tempdir().unwrap();
        let by = Person { name: Some("Bob".into()), extension: None, line: None };
        let answered = update("a", "2026-11-20T10:00:00Z", Moment::Answered { by, after: Duration::ZERO });
        let missed = Moment::Missed { after: Duration::ZERO, why: MissedWhy::NobodyAnswered };
        let number = answered.call.caller.number.known().unwrap().clone();
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        {
            let handle = Shelf::open(dir.path(), Rules::default()).unwrap();
            handle.saw(&answered, vec![]);
            handle.saw(&update("b", "2026-11-22T10:00:00Z", missed), vec![]);
            assert_eq!(handle.find(&number, None, now).await.unwrap().week, 2);
        }
        let handle = Shelf::open(dir.path(), Rules::default()).unwrap();
        let history = handle.find(&number, None, now).await.unwrap();
        assert_eq!(history.last.unwrap().outcome, MomentKind::Missed);
        assert_eq!(history.missed_since, 1);
        assert_eq!(forget(dir.path(), &number).unwrap(), 2);
        assert_eq!(handle.find(&number, None, now).await.unwrap(), History::default());
        drop(handle);
        let bytes: Vec<u8> = std::fs::read_dir(dir.path())
            .unwrap()
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default())
            .collect();
        assert!(!bytes.windows(11).any(|it| it == b"15145550199"), "the number is gone from the disk");
    }

    /// Only root can change the owner, hence the test is complete only as root.
    #[test]
    fn history_files_belong_only_to_the_state_directory_owner() {
        use std::os::unix::fs::{MetadataExt, chown};
        let dir = tempfile::tempdir().unwrap();
        let given_away = chown(dir.path(), Some(12345), Some(12345)).is_ok();
        let _handle = Shelf::open(dir.path(), Rules::default()).unwrap();
        let file = std::fs::metadata(dir.path().join("history.sqlite")).unwrap();
        assert_eq!(file.mode() & 0o777, 0o600);
        assert_eq!(file.uid() == 12345, given_away);
    }

    #[test]
    fn history_open_foreign_file_fails() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("history.sqlite"), "this is a letter to my aunt, and no database".repeat(50))
            .unwrap();
        assert!(matches!(Shelf::open(dir.path(), Rules::default()), Err(HistoryError::Store(_))));
        assert!(Shelf::open(Path::new("/nowhere/at/all"), Rules::default()).is_err());
    }
}
