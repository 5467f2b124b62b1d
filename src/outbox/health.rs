//! Health of the outbox's storage, as the daemon reports it.

use super::disk_error::DiskProblem;
use crate::{model::time::Timestamp, runtime::postgres::PostgresFault};

/// Health of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Commits are on disk, or in the shared database.
    Durable,
    /// The shared database is away, or this daemon is not connected yet: cards are stored in this machine's file. This daemon
    /// posts those of the sinks that it owned last, unless a newer version has the database.
    Spooling {
        /// What is wrong.
        reason: PostgresFault,
        /// Since when.
        since: Timestamp,
    },
    /// The file is unusable: cards are posted from memory, and a crash of the daemon loses the waiting ones.
    InMemory {
        /// The disk problem.
        reason: DiskProblem,
        /// Time of the switch to memory.
        since: Timestamp,
    },
}

impl Health {
    /// Returns the name in the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Spooling { .. } => "spooling",
            Self::InMemory { .. } => "in memory",
        }
    }

    /// Returns what is wrong with the shared database, while the file replaces it.
    #[must_use]
    pub const fn server_fault(self) -> Option<PostgresFault> {
        match self {
            Self::Spooling { reason, .. } => Some(reason),
            Self::Durable | Self::InMemory { .. } => None,
        }
    }
}
