//! The daemon's status as a file in the state directory, for `poprelay status` beside the daemon and for the next run.
//!
//! The file is replaced whole, without a sync: it is written again within seconds, and a loss costs only percentiles.

use super::{
    shared_status::SharedDatabaseStatus,
    status::{ConnectionStatus, Status},
};
use crate::{
    model::{
        ids::{ConnectionName, SinkName},
        time::{Timestamp, elapsed},
    },
    runtime::metrics::{Metrics, StoredLatency},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// File name in the state directory.
const FILE_NAME: &str = "status.json";
/// Longest time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(10);
/// Age of a file above which the daemon makes no progress: three intervals.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The status of a daemon, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredStatus {
    /// Version of the program.
    pub version: String,
    /// Start of the daemon.
    pub started: Timestamp,
    /// Time of the write.
    pub written: Timestamp,
    /// Reasons for which calls may be lost; empty without any.
    pub problems: Vec<String>,
    /// Status of each connection, by name.
    pub connections: BTreeMap<String, StoredConnection>,
    /// Disabled sinks.
    pub disabled: Vec<String>,
    /// Whether presses of buttons are received, in words, by the first sink of each Slack app.
    pub buttons: BTreeMap<String, String>,
    /// Whether the outbox is in memory only.
    pub store_in_memory: bool,
    /// The owner of each sink in the shared database, in words.
    pub owners: BTreeMap<String, String>,
    /// Hosts of the live daemons on the shared database.
    pub hosts: Vec<String>,
    /// Whether another live daemon on the shared database has the id of this one.
    pub has_other_run: bool,
    /// Reason for which the shared database is away.
    pub store_away: Option<String>,
    /// Reason for which the config on disk was rejected.
    pub config_error: Option<String>,
    /// Keys whose change takes effect at a restart.
    pub restart_keys: Vec<String>,
    /// Times from call to card in the last day, by sink.
    pub latency: BTreeMap<String, StoredLatency>,
}

/// Status of one connection, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredConnection {
    /// Number of configured lanes.
    pub lanes: u8,
    /// Number of live lanes.
    pub live: u8,
    /// Whether active calls are polled over REST.
    pub fallback: bool,
    /// Whether a login is required.
    pub login_required: bool,
    /// Reason for which no lane is live; `None` while one is.
    pub reason: Option<String>,
    /// Remedy of that reason.
    pub advice: Option<String>,
    /// GoTo's time minus the local time, in milliseconds. The times of heartbeats are GoTo's.
    pub clock_offset_ms: i64,
}

impl StoredConnection {
    fn of(name: &ConnectionName, status: &ConnectionStatus) -> Self {
        let reason = status.down_reason(name);
        let offset = status.clock.map_or(0, |clock| clock.offset.as_millis());
        Self {
            lanes: status.lanes,
            live: u8::try_from(status.live.len()).unwrap_or(u8::MAX),
            fallback: status.fallback,
            login_required: status.login_required,
            reason: reason.as_ref().map(|reason| reason.title.clone()),
            advice: reason.map(|reason| reason.advice),
            clock_offset_ms: i64::try_from(offset).unwrap_or_default(),
        }
    }
}

impl StoredStatus {
    /// Reads the file of a state directory; `None` without a readable one.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(dir.join(FILE_NAME)).ok()?).ok()
    }

    /// Returns whether the daemon that wrote the file still makes progress.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        elapsed(self.written, now) <= MAX_AGE
    }

    fn of(status: &Status, now: Instant) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            problems: status.problems(now),
            connections: status
                .connections
                .iter()
                .map(|(name, one)| (name.to_string(), StoredConnection::of(name, one)))
                .collect(),
            disabled: status.disabled.iter().map(SinkName::to_string).collect(),
            buttons: status.buttons.iter().map(|(name, one)| (name.to_string(), one.describe())).collect(),
            store_in_memory: status.store_in_memory,
            owners: status.shared_database.iter().flat_map(describe_owners).collect(),
            hosts: status.shared_database.as_ref().map_or_else(Vec::new, |shared| shared.hosts.clone()),
            has_other_run: status.shared_database.as_ref().is_some_and(|shared| shared.has_other_run),
            store_away: status.store_away.map(|fault| fault.to_string()),
            config_error: status.config_error.clone(),
            restart_keys: status.restart_keys.iter().map(|&key| key.to_owned()).collect(),
            ..Self::default()
        }
    }
}

