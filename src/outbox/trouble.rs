//! What can go wrong between the queue and its file, and what of it means that the disk does not bear.

use rusqlite::ErrorCode;

/// Why the disk does not bear. Every one of them can pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No space left.
    Full,
    /// Read-only, or not ours to write.
    ReadOnly,
    /// The file or its directory is gone or cannot be opened, or another stands in its place.
    Vanished,
    /// What was read is no sound database.
    Damaged,
    /// A newer version's or another program's file stands in its place.
    Foreign,
    /// Another program holds the database's lock.
    Locked,
    /// The disk failed in another way.
    Failing,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "no space is left on its disk",
            Self::ReadOnly => "its file or directory cannot be written",
            Self::Vanished => "its file is gone or cannot be opened",
            Self::Damaged => "its file is damaged",
            Self::Foreign => "a newer version's or another program's file stands in its place",
            Self::Locked => "another program holds its file locked",
            Self::Failing => "its disk fails",
        })
    }
}

/// Why one command on the store failed. Says nothing of what was in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// SQLite's own words: codes, tables and columns, never values.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Something cannot be written as JSON; what it was stays out of the error.
    #[error("a card could not be written as JSON")]
    Unwritable,
}

impl StoreError {
    /// Whether it is the disk's fault, and how.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Sqlite(error) => trouble(error),
            Self::Unwritable => None,
        }
    }
}

/// What a failure of SQLite says of the disk; `None` if it is the command's own fault.
pub(super) fn trouble(error: &rusqlite::Error) -> Option<Trouble> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Some(Trouble::Full),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Some(Trouble::ReadOnly),
        ErrorCode::CannotOpen => Some(Trouble::Vanished),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some(Trouble::Damaged),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some(Trouble::Locked),
        ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed | ErrorCode::OutOfMemory => {
            Some(Trouble::Failing)
        }
        _ => None,
    }
}
