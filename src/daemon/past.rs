//! Carries the question for a caller's past calls from `enrich` to `goto`, and its answer back. Decides nothing: whether to
//! ask is `enrich`'s, in which form and how often is `goto`'s.

use super::rooms::Rooms;
use crate::{
    goto::{Ask, PastAsk},
    model::{call::Call, ids::ConnectionName, past::Remembered, phone::E164, time::Now},
};
use std::time::Duration;
use tokio::sync::mpsc;

/// A question that found no room is not repeated sooner.
const CROWDED: Duration = Duration::from_secs(60);

impl Rooms {
    /// Asks GoTo about a call's caller, if that may tell something new.
    pub(super) fn wonder(&self, call: &Call, ask: &mpsc::Sender<Ask>) {
        let book = self.book.open();
        let Some((from, to)) = book.enricher.wonders(call, Now::read()) else { return };
        let Some(number) = call.caller.number.known().cloned() else { return };
        if let Err(error) = ask.try_send(Ask::Past(PastAsk { account: call.account.clone(), number, from, to }))
            && let Ask::Past(asked) = error.into_inner()
        {
            self.remembers(&call.connection, &asked.number, Err(CROWDED));
        }
    }

    /// Hands the answer on.
    pub(super) fn remembers(
        &self,
        connection: &ConnectionName,
        number: &E164,
        calls: Result<Vec<Remembered>, Duration>,
    ) {
        self.book.open().enricher.remembers(connection, number, calls, Now::read());
    }
}
