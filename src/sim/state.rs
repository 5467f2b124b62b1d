//! Shared state of the simulator: stores, fault switches, random source, tasks. No policy.

use super::{
    app_sockets::AppSockets,
    calls::CallStore,
    channels::{ChannelCommand, ChannelStore, Topic},
    envelope::Notification,
    errors::ApiError,
    faults::Faults,
    grants::GrantStore,
    messages::MessageStore,
    teams_app::store::TeamsStore,
    webhook_log::WebhookLog,
};
use crate::{model::time::Now, runtime::token_bucket::TokenBucket};
use axum::http::StatusCode;
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, broadcast, watch},
    task::JoinSet,
};

/// Time between the end of a conversation and its report. GoTo's report follows minutes later.
const REPORT_DELAY: Duration = Duration::from_secs(120);

/// Start options of a simulator.
#[derive(Debug, Clone)]
pub struct SimulatorSettings {
    /// Listen address; port 0 selects a free port.
    pub listen: SocketAddr,
    /// Seed of ids, tokens, names and faults.
    pub seed: u64,
    /// The only accepted OAuth client, with an optional secret; `None`: any client.
    pub client: Option<(String, Option<String>)>,
    /// The only accounts that accept subscriptions; empty: any account.
    pub accounts: Vec<String>,
    /// Whether any bearer token and any refresh token is accepted.
    pub any_token: bool,
    /// Time between the end of a conversation and its report, at speed 1.
    pub report_delay: Duration,
    /// Initial fault switches.
    pub faults: Faults,
    /// Whether a TLS proxy stands in front: sockets then have `wss` URLs.
    pub behind_tls: bool,
}

impl Default for SimulatorSettings {
    /// Returns loopback, a free port, any client and account, no faults.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            client: None,
            accounts: Vec::new(),
            any_token: false,
            report_delay: REPORT_DELAY,
            faults: Faults::default(),
            behind_tls: false,
        }
    }
}

/// Request counts by method, route and status: `("POST", "/oauth/token", 200)`.
pub type RequestCounts = BTreeMap<(String, String, u16), u64>;

/// Access of a handler to the simulator's state.
pub(super) type AppState = axum::extract::State<Arc<SimState>>;

/// State behind the handlers.
#[derive(Debug)]
pub(super) struct SimState {
    pub(super) settings: SimulatorSettings,
    pub(super) address: SocketAddr,
    pub(super) faults: watch::Sender<Arc<Faults>>,
    /// Notified when every connection is to be dropped.
    pub(super) disconnect_all: Notify,
    /// JSON events for the page and for clients of `/sim/events`.
    pub(super) events: broadcast::Sender<Arc<str>>,
    grants: Mutex<GrantStore>,
    channels: Mutex<ChannelStore>,
    calls: Mutex<CallStore>,
    chat: Mutex<WebhookLog>,
    messages: Mutex<MessageStore>,
    app_sockets: Mutex<AppSockets>,
    teams: Mutex<TeamsStore>,
    rng: Mutex<fastrand::Rng>,
    requests: Mutex<RequestCounts>,
    rates: Mutex<HashMap<String, TokenBucket>>,
    tasks: Mutex<JoinSet<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimState {
    /// Creates an empty state.
    pub(super) fn new(settings: SimulatorSettings, address: SocketAddr) -> Arc<Self> {
        let seed = settings.seed;
        Arc::new(Self {
            address,
            faults: watch::Sender::new(Arc::new(settings.faults.clone())),
            disconnect_all: Notify::new(),
            events: broadcast::Sender::new(256),
            grants: Mutex::new(GrantStore::new(seed ^ 0x6772)),
            channels: Mutex::new(ChannelStore::new(seed ^ 0x6368)),
            calls: Mutex::new(CallStore::new(seed ^ 0x6361)),
            chat: Mutex::new(WebhookLog::default()),
            messages: Mutex::default(),
            app_sockets: Mutex::default(),
            teams: Mutex::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            requests: Mutex::default(),
            rates: Mutex::default(),
            tasks: Mutex::default(),
            settings,
        })
    }

    pub(super) fn grants(&self) -> MutexGuard<'_, GrantStore> {
        lock(&self.grants)
    }

