//! The GoTo logins, each with its relay: opened, closed and replaced as the config wants them. What has to be done is the
//! crew's to say. Thin.
//!
//! A login whose settings changed is closed wholly (its channels deleted, a token that rotates on disk) before it is opened
//! anew: two of one name would refresh one token and delete each other's channels. What rings meanwhile is a blind window,
//! which the new one catches up with as after a restart.

use super::{
    away::{Away, Unended},
    config::{self, ConnectionConfig},
    crew::{Changes, Crew, Ended, Step},
    directions::Directions,
    network::Network,
    relay::Relay,
    rooms::Rooms,
    status::Login,
};
use crate::{
    goto,
    model::{
        ids::ConnectionName,
        time::{Timestamp, before},
    },
    outbox::OpenCall,
};
use std::{
    collections::BTreeMap, convert::Infallible, future::pending, path::PathBuf, pin::pin, sync::Arc, time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, timeout_at},
};

/// What a connection may say before its relay has read it. Beyond, the connection waits with its frames, not with its pings.
const HEARD: usize = 1024;
/// A call of an earlier run whose end is not known is closed if it was heard of within this: as long as cards are kept.
const OPEN: Duration = Duration::from_secs(30 * 24 * 3600);
/// A report is that of a call that was told if that was within this: reports come some minutes after a call's end.
const ENDED: Duration = Duration::from_secs(24 * 3600);

/// All logins.
pub struct Logins {
    place: Place,
    crew: Crew<ConnectionName, ConnectionConfig>,
    stops: BTreeMap<ConnectionName, watch::Sender<bool>>,
    tasks: JoinSet<ConnectionName>,
    /// Held by each relay until all it heard is told.
    relaying: mpsc::Sender<Infallible>,
    relayed: mpsc::Receiver<Infallible>,
}

/// What every login is opened with.
#[derive(Clone)]
struct Place {
    rooms: Arc<Rooms>,
    network: Network,
    state_dir: PathBuf,
    suffix: String,
}

impl Logins {
    /// None yet. `suffix` tells this host's channels from another's.
    #[must_use]
    pub fn new(rooms: Arc<Rooms>, network: Network, state_dir: PathBuf, suffix: String) -> Self {
        let place = Place { rooms, network, state_dir, suffix };
        let (relaying, relayed) = mpsc::channel(1);
        Self { place, crew: Crew::default(), stops: BTreeMap::new(), tasks: JoinSet::new(), relaying, relayed }
    }

    /// From now on these logins are held and no other. One that did not change keeps its sockets.
    pub fn want(&mut self, connections: Vec<ConnectionConfig>) -> Changes {
        // Which calls of it are told is in the book, and changes without it.
        let held = |login| ConnectionConfig { directions: Directions::default(), ..login };
        let wanted = connections.into_iter().map(|login| (login.name.clone(), held(login))).collect();
        let (steps, changes) = self.crew.want(wanted);
        for step in steps {
            match step {
                Step::Start(name, login) => self.start(name, login),
                Step::Stop(name) => {
                    // What is not on the board has no heartbeat: the next one's blind window begins here.
                    self.place.rooms.board.open().connections.remove(&name);
                    drop(self.stops.remove(&name));
                }
            }
        }
        changes
    }

    /// Opens logins anew that ended because they were asked to; completes with what to say of one that was not asked.
    pub async fn fault(&mut self) -> String {
        loop {
            let Some(ended) = self.tasks.join_next().await else { return pending().await };
            let name = match ended {
                Ok(name) => name,
                Err(error) => return format!("a relay ({error})"),
            };
            match self.crew.ended(&name) {
                Ended::Asked(Some(login)) => self.start(name, login),
                Ended::Asked(None) => {}
                Ended::Unasked => return format!("the relay of {name}"),
            }
        }
    }

    /// Asks all to end, and waits until what was heard is told, until `until` at the latest.
    pub async fn hush(&mut self, until: Instant) {
        self.stops.clear();
        let (relaying, _) = mpsc::channel(1);
        self.relaying = relaying;
        drop(timeout_at(until, self.relayed.recv()).await);
    }

    /// Waits until the channels are deleted, until `until` at the latest.
    pub async fn close(&mut self, until: Instant) {
        while let Ok(Some(_)) = timeout_at(until, self.tasks.join_next()).await {}
    }

    fn start(&mut self, name: ConnectionName, login: ConnectionConfig) {
        let fresh = Login { lanes: login.lanes, ..Login::default() };
        self.place.rooms.board.open().connections.insert(name.clone(), fresh);
        let (stop, stopped) = watch::channel(false);
        self.stops.insert(name.clone(), stop);
        let (place, relaying) = (self.place.clone(), self.relaying.clone());
        self.tasks.spawn(async move {
            place.hold(login, stopped, relaying).await;
            name
        });
    }
}

impl Place {
    /// Holds a login until `stop`; ends earlier only if its relay does.
    async fn hold(self, login: ConnectionConfig, stop: watch::Receiver<bool>, relaying: mpsc::Sender<Infallible>) {
        let name = login.name.clone();
        self.rooms.tell_noted(Some(&name)).await;
        let away = self.left(&name).await;
        let (heard_by, heard) = mpsc::channel(HEARD);
        let settings = self.settings(login).await;
        let connection = goto::open(settings, self.network.http.clone(), Arc::clone(&self.network.tls), heard_by);
        let relay = Relay::new(name, Arc::clone(&self.rooms), connection.ask.clone(), away);
        let mut asked = stop.clone();
        let closing = async {
            // A sender that is gone asks too.
            drop(asked.wait_for(|stop| *stop).await);
            connection.close().await;
        };
        let until = stop.clone();
        let relay = async {
            relay.run(heard, until).await;
            drop(relaying);
        };
        let (mut closing, mut relay) = (pin!(closing), pin!(relay));
        tokio::select! {
            () = &mut closing => relay.await,
            () = &mut relay => {
                if *stop.borrow() || stop.has_changed().is_err() {
                    closing.await;
                }
            }
        }
    }

    async fn settings(&self, login: ConnectionConfig) -> goto::Settings {
        let deaf_since = self.rooms.outbox.last_alive(login.name.clone()).await.unwrap_or_default();
        goto::Settings {
            token_file: config::token_file(&self.state_dir, &login.name),
            nickname: format!("poprelay-{}-{}", login.name, self.suffix),
            name: login.name,
            client_id: login.client_id,
            client_secret: login.client_secret,
            account_keys: login.account_keys,
            first_refresh_token: login.refresh_token,
            lanes: login.lanes,
            region: login.region,
            api_url: login.api_url,
            auth_url: login.auth_url,
            deaf_since,
            look: goto::LOOK,
            voicemail: login.voicemail,
            pulses: self.rooms.pulses.clone(),
        }
    }

    /// The calls of an earlier run: those whose end is still owed, and those whose end was told.
    async fn left(&self, connection: &ConnectionName) -> Away {
        let now = Timestamp::now();
        let open = self.rooms.outbox.open_calls(before(now, OPEN)).await.unwrap_or_default();
        let ended = self.rooms.outbox.ended_calls(before(now, ENDED)).await.unwrap_or_default();
        let open = open.into_iter().filter(|open| open.connection == *connection);
        let left = |open: OpenCall| (open.call, Unended { last: open.last, heard: open.heard, asked: None });
        Away::after(open.map(left).collect(), ended, now)
    }
}
