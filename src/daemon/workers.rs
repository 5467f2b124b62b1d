//! The workers, one for each sink: started, stopped and replaced as the config wants them. What has to be done is the
//! crew's to say; how a sink is told is in the book. Thin.

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

/// All workers.
pub struct Workers {
    rooms: Arc<Rooms>,
    http: reqwest::Client,
    lanes: Lanes,
    told: mpsc::Sender<Told>,
    crew: Crew<SinkName, SinkConfig>,
    switches: BTreeMap<SinkName, Switch>,
    tasks: JoinSet<(SinkName, Result<(), QueueError>)>,
}

/// What one running worker obeys.
struct Switch {
    stop: watch::Sender<bool>,
    enable: Arc<Notify>,
}

impl Workers {
    /// None yet. They tell `told` what becomes of their cards.
    #[must_use]
    pub fn new(rooms: Arc<Rooms>, http: reqwest::Client, told: mpsc::Sender<Told>) -> Self {
        let tasks = JoinSet::new();
        Self { rooms, http, lanes: Lanes::default(), told, crew: Crew::default(), switches: BTreeMap::new(), tasks }
    }

    /// From now on there is a worker for each of these sinks and no other. One whose sink did not change goes on with
    /// its pace and its standing, but a disabled one tries at once: the operator may have mended it.
    pub fn want(&mut self, sinks: &[SinkConfig]) -> Changes {
        let wanted = sinks.iter().map(|sink| (sink.name.clone(), post_settings(sink))).collect();
        let (steps, changes) = self.crew.want(wanted);
        for step in steps {
            match step {
                Step::Start(_, sink) => self.start(sink),
                Step::Stop(name) => {
                    if let Some(switch) = self.switches.remove(&name) {
                        switch.stop.send_replace(true);
                    }
                }
            }
        }
        self.switches.values().for_each(|switch| switch.enable.notify_one());
        changes
    }

    /// Replaces workers that ended because they were asked to; completes with what to say of one that was not asked.
    pub async fn fault(&mut self) -> String {
        loop {
            let Some(ended) = self.tasks.join_next().await else { return pending().await };
            let (name, result) = match ended {
                Ok(ended) => ended,
                Err(error) => return format!("a worker ({error})"),
            };
            match (self.crew.ended(&name), result) {
                (Ended::Asked(Some(sink)), _) => self.start(sink),
                (Ended::Asked(None), _) => {}
                (Ended::Unasked, Ok(())) => return format!("the worker of {name}"),
                (Ended::Unasked, Err(error)) => return format!("the worker of {name} ({error})"),
            }
        }
    }

    /// Ends all: each finishes its post in flight, until `until` at the latest.
    pub async fn close(&mut self, until: Instant) {
        self.switches.clear();
        while let Ok(Some(_)) = timeout_at(until, self.tasks.join_next()).await {}
    }

    fn start(&mut self, config: SinkConfig) {
        let name = config.name.clone();
        let sink = Sink { pulses: self.rooms.pulses.clone(), lanes: self.lanes.clone(), ..config.sink() };
        let (stop, stopped) = watch::channel(false);
        self.switches.insert(name.clone(), Switch { stop, enable: Arc::clone(&sink.enable) });
        let (rooms, of) = (Arc::clone(&self.rooms), name.clone());
        let draw = move |kind: SinkKind, cards: &[&Card], now: Timestamp, plain: bool| {
            cards::draw(kind, cards, rooms.book.open().style(&of), now, plain)
        };
        let worker = deliver::run(sink, self.rooms.outbox.clone(), self.http.clone(), draw, self.told.clone(), stopped);
        self.tasks.spawn(async move { (name, worker.await) });
    }
}

/// What a worker is started with. What the book says of its sink it reads anew for each card.
fn post_settings(sink: &SinkConfig) -> SinkConfig {
    SinkConfig { outcomes: Vec::new(), recap: None, thread: false, mask: Mask::None, ..sink.clone() }
}
