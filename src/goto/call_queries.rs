//! Queries about single calls: the missing states of a live call, and the report of an ended one. A report query is retried
//! until GoTo has written the report.

use super::{ConnectionEvent, api::Error, backfill::Backfill, lane::FailureClass, queries::CallQuery};
use crate::model::{call::StatesQuery, ids::ConversationSpaceId};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use std::{collections::BTreeSet, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Waits between queries for one call's report, which is 404 until it exists.
/// GoTo writes it minutes after the end of a call.
const REPORT_RETRY_DELAYS: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_secs(60), Duration::from_secs(60), Duration::from_secs(60)];
/// Wait for the next query of a report while GoTo cannot be reached or fails.
const OUTAGE_RETRY_DELAY: Duration = Duration::from_secs(60);
/// Queries of one report during an outage: a day of them.
const MAX_OUTAGE_RETRIES: usize = 1440;
/// Queries about single calls that run at the same time.
const MAX_RUNNING_QUERIES: usize = 8;
/// Calls whose report may be queried at the same time.
const MAX_AWAITED_REPORTS: usize = 1000;

impl Backfill {
    /// Answers queries about single calls until the sender is dropped. Several run at the same time: an answer takes up to
    /// seconds, and the states of a live call do not wait for reports.
    pub(super) async fn run_queries(self, mut queries: mpsc::Receiver<CallQuery>) {
        let mut awaited = AwaitedQueries::default();
        let mut running = FuturesUnordered::new();
        loop {
            let next = awaited.next_due();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            let has_room = running.len() < MAX_RUNNING_QUERIES;
            tokio::select! {
                Some(retry) = running.next(), if !running.is_empty() => {
                    if let Some((wait, query)) = retry {
                        awaited.insert(Instant::now() + wait, query);
                    }
                }
                query = queries.recv(), if has_room => match query {
                    None => return,
                    Some(CallQuery::States(missing)) => running.push(self.run_query(SingleQuery::States(missing))),
                    // A push may arrive while a retry waits: the report exists now.
                    Some(CallQuery::Report(call)) => {
                        awaited.forget(&call);
                        running.push(self.run_query(SingleQuery::Report(ReportQuery::new(call))));
                    }
                },
                () = sleep_until(wake), if next.is_some() && has_room => {
                    if let Some(query) = awaited.take_due(Instant::now()) {
                        running.push(self.run_query(SingleQuery::Report(query)));
                    }
                }
            }
        }
    }

    /// Runs a query. Returns the next one, and the wait before it.
    async fn run_query(&self, query: SingleQuery) -> Option<(Duration, ReportQuery)> {
        match query {
            SingleQuery::States(missing) => {
                self.fetch_states(&missing).await;
                None
            }
            SingleQuery::Report(query) => {
                let error = self.fetch_report(&query.call).await.err()?;
                query.retry(&error)
            }
        }
    }

    /// Fetches missing states of a call. A 404 is normal: the call has ended.
    async fn fetch_states(&self, StatesQuery { call, from, to }: &StatesQuery) {
        match self.api.states(call, (*from, *to), &self.context).await {
            Ok(states) => {
                for state in states {
                    self.emit(ConnectionEvent::Snapshot(Box::new(state))).await;
                }
            }
            Err(error) => tracing::debug!(%call, %error, "missing states query failed"),
        }
    }

    /// Fetches the report of a call.
    async fn fetch_report(&self, call: &ConversationSpaceId) -> Result<(), Error> {
        let fetched = async {
            let report = self.reports_api.report(call, &self.context).await?;
            // A push names only a call, of any account.
            let is_ours = self.accounts.get(&self.api).await?.contains(&report.account);
            Ok((report, is_ours))
        };
        match fetched.await {
            Ok((report, true)) => self.emit(ConnectionEvent::Report(Box::new(report))).await,
            Ok((_, false)) => tracing::debug!(%call, "report of another account dropped"),
            Err(error) => {
                tracing::debug!(%call, %error, "report query failed");
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A query about one call.
enum SingleQuery {
    States(StatesQuery),
    Report(ReportQuery),
}

/// A query of one call's report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ReportQuery {
    call: ConversationSpaceId,
    /// Answers without the report.
    attempts: usize,
    /// Queries without an answer.
    outages: usize,
}

impl ReportQuery {
    const fn new(call: ConversationSpaceId) -> Self {
        Self { call, attempts: 0, outages: 0 }
    }

    /// Returns the query after a failed one, and the wait before it. An outage of GoTo proves nothing about the report and
    /// uses up no attempt.
    fn retry(self, error: &Error) -> Option<(Duration, Self)> {
        let is_outage = match error {
            Error::Status { status: 403, .. } => return None,
            // The token is refreshed until the next attempt.
            Error::Status { status: 401, .. } => true,
            Error::Garbled => false,
            _ => matches!(
                error.failure().class,
                FailureClass::Transient | FailureClass::Unreachable(_) | FailureClass::NoToken
            ),
        };
        if is_outage {
            let next = Self { outages: self.outages + 1, ..self };
            return (next.outages <= MAX_OUTAGE_RETRIES).then_some((OUTAGE_RETRY_DELAY, next));
        }
        let wait = REPORT_RETRY_DELAYS.get(self.attempts)?;
        Some((*wait, Self { attempts: self.attempts + 1, ..self }))
    }
}

/// Calls whose report GoTo had not written yet, with the time of the next attempt.
#[derive(Debug, Default)]
struct AwaitedQueries(BTreeSet<(Instant, ReportQuery)>);

impl AwaitedQueries {
    fn next_due(&self) -> Option<Instant> {
        self.0.first().map(|(at, ..)| *at)
    }

    fn take_due(&mut self, now: Instant) -> Option<ReportQuery> {
        self.0.first().filter(|(at, _)| *at <= now)?;
        self.0.pop_first().map(|(_, query)| query)
    }

    fn forget(&mut self, call: &ConversationSpaceId) {
        self.0.retain(|(_, query)| query.call != *call);
    }

    fn insert(&mut self, due: Instant, query: ReportQuery) {
        if self.0.len() < MAX_AWAITED_REPORTS {
            self.0.insert((due, query));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Error {
        Error::Status { status, code: None, constraint: None, after: None }
    }

    #[test]
    fn missing_report_is_queried_five_times() {
        let mut query = ReportQuery::new("a".try_into().unwrap());
        let mut waited = Vec::new();
        while let Some((wait, next)) = query.clone().retry(&status(404)) {
            waited.push(wait);
            query = next;
        }
        assert_eq!(waited, REPORT_RETRY_DELAYS);
    }

    #[test]
    fn outage_uses_up_no_attempt_and_ends_after_a_day() {
        let mut query = ReportQuery { attempts: 3, ..ReportQuery::new("a".try_into().unwrap()) };
        for error in [status(503), status(429), status(401), Error::NoToken] {
            let (wait, next) = query.retry(&error).unwrap();
            assert_eq!((wait, next.attempts), (OUTAGE_RETRY_DELAY, 3), "{error}");
            query = next;
        }
        let last = ReportQuery { outages: MAX_OUTAGE_RETRIES, ..query.clone() };
        assert_eq!(last.retry(&status(503)), None);
        let (_, last) = query.retry(&status(404)).unwrap();
        assert_eq!(last.retry(&status(404)), None);
    }

    #[test]
    fn report_without_a_scope_is_not_queried_again() {
        assert_eq!(ReportQuery::new("a".try_into().unwrap()).retry(&status(403)), None);
    }
}
