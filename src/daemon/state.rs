//! The state directory: made if missing, owned by one daemon at a time, and the host's own suffix for channel nicknames.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// How often the lock is tried, and how long it is waited between: a fifth of a second in all, at a start only.
const TRIES: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(50);

/// Why the state directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be made or written.
    #[error("cannot use the state directory {}: make it, owned by the daemon's user (StateDirectory= does)", .0.display())]
    Unusable(PathBuf, #[source] io::Error),
    /// Another daemon works in it.
    #[error("another poprelay works in {}: stop it first, or give this one a state directory of its own", .0.display())]
    Taken(PathBuf),
}

/// A state directory that is ours as long as this lives.
#[derive(Debug)]
pub struct State {
    /// Held for its lock.
    _lock: File,
    /// Tells this host's channels from another's of the same login.
    pub suffix: String,
}

/// Whether a daemon works in a directory now. Asked by taking its lock for an instant, shared.
///
/// # Errors
/// The lock cannot be looked at.
pub fn is_taken(dir: &Path) -> io::Result<bool> {
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

/// Takes the directory.
///
/// # Errors
/// [`StateError`]: it cannot be used, or another daemon has it.
pub fn take(dir: &Path) -> Result<State, StateError> {
    let unusable = |error| StateError::Unusable(dir.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
    let lock = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join("lock"))
        .map_err(unusable)?;
    match tried(&lock) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StateError::Taken(dir.to_owned())),
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    let suffix = suffix(&dir.join("host-id")).map_err(unusable)?;
    Ok(State { _lock: lock, suffix })
}

/// Tries more than once: [`is_taken`] may hold the lock for that instant.
fn tried(lock: &File) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN),
            done => return done,
        }
    }
    lock.try_lock()
}

/// Eight random letters, made once: a host's name may change or be another's too, and machine ids are not for strangers.
fn suffix(path: &Path) -> io::Result<String> {
    let known = fs::read_to_string(path).unwrap_or_default();
    let known = known.trim();
    if known.len() == 8 && known.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(known.to_owned());
    }
    let new: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
    fs::write(path, &new)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_daemon_on_one_state_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path()).unwrap();
        assert!(matches!(take(dir.path()), Err(StateError::Taken(_))));
        let suffix = first.suffix.clone();
        drop(first);
        assert_eq!(take(dir.path()).unwrap().suffix, suffix, "the host keeps its name");
    }

    #[test]
    fn whether_a_daemon_works_there_is_seen_without_getting_in_its_way() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_taken(dir.path()).unwrap(), "nobody was ever there");
        let daemon = take(dir.path()).unwrap();
        assert!(is_taken(dir.path()).unwrap());
        drop(daemon);
        assert!(!is_taken(dir.path()).unwrap());
        take(dir.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told_with_its_path() {
        let error = take(Path::new("/proc/poprelay")).unwrap_err();
        assert!(error.to_string().contains("/proc/poprelay"), "{error}");
    }
}