    pub(super) fn channels(&self) -> MutexGuard<'_, ChannelStore> {
        lock(&self.channels)
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, CallStore> {
        lock(&self.calls)
    }

    pub(super) fn webhook_log(&self) -> MutexGuard<'_, WebhookLog> {
        lock(&self.chat)
    }

    pub(super) fn messages(&self) -> MutexGuard<'_, MessageStore> {
        lock(&self.messages)
    }

    pub(super) fn app_sockets(&self) -> MutexGuard<'_, AppSockets> {
        lock(&self.app_sockets)
    }

    pub(super) fn teams(&self) -> MutexGuard<'_, TeamsStore> {
        lock(&self.teams)
    }

    pub(super) fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        lock(&self.rng)
    }

    pub(super) fn requests(&self) -> MutexGuard<'_, RequestCounts> {
        lock(&self.requests)
    }

    /// Returns the current fault switches.
    pub(super) fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.faults.borrow())
    }

    /// Sets the fault switches. Setting `down` drops all connections.
    pub(super) fn set_faults(&self, faults: Faults) {
        let down = faults.down;
        self.faults.send_replace(Arc::new(faults));
        if down {
            self.disconnect_all.notify_waiters();
        }
    }

    /// Returns true with the given probability.
    pub(super) fn roll(&self, share: f64) -> bool {
        share > 0.0 && self.rng().f64() < share
    }

    /// Returns a random duration of at most `within` milliseconds.
    pub(super) fn random_delay(&self, within: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.rng().u64(0..=within))
    }

    /// Returns whether the rate limit of `what` allows one more request now.
    pub(super) fn allow_request(&self, what: &str, per_second: f64, burst: u32) -> bool {
        let now = Instant::now();
        let mut rates = lock(&self.rates);
        let bucket = rates.entry(what.to_owned()).or_insert_with(|| TokenBucket::full(per_second, burst.into(), now));
        // The fault switches may have changed the rate.
        bucket.set_rate(per_second, burst.into(), now);
        bucket.try_take(now)
    }

    /// Publishes an event. Without subscribers the event is discarded.
    pub(super) fn publish(&self, news: &serde_json::Value) {
        if self.events.receiver_count() > 0 {
            drop(self.events.send(news.to_string().into()));
        }
    }

    /// Sends a frame to the sockets of the topic, unless sockets are silent. `of` is the state to mark as delivered.
    pub(super) fn send_frame(
        &self,
        account: &str,
        topic: Topic<'_>,
        frame: &Notification,
        of: Option<(Arc<str>, u64)>,
    ) {
        if !self.faults().sockets.silent {
            self.channels().send_to(account, topic, frame, of.as_ref(), Instant::now());
        }
    }

    /// Sends a text as a frame to every open socket, unless sockets are silent. Returns true if there was one.
    pub(super) fn send_text(&self, text: &str) -> bool {
        !self.faults().sockets.silent && self.channels().command_all(&ChannelCommand::Send(text.into(), None))
    }

    /// Starts a task that ends with the simulator.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Aborts all tasks without waiting. Each task holds this state, so that a drop alone ends none of them.
    pub(super) fn abort_tasks(&self) {
        lock(&self.tasks).abort_all();
    }

    /// Aborts all tasks and waits for them.
    pub(super) async fn shutdown(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
    }

    /// Checks that the bearer token of a request is valid and has `scope`.
    pub(super) fn authorize(&self, headers: &axum::http::HeaderMap, scope: Option<&str>) -> Result<(), ApiError> {
        let denied = |code, message: &str| Err(ApiError::new(StatusCode::UNAUTHORIZED, code, message));
        let insufficient = || {
            let message = "The token lacks a scope that this resource needs.";
            Err(ApiError::new(StatusCode::FORBIDDEN, "AUTHZ_INSUFFICIENT_SCOPE", message))
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
        match self.grants().scopes(token, Now::current().instant) {
            Err(super::grants::AccessTokenError::Unknown) => denied("AUTHN_INVALID_TOKEN", "The token is invalid."),
            Err(super::grants::AccessTokenError::Expired) => denied("AUTHN_EXPIRED_TOKEN", "The token has expired."),
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
