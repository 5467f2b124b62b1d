//! Detects file changes by modification time, size and file number. A change counts after two equal polls, to skip
//! half-written files. Within seconds of a read the content counts, too. A network share may keep whole seconds only, and a
//! second change within one second leaves time and size unchanged.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// File that is polled for changes.
#[derive(Debug, Clone)]
pub struct WatchedFile {
    path: PathBuf,
    /// Version at the last read or failed read.
    read: Option<FileVersion>,
    /// Changed version, found by one poll.
    changed: Option<FileVersion>,
    /// Digest of the content at the last read, and the polls that still compare it.
    content: Option<(u64, u8)>,
}

/// Modification time, size and file number. `None` inside: no such file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion(Option<(SystemTime, u64, u64)>);

/// Polls after a read that compare the content: six seconds, more than the two of the coarsest file system (FAT).
const CONTENT_POLLS: u8 = 3;

impl WatchedFile {
    /// Interval of polls. A change is read at the second poll that finds it.
    pub const POLL_INTERVAL: Duration = Duration::from_secs(2);

    /// Watches a file that was just read.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Some(file_version(path)), changed: None, content: None }
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

    /// Records the content of the last read: the next polls compare it.
    pub fn set_content(&mut self, content: &[u8]) {
        self.content = Some((digest(content), CONTENT_POLLS));
    }

    /// Returns whether the file changed since the last read and is equal to the previous poll. If so, the version is
    /// recorded as read. Blocks.
    pub fn poll(&mut self) -> bool {
        let version = file_version(&self.path);
        if self.read == Some(version) {
            return self.has_other_content();
        }
        if self.changed != Some(version) {
            self.changed = Some(version);
            return false;
        }
        (self.read, self.changed) = (Some(version), None);
        true
    }

    fn has_other_content(&mut self) -> bool {
        let Some((known, polls)) = self.content.filter(|(_, polls)| *polls > 0) else { return false };
        self.content = Some((known, polls - 1));
        fs::read(&self.path).is_ok_and(|content| digest(&content) != known)
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
    FileVersion(fs::metadata(path).and_then(|it| Ok((it.modified()?, it.len(), it.ino()))).ok())
}

fn digest(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