fn describe_owners(shared: &SharedDatabaseStatus) -> impl Iterator<Item = (String, String)> {
    shared.owners.iter().map(|(sink, owner)| {
        let place = if owner.is_own { "this daemon" } else { owner.host.as_str() };
        (sink.to_string(), format!("{place}, since {:.0}", owner.since))
    })
}

/// Writer of the file.
#[derive(Debug)]
pub struct StatusFile {
    dir: PathBuf,
    started: Timestamp,
    /// The last content, without times, and the time of the write.
    last: Option<(StoredStatus, Instant)>,
}

impl StatusFile {
    /// Creates the writer, and adds the latencies of an earlier run to the metrics.
    #[must_use]
    pub fn open(dir: PathBuf, metrics: &Metrics, now: Timestamp) -> Self {
        if let Some(stored) = StoredStatus::read(&dir) {
            metrics.restore_latencies(&stored.latency, now);
        }
        Self { dir, started: now, last: None }
    }

    /// Writes the status if it changed or the last write is 10 s old. A failure is not reported: the store reports a disk
    /// that cannot be written.
    pub fn update(&mut self, status: &Status, metrics: &Metrics, now: Timestamp, tick: Instant) {
        let content = StoredStatus::of(status, tick);
        let is_due = self
            .last
            .as_ref()
            .is_none_or(|(last, at)| *last != content || tick.saturating_duration_since(*at) >= WRITE_INTERVAL);
        if is_due {
            let latency = metrics.stored_latencies(now);
            let stored = StoredStatus { started: self.started, written: now, latency, ..content.clone() };
            if let Err(error) = write(&self.dir, &stored) {
                tracing::debug!(%error, "status file not written");
            }
            self.last = Some((content, tick));
        }
    }

    /// Writes the latencies at a stop. The status is that of a daemon that does not run.
    pub fn close(&self, metrics: &Metrics, now: Timestamp) {
        let stored = StoredStatus { latency: metrics.stored_latencies(now), ..StoredStatus::default() };
        if let Err(error) = write(&self.dir, &stored) {
            tracing::debug!(%error, "status file not written");
        }
    }
}

fn write(dir: &Path, status: &StoredStatus) -> io::Result<()> {
    let (path, new) = (dir.join(FILE_NAME), dir.join("status.json.new"));
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(status)?)?;
    fs::rename(&new, &path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::metrics::LatencySummary;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn file_is_written_on_changes_and_after_ten_seconds() {
        let dir = tempfile::tempdir().unwrap();
        let (metrics, tick) = (Metrics::new(at(0)), Instant::now());
        let mut file = StatusFile::open(dir.path().to_owned(), &metrics, at(100));
        let mut status = Status { checked: Some((tick, true)), ..Status::default() };
        let written = |file: &mut StatusFile, status: &Status, seconds: u64| {
            let later = i64::try_from(seconds).unwrap();
            file.update(status, &metrics, at(100 + later), tick + Duration::from_secs(seconds));
            StoredStatus::read(dir.path()).unwrap().written
        };
        assert_eq!(written(&mut file, &status, 0), at(100));
        assert_eq!(written(&mut file, &status, 9), at(100));
        assert_eq!(written(&mut file, &status, 10), at(110));
        status.store_in_memory = true;
        assert_eq!(written(&mut file, &status, 12), at(112));
        let stored = StoredStatus::read(dir.path()).unwrap();
        assert_eq!((stored.started, stored.problems), (at(100), vec!["the store cannot write".to_owned()]));
        assert!(StoredStatus::read(dir.path()).unwrap().is_fresh(at(142)));
        assert!(!StoredStatus::read(dir.path()).unwrap().is_fresh(at(143)));
    }

    #[test]
    fn latencies_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let now = at(1_800_000_000);
        let first = Metrics::new(now);
        first.sink("desk").card_times("ringing", None, at(1_799_999_998), now);
        StatusFile::open(dir.path().to_owned(), &first, now).close(&first, now);
        assert!(!StoredStatus::read(dir.path()).unwrap().is_fresh(now), "a stopped daemon is not fresh");
        let second = Metrics::new(now);
        drop(StatusFile::open(dir.path().to_owned(), &second, now));
        let LatencySummary { cards, p50, .. } = second.latency("desk", now).unwrap();
        assert!(cards == 1 && (1.9..2.1).contains(&p50), "{cards} {p50}");
    }
}
