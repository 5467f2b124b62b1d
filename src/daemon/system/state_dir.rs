//! The state directory: created if missing, locked by one daemon at a time, with the host's suffix for channel
//! nicknames.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// Attempts to take the lock, and the delay between them: 0.2 s in all, at the start only.
const LOCK_ATTEMPTS: u32 = 5;
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Longest shown host name: that of Linux.
const MAX_HOST_NAME_CHARS: usize = 64;

/// Reason for which the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The directory cannot be created or written.
    #[error("state directory {} is unusable. Create it, owned by the daemon's user (StateDirectory= does)", .0.display())]
    Unusable(PathBuf, #[source] io::Error),
    /// Another daemon holds the lock.
    #[error("another poprelay uses {}. Stop it first, or give this one another state directory", .0.display())]
    Locked(PathBuf),
}

/// A locked state directory. Dropping it releases the lock.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Open file holding the lock.
    lock: File,
    /// Distinguishes this host's channels from another's of the same connection.
    pub suffix: String,
}

/// Returns whether a daemon uses the directory. Takes a shared lock for an instant.
///
/// # Errors
/// The lock file cannot be opened or tested.
pub fn is_locked(dir: &Path) -> io::Result<bool> {
    match File::open(dir.join("lock")) {
        Ok(lock) => match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates and locks the directory.
///
/// # Errors
/// [`StateError`]: unusable, or locked by another daemon.
pub fn lock(dir: &Path) -> Result<StateDir, StateError> {
    let unusable = |error| StateError::Unusable(dir.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
    let lock = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join("lock"))
        .map_err(unusable)?;
    match try_lock_repeatedly(&lock) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StateError::Locked(dir.to_owned())),
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    let suffix = load_suffix(&dir.join("host-id")).map_err(unusable)?;
    Ok(StateDir { path: dir.to_owned(), lock, suffix })
}

impl StateDir {
    /// Creates directory, lock and host id again if they were removed. Returns whether anything was missing. A second daemon
    /// could otherwise start beside this one.
    ///
    /// # Errors
    /// [`StateError`]: unusable, or another daemon was faster.
    pub fn restore(&mut self) -> Result<bool, StateError> {
        if self.is_in_place() {
            return Ok(false);
        }
        let unusable = |error| StateError::Unusable(self.path.clone(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(unusable)?;
        fs::write(self.path.join("host-id"), &self.suffix).map_err(unusable)?;
        *self = lock(&self.path)?;
        Ok(true)
    }

    /// Returns whether the lock file in the directory is the one held.
    fn is_in_place(&self) -> bool {
        match (fs::metadata(self.path.join("lock")), self.lock.metadata()) {
            (Ok(found), Ok(held)) => (found.dev(), found.ino()) == (held.dev(), held.ino()),
            (Err(error), _) => error.kind() != io::ErrorKind::NotFound,
            (Ok(_), Err(_)) => true,
        }
    }
}

/// Retries: [`is_locked`] may hold the lock for an instant.
fn try_lock_repeatedly(lock: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_ATTEMPTS {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY_DELAY),
            result => return result,
        }
    }
    lock.try_lock()
}

/// Returns the name of this host, for people.
#[must_use]
pub fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(MAX_HOST_NAME_CHARS).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// Reads or creates eight random hex digits. A host name may change or be shared, and machine ids are private.
fn load_suffix(path: &Path) -> io::Result<String> {
    let stored = fs::read_to_string(path).unwrap_or_default();
    let stored = stored.trim();
    if stored.len() == 8 && stored.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(stored.to_owned());
    }
    let new: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
    fs::write(path, &new)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_held_by_another_daemon_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(StateError::Locked(_))));
        let suffix = first.suffix.clone();
        drop(first);
        assert_eq!(lock(dir.path()).unwrap().suffix, suffix, "the suffix is stable");
    }

    #[test]
    fn is_locked_does_not_disturb_the_daemon() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_locked(dir.path()).unwrap(), "no lock file yet");
        let daemon = lock(dir.path()).unwrap();
        assert!(is_locked(dir.path()).unwrap());
        drop(daemon);
        assert!(!is_locked(dir.path()).unwrap());
        lock(dir.path()).unwrap();
    }

    #[test]
    fn restore_locks_a_directory_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        let mut daemon = lock(&dir).unwrap();
        assert!(!daemon.restore().unwrap(), "nothing is missing");
        fs::remove_dir_all(&dir).unwrap();
        assert!(daemon.restore().unwrap());
        assert!(matches!(lock(&dir), Err(StateError::Locked(_))));
        let suffix = daemon.suffix.clone();
        drop(daemon);
        assert_eq!(lock(&dir).unwrap().suffix, suffix);
    }

    #[test]
    fn unusable_directory_error_names_its_path() {
        let error = lock(Path::new("/proc/poprelay")).unwrap_err();
        assert!(error.to_string().contains("/proc/poprelay"), "{error}");
    }
}
