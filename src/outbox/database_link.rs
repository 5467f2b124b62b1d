//! The way of a storage to the store that it shares with other daemons. Connects; decides no switch.

use super::{
    connector::{self, ConnectResult},
    shared::SharedDatabase,
    store::Store,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Sends the result of an attempt to connect to the writer. Returns `false` if the writer has ended.
pub(super) type SendConnectResult = Arc<dyn Fn(ConnectResult) -> bool + Send + Sync>;

/// The way to the shared database.
pub(super) struct DatabaseLink {
    database: SharedDatabase,
    pub(super) send: Option<SendConnectResult>,
    /// The shared database, while the file is merged into it.
    pub(super) returning: Option<Store>,
    /// Deliveries of the file that the shared database refuses. They stay in the file.
    pub(super) refused: BTreeSet<i64>,
}

impl DatabaseLink {
    pub(super) const fn new(database: SharedDatabase) -> Self {
        Self { database, send: None, returning: None, refused: BTreeSet::new() }
    }

    /// Connects in a thread after `pause`.
    pub(super) fn connect_later(&self, pause: Duration) {
        let Some(send) = self.send.clone() else { return };
        if let Err(error) = connector::connect_later(self.database.clone(), pause, move |result| send(result)) {
            tracing::error!(%error, "the thread that connects to the shared database cannot start");
        }
    }
}
