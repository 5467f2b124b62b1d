//! The refresh token on disk. Reading checks the file mode; writing is atomic: a crash leaves the old or the new file.
//! Contains no token policy.

use crate::model::{secret::Secret, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

/// Largest accepted token file, bytes: a token has up to 4096 characters.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Content of the token file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The refresh token.
    pub refresh_token: Secret,
    /// Time of issue: the 30 days of the token run from here.
    pub issued: Timestamp,
    /// Granted scopes, if GoTo stated them.
    pub scope: Option<String>,
}

/// Error of the token file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not exist.
    #[error("token file is missing")]
    Missing,
    /// Group or others may read the file, and its mode cannot be changed.
    #[error("token file is readable by others (mode {mode:o}). Run chmod 600 on it, or log in again")]
    Exposed {
        /// Permission bits of the file.
        mode: u32,
    },
    /// The content is not a stored token.
    #[error("token file is damaged. Log in again")]
    Damaged,
    /// The file cannot be read or written.
    #[error("token file cannot be {doing}")]
    Io {
        /// "read" or "written".
        doing: &'static str,
        /// The I/O error.
        #[source]
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    refresh_token: String,
    issued: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// Reads the token file.
///
/// A file of this user that others may read gets mode 0600 first: a copy from a backup loses its mode.
///
/// # Errors
/// [`Error`]; a file of another user that others may read is rejected.
pub fn read(path: &Path) -> Result<StoredToken, Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing,
        _ => Error::Io { doing: "read", source },
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let owner_only = fs::Permissions::from_mode(0o600);
        file.set_permissions(owner_only).map_err(|_| Error::Exposed { mode })?;
        tracing::warn!(path = %path.display(), "token file was readable by others, mode 600 set");
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
    let stored: OnDisk = serde_json::from_str(&text).map_err(|_| Error::Damaged)?;
    if stored.refresh_token.is_empty() {
        return Err(Error::Damaged);
    }
    Ok(StoredToken { refresh_token: Secret::new(stored.refresh_token), issued: stored.issued, scope: stored.scope })
}

/// Writes the token file: a new file of mode 0600, synced, renamed over the old one, and the directory synced.
///
/// # Errors
/// [`Error::Io`]; the old file is then unchanged.
pub fn write(path: &Path, stored: &StoredToken) -> Result<(), Error> {
    let on_disk = OnDisk {
        refresh_token: stored.refresh_token.expose().to_owned(),
        issued: stored.issued,
        scope: stored.scope.clone(),
    };
    let text = serde_json::to_vec(&on_disk).map_err(|_| Error::Damaged)?;
    replace(path, &text).map_err(|source| Error::Io { doing: "written", source })
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let directory_path = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new_file = new_file_path(path);
    // A leftover of a crash may have another mode: `create_new` after its removal enforces 0600.
    match fs::remove_file(&new_file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new_file)?;
    file.write_all(text)?;
    // `login` may run as root, the daemon as its own user: the file gets the owner of its directory.
    let (directory, created) = (fs::metadata(directory_path)?, file.metadata()?);
    if (directory.uid(), directory.gid()) != (created.uid(), created.gid()) {
        chown(&new_file, Some(directory.uid()), Some(directory.gid()))?;
    }
    file.sync_all()?;
    fs::rename(&new_file, path)?;
    File::open(directory_path)?.sync_all()
}

/// Returns the name of the new file, fixed per file and process. A crash leaves one leftover at most, and `login` and the
/// daemon do not collide.
fn new_file_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    name.into()
}

/// Identity and state of a file. The change time moves with content, mode and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileStamp {
    inode: u64,
    changed: (i64, i64),
}

impl FileStamp {
    /// Reads the stamp; `None` without a file. Any other error counts as unchanged content of an unknown file.
    pub(super) async fn read(path: &Path) -> Option<Self> {
        match tokio::fs::metadata(path).await {
            Ok(file) => Some(Self { inode: file.ino(), changed: (file.ctime(), file.ctime_nsec()) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => Some(Self { inode: 0, changed: (0, 0) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(token: &str) -> StoredToken {
        StoredToken {
            refresh_token: Secret::new(token),
            issued: "2026-05-01T00:00:00Z".parse().unwrap(),
            scope: Some("cr.v1.read".to_owned()),
        }
    }

    #[test]
    fn token_file_gets_owner_of_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        if chown(dir.path(), Some(12345), Some(12345)).is_err() {
            return; // Only root can change the owner of a directory.
        }
        let path = dir.path().join("token.json");
        write(&path, &stored("one")).unwrap();
        let file = fs::metadata(&path).unwrap();
        assert_eq!((file.uid(), file.gid(), file.permissions().mode() & 0o777), (12345, 12345, 0o600));
    }

    #[test]
    fn token_file_written_is_read_back_and_has_mode_0600() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.json");
        assert!(matches!(read(&path), Err(Error::Missing)));
        write(&path, &stored("one")).unwrap();
        write(&path, &stored("two")).unwrap();
        assert_eq!(read(&path).unwrap(), stored("two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "leftover beside the token file");
    }

    #[test]
    fn token_file_write_ignores_mode_of_crash_leftover() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.json");
        fs::write(new_file_path(&path), "half").unwrap();
        fs::set_permissions(new_file_path(&path), fs::Permissions::from_mode(0o666)).unwrap();
        write(&path, &stored("one")).unwrap();
        assert_eq!(read(&path).unwrap(), stored("one"));
    }

    #[test]
    fn token_file_exposed_is_repaired_and_damaged_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.json");
        write(&path, &stored("one")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(&path).unwrap(), stored("one"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, r#"{"refresh_token":"#).unwrap();
        assert!(matches!(read(&path), Err(Error::Damaged)));
    }

    #[test]
    fn token_file_write_failure_is_io_error_without_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone").join("token.json");
        let error = write(&path, &stored("one")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }));
        assert!(!error.to_string().contains("one"));
    }
}
