//! Calls recorded by this daemon: an SQLite file in the state directory, owned by one thread. Async code sends
//! requests and never waits for the disk. A full or broken disk costs a card its history, not the card.

mod goto_queries;
mod store;
mod worker;

use super::config::SourceConfig;
use crate::model::{
    call::{Call, CallDirection, CallStatus, CallUpdate, StatusKind},
    call_record::CallRecord,
    card::CallerHistory,
    ids::SinkName,
    phone::E164,
    time::{HumanDuration, Timestamp},
};
pub(super) use goto_queries::{GotoQueries, SAME_CALL_WINDOW};
use std::{
    io,
    path::Path,
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread,
    time::Duration,
};
use store::HistoryDb;
use tokio::sync::oneshot;
use worker::Worker;

/// File name in the state directory.
const FILE_NAME: &str = "history.sqlite";
/// Requests that may wait for the disk. An update beyond them is not recorded.
const MAX_QUEUED: usize = 4096;
/// Longest wait for the file to be closed at the daemon's stop.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Retention of calls, and limits from which a caller is urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistorySettings {
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

impl HistorySettings {
    /// Reads the config table, with defaults for missing keys.
    #[must_use]
    pub(super) fn from_config(config: &SourceConfig) -> Self {
        let defaults = Self::default();
        let span = |span: Option<HumanDuration>, default| span.map_or(default, |span| span.0);
        Self {
            retention: span(config.retention, defaults.retention),
            missed_within: span(config.missed_within, defaults.missed_within),
            calls_within: span(config.calls_within, defaults.calls_within),
            calls: config.calls.unwrap_or(defaults.calls),
            goto: config.goto.unwrap_or(defaults.goto),
        }
    }
}

impl Default for HistorySettings {
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
pub(super) fn key(call: &Call) -> String {
    format!("{}/{}", call.account.as_str(), call.id.as_str())
}

/// Handle to the history thread.
#[derive(Debug, Clone)]
pub(super) struct HistoryHandle {
    requests: SyncSender<Request>,
    settings: HistorySettings,
}

enum Request {
    Record(Box<CallEntry>),
    Import { number: E164, calls: Vec<CallRecord> },
    Find { number: E164, call: Option<String>, at: Timestamp, reply: oneshot::Sender<rusqlite::Result<CallerHistory>> },
    Since { from: Timestamp, reply: oneshot::Sender<rusqlite::Result<Vec<RecordedCall>>> },
    Close { done: oneshot::Sender<()> },
}

/// Recorded part of a call update.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CallEntry {
    call: String,
    /// Number of the external party, if known.
    number: Option<E164>,
    started: Timestamp,
    /// Time of the update.
    at: Timestamp,
    status: StatusKind,
    answered_by: Option<String>,
    outbound: bool,
    /// The end of the call was not received.
    end_unknown: bool,
    /// Time from start to answer, or to the end without one.
    waited: Option<Duration>,
    sinks: Vec<SinkName>,
    /// The caller waits for a callback.
    needs_callback: bool,
}

/// Call as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordedCall {
    /// Number of the external party, if known.
    pub number: Option<E164>,
    /// Start of the call.
    pub started: Timestamp,
    /// Last known status. `Ringing` if the end is unknown, or for an unanswered outbound call.
    pub outcome: StatusKind,
    /// Call made by the account.
    pub outbound: bool,
    /// Time from start to answer, or to the end without one.
    pub waited: Option<Duration>,
    /// Time of the first status after ringing.
    pub decided_at: Option<Timestamp>,
    /// Sinks that received a card of the call.
    pub sinks: Vec<SinkName>,
    /// The caller waits for a callback.
    pub needs_callback: bool,
}

impl HistoryHandle {
    /// Opens or creates `history.sqlite` in `dir` and starts the history thread. The thread ends when the last clone
    /// of the handle is dropped.
    ///
    /// # Errors
    /// If the file cannot be opened or has another format.
    pub(super) fn open(dir: &Path, settings: HistorySettings) -> Result<Self, HistoryError> {
        let store = HistoryDb::open(&dir.join(FILE_NAME), settings)?;
        let (requests, inbox) = sync_channel(MAX_QUEUED);
        let thread = thread::Builder::new().name("history".to_owned());
        let worker = Worker { store, failing: false, pruned_at: None };
        thread.spawn(move || worker.run(&inbox)).map_err(HistoryError::Thread)?;
        Ok(Self { requests, settings })
    }

    /// Returns the settings of this history.
    #[must_use]
    pub(super) const fn settings(&self) -> HistorySettings {
        self.settings
    }

    /// Queues a call update and its sinks for recording. Internal calls are not recorded.
    pub(super) fn record(&self, update: &CallUpdate, sinks: Vec<SinkName>) {
        let call = &update.call;
        if call.direction == CallDirection::Internal {
            return;
        }
        let (person, waited) = match &update.status {
            CallStatus::Answered { answered_by: by, waited: after } => (Some(by), Some(*after)),
            CallStatus::Missed { waited: after, .. } => (None, Some(*after)),
            CallStatus::Ringing | CallStatus::Voicemail { .. } | CallStatus::Ended { .. } => (None, None),
        };
        let entry = CallEntry {
            call: key(call),
            number: call.caller.number.as_e164().cloned(),
            started: call.started_at,
            at: update.at,
            status: update.status.kind(),
            answered_by: person.and_then(|it| it.name.clone().or_else(|| it.extension.clone())),
            outbound: call.direction == CallDirection::Outbound,
            end_unknown: call.end_unknown,
            waited,
            sinks,
            needs_callback: call.course.needs_callback,
        };
        if let Err(TrySendError::Full(_)) = self.requests.try_send(Request::Record(Box::new(entry))) {
            tracing::warn!("history queue full, call not recorded");
        }
    }

