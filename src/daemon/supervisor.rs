//! Who owns every task. It opens the rooms in order, starts the loops, watches them, and stops them in the opposite order.
//!
//! A loop that ends unasked is a fault: the rest is stopped in order, the process ends with a failure, and systemd starts it
//! again; what was not delivered waits in the outbox. A clean stop (SIGTERM, Ctrl-C) takes 10 s at most: intake ends, what
//! is held back is told, what is in flight is posted, the channels are deleted. A second signal ends it at once.

use super::{
    away::Away,
    book::{Book, Lectern, Life, Manner},
    config::{self, Config, ConnectionConfig, SinkConfig},
    network::{self, Network},
    notice::Trouble,
    opening::{self, Fault},
    relay::Relay,
    rooms::Rooms,
    state,
    status::{Board, Login},
    systemd,
};
use crate::{
    cards::Style,
    deliver::Told,
    goto::{self, Connection},
    model::{delivery::Outbox as _, ids::ConnectionName, time::Timestamp},
    outbox::Health,
};
use std::{convert::Infallible, path::PathBuf, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, interval, timeout_at},
};

/// A clean stop takes no longer: the unit's TimeoutStopSec= is twice that.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// READY is said after this even if GoTo answers nothing at all: the daemon is up, and what it lacks is in its status.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How often status line, heartbeat and store are looked after.
const LOOK: Duration = Duration::from_secs(2);
/// What a connection may say before its relay has read it. Beyond, the connection waits with its frames, not with its pings.
const HEARD: usize = 1024;
/// A ring of an earlier run whose end is not known is asked for if it is younger than this.
const UNENDED: Duration = Duration::from_secs(24 * 3600);

/// Runs the daemon until `stop` completes, and stops it in order unless `now` completes meanwhile.
///
/// # Errors
/// [`Fault`]: it could not start, or one of its loops ended unasked.
pub async fn run(config: Config, stop: impl Future<Output = ()>, now: impl Future<Output = ()>) -> Result<(), Fault> {
    let mut daemon = Daemon::open(config).await?;
    let ended = daemon.watch(stop).await;
    systemd::stopping();
    tracing::info!("stopping");
    tokio::select! {
        () = daemon.close() => tracing::info!("stopped"),
        () = now => tracing::warn!("stopped at once: what was in flight is sent again at the next start"),
    }
    ended.map_or(Ok(()), |who| Err(Fault::Ended(who)))
}

/// The rooms, opened, and the loops that run in them. A loop's task gives its name when it ends.
struct Daemon {
    rooms: Arc<Rooms>,
    connections: Vec<Connection>,
    relays: JoinSet<String>,
    workers: JoinSet<String>,
    /// What follows files; ends with the daemon.
    followers: JoinSet<Infallible>,
    health: watch::Receiver<Health>,
    told: mpsc::Receiver<Told>,
    stop_relays: watch::Sender<bool>,
    stop_workers: watch::Sender<bool>,
    _state: state::State,
}

