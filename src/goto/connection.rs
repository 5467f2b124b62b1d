//! One connection: starts and stops the tasks of its token, lanes, backfill and queries. Combines the liveness of lanes
//! into event gaps (through `gap`).

use super::{
    ConnectionEvent, GotoQuery, Settings,
    api::{Api, Nickname, REPORTS_PER_SECOND, REQUESTS_PER_SECOND},
    backfill::{Backfill, BackfillRequest, Gap},
    caller_activity::{self, ActivityTask},
    fallback,
    gap::{GapChange, GapTracker},
    lane::{DisconnectReason, LaneEvent},
    lane_task::{Accounts, LaneTask},
    number_names::NumberNamesTask,
    oauth::Client,
    scopes,
    token_task::{AccessToken, TokenTask},
    voicemail::{self, VoicemailLookup},
    wire::Reader,
};
use crate::model::{
    ids::{AccountKey, ConnectionName},
    secret::Secret,
    time::Timestamp,
};
use jiff::SignedDuration;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// A later lane starts when the first is live, or after this times its number: lanes do not fail together at start.
const STAGGER: Duration = Duration::from_secs(2);
/// Time for the deletion of channels at shutdown; the next start deletes the rest.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for a refresh in flight at shutdown: a rotated token must reach the disk.
const PERSIST_TIMEOUT: Duration = Duration::from_secs(4);
/// Shortest interval between checks for holes in the `eventId`s: the count is not documented, and a check costs two
/// requests.
const HOLE_CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// Difference of the clocks that is learned again. A `Date` header has whole seconds.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(2);
/// Queued queries; further ones are rejected to the sender.
const QUERY_CAPACITY: usize = 256;
/// Capacity of the channel from the lanes. A full channel delays the lanes, which emit a few events a minute.
const LANE_EVENT_CAPACITY: usize = 64;
/// Queued backfill requests; further ones are merged into one.
const GAP_CAPACITY: usize = 64;

/// A running connection. Dropping it aborts every task; [`Connection::close`] shuts it down cleanly.
#[derive(Debug)]
pub struct Connection {
    /// Sender of queries; the answers are [`ConnectionEvent`]s.
    pub queries: mpsc::Sender<GotoQuery>,
    stop: CancellationToken,
    lanes: JoinSet<()>,
    background: JoinSet<()>,
    token_task: Option<JoinHandle<()>>,
}

/// Starts a connection that emits its events to `events`. Must be called inside a tokio runtime.
#[must_use]
pub fn open(settings: Settings, http: reqwest::Client, events: mpsc::Sender<ConnectionEvent>) -> Connection {
    let (access_in, access) = watch::channel(AccessToken::Pending);
    let (rejected_in, rejected) = mpsc::channel::<Secret>(4);
    let stop = CancellationToken::new();
    let (lane_events_in, lane_events) = mpsc::channel(LANE_EVENT_CAPACITY);
    let (gaps_in, gaps) = mpsc::channel(GAP_CAPACITY);
    let (queries_in, queries) = mpsc::channel(QUERY_CAPACITY);
    let (live_in, live) = watch::channel(false);
    let (probes_in, probes) = watch::channel(0);

    let reader = Reader { connection: settings.name.clone(), region: settings.region };
    let accounts = Arc::new(Accounts::new(settings.account_keys));
    let (clock_in, clock) = watch::channel(SignedDuration::ZERO);
    let metrics = settings.metrics;
    let api = Api::new(settings.name, http.clone(), settings.api_url, access.clone(), rejected_in, clock_in)
        .with_metrics(metrics.clone());
    let token_task = TokenTask {
        name: reader.connection.clone(),
        failed_refreshes: 0,
        client: Client { id: settings.client_id, secret: settings.client_secret, auth_url: settings.auth_url },
        http: http.clone(),
        token_file: settings.token_file,
        first_refresh_token: settings.first_refresh_token,
        needed_scopes: scopes::needed(settings.voicemail, settings.number_names),
        missing_scopes: Vec::new(),
        pat: settings.pat,
        access: access_in,
        rejected,
        events: events.clone(),
        metrics,
    };
    // With limits of its own: a deletion of channels at a stop must not wait behind queued queries.
    let catch_up = Backfill {
        api: api.with_own_limit(REQUESTS_PER_SECOND),
        reports_api: api.with_own_limit(REPORTS_PER_SECOND),
        accounts: Arc::clone(&accounts),
        context: reader.clone(),
        events: events.clone(),
        live: live.clone(),
        interval: settings.backfill_interval,
    };

    let mut background = JoinSet::new();
    background.spawn(catch_up.clone().run_gaps(gaps));
    let (activity_in, activity_queries) = mpsc::channel(caller_activity::QUEUE_CAPACITY);
    let activity = ActivityTask {
        api: api.with_own_limit(REQUESTS_PER_SECOND),
        name: reader.connection.clone(),
        events: events.clone(),
    };
    background.spawn(activity.run(activity_queries));
    let (voicemail_in, voicemail_queries) = mpsc::channel(voicemail::QUEUE_CAPACITY);
    if settings.voicemail {
        let mailboxes = VoicemailLookup {
            api: api.with_own_limit(REQUESTS_PER_SECOND),
            context: reader.clone(),
            events: events.clone(),
        };
        background.spawn(mailboxes.run(voicemail_queries));
    }
    if settings.number_names {
        let names = NumberNamesTask {
            api: api.with_own_limit(REQUESTS_PER_SECOND),
            accounts: Arc::clone(&accounts),
            context: reader.clone(),
            events: events.clone(),
        };
        background.spawn(names.run());
    }
    background.spawn(fallback::run(catch_up.clone()));
    background.spawn(watch_clock(clock, events.clone()));
    background.spawn(catch_up.run_queries(queries, activity_in, voicemail_in));
    let monitor = LaneMonitor {
        name: reader.connection.clone(),
        events: events.clone(),
        gaps: gaps_in,
        unsent: None,
        live: live_in,
        probes: probes_in,
        rejected_accounts: HashSet::new(),
        last_hole: None,
        uncovered_since: settings.uncovered_since,
    };
    background.spawn(monitor.run(GapTracker::new(settings.last_live_at), lane_events));

    let mut lanes = JoinSet::new();
    for lane in 0..settings.lanes.max(1) {
        let session = LaneTask {
            nickname: Nickname { base: settings.nickname.clone(), lane, lanes: settings.lanes.max(1) },
            api: api.clone(),
            accounts: Arc::clone(&accounts),
            http: http.clone(),
            context: reader.clone(),
            events: events.clone(),
            lane_events: lane_events_in.clone(),
            task_monitor: settings.task_monitor.clone(),
            probes: probes.clone(),
        };
        let (access, stop, mut live) = (access.clone(), stop.clone(), live.clone());
        lanes.spawn(async move {
            if lane > 0 {
                let _ = tokio::time::timeout(STAGGER * u32::from(lane), live.wait_for(|live| *live)).await;
            }
            session.run(access, stop).await;
        });
    }
    Connection { queries: queries_in, stop, lanes, background, token_task: Some(tokio::spawn(token_task.run())) }
}

