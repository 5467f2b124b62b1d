//! Records the snapshots and reports of GoTo, for `poprelay replay`. Off unless `[state] record` is set; pseudonymized
//! (`encode`) and bounded in size. A writer thread keeps a slow disk from delaying cards; frames beyond its queue are
//! dropped.

pub mod encode;

use crate::{
    daemon::recording::encode::Pseudonyms,
    goto::{ConnectionEvent, Reports},
    model::{
        call::{CallSnapshot, Report},
        time::Timestamp,
    },
};
use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

/// Folder of the recordings in the state directory.
pub const RECORDINGS_DIR: &str = "recordings";
/// Bytes per file: about 4,000 frames, a quarter of the file that `replay` accepts.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Number of files kept.
const MAX_FILES: usize = 4;
/// Capacity of the writer's queue, in frames.
const QUEUE_CAPACITY: usize = 1024;
/// Recent snapshots kept to drop the other lane's duplicates: one burst.
const DEDUP_WINDOW: usize = 512;

/// Sender of frames to the writer thread.
pub struct Recorder {
    folder: PathBuf,
    writer: Mutex<Option<SyncSender<RecordedEvent>>>,
}

enum RecordedEvent {
    Call(Box<CallSnapshot>),
    Report(Box<Report>),
}

impl Recorder {
    /// Creates a recorder for a state directory. Files are created on the first frame.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { folder: state_dir.join(RECORDINGS_DIR), writer: Mutex::new(None) }
    }

    /// Records snapshots and reports; ignores other events.
    pub fn record(&self, event: &ConnectionEvent) {
        match event {
            ConnectionEvent::Snapshot(snapshot) => self.send(RecordedEvent::Call(snapshot.clone())),
            ConnectionEvent::Report(report) => self.send(RecordedEvent::Report(report.clone())),
            ConnectionEvent::LateReports(reports)
            | ConnectionEvent::GapClosed { reports: Reports::Fetched(reports), .. } => {
                reports.iter().for_each(|report| self.send(RecordedEvent::Report(Box::new(report.clone()))));
            }
            _ => {}
        }
    }

    fn send(&self, frame: RecordedEvent) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = writer.get_or_insert_with(|| start_writer(self.folder.clone())).try_send(frame);
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::debug!("frame not recorded: writer queue full"),
            Err(TrySendError::Disconnected(_)) => tracing::debug!("frame not recorded: writer stopped"),
        }
    }
}

/// Starts the writer thread, which ends when the recorder is dropped.
fn start_writer(folder: PathBuf) -> SyncSender<RecordedEvent> {
    let (writer, inbox) = sync_channel(QUEUE_CAPACITY);
    let key = uuid::Uuid::new_v4().into_bytes();
    let started = thread::Builder::new().name("recorder".to_owned()).spawn(move || write_frames(&folder, &inbox, key));
    if let Err(error) = started {
        tracing::warn!(%error, "recording failed");
    }
    writer
}

fn write_frames(folder: &Path, inbox: &Receiver<RecordedEvent>, key: [u8; 16]) {
    let names = Pseudonyms::new(key);
    let mut seen = VecDeque::new();
    let mut recording = RotatingFile { folder, file: None, max_bytes: MAX_FILE_BYTES };
    let mut failures: u64 = 0;
    while let Ok(frame) = inbox.recv() {
        let frame = match &frame {
            RecordedEvent::Call(snapshot) => {
                let id = (snapshot.call.clone(), snapshot.state.sequence);
                if seen.contains(&id) {
                    continue;
                }
                if seen.len() >= DEDUP_WINDOW {
                    seen.pop_front();
                }
                seen.push_back(id);
                encode::encode_snapshot(snapshot, &names)
            }
            RecordedEvent::Report(report) => encode::encode_report(report, &names),
        };
        let written = recording.append(&format!("{frame}\n"), Timestamp::now());
        match (&written, failures) {
            (Err(error), 0) => tracing::warn!(%error, "recording failed"),
            (Ok(()), 1..) => tracing::info!(repeats = failures, "recording resumed"),
            _ => {}
        }
        failures = if written.is_err() { failures.saturating_add(1) } else { 0 };
    }
}

/// The files of a recording; the oldest are removed.
struct RotatingFile<'a> {
    folder: &'a Path,
    file: Option<(File, u64)>,
    max_bytes: u64,
}

impl RotatingFile<'_> {
    /// Appends one line to the open file, or to the next.
    fn append(&mut self, line: &str, now: Timestamp) -> io::Result<()> {
        let size = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let (mut file, written) = match self.file.take() {
            Some((file, written)) if written.saturating_add(size) <= self.max_bytes => (file, written),
            _ => (self.next(now)?, 0),
        };
        file.write_all(line.as_bytes())?;
        self.file = Some((file, written.saturating_add(size)));
        Ok(())
    }

    /// Opens the next file and removes the oldest files beyond [`MAX_FILES`].
    fn next(&self, now: Timestamp) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.folder)?;
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder)?
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
            .collect();
        // File names sort by time.
        files.sort();
        let excess = files.len().saturating_add(1).saturating_sub(MAX_FILES);
        files.iter().take(excess).try_for_each(fs::remove_file)?;
        let path = self.folder.join(format!("calls-{}.jsonl", now.strftime("%Y%m%dT%H%M%S.%6fZ")));
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path)?;
        tracing::info!(path = %path.display(), "recording file opened");
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::PermissionsExt as _, time::Duration};

    #[test]
    fn recording_is_bounded_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(RECORDINGS_DIR);
        let mut recording = RotatingFile { folder: &folder, file: None, max_bytes: 100 };
        let mut now: Timestamp = "2026-11-23T16:00:00Z".parse().unwrap();
        for _ in 0..40 {
            now = now.checked_add(Duration::from_millis(1)).unwrap();
            recording.append(&format!("{}\n", "x".repeat(30)), now).unwrap();
        }
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().metadata().unwrap()).collect();
        assert_eq!(files.len(), MAX_FILES);
        assert!(files.iter().all(|it| it.len() <= 100 && it.permissions().mode() & 0o777 == 0o600));
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!folder.join("calls-20261123T160000.001000Z.jsonl").exists(), "the oldest file is removed");
    }

    #[test]
    fn append_retries_after_a_folder_error() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(RECORDINGS_DIR);
        fs::write(&folder, "in the way").unwrap();
        let mut recording = RotatingFile { folder: &folder, file: None, max_bytes: 100 };
        assert!(recording.append("x\n", Timestamp::UNIX_EPOCH).is_err());
        fs::remove_file(&folder).unwrap();
        recording.append("x\n", Timestamp::UNIX_EPOCH).unwrap();
    }
}
