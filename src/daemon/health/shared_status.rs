//! Status of a store that several daemons share: who owns which sink, and which hosts are live.

use crate::model::{ids::SinkName, time::Timestamp};
use std::collections::BTreeMap;

/// The shared store, as the last renewal found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedStoreStatus {
    /// The owner of each sink that has one.
    pub owners: BTreeMap<SinkName, OwnerStatus>,
    /// Hosts of the live daemons.
    pub hosts: Vec<String>,
    /// Another live daemon has this one's host name.
    pub has_namesake: bool,
}

/// The owner of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerStatus {
    /// Its host name.
    pub host: String,
    /// This daemon is the owner.
    pub is_own: bool,
    /// Since when, by the database's clock.
    pub since: Timestamp,
}
