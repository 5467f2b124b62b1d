//! Detects file changes by modification time and size. A change counts after two equal polls, to skip half-written
//! files.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// File that is polled for changes.
#[derive(Debug, Clone)]
pub struct WatchedFile {
    path: PathBuf,
    /// Version at the last read or failed read.
    read: Option<FileVersion>,
    /// Changed version, seen by one poll.
    changed: Option<FileVersion>,
}

/// Modification time and size. `None` inside: no such file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion(Option<(SystemTime, u64)>);

impl WatchedFile {
    /// Interval of polls. A change is read at the second poll that sees it.
    pub const POLL_INTERVAL: Duration = Duration::from_secs(2);

    /// Watches a file that was just read.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Some(file_version(path)), changed: None }
    }

    /// Returns the watched path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records the current version as read. Blocks.
    pub fn mark_read(&mut self) {
        (self.read, self.changed) = (Some(file_version(&self.path)), None);
    }

    /// Returns whether the file changed since the last read and is equal to the previous poll. If so, the version is
    /// recorded as read. Blocks.
    pub fn poll(&mut self) -> bool {
        let version = file_version(&self.path);
        if self.read == Some(version) {
            return false;
        }
        if self.changed != Some(version) {
            self.changed = Some(version);
            return false;
        }
        (self.read, self.changed) = (Some(version), None);
        true
    }

    /// Returns whether the file is unchanged after the read. If not, the next polls report a change. Blocks.
    pub fn is_unchanged(&mut self) -> bool {
        let unchanged = self.read == Some(file_version(&self.path));
        if !unchanged {
            self.read = None;
        }
        unchanged
    }
}

fn file_version(path: &Path) -> FileVersion {
    FileVersion(fs::metadata(path).and_then(|it| Ok((it.modified()?, it.len()))).ok())
}