impl Daemon {
    async fn open(config: Config) -> Result<Self, Fault> {
        let state = state::take(&config.state_dir)?;
        let outbox = opening::outbox(&config)?;
        let network = network::open()?;
        let enricher = opening::enricher(&config, &network)?;
        let board = Board::default();
        let login = |c: &ConnectionConfig| (c.name.clone(), Login { lanes: c.lanes, ..Login::default() });
        board.open().connections = config.connections.iter().map(login).collect();
        let (told_by, told) = mpsc::channel(HEARD);
        let (stop_relays, relays_stop) = watch::channel(false);
        let (stop_workers, workers_stop) = watch::channel(false);
        let mut workers = JoinSet::new();
        let manner = |sink: &SinkConfig| {
            let style = Style { mask: sink.mask, ..config.style.clone() };
            (sink.name.clone(), Manner { outcomes: sink.outcomes.clone(), style, life: Life::of(sink) })
        };
        let book = Book {
            enricher: Arc::new(enricher),
            routes: config.routes,
            sinks: config.sinks.iter().map(manner).collect(),
            operator: config.operator,
            style: config.style.clone(),
        };
        let health = outbox.health();
        let rooms = Arc::new(Rooms { outbox, book: Lectern::new(book), board });
        for sink in config.sinks {
            opening::worker(&mut workers, sink, &rooms, &network, &told_by, &workers_stop);
        }
        let mut followers = JoinSet::new();
        let followed = Arc::clone(&rooms.book.open().enricher);
        followers.spawn(async move { followed.follow().await });
        let mut daemon = Self {
            rooms,
            followers,
            connections: Vec::new(),
            relays: JoinSet::new(),
            workers,
            health,
            told,
            stop_relays,
            stop_workers,
            _state: state,
        };
        daemon.tell_noted().await;
        let book = daemon.rooms.book.open();
        opening::say_unclaimed(&daemon.rooms.outbox, |sink| book.sinks.contains_key(sink)).await;
        for connection in config.connections {
            let token_file = config::token_file(&config.state_dir, &connection.name);
            daemon.connect(connection, token_file, &network, &relays_stop).await;
        }
        Ok(daemon)
    }

    /// What a crash left between note and admission is told now, without a look-up's deadline being anybody's concern.
    async fn tell_noted(&self) {
        match self.rooms.outbox.noted().await {
            Ok(noted) => {
                for telling in noted {
                    tracing::info!(call = %telling.call.id, moment = telling.moment.kind().as_str(), "told after a crash");
                    self.rooms.admit(telling).await;
                }
            }
            Err(error) => tracing::error!(%error, "noted moments not read"),
        }
    }

    async fn connect(
        &mut self,
        config: ConnectionConfig,
        token_file: PathBuf,
        network: &Network,
        stop: &watch::Receiver<bool>,
    ) {
        let name = config.name.clone();
        let outbox = &self.rooms.outbox;
        let deaf_since = outbox.last_alive(name.clone()).await.unwrap_or_default();
        let settings = goto::Settings {
            name: config.name,
            client_id: config.client_id,
            client_secret: config.client_secret,
            account_keys: config.account_keys,
            first_refresh_token: config.refresh_token,
            lanes: config.lanes,
            region: config.region,
            api_url: config.api_url,
            auth_url: config.auth_url,
            token_file,
            nickname: format!("poprelay-{name}-{}", self._state.suffix),
            deaf_since,
        };
        let (heard_by, heard) = mpsc::channel(HEARD);
        let connection = goto::open(settings, network.http.clone(), Arc::clone(&network.tls), heard_by);
        let away = self.left(&name).await;
        let relay = Relay::new(name.clone(), Arc::clone(&self.rooms), connection.ask.clone(), away);
        let stop = stop.clone();
        self.relays.spawn(async move {
            relay.run(heard, stop).await;
            format!("the relay of {name}")
        });
        self.connections.push(connection);
    }

    /// The calls of an earlier run: those whose end is still owed, and those whose end was told.
    async fn left(&self, connection: &ConnectionName) -> Away {
        let since = Timestamp::now().checked_sub(UNENDED).unwrap_or(Timestamp::MIN);
        let open = self.rooms.outbox.open_calls(since).await.unwrap_or_default();
        let ended = self.rooms.outbox.ended_calls(since).await.unwrap_or_default();
        let open = open.into_iter().filter(|call| call.connection == *connection).map(|call| call.call);
        Away::after(open.collect(), ended.into_iter().collect())
    }

    /// Watches over the loops until `stop`; gives the name of one that ended unasked.
    async fn watch(&mut self, stop: impl Future<Output = ()>) -> Option<String> {
        let mut stop = pin!(stop);
        let mut look = interval(LOOK);
        let mut ready = Readiness::new(Instant::now());
        loop {
            tokio::select! {
                () = &mut stop => return None,
                Some(ended) = self.relays.join_next() => return Some(name(ended)),
                Some(ended) = self.workers.join_next() => return Some(name(ended)),
                Some(told) = self.told.recv() => self.told(told).await,
                Ok(()) = self.health.changed() => self.health().await,
                _ = look.tick() => self.look(&mut ready).await,
            }
        }
    }

