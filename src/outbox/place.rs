//! Where a command finds the outbox: the file of a state directory, or the database that several daemons share.

use super::{
    FILE_NAME,
    schema::{self, DatabaseKind, VERSION},
    shared::SharedDatabase,
};
use crate::runtime::sql::{self, Session};
use rusqlite::{Connection, OpenFlags};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Failure of an operator command.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The file does not exist.
    #[error("no outbox at {0}. Run the daemon with this state directory first")]
    Missing(PathBuf),
    /// Permission denied.
    #[error("{0} cannot be opened. Run this command as the daemon's user")]
    Denied(PathBuf),
    /// The file has another version.
    #[error("{path} has version {found}, but this program supports {VERSION}. Use the same poprelay as the daemon")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// The file is not an outbox.
    #[error("{0} is not an outbox")]
    Foreign(PathBuf),
    /// The database failed.
    #[error("outbox access failed")]
    Store(#[from] sql::Error),
}

/// Where the outbox is.
#[derive(Debug, Clone, Copy)]
pub enum OutboxPlace<'a> {
    /// The file of this state directory.
    Directory(&'a Path),
    /// A shared database. The file of a state directory may have cards that wait for it.
    Shared(&'a SharedDatabase),
}

impl<'a> From<&'a Path> for OutboxPlace<'a> {
    fn from(dir: &'a Path) -> Self {
        Self::Directory(dir)
    }
}

impl<'a> From<&'a PathBuf> for OutboxPlace<'a> {
    fn from(dir: &'a PathBuf) -> Self {
        Self::Directory(dir)
    }
}

impl<'a> From<&'a SharedDatabase> for OutboxPlace<'a> {
    fn from(database: &'a SharedDatabase) -> Self {
        Self::Shared(database)
    }
}

impl OutboxPlace<'_> {
    /// Opens the outbox for a command.
    pub(super) fn connect(self) -> Result<Session, AdminError> {
        match self {
            Self::Directory(dir) => connect(dir),
            Self::Shared(database) => database.connect().map_err(|error| AdminError::Store(sql::Error::from(error))),
        }
    }
}

/// Opens the file of a state directory.
fn connect(dir: &Path) -> Result<Session, AdminError> {
    let path = dir.join(FILE_NAME);
    if let Err(error) = std::fs::OpenOptions::new().read(true).write(true).open(&path) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => AdminError::Missing(path),
            _ => AdminError::Denied(path),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).map_err(sql::Error::from)?;
    db.busy_timeout(Duration::from_secs(10)).map_err(sql::Error::from)?;
    match schema::database_kind(&db).map_err(sql::Error::from)? {
        DatabaseKind::Outbox(VERSION) => Ok(Session::Sqlite(db)),
        DatabaseKind::Outbox(found) | DatabaseKind::Newer(found) => Err(AdminError::Version { path, found }),
        DatabaseKind::Empty | DatabaseKind::Foreign => Err(AdminError::Foreign(path)),
    }
}
