//! Backfill: queries the calls that were not pushed. Closes event gaps, polls recent reports, and answers queries about
//! single calls. Backfill runs beside the lanes, which never wait for a query.

mod gap;

pub(super) use gap::{BackfillRequest, Gap};

use super::{
    ConnectionEvent, Reports,
    api::{Api, Error},
    clock::GotoClock,
    lane_task::Accounts,
    wire::Reader,
};
use crate::model::{call::Report, ids::ConversationSpaceId, time::Now};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

/// Waits before a gap is queried again: a report appears some undocumented time after the end of its call.
const LATE_REPORT_DELAYS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(60)];
/// Wait before a failed query of a gap is retried; retries have no limit.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(15);
/// Checks due within this time are merged: gaps in close succession cost one query.
const CHECK_MERGE_SPAN: Duration = Duration::from_secs(2);
/// Queried time before a gap. Reports are found by the start of a call, which may precede the gap. The tracker
/// keeps a call without a snapshot for 4 h at most. GoTo finds reports by the start of a call only, so the periodic backfill
/// reaches back as far. With 1,000 calls an hour these are 40 pages in 5 min, of 2,400 that the rate limit allows.
const START_MARGIN: Duration = Duration::from_secs(4 * 3600);
/// Interval of the periodic backfill, which finds calls without a single frame although a lane was live. After 5 min a
/// callback is still useful; the API allows 10 requests a second.
pub const BACKFILL_INTERVAL: Duration = Duration::from_secs(300);
/// A gap to be queried again.
#[derive(Debug, Clone, Copy)]
struct PendingCheck {
    at: Instant,
    gap: Gap,
    /// Whether every query of this gap failed so far: retry until one succeeds.
    unanswered: bool,
}

/// Backfill of one connection.
#[derive(Clone)]
pub(super) struct Backfill {
    /// Client for active calls and states.
    pub(super) api: Api,
    /// Client for reports, which GoTo counts apart from the other requests. After an outage they are queried in bulk.
    pub(super) reports_api: Api,
    pub(super) accounts: Arc<Accounts>,
    pub(super) context: Reader,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
    /// Whether a lane is live.
    pub(super) live: watch::Receiver<bool>,
    pub(super) clock: GotoClock,
    /// Interval of the periodic backfill: [`BACKFILL_INTERVAL`].
    pub(super) interval: Duration,
}

