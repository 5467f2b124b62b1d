//! Daemons that share a PostgreSQL, with a simulator and the account of their calls.

use super::{
    Daemon, DaemonDir, TIMEOUT, TestConfig, eventually,
    ledger::{DeliveryLedger, random_call},
    postgres::PostgresServer,
};
use poprelay::sim::{Simulator, SimulatorSettings};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Sinks of all daemons.
pub const SINKS: [&str; 2] = ["desk", "support"];
/// Time without a new message after which none follows: late reports are requested for a minute.
const QUIET_PERIOD: Duration = Duration::from_secs(100);
/// Calls per second, without a number in the environment.
const RATE: u64 = 20;

/// Returns the number of an environment variable: a longer run by command.
pub fn number_of_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Daemons that share a database.
pub struct Cluster {
    /// Dropped before the directories: a daemon prints its journal when a test fails.
    pub daemons: Vec<Option<Daemon>>,
    pub server: PostgresServer,
    pub sim: Simulator,
    pub dirs: Vec<DaemonDir>,
    pub ledger: DeliveryLedger,
    rng: fastrand::Rng,
    placed: u32,
}

impl Cluster {
    /// Starts `count` daemons; `None` without PostgreSQL.
    pub async fn start(count: usize) -> Option<Self> {
        let server = PostgresServer::start()?;
        let urls = vec![server.url("postgres"); count];
        Some(Self::start_at(server, urls).await)
    }

    /// Starts a daemon for each URL of the database.
    pub async fn start_at(server: PostgresServer, urls: Vec<String>) -> Self {
        let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
        sim.set_faults(|faults| faults.chat.per_second = None);
        let config = TestConfig::new(&sim.url()).all_outcomes();
        let dir =
            |url: String| DaemonDir::new(config.clone().set("state", "database", format!("{{ url = \"{url}\" }}")));
        let dirs: Vec<DaemonDir> = urls.into_iter().map(dir).collect();
        let ledger = DeliveryLedger::default();
        let rng = fastrand::Rng::with_seed(18);
        let mut cluster = Self { server, sim, dirs, daemons: Vec::new(), ledger, rng, placed: 0 };
        for dir in &mut cluster.dirs {
            let daemon = dir.start();
            daemon.wait_for_log("lane live").await;
            cluster.daemons.push(Some(daemon));
        }
        cluster.wait_for_owners().await;
        cluster
    }

    /// Returns the owner of a sink by its place in the list, read from the database.
    pub fn owner(&self, sink: &str) -> Option<usize> {
        let query = format!("SELECT owner FROM poprelay.sink_owners WHERE sink = '{sink}'");
        if self.server.sql("postgres", "SELECT to_regclass('poprelay.sink_owners') IS NOT NULL") != "t" {
            return None;
        }
        let owner = self.server.sql("postgres", &query);
        let id = |dir: &DaemonDir| std::fs::read_to_string(dir.state_dir().join("host-id")).unwrap_or_default();
        self.dirs.iter().position(|dir| !owner.is_empty() && id(dir) == owner)
    }

    pub async fn wait_for_owners(&self) {
        eventually("each sink has an owner", TIMEOUT, async || {
            SINKS.iter().all(|sink| self.owner(sink).is_some()).then_some(())
        })
        .await;
    }

    /// Waits until another daemon than `earlier` owns the sink. Returns the time.
    pub async fn wait_for_take_over(&self, sink: &str, earlier: usize) -> Duration {
        let start = Instant::now();
        eventually("another daemon owns the sink", TIMEOUT, async || {
            self.owner(sink).filter(|owner| *owner != earlier)
        })
        .await;
        start.elapsed()
    }

    /// Sets the version of the stored tables and ends all sessions. Returns the earlier version.
    pub fn set_schema_version(&self, version: &str) -> String {
        let earlier = self.server.sql("postgres", "SELECT value FROM poprelay.metadata WHERE name = 'version'");
        let update = format!("UPDATE poprelay.metadata SET value = {version} WHERE name = 'version'");
        self.server.sql("postgres", &update);
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'poprelay'";
        self.server.sql("postgres", end);
        earlier
    }

    /// Returns the number of messages that all sinks show.
    pub fn shown(&mut self) -> usize {
        self.ledger.read(&self.sim);
        SINKS.iter().map(|sink| self.ledger.messages(sink)).sum()
    }

    /// Places calls for some time.
    pub async fn place_calls(&mut self, lasting: Duration) {
        let (start, first) = (Instant::now(), self.placed);
        let rate = number_of_env("POPRELAY_CLUSTER_RATE", RATE);
        while start.elapsed() < lasting {
            let due = start + Duration::from_millis(u64::from(self.placed - first) * 1000 / rate);
            tokio::time::sleep_until(due.into()).await;
            self.sim.place(random_call(self.placed, &mut self.rng));
            self.placed += 1;
        }
        self.ledger.read(&self.sim);
    }

    /// Waits until all calls are shown, stops all daemons, and asserts that none is lost and each is shown in order.
    pub async fn finish(self, what: &str) -> DeliveryLedger {
        let ledger = self.finish_in_any_order(what).await;
        for sink in SINKS {
            assert_eq!(ledger.misordered_calls(sink), BTreeMap::new(), "{sink}");
        }
        ledger
    }

    /// As [`Self::finish`], where two daemons posted to one sink at the same time.
    pub async fn finish_in_any_order(mut self, what: &str) -> DeliveryLedger {
        self.ledger.settle(&self.sim, &SINKS, QUIET_PERIOD).await;
        for daemon in self.daemons.drain(..).flatten() {
            drop(daemon.stop().await);
        }
        self.ledger.read(&self.sim);
        eprintln!("{what}\n{}", self.ledger);
        for sink in SINKS {
            let lost: Vec<String> = self.ledger.lost_calls(sink).iter().map(|call| call.id.clone()).collect();
            assert!(lost.is_empty(), "{sink} lost {lost:?}");
        }
        self.ledger
    }
}
