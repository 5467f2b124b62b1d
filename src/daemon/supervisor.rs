//! Who owns every task. It opens the rooms in order, starts the loops, watches them, and stops them in the opposite order.
//!
//! A loop that ends unasked is a fault: the rest is stopped in order, the process ends with a failure, and systemd starts it
//! again; what was not delivered waits in the outbox. A clean stop (SIGTERM, Ctrl-C) takes 10 s at most: intake ends, what
//! is held back is told, what is in flight is posted, the channels are deleted. A second signal ends it at once.
//!
//! A reload (SIGHUP) reads the config beside the loops and swaps it whole. Relays and workers whose settings did not change
//! do not notice; the others are replaced one by one. A config that is not good changes nothing.

use super::{
    book::{Book, Lectern},
    config::{Config, ConfigError},
    holidays,
    logins::Logins,
    network::{self, Network},
    notice::Trouble,
    opening::{self, Fault},
    readiness::Readiness,
    record::Recorder,
    reload::{Fixed, Fresh, Reloads},
    rooms::Rooms,
    shift, state,
    status::{Board, Login},
    systemd,
    workers::Workers,
};
use crate::{
    deliver::Told,
    model::{
        event,
        ids::{ConnectionName, SinkName},
        pulse::Pulses,
        time::{Now, Timestamp},
    },
    outbox::Health,
};
use std::{collections::BTreeSet, convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, interval},
};

/// A clean stop takes no longer: the unit's TimeoutStopSec= is twice that.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How often status line, heartbeat and store are looked after.
const LOOK: Duration = Duration::from_secs(2);
/// What workers may tell before it is read.
const TOLD: usize = 1024;

/// Runs the daemon until `stop` completes, and stops it in order unless `now` completes meanwhile.
///
/// # Errors
/// [`Fault`]: it could not start, or one of its loops ended unasked.
pub async fn run(
    config: Config,
    stop: impl Future<Output = ()>,
    now: impl Future<Output = ()>,
    reloads: Reloads,
) -> Result<(), Fault> {
    let mut daemon = Daemon::open(config, reloads).await?;
    let ended = daemon.watch(stop).await;
    systemd::stopping();
    tracing::info!(message_id = event::STOPPING, "stopping");
    tokio::select! {
        () = daemon.close() => tracing::info!("stopped"),
        () = now => tracing::warn!("stopped at once: what was in flight is sent again at the next start"),
    }
    ended.map_or(Ok(()), |who| Err(Fault::Ended(who)))
}

/// The rooms, opened, and the loops that run in them.
struct Daemon {
    rooms: Arc<Rooms>,
    network: Network,
    logins: Logins,
    workers: Workers,
    /// What follows files; ends with the daemon.
    followers: JoinSet<Infallible>,
    /// What tells recaps; ends with the daemon.
    shifts: JoinSet<Infallible>,
    health: watch::Receiver<Health>,
    told: mpsc::Receiver<Told>,
    reloads: Reloads,
    fixed: Fixed,
    /// A config that is being read.
    reading: JoinSet<Result<Fresh, ConfigError>>,
    ready: Readiness,
    /// Loops that did not turn at the last look.
    wedged: Vec<String>,
    _state: state::State,
}

impl Daemon {
    async fn open(config: Config, reloads: Reloads) -> Result<Self, Fault> {
        let state = state::take(&config.state_dir)?;
        let outbox = opening::outbox(&config)?;
        let network = network::open()?;
        let enricher = opening::enricher(&config, &network)?;
        let health = outbox.health();
        let (told_by, told) = mpsc::channel(TOLD);
        let book = Lectern::new(Book::of(&config, enricher));
        let recorder = Recorder::new(&config.state_dir);
        let (board, pulses) = (Board::default(), Pulses::default());
        let rooms = Arc::new(Rooms { outbox, book, recorder, board, pulses });
        let suffix = state.suffix.clone();
        let mut daemon = Self {
            workers: Workers::new(Arc::clone(&rooms), network.http.clone(), told_by),
            logins: Logins::new(Arc::clone(&rooms), network.clone(), config.state_dir.clone(), suffix),
            rooms,
            network,
            followers: JoinSet::new(),
            shifts: JoinSet::new(),
            health,
            told,
            reloads,
            fixed: Fixed::of(&config),
            reading: JoinSet::new(),
            ready: Readiness::new(Instant::now()),
            wedged: Vec::new(),
            _state: state,
        };
        daemon.workers.want(&config.sinks);
        daemon.follow();
        daemon.rooms.tell_noted(None).await;
        daemon.say_unclaimed().await;
        daemon.count_earlier().await;
        daemon.logins.want(config.connections);
        daemon.shifts.spawn(shift::tell(Arc::clone(&daemon.rooms)));
        Ok(daemon)
    }