impl Backfill {
    /// Backfills event gaps until the sender is dropped, and polls recent reports.
    pub(super) async fn run_gaps(self, mut gaps: mpsc::Receiver<BackfillRequest>) {
        let mut due: Vec<PendingCheck> = Vec::new();
        let mut emitted: HashSet<ConversationSpaceId> = HashSet::new();
        let mut next_poll = Some(Instant::now() + self.interval);
        loop {
            let next = due.iter().map(|check| check.at).min();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                request = gaps.recv() => {
                    let Some(request) = request else { return };
                    let (mut all, mut checks) = (Vec::new(), Vec::new());
                    for request in std::iter::once(request).chain(std::iter::from_fn(|| gaps.try_recv().ok())) {
                        match request {
                            BackfillRequest::Gap(gap) => all.push(gap),
                            BackfillRequest::Check(span) => checks.push(span),
                        }
                    }
                    // A gap's queries also answer the checks beside it.
                    match (checks.into_iter().reduce(Gap::merge), all.first_mut()) {
                        (Some(span), None) => Box::pin(self.check(span, &mut emitted)).await,
                        (span, Some(first)) => {
                            first.since = span.map_or(first.since, |span| span.since.min(first.since));
                            Box::pin(self.backfill_gaps(&all, &mut due, &mut emitted)).await;
                        }
                        (None, None) => {}
                    }
                }
                () = sleep_until(wake), if next.is_some() => Box::pin(self.run_checks(&mut due, &mut emitted)).await,
                () = sleep_until(next_poll.unwrap_or(wake)), if next_poll.is_some() => {
                    next_poll = Box::pin(self.poll_recent(&mut emitted)).await.then(|| Instant::now() + self.interval);
                }
            }
            if due.is_empty() {
                emitted.clear();
            }
        }
    }

    /// Queries active calls and reports concurrently: a ringing call does not wait for reports.
    async fn backfill_gaps(
        &self,
        all: &[Gap],
        due: &mut Vec<PendingCheck>,
        emitted: &mut HashSet<ConversationSpaceId>,
    ) {
        let Some(merged) = all.iter().copied().reduce(Gap::merge) else { return };
        let (active, reports) = tokio::join!(self.fetch_active(), self.fetch_reports(merged, START_MARGIN));
        let delays = match &reports {
            Ok(_) => LATE_REPORT_DELAYS.as_slice(),
            Err(Error::Status { status: 403, .. }) => &[],
            Err(_) => &[RETRY_DELAY],
        };
        let now = Instant::now();
        due.extend(delays.iter().map(|wait| PendingCheck {
            at: now + *wait,
            gap: merged,
            unanswered: reports.is_err(),
        }));
        let mut remaining = reports.map(|reports| {
            reports.into_iter().filter(|report| emitted.insert(report.call.clone())).collect::<Vec<_>>()
        });
        for (index, gap) in all.iter().enumerate() {
            let last = index + 1 == all.len();
            let reports = match &mut remaining {
                Ok(remaining) => Reports::Fetched(
                    remaining.extract_if(.., |one| last || one.ended_at.is_some_and(|at| at < gap.to)).collect(),
                ),
                Err(Error::Status { status: 403, .. }) => Reports::NotGranted,
                Err(_) => Reports::Failed,
            };
            self.emit(ConnectionEvent::GapClosed { from: gap.from, to: gap.to, reports }).await;
        }
        // After the reports: a call that they end needs no further query.
        if let Some(active) = active {
            self.emit(ConnectionEvent::ActiveCalls { active }).await;
        }
    }

    /// Queries active calls and reports after the loss of a lane beside a live one. The frames came on the other lane, unless
    /// that lane was dead too and this was not yet detected.
    async fn check(&self, span: Gap, emitted: &mut HashSet<ConversationSpaceId>) {
        let (active, reports) = tokio::join!(self.fetch_active(), self.fetch_reports(span, START_MARGIN));
        match reports {
            Ok(reports) => {
                let new: Vec<Report> = reports.into_iter().filter(|one| emitted.insert(one.call.clone())).collect();
                if !new.is_empty() {
                    self.emit(ConnectionEvent::LateReports(new)).await;
                }
            }
            Err(error) => tracing::debug!(%error, "reports after a lost lane not fetched"),
        }
        if let Some(active) = active {
            self.emit(ConnectionEvent::ActiveCalls { active }).await;
        }
    }

    /// Emits the active calls for the REST fallback. Emits the set of their ids when a call of `known` has vanished from
    /// it, and replaces `known` by the set.
    pub(super) async fn poll_active(&self, known: &mut HashSet<ConversationSpaceId>) -> Result<(), Error> {
        let accounts = self.accounts.get(&self.api).await?;
        let calls = self.api.active_calls(accounts, &self.context).await?;
        let active: HashSet<_> = calls.iter().map(|call| call.call.clone()).collect();
        let has_ended = !known.is_subset(&active);
        known.clone_from(&active);
        for call in calls {
            self.emit(ConnectionEvent::Snapshot(Box::new(call))).await;
        }
        if has_ended {
            self.emit(ConnectionEvent::ActiveCalls { active }).await;
        }
        Ok(())
    }

    /// Emits the active calls and returns their ids; `None` if GoTo does not answer.
    async fn fetch_active(&self) -> Option<HashSet<ConversationSpaceId>> {
        for wait in [0, 2, 10] {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let calls = match self.accounts.get(&self.api).await {
                Ok(accounts) => self.api.active_calls(accounts, &self.context).await,
                Err(error) => Err(error),
            };
            match calls {
                Ok(calls) => {
                    let active = calls.iter().map(|call| call.call.clone()).collect();
                    for call in calls {
                        self.emit(ConnectionEvent::Snapshot(Box::new(call))).await;
                    }
                    return Some(active);
                }
                Err(Error::Status { status: 403, .. }) => {
                    tracing::warn!("active calls not granted, scope call-events.v1.events.read is missing");
                    return None;
                }
                Err(error) => tracing::debug!(%error, "active calls query failed"),
            }
        }
        None
    }

    /// Queries the reports of recently ended calls, which may have produced no frame. The call tracker drops known calls.
    /// Returns whether to poll again: false without the scope.
    async fn poll_recent(&self, emitted: &mut HashSet<ConversationSpaceId>) -> bool {
        // An event gap has its own queries, whose reports belong together.
        if !*self.live.borrow() {
            return true;
        }
        let to = self.clock.latest(Now::current());
        let recent = Gap::new(to.checked_sub(self.interval).unwrap_or(to), to);
        match self.fetch_reports(recent, START_MARGIN).await {
            Ok(reports) => {
                let new: Vec<Report> = reports.into_iter().filter(|one| emitted.insert(one.call.clone())).collect();
                if !new.is_empty() {
                    self.emit(ConnectionEvent::LateReports(new)).await;
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "periodic backfill failed");
                !matches!(error, Error::Status { status: 403, .. })
            }
        }
    }

    async fn fetch_reports(&self, gap: Gap, margin: Duration) -> Result<Vec<Report>, Error> {
        let accounts = self.accounts.get(&self.api).await?;
        let reports = self.reports_api.reports(accounts, gap.query_span(margin), &self.context).await?;
        Ok(reports.into_iter().filter(|report| gap.contains(report)).collect())
    }

    /// Queries late reports of the gaps that are due, and those of gaps without a successful query.
    async fn run_checks(&self, due: &mut Vec<PendingCheck>, emitted: &mut HashSet<ConversationSpaceId>) {
        let until = Instant::now() + CHECK_MERGE_SPAN;
        let now: Vec<PendingCheck> = due.extract_if(.., |check| check.at <= until).collect();
        let Some(merged) = now.iter().map(|check| check.gap).reduce(Gap::merge) else { return };
        match self.fetch_reports(merged, START_MARGIN).await {
            Ok(reports) => {
                let late: Vec<Report> = reports.into_iter().filter(|one| emitted.insert(one.call.clone())).collect();
                if !late.is_empty() {
                    self.emit(ConnectionEvent::LateReports(late)).await;
                }
                let unanswered: Vec<Gap> = now.iter().filter(|check| check.unanswered).map(|check| check.gap).collect();
                for Gap { since, to, .. } in unanswered {
                    self.emit(ConnectionEvent::BackfillDone { from: since, to }).await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "late reports query failed");
                let at = Instant::now() + RETRY_DELAY;
                due.extend(now.into_iter().filter(|check| check.unanswered).map(|check| PendingCheck { at, ..check }));
            }
        }
    }

    pub(super) async fn emit(&self, event: ConnectionEvent) {
        // The receiver closes only at shutdown.
        let _ = self.events.send(event).await;
    }
}