    async fn look(&mut self, ready: &mut Readiness) {
        let now = Timestamp::now();
        let heard: Vec<(ConnectionName, Timestamp)> = {
            let board = self.rooms.board.open();
            let up_to = |(name, login): (&ConnectionName, &Login)| Some((name.clone(), login.heard_up_to(now)?));
            board.connections.iter().filter_map(up_to).collect()
        };
        let mut turns = true;
        for (connection, up_to) in heard {
            turns &= self.rooms.outbox.alive(connection, up_to).await.is_ok();
        }
        let waiting = self.rooms.outbox.backlog().await;
        turns &= waiting.is_ok();
        let (line, is_ready) = {
            let mut board = self.rooms.board.open();
            board.waiting = waiting.map_or(board.waiting, |sinks| sinks.iter().map(|(_, count)| count).sum());
            (board.line(), board.is_ready())
        };
        ready.say(is_ready, &line);
        // The store's writer and this loop turn: a daemon that cannot say this is started again by the watchdog.
        if turns && systemd::watchdog().is_some() {
            systemd::alive();
        }
    }

    async fn health(&self) {
        let health = *self.health.borrow();
        self.rooms.board.open().volatile = health != Health::Durable;
        let trouble = match health {
            Health::Durable => Trouble::StoreDurable,
            Health::Volatile { why, .. } => Trouble::StoreVolatile(why.to_string()),
        };
        self.rooms.tell(trouble).await;
    }

    async fn told(&self, told: Told) {
        let trouble = match told {
            Told::Delivered { .. } => {
                self.rooms.board.open().cards += 1;
                return;
            }
            Told::Dead { sink, why, alert, .. } if alert => Trouble::DeadLetter(sink, why),
            Told::Dead { .. } => return,
            Told::Disabled { sink, why, advice } => {
                self.rooms.board.open().disabled.insert(sink.clone());
                Trouble::SinkDisabled(sink, format!("{why}. {advice}"))
            }
            Told::Back { sink } => {
                self.rooms.board.open().disabled.remove(&sink);
                Trouble::SinkBack(sink)
            }
            Told::Throttled { sink } => Trouble::SinkThrottled(sink),
            Told::Unreachable { sink, why, .. } => Trouble::SinkUnreachable(sink, why.to_owned()),
        };
        self.rooms.tell(trouble).await;
    }

    /// The clean stop, in order: intake, what is held back, what is in flight, the store.
    async fn close(&mut self) {
        let until = Instant::now() + STOP_WITHIN;
        self.followers.abort_all();
        self.stop_relays.send_replace(true);
        let mut closing: JoinSet<()> = self.connections.drain(..).map(Connection::close).collect();
        while let Ok(Some(_)) = timeout_at(until, self.relays.join_next()).await {}
        self.stop_workers.send_replace(true);
        while let Ok(Some(_)) = timeout_at(until, self.workers.join_next()).await {}
        while let Ok(Some(())) = timeout_at(until, closing.join_next()).await.map(|done| done.map(drop)) {}
        self.rooms.outbox.close().await;
    }
}

/// READY is said once; the status line when it changes.
struct Readiness {
    since: Instant,
    said: Option<String>,
}

impl Readiness {
    const fn new(since: Instant) -> Self {
        Self { since, said: None }
    }

    fn say(&mut self, is_ready: bool, line: &str) {
        if self.said.is_none() && !is_ready && self.since.elapsed() < READY_WITHIN {
            return;
        }
        match &self.said {
            None => {
                systemd::ready(line);
                tracing::info!(status = line, "started");
            }
            Some(said) if said != line => systemd::status(line),
            Some(_) => return,
        }
        self.said = Some(line.to_owned());
    }
}

fn name(ended: Result<String, JoinError>) -> String {
    ended.unwrap_or_else(|error| format!("a loop ({error})"))
}
