//! The refresh token on disk: read with a look at who may read it, written so that a crash leaves the old one or the new
//! one, whole. Decides nothing about tokens.

use crate::model::{secret::Secret, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

/// Largest token file that is read: a token has up to 4096 characters.
const LONGEST: u64 = 64 * 1024;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The refresh token.
    pub refresh_token: Secret,
    /// When GoTo issued it: its 30 days run from here.
    pub issued: Timestamp,
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("there is no token file")]
    Missing,
    /// Group or others may read it.
    #[error("the token file may be read by others (mode {mode:o}): chmod 600 it, or log in again")]
    Exposed {
        /// Its permission bits.
        mode: u32,
    },
    /// It is not what was written.
    #[error("the token file is damaged: log in again")]
    Damaged,
    /// It cannot be read or written.
    #[error("the token file cannot be {doing}")]
    Io {
        /// Read or written.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    refresh_token: String,
    issued: Timestamp,
}

/// Reads the token file.
///
/// # Errors
/// [`Error`]; a file that others may read is refused, because the token in it may be known to them.
pub fn read(path: &Path) -> Result<Kept, Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing,
        _ => Error::Io { doing: "read", source },
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { mode });
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    let kept: OnDisk = serde_json::from_str(&text).map_err(|_| Error::Damaged)?;
    if kept.refresh_token.is_empty() {
        return Err(Error::Damaged);
    }
    Ok(Kept { refresh_token: Secret::new(kept.refresh_token), issued: kept.issued })
}

/// Writes the token file: a new file of mode 0600, synced, renamed over the old one, and the directory synced.
///
/// # Errors
/// [`Error::Io`]; the old file then still stands.
pub fn write(path: &Path, kept: &Kept) -> Result<(), Error> {
    let whole = OnDisk { refresh_token: kept.refresh_token.expose().to_owned(), issued: kept.issued };
    let text = serde_json::to_vec(&whole).map_err(|_| Error::Damaged)?;
    replace(path, &text).map_err(|source| Error::Io { doing: "written", source })
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = new_name(path);
    // A leftover of a crash may have another mode: `create_new` after removing it makes the mode ours.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text)?;
    // Root logs in for a daemon that runs as a user of its own: the token is the daemon's.
    let (home, ours) = (fs::metadata(folder)?, file.metadata()?);
    if (home.uid(), home.gid()) != (ours.uid(), ours.gid()) {
        chown(&beside, Some(home.uid()), Some(home.gid()))?;
    }
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

/// One fixed name a file and process, so that crashes leave one leftover at most, and `login` beside the daemon its own.
fn new_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(token: &str) -> Kept {
        Kept { refresh_token: Secret::new(token), issued: "2026-05-01T00:00:00Z".parse().unwrap() }
    }

    #[test]
    fn a_token_belongs_to_whoever_has_the_state_directory() {
        let dir = tempfile::tempdir().unwrap();
        if chown(dir.path(), Some(12345), Some(12345)).is_err() {
            return; // Only root can give a directory away.
        }
        let path = dir.path().join("token.json");
        write(&path, &kept("one")).unwrap();
        let file = fs::metadata(&path).unwrap();
        assert_eq!((file.uid(), file.gid(), file.permissions().mode() & 0o777), (12345, 12345, 0o600));
    }

    #[test]
    fn what_was_written_is_read_again_and_only_the_owner_may() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.json");
        assert!(matches!(read(&path), Err(Error::Missing)));
        write(&path, &kept("one")).unwrap();
        write(&path, &kept("two")).unwrap();
        assert_eq!(read(&path).unwrap(), kept("two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_leftover_of_a_crash_does_not_lend_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.json");
        fs::write(new_name(&path), "half").unwrap();
        fs::set_permissions(new_name(&path), fs::Permissions::from_mode(0o666)).unwrap();
        write(&path, &kept("one")).unwrap();
        assert_eq!(read(&path).unwrap(), kept("one"));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_a_damaged_one_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.json");
        write(&path, &kept("one")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path), Err(Error::Exposed { mode: 0o640 })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, r#"{"refresh_token":"#).unwrap();
        assert!(matches!(read(&path), Err(Error::Damaged)));
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone").join("token.json");
        let error = write(&path, &kept("one")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }));
        assert!(!error.to_string().contains("one"));
    }
}
