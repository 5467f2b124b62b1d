//! Owns every task: starts the daemon in order, watches the tasks, stops them in the opposite order.
//!
//! # Invariants
//! - A task that exits unexpectedly stops the daemon in order. The process fails and systemd restarts it; pending
//!   cards stay in the outbox.
//! - A clean stop (SIGTERM, Ctrl-C) takes 10 s at most: intake ends, held updates are enqueued, posts in flight
//!   finish, GoTo channels are deleted.
//! - A second signal ends the process immediately.
//! - A reload (SIGHUP) reads the config beside the running tasks and swaps it whole. Relays and workers with
//!   unchanged settings keep running; the others are replaced one by one. An invalid config changes nothing.

use crate::{
    config::{Config, ConfigError},
    daemon::{
        claims,
        health::{
            alert::AlertKind, given_up::GivenUp, http::MetricsServer, person_troubles::PersonTroubles,
            readiness::Readiness, stored::StatusFile,
        },
        pipeline::Pipeline,
        recap,
        reload::{ReloadRequests, ReloadedConfig, RestartOnly},
        settings::Settings,
        startup::{self, DaemonError},
        system::{sd_notify, state_dir},
        tasks::{
            connections::ConnectionTasks, file_watch, history, ownership, slack_sockets::SlackSockets, workers::Workers,
        },
    },
    deliver::{OwnershipRegistry, SinkEvent},
    model::{ids::SinkName, time::Timestamp},
    outbox::Health,
    runtime::{http::HttpStack, message_id, metrics::Metrics},
};
use std::{collections::BTreeSet, convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, interval, timeout_at},
};

/// Deadline of a clean stop. The unit's TimeoutStopSec= is twice as long.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Part of it that the store has at least, to close its file, which merges the log.
const STORE_STOP_TIME: Duration = Duration::from_millis(1500);
/// Interval of status line, heartbeat and store checks.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(2);
/// Capacity of the channel from the workers: sink events.
const SINK_EVENT_CAPACITY: usize = 1024;
/// Capacity of the channel of alerts about app tokens: one app has an alert in minutes at most.
const BUTTON_ALERT_CAPACITY: usize = 64;

/// Runs the daemon until `stop` completes, then stops it in order. `now` completing ends that stop early.
///
/// # Errors
/// [`DaemonError`]: the start failed, or a task exited unexpectedly.
pub async fn run(
    config: Config,
    stop: impl Future<Output = ()>,
    now: impl Future<Output = ()>,
    reloads: ReloadRequests,
) -> Result<(), DaemonError> {
    let mut daemon = Daemon::open(config, reloads).await?;
    let failed = daemon.watch(stop).await;
    sd_notify::stopping();
    tracing::info!(message_id = message_id::STOPPING, "stopping");
    tokio::select! {
        () = daemon.close() => tracing::info!("stopped"),
        () = now => tracing::warn!("stopped immediately, posts in flight are repeated at the next start"),
    }
    failed.map_or(Ok(()), |task| Err(DaemonError::TaskExited(task)))
}

/// The running daemon: shared parts and task groups.
struct Daemon {
    pipeline: Arc<Pipeline>,
    network: HttpStack,
    connections: ConnectionTasks,
    workers: Workers,
    /// Receivers of presses of buttons.
    slack_sockets: SlackSockets,
    button_alerts: mpsc::Receiver<AlertKind>,
    /// Watchers of contacts and holiday files.
    file_watchers: JoinSet<Infallible>,
    /// The tasks that query due recaps and claims every few seconds.
    periodic_tasks: JoinSet<Infallible>,
    /// The ownership of sinks, if the store is shared.
    ownership: JoinSet<Infallible>,
    health: watch::Receiver<Health>,
    reported_faults: store_health::ReportedFaults,
    sink_events: mpsc::Receiver<SinkEvent>,
    reloads: ReloadRequests,
    restart_only: RestartOnly,
    /// The config read in progress, if a reload was requested.
    reading: JoinSet<Result<ReloadedConfig, ConfigError>>,
    readiness: Readiness,
    /// Tasks stalled at the last check.
    stalled: Vec<String>,
    state: state_dir::StateDir,
    /// Whether the state directory could not be restored at the last check.
    state_missing: bool,
    /// Cards that became dead letters, for the next alert.
    given_up: GivenUp,
    person_troubles: PersonTroubles,
    _metrics_server: MetricsServer,
    status_file: StatusFile,
}

