//! Caller history: recorded calls, completed by GoTo's caller activity. Decides how long to wait for each; the daemon
//! sends the query to GoTo.

use super::{
    Enricher,
    history::{SAME, Shelf},
    late::{Past, Pending},
};
use crate::model::{
    call::Call,
    card::History,
    ids::ConnectionName,
    past::Remembered,
    phone::E164,
    time::{Now, Timestamp, before},
};
use futures_util::FutureExt;
use std::time::{Duration, Instant};
use tokio::time::{timeout, timeout_at};

/// Limit for GoTo's answer. The query takes up to three number forms with a 10 s timeout each, and waits behind other
/// queries. A later answer is of no use.
const GOTO_TIMEOUT: Duration = Duration::from_secs(40);

impl Enricher {
    pub(super) async fn past(
        &self,
        number: &E164,
        call: Option<String>,
        now: Now,
        deadline: Instant,
    ) -> (Past, Option<Pending<History>>, Option<Duration>) {
        let Some(handle) = &self.history else { return (Past::Off, None, None) };
        let until = deadline.into();
        let mut recorded = find_history(handle.clone(), number.clone(), call.clone(), now).boxed();
        let answer = timeout_at(until, &mut recorded).await;
        let took = Some(now.tick.elapsed());
        let history = match answer {
            Ok(Some(found)) => Past::Said(found),
            Ok(None) => Past::Silent,
            Err(_) => return (Past::Silent, Some(recorded), took),
        };
        let Some(mut pending) = self.elsewhere.as_ref().and_then(|(queries, _)| queries.awaited(number)) else {
            return (history, None, took);
        };
        let (handle, number) = (handle.clone(), number.clone());
        let mut imported = async move {
            timeout(GOTO_TIMEOUT, pending.wait_for(|done| *done)).await.ok()?.ok()?;
            find_history(handle, number, call, now).await
        }
        .boxed();
        match timeout_at(until, &mut imported).await {
            Ok(Some(found)) => (Past::Said(found), None, took),
            Ok(None) => (history, None, took),
            Err(_) => (history, Some(imported), took),
        }
    }

    /// Returns the time span to query at GoTo before the look-up of this caller, if a query is due. The number then
    /// counts as queried: the caller of this function must pass the answer to [`Self::import_activity`].
    pub fn wonders(&self, call: &Call, now: Now) -> Option<(Timestamp, Timestamp)> {
        let (queries, look_back) = self.history.as_ref().and(self.elsewhere.as_ref())?;
        let number = call.caller.number.known()?;
        // The span ends before this call, which is not part of its own history.
        let to = before(call.started, SAME);
        queries.wonders(&call.connection, number, now.tick).then(|| (before(now.clock, *look_back), to))
    }

    /// Imports GoTo's caller activity for a number. An error holds the time for which `connection` accepts no such
    /// queries.
    pub fn remembers(
        &self,
        connection: &ConnectionName,
        number: &E164,
        calls: Result<Vec<Remembered>, Duration>,
        now: Now,
    ) {
        let (Some(history), Some((queries, _))) = (&self.history, &self.elsewhere) else { return };
        match calls {
            Ok(legs) => {
                history.import(number, legs);
                queries.answered(number);
            }
            Err(wait) => queries.silent(connection, number, wait, now.tick),
        }
    }
}

async fn find_history(handle: Shelf, number: E164, call: Option<String>, now: Now) -> Option<History> {
    let answer = handle.find(&number, call, now.clock).await;
    answer.inspect_err(|error| tracing::debug!(%error, "history look-up failed")).ok()
}
