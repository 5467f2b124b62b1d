//! What all parts of the world share: its books, its switches, its dice, its tasks. Holds; decides nothing.

use super::{
    answer::Refusal,
    bucket::Bucket,
    calls::Calls,
    channels::{Channels, Order, Topic},
    chat::Chat,
    faults::Faults,
    grants::Grants,
    messages::Messages,
};
use crate::model::time::Now;
use axum::http::StatusCode;
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::{
    sync::{Notify, broadcast, watch},
    task::JoinSet,
};

/// What a world is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Ids, tokens, names and faults follow from it.
    pub seed: u64,
    /// The only client that is let in, with its secret if it has one; unset: any.
    pub client: Option<(String, Option<String>)>,
    /// The only accounts that can be subscribed to; empty: any.
    pub accounts: Vec<String>,
    /// Whether any bearer token and any refresh token will do.
    pub any_token: bool,
    /// The switches it starts with.
    pub faults: Faults,
}

impl Default for Settings {
    /// Loopback, a free port, everybody welcome, in good health.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            client: None,
            accounts: Vec::new(),
            any_token: false,
            faults: Faults::default(),
        }
    }
}

/// How often a route was asked and answered how: `("POST", "/oauth/token", 200)`.
pub type Requests = BTreeMap<(String, String, u16), u64>;

/// The world behind the handlers.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) address: SocketAddr,
    pub(super) faults: watch::Sender<Arc<Faults>>,
    /// Rung when every connection is to be cut.
    pub(super) cut: Notify,
    /// JSON for the page and for whoever listens to `/sim/events`.
    pub(super) news: broadcast::Sender<Arc<str>>,
    grants: Mutex<Grants>,
    channels: Mutex<Channels>,
    calls: Mutex<Calls>,
    chat: Mutex<Chat>,
    messages: Mutex<Messages>,
    dice: Mutex<fastrand::Rng>,
    requests: Mutex<Requests>,
    rates: Mutex<HashMap<String, Bucket>>,
    tasks: Mutex<JoinSet<()>>,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A world with nothing in it.
    pub(super) fn new(settings: Settings, address: SocketAddr) -> Arc<Self> {
        let seed = settings.seed;
        Arc::new(Self {
            address,
            faults: watch::Sender::new(Arc::new(settings.faults.clone())),
            cut: Notify::new(),
            news: broadcast::Sender::new(256),
            grants: Mutex::new(Grants::new(seed ^ 0x6772)),
            channels: Mutex::new(Channels::new(seed ^ 0x6368)),
            calls: Mutex::new(Calls::new(seed ^ 0x6361)),
            chat: Mutex::new(Chat::default()),
            messages: Mutex::default(),
            dice: Mutex::new(fastrand::Rng::with_seed(seed)),
            requests: Mutex::default(),
            rates: Mutex::default(),
            tasks: Mutex::default(),
            settings,
        })
    }

    pub(super) fn grants(&self) -> MutexGuard<'_, Grants> {
        hold(&self.grants)
    }

    pub(super) fn channels(&self) -> MutexGuard<'_, Channels> {
        hold(&self.channels)
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Calls> {
        hold(&self.calls)
    }

    pub(super) fn chat(&self) -> MutexGuard<'_, Chat> {
        hold(&self.chat)
    }

    pub(super) fn messages(&self) -> MutexGuard<'_, Messages> {
        hold(&self.messages)
    }

    pub(super) fn dice(&self) -> MutexGuard<'_, fastrand::Rng> {
        hold(&self.dice)
    }

    pub(super) fn requests(&self) -> MutexGuard<'_, Requests> {
        hold(&self.requests)
    }

    /// The switches as they are now.
    pub(super) fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.faults.borrow())
    }

    /// Sets the switches; going down cuts everything that is open.
    pub(super) fn set_faults(&self, faults: Faults) {
        let down = faults.down;
        self.faults.send_replace(Arc::new(faults));
        if down {
            self.cut.notify_waiters();
        }
    }

    /// Throws the dice: true in the given share of cases.
    pub(super) fn falls(&self, share: f64) -> bool {
        share > 0.0 && self.dice().f64() < share
    }

    /// One of `within` milliseconds.
    pub(super) fn some_of(&self, within: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.dice().u64(0..=within))
    }

    /// Whether the rate of `what` allows one more now.
    pub(super) fn allows(&self, what: &str, per_second: f64, burst: u32) -> bool {
        let now = Instant::now();
        let mut rates = hold(&self.rates);
        let bucket = rates.entry(what.to_owned()).or_insert_with(|| Bucket::full(burst, now));
        bucket.take(per_second, burst, now)
    }

    /// Tells whoever watches. Nobody may be watching.
    pub(super) fn tell(&self, news: &serde_json::Value) {
        if self.news.receiver_count() > 0 {
            drop(self.news.send(news.to_string().into()));
        }
    }

    /// Hands a frame to the sockets that are meant, unless they are silent now. True if there was one.
    pub(super) fn say(&self, account: &str, topic: Topic<'_>, text: &str, of: Option<(Arc<str>, u64)>) -> bool {
        let silent = self.faults().sockets.silent;
        !silent && self.channels().tell(account, topic, &Order::Say(text.into(), of), Instant::now())
    }

    /// Starts a task that ends with the world.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = hold(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Tells all tasks to end, without waiting for it. They hold the world themselves, so that nothing else ends them.
    pub(super) fn abandon(&self) {
        hold(&self.tasks).abort_all();
    }

    /// Ends all tasks.
    pub(super) async fn end(&self) {
        let mut tasks = std::mem::take(&mut *hold(&self.tasks));
        tasks.shutdown().await;
    }

    /// Whether a request with these headers may do what needs `scope`.
    pub(super) fn entitled(&self, headers: &axum::http::HeaderMap, scope: Option<&str>) -> Result<(), Refusal> {
        let denied = |code, message: &str| Err(Refusal::new(StatusCode::UNAUTHORIZED, code, message));
        let insufficient = || {
            let message = "The token lacks a scope that this resource needs.";
            Err(Refusal::new(StatusCode::FORBIDDEN, "AUTHZ_INSUFFICIENT_SCOPE", message))
        };
        let Some(value) = headers.get("authorization").and_then(|value| value.to_str().ok()) else {
            return insufficient();
        };
        let Some(token) = value.strip_prefix("Bearer ") else {
            return denied("AUTHN_UNSUPPORTED_SCHEME", "The authorization scheme is not supported.");
        };
        if self.settings.any_token {
            return Ok(());
        }
        let faults = self.faults();
        match self.grants().scopes(token, Now::read().tick) {
            Err(super::grants::Trouble::Unknown) => denied("AUTHN_INVALID_TOKEN", "The token is invalid."),
            Err(super::grants::Trouble::Expired) => denied("AUTHN_EXPIRED_TOKEN", "The token has expired."),
            Ok(scopes) => match scope {
                Some(scope)
                    if faults.tokens.withheld_scopes.iter().any(|one| one == scope)
                        || !scopes.split(' ').any(|one| one == scope) =>
                {
                    insufficient()
                }
                _ => Ok(()),
            },
        }
    }
}