impl Daemon {
    async fn open(config: Config, reloads: ReloadRequests) -> Result<Self, DaemonError> {
        let state = state_dir::lock(&config.state_dir)?;
        let metrics = Metrics::new(Timestamp::now());
        let outbox = startup::open_outbox(&config, &state.suffix, &metrics)?;
        let network = HttpStack::open(config.http.clone())?;
        let enricher = startup::build_enricher(&config, &network, Arc::new(outbox.clone()))?.with_metrics(&metrics);
        let health = outbox.health();
        let (event_sender, sink_events) = mpsc::channel(SINK_EVENT_CAPACITY);
        let (alert_sender, button_alerts) = mpsc::channel(BUTTON_ALERT_CAPACITY);
        let settings = Settings::from_config(&config, enricher);
        let sharing_host = config.database.is_some().then(state_dir::host_name);
        let pipeline = Arc::new(Pipeline::new(outbox, settings, &config.state_dir, metrics, sharing_host));
        pipeline.metrics.daemon().config_info.set(&[&config.hash], 1.0);
        let status_file = StatusFile::open(config.state_dir.clone(), &pipeline.metrics, Timestamp::now());
        let metrics_server = MetricsServer::start(config.metrics_listen.as_ref(), &pipeline).await;
        let suffix = state.suffix.clone();
        let is_shared = config.database.is_some();
        let registry = if is_shared { OwnershipRegistry::shared() } else { OwnershipRegistry::default() };
        let mut daemon = Self {
            workers: Workers::new(Arc::clone(&pipeline), network.http.clone(), event_sender, registry.clone()),
            slack_sockets: SlackSockets::new(Arc::clone(&pipeline), network.http.clone(), alert_sender),
            button_alerts,
            connections: ConnectionTasks::new(Arc::clone(&pipeline), network.clone(), config.state_dir.clone(), suffix),
            pipeline,
            network,
            file_watchers: JoinSet::new(),
            periodic_tasks: JoinSet::new(),
            ownership: JoinSet::new(),
            health,
            reported_faults: Default::default(),
            sink_events,
            reloads,
            restart_only: RestartOnly::from_config(&config),
            reading: JoinSet::new(),
            readiness: Readiness::new(Instant::now()),
            stalled: Vec::new(),
            state,
            state_missing: false,
            given_up: GivenUp::default(),
            person_troubles: PersonTroubles::default(),
            _metrics_server: metrics_server,
            status_file,
        };
        let is_in_memory = matches!(*daemon.health.borrow(), Health::InMemory { .. });
        // Written here and by `on_store_health` only: it reports the changes.
        daemon.pipeline.status.lock().store_in_memory = is_in_memory;
        if is_shared {
            daemon.on_store_health().await;
            let (me, host) = (daemon.state.suffix.clone(), state_dir::host_name());
            daemon.ownership.spawn(ownership::run(Arc::clone(&daemon.pipeline), registry, me, host));
        }
        daemon.workers.reconcile(&config.sinks);
        daemon.slack_sockets.reconcile(&config.sinks);
        daemon.file_watchers.spawn(file_watch::watch_contacts(Arc::clone(&daemon.pipeline)));
        daemon.file_watchers.spawn(file_watch::watch_holidays(Arc::clone(&daemon.pipeline)));
        daemon.pipeline.replay_pending(None).await;
        daemon.pipeline.replay_callbacks(Timestamp::now()).await;
        daemon.warn_orphaned_sinks().await;
        daemon.restore_daily_count().await;
        daemon.connections.reconcile(config.connections);
        daemon.periodic_tasks.spawn(recap::run(Arc::clone(&daemon.pipeline)));
        daemon.periodic_tasks.spawn(history::run(Arc::clone(&daemon.pipeline)));
        daemon.periodic_tasks.spawn(claims::run(Arc::clone(&daemon.pipeline), daemon.network.http.clone()));
        Ok(daemon)
    }

    /// Watches the tasks until `stop` completes. Returns the name of a task that exited unexpectedly.
    async fn watch(&mut self, stop: impl Future<Output = ()>) -> Option<String> {
        let mut stop = pin!(stop);
        let mut housekeeping = interval(HOUSEKEEPING_INTERVAL);
        loop {
            tokio::select! {
                () = &mut stop => return None,
                task = self.connections.next_failure() => return Some(task),
                task = self.workers.next_failure() => return Some(task),
                task = self.slack_sockets.next_failure() => return Some(task),
                Some(_) = self.periodic_tasks.join_next() => return Some("task of recaps or claims".to_owned()),
                Some(_) = self.ownership.join_next() => return Some("ownership of sinks".to_owned()),
                Some(_) = self.file_watchers.join_next() => return Some("file watcher".to_owned()),
                Some(event) = self.sink_events.recv() => self.on_sink_event(event).await,
                Some(alert) = self.button_alerts.recv() => self.pipeline.raise(alert).await,
                Ok(()) = self.health.changed() => self.on_store_health().await,
                Some(()) = self.reloads.requests.recv(), if self.reading.is_empty() => self.start_reload(),
                Some(read) = self.reading.join_next() => self.finish_reload(read).await,
                _ = housekeeping.tick() => self.housekeeping().await,
            }
        }
    }

