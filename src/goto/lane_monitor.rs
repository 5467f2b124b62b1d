//! Converts the events of the lanes into events of their connection: liveness becomes event gaps (through `gap`). Gaps and
//! doubts become backfill requests.

use super::{
    ConnectionEvent,
    backfill::{BackfillRequest, Gap},
    clock::GotoClock,
    gap::{GapChange, GapTracker},
    lane::{DisconnectReason, LaneEvent},
};
use crate::model::{
    ids::{AccountKey, ConnectionName},
    time::{Now, Timestamp},
};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    watch,
};

/// Shortest interval between checks for holes in the `eventId`s: the count is not documented, and a check costs two
/// requests.
const HOLE_CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// Converts the events of lanes into events of the connection.
pub(super) struct LaneMonitor {
    name: ConnectionName,
    events: mpsc::Sender<ConnectionEvent>,
    gaps: mpsc::Sender<BackfillRequest>,
    /// Span of the requests that the full channel rejected. The next request includes it.
    unsent: Option<Gap>,
    live: watch::Sender<bool>,
    probes: watch::Sender<u64>,
    clock: GotoClock,
    rejected_accounts: HashSet<(AccountKey, u16)>,
    /// Time of the last check for a hole in the `eventId`s.
    last_hole: Option<Instant>,
    /// Start of the calls that an earlier run did not recover, until the first gap closes.
    uncovered_since: Option<Timestamp>,
}

impl LaneMonitor {
    /// Creates the monitor. `uncovered_since`: start of the calls that an earlier run did not recover.
    pub(super) fn new(
        name: ConnectionName,
        events: mpsc::Sender<ConnectionEvent>,
        gaps: mpsc::Sender<BackfillRequest>,
        live: watch::Sender<bool>,
        probes: watch::Sender<u64>,
        clock: GotoClock,
        uncovered_since: Option<Timestamp>,
    ) -> Self {
        let rejected_accounts = HashSet::new();
        Self {
            name,
            events,
            gaps,
            unsent: None,
            live,
            probes,
            clock,
            rejected_accounts,
            last_hole: None,
            uncovered_since,
        }
    }

    /// Runs until the last lane has ended.
    pub(super) async fn run(mut self, mut tracker: GapTracker, mut lane_events: mpsc::Receiver<(u8, LaneEvent)>) {
        if let Some(since) = tracker.open_since() {
            self.emit(ConnectionEvent::GapOpened { since }).await;
        }
        while let Some((lane, event)) = lane_events.recv().await {
            match event {
                LaneEvent::Up => {
                    let change = tracker.lane_up(lane, self.clock.latest(Now::current()));
                    self.on_gap_change(change).await;
                    self.live.send_replace(true);
                    self.emit(ConnectionEvent::LaneUp { lane }).await;
                }
                // A requested stop opens no gap.
                LaneEvent::Down { why: DisconnectReason::Stopped, .. } => {}
                LaneEvent::Down { why, live_until } => {
                    let change = tracker.lane_down(lane, self.clock.earliest(live_until));
                    self.emit(ConnectionEvent::LaneDown { lane, why }).await;
                    if change.is_none() && matches!(why, DisconnectReason::Silent | DisconnectReason::Broken) {
                        self.check_since(live_until);
                    }
                    self.on_gap_change(change).await;
                }
                LaneEvent::Suspect => self.probes.send_modify(|count| *count = count.wrapping_add(1)),
                LaneEvent::EventHole { live_until } => {
                    if self.last_hole.is_none_or(|at| at.elapsed() >= HOLE_CHECK_INTERVAL) {
                        self.last_hole = Some(Instant::now());
                        self.check_since(live_until);
                    }
                }
                LaneEvent::ClockJump { live_until } => {
                    tracing::info!(connection = %self.name, lane, "process was paused or clock jumped, lane is tested");
                    self.check_since(live_until);
                }
                LaneEvent::Rejected(why) => self.emit(ConnectionEvent::LaneRejected { lane, why }).await,
                LaneEvent::Failing(why) => self.emit(ConnectionEvent::LaneFailing { lane, why }).await,
                LaneEvent::Subscribed(accounts) => self.emit(ConnectionEvent::Subscribed { accounts }).await,
                LaneEvent::AccountRejected(one) => {
                    if self.rejected_accounts.insert((one.account.clone(), one.status)) {
                        let (account, status, code) = (one.account, one.status, one.code);
                        self.emit(ConnectionEvent::AccountRejected { account, status, code }).await;
                    }
                }
            }
        }
    }

    async fn on_gap_change(&mut self, change: Option<GapChange>) {
        match change {
            Some(GapChange::Opened { since }) => {
                self.live.send_replace(false);
                self.emit(ConnectionEvent::GapOpened { since }).await;
            }
            Some(GapChange::Closed { from, to }) => {
                if *self.live.borrow() {
                    // Found afterwards: the gap has ended, but was never reported as open.
                    self.emit(ConnectionEvent::GapOpened { since: from }).await;
                }
                let since = self.uncovered_since.take().map_or(from, |since| since.min(from));
                self.request_backfill(BackfillRequest::Gap(Gap { since, ..Gap::new(from, to) }));
            }
            None => {}
        }
    }

    /// Requests active calls and reports since a time at which another lane was live: frames may be lost on both.
    fn check_since(&mut self, live_until: Now) {
        let from = self.clock.earliest(live_until);
        let to = self.clock.latest(Now::current()).max(from);
        self.request_backfill(BackfillRequest::Check(Gap::new(from, to)));
    }

    /// Queues a request without waiting: backfill waits for the liveness that this task emits.
    fn request_backfill(&mut self, request: BackfillRequest) {
        let request = match self.unsent.take() {
            Some(span) => BackfillRequest::Gap(span.merge(request.span())),
            None => request,
        };
        // The receiver closes only when the connection is dropped.
        if let Err(TrySendError::Full(request)) = self.gaps.try_send(request) {
            self.unsent = Some(request.span());
        }
    }

    async fn emit(&self, event: ConnectionEvent) {
        // The receiver closes only at shutdown.
        let _ = self.events.send(event).await;
    }
}
