//! The GoTo connections, each with its relay: opened, closed and replaced as the config requires. `task_set` decides
//! the actions.
//!
//! A connection with changed settings closes completely (channels deleted, token written) before it is opened again. Two
//! connections of one name would refresh one token and delete each other's channels. Calls ringing in between fall into an
//! event gap, which the new connection backfills as after a restart.

use crate::{
    config::{self, ConnectionConfig, DirectionFilter},
    daemon::{
        health::{alert::LoginAdvice, status::ConnectionStatus},
        pipeline::{
            Pipeline,
            recovery::{Recovery, UnfinishedCall},
            relay::Relay,
        },
        tasks::task_set::{Changes, TaskAction, TaskExit, TaskSet},
    },
    goto,
    model::{
        ids::ConnectionName,
        time::{Timestamp, before, elapsed},
    },
    outbox::{Heartbeat, OpenCall},
    runtime::http::HttpStack,
};
use std::{collections::BTreeMap, future::pending, path::PathBuf, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Capacity of the event channel to a relay. A full channel delays frames, not pings.
const EVENT_CAPACITY: usize = 1024;
/// Age of open calls recovered from an earlier run: as long as cards are kept.
const OPEN_CALLS_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Age of calls with an unknown end whose report is still requested. GoTo writes a report minutes after its call.
const UNKNOWN_CALLS_MAX_AGE: Duration = Duration::from_secs(3600);
/// Age of ended calls recognized in reports. Reports arrive some minutes after a call's end.
const ENDED_CALLS_MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// The connection tasks and their shared parts.
pub struct ConnectionTasks {
    context: ConnectionContext,
    tasks: TaskSet<ConnectionName, ConnectionConfig>,
    stops: BTreeMap<ConnectionName, DropGuard>,
    running: JoinSet<ConnectionName>,
    /// Cancelled by each relay when its received events are processed.
    relays: BTreeMap<ConnectionName, CancellationToken>,
}

/// Shared parts for opening a connection.
#[derive(Clone)]
struct ConnectionContext {
    pipeline: Arc<Pipeline>,
    network: HttpStack,
    state_dir: PathBuf,
    suffix: String,
}

impl ConnectionTasks {
    /// Creates an empty set. `suffix` distinguishes this host's channels from another's.
    #[must_use]
    pub fn new(pipeline: Arc<Pipeline>, network: HttpStack, state_dir: PathBuf, suffix: String) -> Self {
        let context = ConnectionContext { pipeline, network, state_dir, suffix };
        Self {
            context,
            tasks: TaskSet::default(),
            stops: BTreeMap::new(),
            running: JoinSet::new(),
            relays: BTreeMap::new(),
        }
    }

    /// Reconciles the connections with the config. An unchanged connection keeps its sockets.
    pub fn reconcile(&mut self, connections: Vec<ConnectionConfig>) -> Changes {
        // Directions are read from the current settings: changing them restarts nothing.
        let without_directions = |config| ConnectionConfig { directions: DirectionFilter::default(), ..config };
        let wanted = connections.into_iter().map(|config| (config.name.clone(), without_directions(config))).collect();
        let (actions, changes) = self.tasks.reconcile(wanted);
        for action in actions {
            match action {
                TaskAction::Start(name, config) => self.start(name, config),
                TaskAction::Stop(name) => {
                    // A connection missing in the status writes no heartbeat: the next one's event gap begins here.
                    self.context.pipeline.status.lock().connections.remove(&name);
                    drop(self.stops.remove(&name));
                }
            }
        }
        changes
    }

    /// Restarts connections after a requested exit. Completes with a description of an unexpected one.
    pub async fn next_failure(&mut self) -> String {
        loop {
            let Some(ended) = self.running.join_next().await else { return pending().await };
            let name = match ended {
                Ok(name) => name,
                Err(error) => return format!("relay ({error})"),
            };
            match self.tasks.on_exit(&name) {
                TaskExit::Requested(Some(config)) => self.start(name, config),
                TaskExit::Requested(None) => {}
                TaskExit::Unexpected => return format!("relay of {name}"),
            }
        }
    }

    /// Stops all connections and waits until received events are processed, until `until` at the latest.
    pub async fn stop_intake(&mut self, until: Instant) {
        self.stops.clear();
        for relay in self.relays.values() {
            drop(timeout_at(until, relay.cancelled()).await);
        }
    }

    /// Waits until the GoTo channels are deleted, until `until` at the latest.
    pub async fn close(&mut self, until: Instant) {
        while let Ok(Some(_)) = timeout_at(until, self.running.join_next()).await {}
    }

    fn start(&mut self, name: ConnectionName, config: ConnectionConfig) {
        let status = ConnectionStatus { lanes: config.lanes, ..ConnectionStatus::default() };
        self.context.pipeline.status.lock().connections.insert(name.clone(), status);
        let stop = CancellationToken::new();
        self.stops.insert(name.clone(), stop.clone().drop_guard());
        let relayed = CancellationToken::new();
        self.relays.insert(name.clone(), relayed.clone());
        let context = self.context.clone();
        self.running.spawn(async move {
            context.run_connection(config, stop, relayed.drop_guard()).await;
            name
        });
    }
}

impl ConnectionContext {
    /// Runs a connection until `stop`. Returns earlier only if its relay does.
    async fn run_connection(self, config: ConnectionConfig, stop: CancellationToken, relayed: DropGuard) {
        let name = config.name.clone();
        // Large and rare work is on the heap while it lasts: a daemon may have a thousand connections.
        Box::pin(self.pipeline.replay_pending(Some(&name))).await;
        let heartbeat = self.pipeline.outbox.last_heartbeat(name.clone()).await.unwrap_or_default();
        let uncovered_since = heartbeat.and_then(|last| last.uncovered_since);
        if let Some(status) = self.pipeline.status.lock().connections.get_mut(&name) {
            status.unrecovered_gaps.extend(uncovered_since);
        }
        let recovery = self.load_open_calls(&name, uncovered_since).await;
        let (event_sender, events) = mpsc::channel(EVENT_CAPACITY);
        let login_advice = if config.pat.is_some() { LoginAdvice::ReplacePat } else { LoginAdvice::LogIn };
        let settings = self.settings(config, heartbeat);
        let connection = goto::open(settings, self.network.http.clone(), event_sender);
        let relay = Relay::new(name, Arc::clone(&self.pipeline), connection.queries.clone(), recovery, login_advice);
        let closing = async {
            stop.cancelled().await;
            connection.close().await;
        };
        let relay = async {
            relay.run(events, stop.clone()).await;
            drop(relayed);
        };
        let (mut closing, mut relay) = (pin!(closing), pin!(relay));
        tokio::select! {
            () = &mut closing => relay.await,
            () = &mut relay => {
                if stop.is_cancelled() {
                    closing.await;
                }
            }
        }
    }

    fn settings(&self, config: ConnectionConfig, heartbeat: Option<Heartbeat>) -> goto::Settings {
        let metrics = self.pipeline.metrics.connection(config.name.as_str());
        goto::Settings {
            token_file: config::token_file(&self.state_dir, &config.name),
            nickname: format!("poprelay-{}-{}", config.name, self.suffix),
            name: config.name,
            client_id: config.client_id,
            client_secret: config.client_secret,
            account_keys: config.account_keys,
            first_refresh_token: config.refresh_token,
            pat: config.pat,
            shared_tokens: self.pipeline.outbox.shared_tokens(),
            lanes: config.lanes,
            region: config.region,
            api_url: config.api_url,
            auth_url: config.auth_url,
            last_live_at: heartbeat.map(|last| last.live_at),
            uncovered_since: heartbeat.and_then(|last| last.uncovered_since),
            backfill_interval: goto::BACKFILL_INTERVAL,
            voicemail: config.voicemail,
            number_names: config.number_names,
            task_monitor: self.pipeline.tasks.clone(),
            metrics,
        }
    }

    /// Loads the calls of an earlier run: those still open, and those already ended.
    async fn load_open_calls(&self, connection: &ConnectionName, uncovered_since: Option<Timestamp>) -> Recovery {
        let now = Timestamp::now();
        let open = self.pipeline.outbox.open_calls(before(now, OPEN_CALLS_MAX_AGE)).await.unwrap_or_default();
        let ended = self.pipeline.outbox.ended_calls(before(now, ENDED_CALLS_MAX_AGE)).await.unwrap_or_default();
        let is_late = |open: &OpenCall| {
            let is_unknown = open.last_update.as_ref().is_some_and(|last| last.call.end_unknown);
            is_unknown && elapsed(open.last_seen, now) > UNKNOWN_CALLS_MAX_AGE
        };
        let open = open.into_iter().filter(|open| open.connection == *connection && !is_late(open));
        let unfinished = |open: OpenCall| {
            (open.call, UnfinishedCall { last_update: open.last_update, last_seen: open.last_seen, is_awaited: false })
        };
        Recovery::new(open.map(unfinished).collect(), ended, uncovered_since, now)
    }
}