    /// Counts today's calls of earlier runs.
    async fn restore_daily_count(&self) {
        let (outbox, settings) = (&self.pipeline.outbox, self.pipeline.settings.load());
        let today = settings.today();
        let Ok(midnight) = today.to_zoned(settings.style.time_zone.clone()) else { return };
        let open = outbox.open_calls(midnight.timestamp()).await.unwrap_or_default().into_iter().map(|open| open.call);
        let ended = outbox.ended_calls(midnight.timestamp()).await.unwrap_or_default();
        let calls: BTreeSet<_> = open.chain(ended).map(|call| call.as_str().to_owned()).collect();
        self.pipeline.status.lock().add_calls(u64::try_from(calls.len()).unwrap_or(u64::MAX), today);
    }

    async fn warn_orphaned_sinks(&self) {
        let settings = self.pipeline.settings.load();
        startup::warn_orphaned_sinks(&self.pipeline.outbox, |sink| settings.sinks.contains_key(sink)).await;
    }

    fn start_reload(&mut self) {
        self.readiness.reloading();
        let (restart_only, network) = (self.restart_only.clone(), self.network.clone());
        let previous = Arc::clone(&self.pipeline.settings.load().enricher);
        let (calls, metrics) = (Arc::new(self.pipeline.outbox.clone()), self.pipeline.metrics.clone());
        self.reading.spawn_blocking(move || restart_only.read(&network, &previous, calls, &metrics));
    }

    async fn finish_reload(&mut self, read: Result<Result<ReloadedConfig, ConfigError>, JoinError>) {
        match read {
            Ok(Ok(reloaded)) => self.apply(reloaded).await,
            Ok(Err(error)) => self.reject_reload(&error.to_string()),
            Err(error) => self.reject_reload(&error.to_string()),
        }
        let today = self.pipeline.settings.load().today();
        let summary = self.pipeline.status.lock().summary(today);
        self.readiness.reloaded(&summary);
    }

    fn reject_reload(&self, error: &str) {
        tracing::error!(error, message_id = message_id::CONFIG_REJECTED, "config reload rejected");
        self.pipeline.status.lock().config_error = Some(error.to_owned());
        self.pipeline.metrics.daemon().reload(None);
    }

    async fn apply(&mut self, ReloadedConfig { config, enricher, restart_keys: restart }: ReloadedConfig) {
        self.pipeline.settings.store(Settings::from_config(&config, enricher));
        self.pipeline.metrics.daemon().reload(Some(&config.hash));
        let sinks = self.workers.reconcile(&config.sinks);
        self.slack_sockets.reconcile(&config.sinks);
        let is_configured = |name: &SinkName| config.sinks.iter().any(|sink| sink.name == *name);
        self.person_troubles.retain(is_configured);
        {
            let mut status = self.pipeline.status.lock();
            status.disabled.retain(is_configured);
            status.config_error = None;
            status.restart_keys = restart.clone();
        }
        let connections = self.connections.reconcile(config.connections);
        if let Some(log) = &self.reloads.log {
            log.set_level(&config.journal);
        }
        tracing::info!(
            sinks_added = sinks.added,
            sinks_changed = sinks.changed,
            sinks_removed = sinks.removed,
            connections_added = connections.added,
            connections_changed = connections.changed,
            connections_removed = connections.removed,
            message_id = message_id::CONFIG_RELOADED,
            "config reloaded"
        );
        if !restart.is_empty() {
            tracing::warn!(keys = restart.join(", "), "restart required to apply");
        }
        self.warn_orphaned_sinks().await;
    }

    /// Stops in order: intake, held updates, posts in flight, the store.
    async fn close(&mut self) {
        let end = Instant::now() + STOP_TIMEOUT;
        let until = end - STORE_STOP_TIME;
        self.file_watchers.abort_all();
        self.periodic_tasks.abort_all();
        self.connections.stop_intake(until).await;
        // Presses are stored before the workers end; the next start edits the messages.
        self.slack_sockets.close(until).await;
        self.workers.close(until).await;
        self.ownership.abort_all();
        drop(timeout_at(until, self.pipeline.outbox.leave()).await);
        self.connections.close(until).await;
        // What is committed stays; a disk that is slower than this must not delay the stop.
        drop(timeout_at(end, self.pipeline.outbox.close()).await);
        self.status_file.close(&self.pipeline.metrics, Timestamp::now());
    }
}

mod housekeeping;
mod sink_events;
mod store_health;