    /// Watches over the loops until `stop`; gives the name of one that ended unasked.
    async fn watch(&mut self, stop: impl Future<Output = ()>) -> Option<String> {
        let mut stop = pin!(stop);
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                () = &mut stop => return None,
                who = self.logins.fault() => return Some(who),
                who = self.workers.fault() => return Some(who),
                Some(_) = self.shifts.join_next() => return Some("recaps".to_owned()),
                // A reload ends the follower of the book before; nothing else does.
                Some(Err(error)) = self.followers.join_next() => if !error.is_cancelled() {
                    return Some(format!("a follower of files ({error})"));
                },
                Some(told) = self.told.recv() => self.told(told).await,
                Ok(()) = self.health.changed() => self.health().await,
                Some(()) = self.reloads.asked.recv(), if self.reading.is_empty() => self.read(),
                Some(read) = self.reading.join_next() => self.reload(read).await,
                _ = look.tick() => self.look().await,
            }
        }
    }

    async fn look(&mut self) {
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
        let today = self.rooms.book.open().today();
        let (line, is_ready) = {
            let mut board = self.rooms.board.open();
            board.waiting = waiting.map_or(board.waiting, |sinks| sinks.iter().map(|(_, count)| count).sum());
            (board.line(today), board.is_ready())
        };
        self.ready.say(is_ready, &line);
        let Some(patience) = systemd::watchdog() else { return };
        // The store's writer, this loop and all others turn: a daemon that cannot say so is started again by systemd.
        let wedged = self.rooms.pulses.wedged(Now::read().tick, patience);
        if turns && wedged.is_empty() {
            systemd::alive();
        }
        if !wedged.is_empty() && wedged != self.wedged {
            let loops = wedged.join(", ");
            tracing::error!(loops, message_id = event::LOOP_WEDGED, "a loop does not turn: the watchdog will end it");
        }
        self.wedged = wedged;
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
            // One that was replaced by a reload while it was off does not know that it was told.
            Told::Delivered { sink, .. } if self.rooms.board.open().disabled.remove(&sink) => {
                tracing::info!(%sink, message_id = event::SINK_BACK, "sink takes cards again");
                Trouble::SinkBack(sink)
            }
            Told::Delivered { .. } => return,
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

    /// Contacts and holiday files of the book that is valid now.
    fn follow(&mut self) {
        self.followers.abort_all();
        let enricher = Arc::clone(&self.rooms.book.open().enricher);
        self.followers.spawn(async move { enricher.follow().await });
        self.followers.spawn(holidays::follow(Arc::clone(&self.rooms)));
    }

    /// Calls of today that an earlier run knew.
    async fn count_earlier(&self) {
        let (outbox, book) = (&self.rooms.outbox, self.rooms.book.open());
        let today = book.today();
        let Ok(midnight) = today.to_zoned(book.style.time_zone.clone()) else { return };
        let open = outbox.open_calls(midnight.timestamp()).await.unwrap_or_default().into_iter().map(|it| it.call);
        let ended = outbox.ended_calls(midnight.timestamp()).await.unwrap_or_default();
        let calls: BTreeSet<_> = open.chain(ended).map(|call| call.as_str().to_owned()).collect();
        self.rooms.board.open().count(u64::try_from(calls.len()).unwrap_or(u64::MAX), today);
    }

    async fn say_unclaimed(&self) {
        let book = self.rooms.book.open();
        opening::say_unclaimed(&self.rooms.outbox, |sink| book.sinks.contains_key(sink)).await;
    }

    fn read(&mut self) {
        self.ready.reloading();
        let (fixed, network) = (self.fixed.clone(), self.network.clone());
        let before = Arc::clone(&self.rooms.book.open().enricher);
        self.reading.spawn_blocking(move || fixed.read(&network, &before));
    }

    async fn reload(&mut self, read: Result<Result<Fresh, ConfigError>, JoinError>) {
        match read {
            Ok(Ok(fresh)) => self.apply(fresh).await,
            Ok(Err(error)) => self.refuse(&error.to_string()),
            Err(error) => self.refuse(&error.to_string()),
        }
        let today = self.rooms.book.open().today();
        let line = self.rooms.board.open().line(today);
        self.ready.reloaded(&line);
    }

    fn refuse(&self, error: &str) {
        tracing::error!(error, message_id = event::CONFIG_REFUSED, "config refused");
        self.rooms.board.open().refused = Some(error.to_owned());
    }

    async fn apply(&mut self, Fresh { config, enricher, restart }: Fresh) {
        self.rooms.book.replace(Book::of(&config, enricher));
        self.follow();
        let sinks = self.workers.want(&config.sinks);
        let known = |name: &SinkName| config.sinks.iter().any(|sink| sink.name == *name);
        {
            let mut board = self.rooms.board.open();
            board.disabled.retain(known);
            board.refused = None;
            board.restart = restart.clone();
        }
        let logins = self.logins.want(config.connections);
        if let Some(journal) = &self.reloads.journal {
            journal.turn(&config.journal);
        }
        tracing::info!(
            sinks_added = sinks.added,
            sinks_changed = sinks.changed,
            sinks_removed = sinks.removed,
            connections_added = logins.added,
            connections_changed = logins.changed,
            connections_removed = logins.removed,
            message_id = event::CONFIG_RELOADED,
            "config reloaded"
        );
        if !restart.is_empty() {
            tracing::warn!(keys = restart.join(", "), "restart to apply");
        }
        self.say_unclaimed().await;
    }

    /// The clean stop, in order: intake, what is held back, what is in flight, the store.
    async fn close(&mut self) {
        let until = Instant::now() + STOP_WITHIN;
        self.followers.abort_all();
        self.shifts.abort_all();
        self.logins.hush(until).await;
        self.workers.close(until).await;
        self.logins.close(until).await;
        self.rooms.outbox.close().await;
    }
}
