//! One connection: starts and stops the tasks of its token, lanes, backfill and queries. The lanes report to
//! `lane_monitor`.

use super::{
    ConnectionEvent, Settings,
    api::{Api, Nickname, REPORTS_PER_SECOND, REQUESTS_PER_SECOND},
    backfill::Backfill,
    caller_activity::ActivityTask,
    clock::{GotoClock, watch_clock},
    fallback,
    gap::GapTracker,
    lane_monitor::LaneMonitor,
    lane_task::{Accounts, LaneTask},
    number_names::NumberNamesTask,
    oauth::Client,
    queries::{QuerySender, query_queues},
    scopes,
    shared_login::SharedLogin,
    token_task::{AccessToken, TokenTask},
    voicemail::VoicemailLookup,
    wire::Reader,
};
use crate::model::secret::Secret;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// A later lane starts when the first is live, or after this times its number: lanes do not fail together at start.
const STAGGER: Duration = Duration::from_secs(2);
/// Time for the deletion of channels at shutdown; the next start deletes the rest.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for a refresh in flight at shutdown: a rotated token must reach the disk.
const PERSIST_TIMEOUT: Duration = Duration::from_secs(4);
/// Capacity of the channel from the lanes. A full channel delays the lanes, which emit a few events a minute.
const LANE_EVENT_CAPACITY: usize = 64;
/// Queued backfill requests; further ones are merged into one.
const GAP_CAPACITY: usize = 64;

/// A running connection. Dropping it aborts every task; [`Connection::close`] shuts it down cleanly.
#[derive(Debug)]
pub struct Connection {
    /// Sender of queries; the answers are [`ConnectionEvent`]s.
    pub queries: QuerySender,
    stop: CancellationToken,
    lanes: JoinSet<()>,
    background: JoinSet<()>,
    /// Number of channels that a stop may leave.
    left_channels: Arc<AtomicUsize>,
    clock: GotoClock,
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
    let (queries_in, queries) = query_queues();
    let (live_in, live) = watch::channel(false);
    let (probes_in, probes) = watch::channel(0);

    let reader = Reader { connection: settings.name.clone(), region: settings.region };
    let accounts = Arc::new(Accounts::new(settings.account_keys));
    let (clock_in, measured) = watch::channel(None);
    let (known_in, clock) = GotoClock::channel();
    let metrics = settings.metrics;
    let api = Api::new(settings.name, http.clone(), settings.api_url, access.clone(), rejected_in, clock_in)
        .with_metrics(metrics.clone());
    let shared_tokens = settings.shared_tokens.filter(|_| settings.pat.is_none());
    let token_task = TokenTask {
        name: reader.connection.clone(),
        failed_refreshes: 0,
        reported_failure: None,
        client: Client { id: settings.client_id, secret: settings.client_secret, auth_url: settings.auth_url },
        http: http.clone(),
        token_file: settings.token_file,
        first_refresh_token: settings.first_refresh_token,
        needed_scopes: scopes::needed(settings.voicemail, settings.number_names),
        missing_scopes: Vec::new(),
        pat: settings.pat,
        shared: shared_tokens.map(|store| SharedLogin::new(store, Instant::now())),
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
        clock: clock.clone(),
        interval: settings.backfill_interval,
    };

    let mut background = JoinSet::new();
    background.spawn(catch_up.clone().run_gaps(gaps));
    let activity = ActivityTask {
        api: api.with_own_limit(REQUESTS_PER_SECOND),
        name: reader.connection.clone(),
        events: events.clone(),
    };
    background.spawn(activity.run(queries.caller_activity));
    if settings.voicemail {
        let mailboxes = VoicemailLookup {
            api: api.with_own_limit(REQUESTS_PER_SECOND),
            context: reader.clone(),
            events: events.clone(),
        };
        background.spawn(mailboxes.run(queries.voicemail));
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
    background.spawn(watch_clock(measured, known_in, events.clone()));
    background.spawn(catch_up.run_queries(queries.calls));
    let (name, uncovered_since) = (reader.connection.clone(), settings.uncovered_since);
    let monitor = LaneMonitor::new(name, events.clone(), gaps_in, live_in, probes_in, clock.clone(), uncovered_since);
    background.spawn(monitor.run(GapTracker::new(settings.last_live_at), lane_events));

    let (mut lanes, left_channels) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
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
            left_channels: Arc::clone(&left_channels),
        };
        let (access, stop, mut live) = (access.clone(), stop.clone(), live.clone());
        lanes.spawn(async move {
            if lane > 0 {
                let _ = tokio::time::timeout(STAGGER * u32::from(lane), live.wait_for(|live| *live)).await;
            }
            session.run(access, stop).await;
        });
    }
    Connection {
        queries: queries_in,
        stop,
        lanes,
        background,
        left_channels,
        clock,
        token_task: Some(tokio::spawn(token_task.run())),
    }
}

impl Connection {
    /// Shuts down: sockets closed, channels deleted, a rotated token on disk. Takes 3 s at most, and 4 s more only while
    /// a refresh is in flight.
    pub async fn close(mut self) {
        self.stop.cancel();
        let ended = async { while self.lanes.join_next().await.is_some() {} };
        drop(tokio::time::timeout(STOP_TIMEOUT, ended).await);
        self.lanes.shutdown().await;
        let channels = self.left_channels.load(Ordering::Relaxed);
        // Without any answer of GoTo no request has created a channel.
        if channels > 0 && self.clock.is_known() {
            tracing::info!(channels, "channels left behind, next start deletes them");
        }
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
