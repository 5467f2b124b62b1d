//! The delivery workers, one per sink: started, stopped and replaced as the config requires. `task_set` decides the
//! actions; cards are rendered with the current settings.

use crate::{
    cards::{self, WebhookFormat},
    config::SinkConfig,
    daemon::{
        pipeline::Pipeline,
        tasks::task_set::{Changes, TaskAction, TaskExit, TaskSet},
    },
    deliver::{self, LimiterRegistry, OwnershipRegistry, Sink, SinkEvent, SlackApp, TokenRegistry},
    model::{
        card::Card,
        delivery::{OutboxError, SinkKind},
        ids::SinkName,
        phone::Mask,
        time::{Now, Timestamp},
    },
};
use std::{collections::BTreeMap, future::pending, sync::Arc};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The workers and their shared parts.
pub struct Workers {
    pipeline: Arc<Pipeline>,
    http: reqwest::Client,
    limiters: LimiterRegistry,
    tokens: TokenRegistry,
    ownership: OwnershipRegistry,
    events: mpsc::Sender<SinkEvent>,
    tasks: TaskSet<SinkName, SinkConfig>,
    handles: BTreeMap<SinkName, WorkerHandle>,
    running: JoinSet<(SinkName, Result<(), OutboxError>)>,
}

/// Controls of one running worker.
struct WorkerHandle {
    /// Stops the worker when dropped.
    _stop: DropGuard,
    enable: Arc<Notify>,
}

impl Workers {
    /// Creates an empty set. Workers send their sink events to `events`, and post to the sinks that the daemon owns.
    #[must_use]
    pub fn new(
        pipeline: Arc<Pipeline>,
        http: reqwest::Client,
        events: mpsc::Sender<SinkEvent>,
        ownership: OwnershipRegistry,
    ) -> Self {
        let running = JoinSet::new();
        Self {
            pipeline,
            http,
            limiters: LimiterRegistry::default(),
            tokens: TokenRegistry::default(),
            ownership,
            events,
            tasks: TaskSet::default(),
            handles: BTreeMap::new(),
            running,
        }
    }

    /// Reconciles the workers with `sinks`. A worker with an unchanged sink keeps its rate limit and state. A
    /// disabled sink retries immediately: the operator may have fixed it.
    pub fn reconcile(&mut self, sinks: &[SinkConfig]) -> Changes {
        let wanted = sinks.iter().map(|sink| (sink.name.clone(), worker_settings(sink))).collect();
        let (actions, changes) = self.tasks.reconcile(wanted);
        for action in actions {
            match action {
                TaskAction::Start(_, sink) => self.start(sink),
                TaskAction::Stop(name) => {
                    self.handles.remove(&name);
                }
            }
        }
        self.handles.values().for_each(|handle| handle.enable.notify_one());
        changes
    }

    /// Restarts workers after a requested exit. Completes with a description of an unexpected one.
    pub async fn next_failure(&mut self) -> String {
        loop {
            let Some(ended) = self.running.join_next().await else { return pending().await };
            let (name, result) = match ended {
                Ok(ended) => ended,
                Err(error) => return format!("delivery worker ({error})"),
            };
            match (self.tasks.on_exit(&name), result) {
                (TaskExit::Requested(Some(sink)), _) => self.start(sink),
                (TaskExit::Requested(None), _) => {}
                (TaskExit::Unexpected, Ok(())) => return format!("delivery worker of {name}"),
                (TaskExit::Unexpected, Err(error)) => return format!("delivery worker of {name} ({error})"),
            }
        }
    }

    /// Stops all workers. Each finishes its post in flight, until `until` at the latest.
    pub async fn close(&mut self, until: Instant) {
        self.handles.clear();
        while let Ok(Some(_)) = timeout_at(until, self.running.join_next()).await {}
    }

    fn start(&mut self, config: SinkConfig) {
        let name = config.name.clone();
        let sink = Sink {
            task_monitor: self.pipeline.tasks.clone(),
            limiter_registry: self.limiters.clone(),
            token_registry: self.tokens.clone(),
            ownership: self.ownership.get(&name),
            metrics: self.pipeline.metrics.sink(name.as_str()),
            ..config.into_sink()
        };
        let stop = CancellationToken::new();
        self.handles
            .insert(name.clone(), WorkerHandle { _stop: stop.clone().drop_guard(), enable: Arc::clone(&sink.enable) });
        let (pipeline, sink_name) = (Arc::clone(&self.pipeline), name.clone());
        let render = move |kind: SinkKind, cards: &[&Card], now: Timestamp, plain: bool| {
            // Ages compare with GoTo's times: a local clock that is ahead would make every live ring look late.
            let now = pipeline.status.goto_time(now, Now::current());
            cards::render(kind, cards, pipeline.settings.load().style(&sink_name), now, plain)
        };
        let worker =
            deliver::run(sink, self.pipeline.outbox.clone(), self.http.clone(), render, self.events.clone(), stop);
        self.running.spawn(async move { (name, worker.await) });
    }
}

/// Returns the settings of a worker. The cleared fields are read from the current settings for each card.
fn worker_settings(sink: &SinkConfig) -> SinkConfig {
    SinkConfig {
        outcomes: Vec::new(),
        recap: None,
        recap_latency: false,
        claim_reminder: None,
        reply_in_thread: false,
        mask: Mask::None,
        webhook: WebhookFormat::default(),
        app: sink.app.clone().map(|app| SlackApp { app_token: None, ..app }),
        ..sink.clone()
    }
}
