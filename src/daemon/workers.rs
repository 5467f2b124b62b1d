//! The delivery workers, one per sink: started, stopped and replaced as the config requires. `task_set` decides the
//! actions; cards are rendered with the current settings.

use super::{
    config::SinkConfig,
    crew::{Changes, Crew, Ended, Step},
    rooms::Rooms,
};
use crate::{
    cards,
    deliver::{self, Lanes, Sink, Told},
    model::{
        card::Card,
        delivery::{QueueError, SinkKind},
        ids::SinkName,
        phone::Mask,
        time::Timestamp,
    },
};
use std::{collections::BTreeMap, future::pending, sync::Arc};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::{Instant, timeout_at},
};

/// The workers and what they share.
pub struct Workers {
    pipeline: Arc<Rooms>,
    http: reqwest::Client,
    limiters: Lanes,
    events: mpsc::Sender<Told>,
    tasks: Crew<SinkName, SinkConfig>,
    handles: BTreeMap<SinkName, WorkerHandle>,
    running: JoinSet<(SinkName, Result<(), QueueError>)>,
}

/// Controls of one running worker.
struct WorkerHandle {
    stop: watch::Sender<bool>,
    enable: Arc<Notify>,
}

impl Workers {
    /// Creates an empty set. Workers send their sink events to `events`.
    #[must_use]
    pub fn new(pipeline: Arc<Rooms>, http: reqwest::Client, events: mpsc::Sender<Told>) -> Self {
        let running = JoinSet::new();
        Self { pipeline, http, limiters: Lanes::default(), events, tasks: Crew::default(), handles: BTreeMap::new(), running }
    }

    /// Reconciles the workers with `sinks`. A worker with an unchanged sink keeps its rate limit and state. A
    /// disabled sink retries immediately: the operator may have fixed it.
    pub fn want(&mut self, sinks: &[SinkConfig]) -> Changes {
        let wanted = sinks.iter().map(|sink| (sink.name.clone(), worker_settings(sink))).collect();
        let (actions, changes) = self.tasks.want(wanted);
        for action in actions {
            match action {
                Step::Start(_, sink) => self.start(sink),
                Step::Stop(name) => {
                    if let Some(handle) = self.handles.remove(&name) {
                        handle.stop.send_replace(true);
                    }
                }
            }
        }
        self.handles.values().for_each(|handle| handle.enable.notify_one());
        changes
    }

    /// Restarts workers after a requested exit. Completes with a description of an unexpected one.
    pub async fn fault(&mut self) -> String {
        loop {
            let Some(ended) = self.running.join_next().await else { return pending().await };
            let (name, result) = match ended {
                Ok(ended) => ended,
                Err(error) => return format!("delivery worker ({error})"),
            };
            match (self.tasks.ended(&name), result) {
                (Ended::Asked(Some(sink)), _) => self.start(sink),
                (Ended::Asked(None), _) => {}
                (Ended::Unasked, Ok(())) => return format!("delivery worker of {name}"),
                (Ended::Unasked, Err(error)) => return format!("delivery worker of {name} ({error})"),
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
        let sink = Sink { pulses: self.pipeline.pulses.clone(), lanes: self.limiters.clone(), ..config.sink() };
        let (stop, stopped) = watch::channel(false);
        self.handles.insert(name.clone(), WorkerHandle { stop, enable: Arc::clone(&sink.enable) });
        let (pipeline, sink_name) = (Arc::clone(&self.pipeline), name.clone());
        let render = move |kind: SinkKind, cards: &[&Card], now: Timestamp, plain: bool| {
            cards::draw(kind, cards, pipeline.book.open().style(&sink_name), now, plain)
        };
        let worker = deliver::run(sink, self.pipeline.outbox.clone(), self.http.clone(), render, self.events.clone(), stopped);
        self.running.spawn(async move { (name, worker.await) });
    }
}

/// Settings of a worker. The cleared fields are read from the current settings for each card.
fn worker_settings(sink: &SinkConfig) -> SinkConfig {
    SinkConfig { outcomes: Vec::new(), recap: None, thread: false, mask: Mask::None, ..sink.clone() }
}
