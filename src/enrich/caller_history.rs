//! Caller history: recorded calls, completed by GoTo's caller activity. Decides the wait for each answer; the daemon sends
//! the query to GoTo.

use super::{
    Enricher,
    history::{HistoryHandle, SAME_CALL_WINDOW},
    pending::{AnswerFuture, HistoryState},
};
use crate::model::{
    call::Call,
    call_record::CallRecord,
    card::CallerHistory,
    ids::ConnectionName,
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
    pub(super) async fn caller_history(
        &self,
        number: &E164,
        call: Option<String>,
        now: Now,
        deadline: Instant,
    ) -> (HistoryState, Option<AnswerFuture<CallerHistory>>, Option<Duration>) {
        let Some(handle) = &self.history else { return (HistoryState::Disabled, None, None) };
        let until = deadline.into();
        let mut recorded = find_history(handle.clone(), number.clone(), call.clone(), now).boxed();
        let answer = timeout_at(until, &mut recorded).await;
        let took = Some(now.instant.elapsed());
        let history = match answer {
            Ok(Some(found)) => HistoryState::Found(found),
            Ok(None) => HistoryState::Failed,
            Err(_) => return (HistoryState::Failed, Some(recorded), took),
        };
        let Some(mut pending) = self.goto_history.as_ref().and_then(|(queries, _)| queries.pending(number)) else {
            return (history, None, took);
        };
        let (handle, number) = (handle.clone(), number.clone());
        let mut imported = async move {
            timeout(GOTO_TIMEOUT, pending.wait_for(|done| *done)).await.ok()?.ok()?;
            find_history(handle, number, call, now).await
        }
        .boxed();
        match timeout_at(until, &mut imported).await {
            Ok(Some(found)) => (HistoryState::Found(found), None, took),
            Ok(None) => (history, None, took),
            Err(_) => (history, Some(imported), took),
        }
    }

    /// Returns the time span to query at GoTo before the look-up of this caller, if a query is due. The number then
    /// counts as queried: the caller of this function must pass the answer to [`Self::import_activity`].
    pub fn plan_goto_query(&self, call: &Call, now: Now) -> Option<(Timestamp, Timestamp)> {
        let (queries, look_back) = self.history.as_ref().and(self.goto_history.as_ref())?;
        let number = call.caller.number.as_e164()?;
        // The span ends before this call, which is not part of its own history.
        let to = before(call.started_at, SAME_CALL_WINDOW);
        queries.should_query(&call.connection, number, now.instant).then(|| (before(now.timestamp, *look_back), to))
    }

    /// Imports GoTo's caller activity for a number. An error holds the time for which `connection` accepts no such
    /// queries.
    pub fn import_activity(
        &self,
        connection: &ConnectionName,
        number: &E164,
        calls: Result<Vec<CallRecord>, Duration>,
        now: Now,
    ) {
        let (Some(history), Some((queries, _))) = (&self.history, &self.goto_history) else { return };
        match calls {
            Ok(legs) => {
                history.import(number, legs);
                queries.answered(number);
            }
            Err(wait) => queries.failed(connection, number, wait, now.instant),
        }
    }
}

async fn find_history(handle: HistoryHandle, number: E164, call: Option<String>, now: Now) -> Option<CallerHistory> {
    let answer = handle.find(&number, call, now.timestamp).await;
    answer.inspect_err(|error| tracing::debug!(%error, "history look-up failed")).ok()
}
