//! Health of the outbox's storage, as the daemon reports it.

use super::disk_error::DiskProblem;
use crate::model::time::Timestamp;

/// Health of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Commits are on disk.
    Durable,
    /// The file is unusable: cards are posted from memory, and a crash of the daemon loses the waiting ones.
    InMemory {
        /// The disk problem.
        reason: DiskProblem,
        /// Time of the switch to memory.
        since: Timestamp,
    },
}
