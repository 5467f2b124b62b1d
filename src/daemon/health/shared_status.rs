//! Status of a store that several daemons share: the owner of each sink, and the live hosts.

use crate::model::{ids::SinkName, time::Timestamp};
use std::collections::BTreeMap;

/// The shared database, as of the last renewal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedDatabaseStatus {
    /// The owner of each sink that has one.
    pub owners: BTreeMap<SinkName, OwnerStatus>,
    /// Hosts of the live daemons.
    pub hosts: Vec<String>,
    /// Whether another live daemon has this one's host name.
    pub has_namesake: bool,
    /// Whether another live daemon has this one's id: this one posts nothing.
    pub has_other_run: bool,
}

impl SharedDatabaseStatus {
    /// Returns the number of the other live daemons.
    #[must_use]
    pub fn others(&self) -> u32 {
        u32::try_from(self.hosts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

/// The owner of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerStatus {
    /// Host name of the owner.
    pub host: String,
    /// Whether this daemon is the owner.
    pub is_own: bool,
    /// Start of the ownership, by the database's clock.
    pub since: Timestamp,
}
