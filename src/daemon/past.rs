//! Passes caller history queries from `enrich` to `goto`, and the answers back. `enrich` decides whether to query,
//! `goto` how and how often.

use super::rooms::Rooms;
use crate::{
    goto::{Ask, PastAsk},
    model::{call::Call, ids::ConnectionName, past::Remembered, phone::E164, time::Now},
};
use std::time::Duration;
use tokio::sync::mpsc;

/// Delay before a dropped query may be repeated: 60 s.
const DROPPED_RETRY_DELAY: Duration = Duration::from_secs(60);

impl Rooms {
    /// Queries GoTo for the caller's history, if the result may be new.
    pub(super) fn wonder(&self, call: &Call, queries: &mpsc::Sender<Ask>) {
        let settings = self.book.open();
        let Some((from, to)) = settings.enricher.wonders(call, Now::read()) else { return };
        let Some(number) = call.caller.number.known().cloned() else { return };
        if let Err(error) = queries.try_send(Ask::Past(PastAsk { account: call.account.clone(), number, from, to }))
            && let Ask::Past(query) = error.into_inner()
        {
            self.remembers(&call.connection, &query.number, Err(DROPPED_RETRY_DELAY));
        }
    }

    /// Passes the result to `enrich`.
    pub(super) fn remembers(
        &self,
        connection: &ConnectionName,
        number: &E164,
        calls: Result<Vec<Remembered>, Duration>,
    ) {
        self.book.open().enricher.remembers(connection, number, calls, Now::read());
    }
}
