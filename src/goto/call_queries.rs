//! Queries about single calls: the missing states of a live call, and the report of an ended one, which is retried until GoTo
//! has written it.

use super::{
    CallerActivityQuery, ConnectionEvent, GotoQuery, VoicemailQuery,
    api::Error,
    backfill::{Backfill, RETRY_DELAY},
};
use crate::model::ids::ConversationSpaceId;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use std::{collections::BTreeSet, time::Duration};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep_until},
};

/// Waits between queries for one call's report, which is 404 until it exists.
/// GoTo writes it minutes after the end of a call.
const REPORT_RETRY_DELAYS: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_secs(60), Duration::from_secs(60), Duration::from_secs(60)];
/// Queries about single calls that run at the same time.
const MAX_RUNNING_QUERIES: usize = 8;
/// Calls whose report may be awaited at the same time.
const MAX_AWAITED_REPORTS: usize = 1000;

impl Backfill {
    /// Answers queries about single calls until the sender is dropped. Several run at the same time: an answer takes up to
    /// seconds, and the states of a live call do not wait for reports.
    pub(super) async fn run_queries(
        self,
        mut asks: mpsc::Receiver<GotoQuery>,
        caller_activity: mpsc::Sender<CallerActivityQuery>,
        voicemail: mpsc::Sender<VoicemailQuery>,
    ) {
        let mut awaited = AwaitedQueries::default();
        let mut running = FuturesUnordered::new();
        loop {
            let next = awaited.next_due();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            let has_room = running.len() < MAX_RUNNING_QUERIES;
            tokio::select! {
                Some(retry) = running.next(), if !running.is_empty() => {
                    if let Some(SingleQuery::Report { call, attempts }) = retry {
                        awaited.retry(call, attempts, Instant::now());
                    }
                }
                ask = asks.recv(), if has_room => match ask {
                    None => return,
                    Some(GotoQuery::States { call, from, to, .. }) => {
                        running.push(self.run_query(SingleQuery::States { call, from, to }));
                    }
                    // A push may come while a retry waits: the report is there now.
                    Some(GotoQuery::Report { call }) => {
                        awaited.forget(&call);
                        running.push(self.run_query(SingleQuery::Report { call, attempts: 0 }));
                    }
                    // Full, or mailboxes are not configured: the card then shows a message without its length.
                    Some(GotoQuery::Voicemail(ask)) => drop(voicemail.try_send(ask)),
                    Some(GotoQuery::CallerActivity(ask)) => {
                        if let Err(TrySendError::Full(ask) | TrySendError::Closed(ask)) = caller_activity.try_send(ask) {
                            self.emit(ConnectionEvent::CallerActivity { number: ask.number, calls: Err(RETRY_DELAY) }).await;
                        }
                    }
                },
                () = sleep_until(wake), if next.is_some() && has_room => {
                    if let Some((call, attempts)) = awaited.take_due(Instant::now()) {
                        running.push(self.run_query(SingleQuery::Report { call, attempts }));
                    }
                }
            }
        }
    }

    /// Runs a query. Returns it if it is to be retried.
    async fn run_query(&self, query: SingleQuery) -> Option<SingleQuery> {
        match query {
            SingleQuery::States { call, from, to } => {
                self.fetch_states(&call, from, to).await;
                None
            }
            SingleQuery::Report { call, attempts } => {
                let retry = self.fetch_report(&call).await;
                retry.then_some(SingleQuery::Report { call, attempts })
            }
        }
    }

    /// Fetches missing states of a call. A 404 is normal: the call has ended.
    async fn fetch_states(&self, call: &ConversationSpaceId, from: u64, to: u64) {
        match self.api.states(call, (from, to), &self.context).await {
            Ok(states) => {
                for state in states {
                    self.emit(ConnectionEvent::Snapshot(state)).await;
                }
            }
            Err(error) => tracing::debug!(%call, %error, "missing states query failed"),
        }
    }

    /// Fetches the report of a call. Returns whether to try again: GoTo writes it minutes after the call.
    async fn fetch_report(&self, call: &ConversationSpaceId) -> bool {
        match self.reports_api.report(call, &self.context).await {
            Ok(report) => {
                // A push names only a call, of whatever account.
                let is_ours = self.accounts.get(&self.api).await.is_ok_and(|keys| keys.contains(&report.account));
                if is_ours {
                    self.emit(ConnectionEvent::Report(report)).await;
                } else {
                    tracing::debug!(%call, "report of another account dropped");
                }
                false
            }
            Err(Error::Status { status: 403, .. }) => false,
            Err(error) => {
                tracing::debug!(%call, %error, "report query failed");
                true
            }
        }
    }
}

/// A query about one call.
enum SingleQuery {
    States { call: ConversationSpaceId, from: u64, to: u64 },
    Report { call: ConversationSpaceId, attempts: usize },
}

/// Calls whose report GoTo had not written yet, with the time of the next attempt.
#[derive(Debug, Default)]
struct AwaitedQueries(BTreeSet<(Instant, ConversationSpaceId, usize)>);

impl AwaitedQueries {
    fn next_due(&self) -> Option<Instant> {
        self.0.first().map(|(at, ..)| *at)
    }

    fn take_due(&mut self, now: Instant) -> Option<(ConversationSpaceId, usize)> {
        self.0.first().filter(|(at, ..)| *at <= now)?;
        self.0.pop_first().map(|(_, call, attempts)| (call, attempts))
    }

    fn forget(&mut self, call: &ConversationSpaceId) {
        self.0.retain(|(_, awaited, _)| awaited != call);
    }

    fn retry(&mut self, call: ConversationSpaceId, attempts: usize, now: Instant) {
        if let Some(wait) = REPORT_RETRY_DELAYS.get(attempts)
            && self.0.len() < MAX_AWAITED_REPORTS
        {
            self.0.insert((now + *wait, call, attempts + 1));
        }
    }
}
