//! A recorder of what GoTo says, for `poprelay replay`: off unless `[state] record` asks for it, without names and numbers
//! of persons (`frames`), and bounded. A thread of its own writes, so that a slow disk delays no card; what it cannot keep
//! up with is left out. Decides nothing of calls.

use super::frames::{self, Pseudonyms};
use crate::{
    goto::{Heard, Reports},
    model::{
        call::{CallEvent, Report},
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

/// The recordings' folder in the state directory.
pub const FOLDER: &str = "recordings";
/// Bytes of one file: some 4,000 frames, and a quarter of what `replay` reads.
const FILE: u64 = 4 << 20;
/// Files that are kept.
const FILES: usize = 4;
/// Frames that wait for the disk.
const WAITING: usize = 1024;
/// Snapshots that are remembered, so that the second lane's are left out: a burst's worth.
const SEEN: usize = 512;

/// Where frames go to be recorded.
pub struct Recorder {
    folder: PathBuf,
    writer: Mutex<Option<SyncSender<Frame>>>,
}

enum Frame {
    Call(Box<CallEvent>),
    Report(Box<Report>),
}

impl Recorder {
    /// A recorder for a state directory. It makes no file before there is something to record.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { folder: state_dir.join(FOLDER), writer: Mutex::new(None) }
    }

    /// Records what is said of calls; the rest is let go.
    pub fn keep(&self, heard: &Heard) {
        match heard {
            Heard::Call(event) => self.send(Frame::Call(Box::new(event.clone()))),
            Heard::Report(report) => self.send(Frame::Report(Box::new(report.clone()))),
            Heard::Late(reports) | Heard::Sighted { reports: Reports::Told(reports), .. } => {
                reports.iter().for_each(|report| self.send(Frame::Report(Box::new(report.clone()))));
            }
            _ => {}
        }
    }

    fn send(&self, frame: Frame) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = writer.get_or_insert_with(|| start(self.folder.clone())).try_send(frame);
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::debug!("frame not recorded: the disk is slow"),
            Err(TrySendError::Disconnected(_)) => tracing::debug!("frame not recorded: its writer has gone"),
        }
    }
}

/// Starts the writer, which ends when the recorder is dropped.
fn start(folder: PathBuf) -> SyncSender<Frame> {
    let (writer, inbox) = sync_channel(WAITING);
    let key = uuid::Uuid::new_v4().into_bytes();
    let started = thread::Builder::new().name("recorder".to_owned()).spawn(move || write(&folder, &inbox, key));
    if let Err(error) = started {
        tracing::warn!(%error, "calls are not recorded");
    }
    writer
}

fn write(folder: &Path, inbox: &Receiver<Frame>, key: [u8; 16]) {
    let names = Pseudonyms::new(key);
    let mut seen = VecDeque::new();
    let mut reel = Reel { folder, file: None, most: FILE };
    let mut lost: u64 = 0;
    while let Ok(frame) = inbox.recv() {
        let frame = match &frame {
            Frame::Call(event) => {
                let snapshot = (event.call.clone(), event.state.sequence);
                if seen.contains(&snapshot) {
                    continue;
                }
                if seen.len() >= SEEN {
                    seen.pop_front();
                }
                seen.push_back(snapshot);
                frames::call(event, &names)
            }
            Frame::Report(report) => frames::report(report, &names),
        };
        let written = reel.keep(&format!("{frame}\n"), Timestamp::now());
        match (&written, lost) {
            (Err(error), 0) => tracing::warn!(%error, "calls are not recorded"),
            (Ok(()), 1..) => tracing::info!(repeats = lost, "calls are recorded again"),
            _ => {}
        }
        lost = if written.is_err() { lost.saturating_add(1) } else { 0 };
    }
}

/// The files of a recording.
struct Reel<'a> {
    folder: &'a Path,
    file: Option<(File, u64)>,
    most: u64,
}

impl Reel<'_> {
    /// Writes one line, into the file that is open or the next.
    fn keep(&mut self, line: &str, now: Timestamp) -> io::Result<()> {
        let size = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let (mut file, written) = match self.file.take() {
            Some((file, written)) if written.saturating_add(size) <= self.most => (file, written),
            _ => (self.next(now)?, 0),
        };
        file.write_all(line.as_bytes())?;
        self.file = Some((file, written.saturating_add(size)));
        Ok(())
    }

    /// Opens the next file and removes the oldest beyond those that are kept.
    fn next(&self, now: Timestamp) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.folder)?;
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder)?
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
            .collect();
        // Their names are their times.
        files.sort();
        let surplus = files.len().saturating_add(1).saturating_sub(FILES);
        files.iter().take(surplus).try_for_each(fs::remove_file)?;
        let path = self.folder.join(format!("calls-{}.jsonl", now.strftime("%Y%m%dT%H%M%S.%6fZ")));
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path)?;
        tracing::info!(path = %path.display(), "calls are recorded");
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::PermissionsExt as _, time::Duration};

    #[test]
    fn a_recording_is_bounded_in_size_and_files_and_nobody_else_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        let mut reel = Reel { folder: &folder, file: None, most: 100 };
        let mut now: Timestamp = "2026-11-23T16:00:00Z".parse().unwrap();
        for _ in 0..40 {
            now = now.checked_add(Duration::from_millis(1)).unwrap();
            reel.keep(&format!("{}\n", "x".repeat(30)), now).unwrap();
        }
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().metadata().unwrap()).collect();
        assert_eq!(files.len(), FILES);
        assert!(files.iter().all(|it| it.len() <= 100 && it.permissions().mode() & 0o777 == 0o600));
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!folder.join("calls-20261123T160000.001000Z.jsonl").exists(), "the oldest has gone");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        fs::write(&folder, "in the way").unwrap();
        let mut reel = Reel { folder: &folder, file: None, most: 100 };
        assert!(reel.keep("x\n", Timestamp::UNIX_EPOCH).is_err());
        fs::remove_file(&folder).unwrap();
        reel.keep("x\n", Timestamp::UNIX_EPOCH).unwrap();
    }
}
