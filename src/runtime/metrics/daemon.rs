//! Metrics of the daemon as a whole. The gauges are set from its status at each scrape.

use super::catalog::{Catalog, FloatGauge, Labeled};
use prometheus_client::{metrics::counter::Counter, registry::Unit};

/// Directions of calls.
const DIRECTIONS: [&str; 3] = ["inbound", "outbound", "internal"];
/// Statuses of calls.
const STATUSES: [&str; 5] = ["ringing", "answered", "missed", "voicemail", "ended"];

/// Metrics of the daemon.
#[derive(Debug)]
pub struct DaemonMetrics {
    /// Version of the program; always 1.
    pub build_info: Labeled<FloatGauge>,
    /// Hash of the config in use; always 1.
    pub config_info: Labeled<FloatGauge>,
    /// Reloads of the config, by result: `applied`, `rejected`.
    pub reloads: Labeled<Counter>,
    /// 1 if the config on disk is in use, 0 if it was rejected.
    pub config_valid: Labeled<FloatGauge>,
    call_updates: [[Counter; STATUSES.len()]; DIRECTIONS.len()],
    /// 1 for a connection that needs no login.
    pub login_up: Labeled<FloatGauge>,
    /// 1 for a live lane.
    pub lane_up: Labeled<FloatGauge>,
    /// 1 while active calls of a connection are polled.
    pub fallback: Labeled<FloatGauge>,
    /// GoTo's time minus the local time.
    pub clock_offset: Labeled<FloatGauge>,
    /// 1 for a sink that is not disabled.
    pub sink_up: Labeled<FloatGauge>,
    /// Waiting cards.
    pub outbox_cards: Labeled<FloatGauge>,
    /// Time at which the oldest waiting card was enqueued.
    pub outbox_oldest: Labeled<FloatGauge>,
    /// 1 while the outbox is in memory only.
    pub store_in_memory: Labeled<FloatGauge>,
    /// 1 while the shared database answers; missing without one.
    pub database_up: Labeled<FloatGauge>,
    /// 1 for a sink that this daemon owns; missing without a shared database.
    pub sink_owned: Labeled<FloatGauge>,
    /// Live daemons on the shared database.
    pub daemons: Labeled<FloatGauge>,
}

impl DaemonMetrics {
    pub(super) fn register(catalog: &mut Catalog) -> Self {
        let (connection, sink) = (&["connection"], &["sink"]);
        let seconds = || Some(Unit::Seconds);
        let call_updates = catalog.counter(
            "call_updates",
            &["direction", "status"],
            "Statuses that calls reached, posted or not. A ring counts again with newer facts, an answer after a transfer; each \
             call has one of missed, voicemail, ended",
        );
        Self {
            build_info: catalog.gauge("build_info", None, &["version"], "Version of the daemon; the value is 1"),
            config_info: catalog.gauge(
                "config_info",
                None,
                &["hash"],
                "SHA-256 of the config file in use, its first 12 digits; the value is 1",
            ),
            reloads: catalog.counter("config_reloads", &["result"], "Reloads of the config"),
            config_valid: catalog.gauge(
                "config_last_reload_successful",
                None,
                &[],
                "Whether the last reload was applied (1) or rejected (0)",
            ),
            call_updates: DIRECTIONS.map(|direction| STATUSES.map(|status| call_updates.of(&[direction, status]))),
            login_up: catalog.gauge(
                "login_up",
                None,
                connection,
                "Whether the connection is logged in (1) or needs a login (0)",
            ),
            lane_up: catalog.gauge("lane_up", None, &["connection", "lane"], "Whether the lane is live (1) or not (0)"),
            fallback: catalog.gauge(
                "rest_fallback_active",
                None,
                connection,
                "Whether active calls are polled over REST (1) because no lane is live",
            ),
            clock_offset: catalog.gauge(
                "clock_offset",
                seconds(),
                connection,
                "GoTo's time minus the time of this machine",
            ),
            sink_up: catalog.gauge("sink_up", None, sink, "Whether the sink takes cards (1) or is disabled (0)"),
            outbox_cards: catalog.gauge("outbox_cards", None, sink, "Cards that wait to be posted"),
            outbox_oldest: catalog.gauge(
                "outbox_oldest_timestamp",
                seconds(),
                sink,
                "Time at which the oldest waiting card was enqueued; missing while none waits",
            ),
            store_in_memory: catalog.gauge(
                "store_in_memory",
                None,
                &[],
                "Whether cards are in memory only (1) because the store cannot write",
            ),
            database_up: catalog.gauge(
                "database_up",
                None,
                &[],
                "Whether the shared database answers (1) or cards are stored on this machine (0); missing without one",
            ),
            sink_owned: catalog.gauge(
                "sink_owned",
                None,
                sink,
                "Whether this daemon owns the sink (1) or another one does (0); missing without a shared database",
            ),
            daemons: catalog.gauge("daemons", None, &[], "Live daemons on the shared database; missing without one"),
        }
    }

    /// Counts a call update.
    pub fn call_update(&self, direction: &str, status: &str) {
        let position = |words: &[&str], word: &str| words.iter().position(|one| *one == word);
        let (Some(row), Some(column)) = (position(&DIRECTIONS, direction), position(&STATUSES, status)) else { return };
        if let Some(counter) = self.call_updates.get(row).and_then(|row| row.get(column)) {
            counter.inc();
        }
    }

    /// Records a reload: the hash of the config applied, or `None` for a rejected one.
    pub fn reload(&self, applied: Option<&str>) {
        self.reloads.of(&[if applied.is_some() { "applied" } else { "rejected" }]).inc();
        self.config_valid.set(&[], if applied.is_some() { 1.0 } else { 0.0 });
        if let Some(hash) = applied {
            self.config_info.clear();
            self.config_info.set(&[hash], 1.0);
        }
    }
}