    /// Imports call records of a number from GoTo, before any later request.
    pub(super) fn import(&self, number: &E164, records: Vec<CallRecord>) {
        let (number, calls) = (number.clone(), goto_queries::merge_legs(records));
        if let Err(TrySendError::Full(_)) = self.requests.try_send(Request::Import { number, calls }) {
            tracing::debug!("history queue full, GoTo records not imported");
        }
    }

    /// Returns the recorded calls of the caller before `call` (account and call id), as of `at`.
    ///
    /// # Errors
    /// If the query fails.
    pub(super) async fn find(
        &self,
        number: &E164,
        call: Option<String>,
        at: Timestamp,
    ) -> Result<CallerHistory, HistoryError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Find { number: number.clone(), call, at, reply })?;
        answer.await.map_err(|_| HistoryError::Closed)?.map_err(HistoryError::Store)
    }

    /// Returns all calls that started or were decided since `from`, oldest first.
    ///
    /// # Errors
    /// If the query fails.
    pub(super) async fn since(&self, from: Timestamp) -> Result<Vec<RecordedCall>, HistoryError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Since { from, reply })?;
        answer.await.map_err(|_| HistoryError::Closed)?.map_err(HistoryError::Store)
    }

    /// Executes the waiting requests, closes the file and ends the thread, within [`CLOSE_TIMEOUT`]. SQLite then leaves one
    /// file without a journal beside it.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.send(Request::Close { done }).is_ok() {
            // A thread that ended already has closed the file.
            drop(tokio::time::timeout(CLOSE_TIMEOUT, closed).await);
        }
    }

    /// Returns a handle without a thread.
    #[cfg(test)]
    pub fn closed() -> Self {
        Self { requests: sync_channel(1).0, settings: HistorySettings::default() }
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
    let store = HistoryDb::open(&path, HistorySettings::default())?;
    let deleted = store.forget(number)?;
    store.vacuum()?;
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Caller, MissedReason, Person},
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{PhoneNumber, Region},
    };

    fn update(id: &str, started: &str, status: CallStatus) -> CallUpdate {
        let started: Timestamp = started.parse().unwrap();
        let call = Call {
            id: ConversationSpaceId::try_from(id).unwrap(),
            connection: ConnectionName::try_from("main").unwrap(),
            region: Region::US,
            account: AccountKey::try_from("1").unwrap(),
            direction: CallDirection::Inbound,
            caller: Caller { name: None, number: PhoneNumber::parse(Some("+15145550199"), Region::US) },
            account_number: None,
            queues: vec![],
            people: vec![],
            transfers: Vec::new(),
            answered_at: None,
            queued_at: None,
            started_at: started,
            first_seen_late: false,
            end_unknown: false,
            revision: None,
            course: crate::model::call::Course::default(),
        };
        CallUpdate { call, status, at: started }
    }

    #[tokio::test]
    async fn history_close_leaves_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let history = HistoryHandle::open(dir.path(), HistorySettings::default()).unwrap();
        history.since(Timestamp::UNIX_EPOCH).await.unwrap();
        assert!(dir.path().join("history.sqlite-wal").exists());
        history.close().await;
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, [FILE_NAME]);
        history.close().await;
        assert!(matches!(history.since(Timestamp::UNIX_EPOCH).await, Err(HistoryError::Closed)));
    }

    #[tokio::test]
    async fn history_after_restart_has_recorded_calls() {
        let dir = tempfile::tempdir().unwrap();
        let by = Person { name: Some("Bob".into()), extension: None, line: None };
        let answered =
            update("a", "2026-11-20T10:00:00Z", CallStatus::Answered { answered_by: by, waited: Duration::ZERO });
        let missed = CallStatus::Missed { waited: Duration::ZERO, reason: MissedReason::NobodyAnswered };
        let number = answered.call.caller.number.as_e164().unwrap().clone();
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        {
            let handle = HistoryHandle::open(dir.path(), HistorySettings::default()).unwrap();
            handle.record(&answered, vec![]);
            handle.record(&update("b", "2026-11-22T10:00:00Z", missed), vec![]);
            assert_eq!(handle.find(&number, None, now).await.unwrap().calls_in_week, 2);
        }
        let handle = HistoryHandle::open(dir.path(), HistorySettings::default()).unwrap();
        let history = handle.find(&number, None, now).await.unwrap();
        assert_eq!(history.last_call.unwrap().outcome, StatusKind::Missed);
        assert_eq!(history.missed_since, 1);
        assert_eq!(forget(dir.path(), &number).unwrap(), 2);
        assert_eq!(handle.find(&number, None, now).await.unwrap(), CallerHistory::default());
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
        let _handle = HistoryHandle::open(dir.path(), HistorySettings::default()).unwrap();
        let file = std::fs::metadata(dir.path().join("history.sqlite")).unwrap();
        assert_eq!(file.mode() & 0o777, 0o600);
        assert_eq!(file.uid() == 12345, given_away);
    }

    #[test]
    fn history_open_foreign_file_fails() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("history.sqlite"), "this is a letter to my aunt, and no database".repeat(50))
            .unwrap();
        assert!(matches!(HistoryHandle::open(dir.path(), HistorySettings::default()), Err(HistoryError::Store(_))));
        assert!(HistoryHandle::open(Path::new("/nowhere/at/all"), HistorySettings::default()).is_err());
    }
}
