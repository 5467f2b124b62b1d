//! Storage errors: maps SQLite errors to disk problems, which switch the outbox to memory.

use crate::runtime::{postgres::PostgresFault, sql};
use rusqlite::ErrorCode;

/// Disk problem that makes the file unusable. All of them can be temporary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskProblem {
    /// No space left.
    Full,
    /// Read-only, or not writable for the daemon's user.
    ReadOnly,
    /// The file or its directory is missing, cannot be opened or was replaced.
    Missing,
    /// The database is damaged.
    Damaged,
    /// The file belongs to a newer version or to another program.
    Foreign,
    /// Another program holds the database lock.
    Locked,
    /// Any other disk failure.
    Failing,
}

impl std::fmt::Display for DiskProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "no space left on the disk of the outbox",
            Self::ReadOnly => "the outbox file or directory is not writable",
            Self::Missing => "the outbox file is missing or cannot be opened",
            Self::Damaged => "the outbox file is damaged",
            Self::Foreign => "the outbox file belongs to a newer version or to another program",
            Self::Locked => "another program holds the lock of the outbox file",
            Self::Failing => "the disk of the outbox failed",
        })
    }
}

/// Failure of a store operation. Contains no stored values.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// A statement failed.
    #[error(transparent)]
    Database(#[from] sql::Error),
    /// Another daemon owns the sink.
    #[error("another daemon owns the sink")]
    Fenced,
    /// A value cannot be serialized as JSON. The value is not in the error.
    #[error("card serialization failed")]
    Serialization,
}

impl StoreError {
    /// Returns the disk problem, if the disk caused the error.
    pub(super) fn disk_problem(&self) -> Option<DiskProblem> {
        match self {
            Self::Database(sql::Error::Sqlite(error)) => disk_problem(error),
            Self::Database(_) | Self::Fenced | Self::Serialization => None,
        }
    }

    /// Returns the server's fault, if the shared database is away or unusable. A statement that the server refuses fails alone.
    pub(super) fn server_fault(&self) -> Option<PostgresFault> {
        match self {
            Self::Database(sql::Error::Postgres(error)) if error.fault != PostgresFault::Other => Some(error.fault),
            Self::Database(_) | Self::Fenced | Self::Serialization => None,
        }
    }
}

/// Maps a SQLite error to a disk problem; `None` if the statement caused the error.
pub(super) fn disk_problem(error: &rusqlite::Error) -> Option<DiskProblem> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Some(DiskProblem::Full),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Some(DiskProblem::ReadOnly),
        ErrorCode::CannotOpen => Some(DiskProblem::Missing),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some(DiskProblem::Damaged),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some(DiskProblem::Locked),
        ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed | ErrorCode::OutOfMemory => {
            Some(DiskProblem::Failing)
        }
        _ => None,
    }
}