impl Connection {
    /// Shuts down: sockets closed, channels deleted, a rotated token on disk. Takes 3 s at most, and 4 s more only while
    /// a refresh is in flight.
    pub async fn close(mut self) {
        self.stop.cancel();
        let ended = async { while self.lanes.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
            tracing::info!("channels left behind, next start deletes them");
        }
        self.lanes.shutdown().await;
        self.background.shutdown().await;
        // Lanes and backfill were the last users of tokens: the token task ends now.
        if let Some(mut token_task) = self.token_task.take()
            && tokio::time::timeout(PERSIST_TIMEOUT, &mut token_task).await.is_err()
        {
            token_task.abort();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(token_task) = &self.token_task {
            token_task.abort();
        }
    }
}

/// Emits the difference between GoTo's clock and the local one when it changes.
async fn watch_clock(mut clock: watch::Receiver<SignedDuration>, events: mpsc::Sender<ConnectionEvent>) {
    let mut emitted = SignedDuration::ZERO;
    while clock.changed().await.is_ok() {
        let offset = *clock.borrow_and_update();
        if (offset - emitted).abs() > CLOCK_TOLERANCE {
            emitted = offset;
            // The receiver closes only at shutdown.
            let _ = events.send(ConnectionEvent::ClockOffset { offset }).await;
        }
    }
}

/// Converts the events of lanes into events of the connection.
struct LaneMonitor {
    name: ConnectionName,
    events: mpsc::Sender<ConnectionEvent>,
    gaps: mpsc::Sender<BackfillRequest>,
    /// Span of the requests that the full channel rejected. The next request includes it.
    unsent: Option<Gap>,
    live: watch::Sender<bool>,
    probes: watch::Sender<u64>,
    rejected_accounts: HashSet<(AccountKey, u16)>,
    /// Time of the last check for a hole in the `eventId`s.
    last_hole: Option<Instant>,
    /// Start of the calls that an earlier run did not recover, until the first gap closes.
    uncovered_since: Option<Timestamp>,
}

impl LaneMonitor {
    async fn run(mut self, mut tracker: GapTracker, mut lane_events: mpsc::Receiver<(u8, LaneEvent)>) {
        if let Some(since) = tracker.open_since() {
            self.emit(ConnectionEvent::GapOpened { since }).await;
        }
        while let Some((lane, event)) = lane_events.recv().await {
            match event {
                LaneEvent::Up => {
                    let change = tracker.lane_up(lane, Timestamp::now());
                    self.on_gap_change(change).await;
                    self.live.send_replace(true);
                    self.emit(ConnectionEvent::LaneUp { lane }).await;
                }
                // A requested stop opens no gap.
                LaneEvent::Down { why: DisconnectReason::Stopped, .. } => {}
                LaneEvent::Down { why, live_until } => {
                    let change = tracker.lane_down(lane, live_until.timestamp);
                    self.emit(ConnectionEvent::LaneDown { lane, why }).await;
                    if change.is_none() && matches!(why, DisconnectReason::Silent | DisconnectReason::Broken) {
                        self.check_since(live_until.timestamp);
                    }
                    self.on_gap_change(change).await;
                }
                LaneEvent::Suspect => self.probes.send_modify(|count| *count = count.wrapping_add(1)),
                LaneEvent::EventHole { live_until } => {
                    if self.last_hole.is_none_or(|at| at.elapsed() >= HOLE_CHECK_INTERVAL) {
                        self.last_hole = Some(Instant::now());
                        self.check_since(live_until.timestamp);
                    }
                }
                LaneEvent::ClockJump { live_until } => {
                    tracing::info!(connection = %self.name, lane, "process was paused or clock jumped, lane is tested");
                    self.check_since(live_until.timestamp);
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
    fn check_since(&mut self, from: Timestamp) {
        let to = Timestamp::now().max(from);
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
