//! Metrics: their names, their values, and the text that a Prometheus server reads.
//!
//! Each part of the daemon holds a small set of counters ([`SinkMetrics`], [`ConnectionMetrics`], [`SourceMetrics`]) that it
//! got at its start. Recording is a few atomic additions: no lock, no allocation, no text. Label values come from the config
//! or are fixed words. No label contains caller data, a URL or an id.
//!
//! `deploy/metrics.md` documents each metric; a test compares it with [`Metrics::catalog`].

mod catalog;
mod connection;
mod daemon;
mod day_latency;
mod histogram;
mod process;
mod sink;
mod socket_mode;
mod source;

pub use catalog::{FloatGauge, Labeled, MetricInfo};
pub use connection::{ConnectionMetrics, seconds};
pub use daemon::DaemonMetrics;
pub use day_latency::{LatencySummary, StoredLatency, summarize};
pub use histogram::Histogram;
pub use sink::SinkMetrics;
pub use socket_mode::{PRESS_RESULTS, SocketModeMetrics};
pub use source::{LookupResult, SourceMetrics};

use catalog::Catalog;
use connection::ConnectionFamilies;
use day_latency::DayLatency;
use jiff::{SignedDuration, Timestamp};
use process::ProcessCollector;
use prometheus_client::{
    encoding::{prometheus_text, text},
    registry::Registry,
};
use sink::SinkFamilies;
use socket_mode::SocketModeFamilies;
use source::SourceFamilies;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

/// All metrics of the daemon. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<MetricFamilies>);

#[derive(Debug)]
struct MetricFamilies {
    registry: Registry,
    catalog: Vec<MetricInfo>,
    daemon: DaemonMetrics,
    commit_duration: Histogram,
    sinks: SinkFamilies,
    connections: ConnectionFamilies,
    sources: SourceFamilies,
    socket_mode: SocketModeFamilies,
    /// Latencies of the last day, by sink.
    days: Mutex<BTreeMap<String, Arc<DayLatency>>>,
}

/// Text format of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// Prometheus text, version 0.0.4.
    Prometheus,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
}

impl ExpositionFormat {
    /// Chooses the format by an `Accept` header.
    #[must_use]
    pub fn by_accept(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Returns the `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Class of an HTTP response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseClass {
    Success,
    Redirect,
    ClientError,
    Throttled,
    ServerError,
    NoResponse,
}

impl ResponseClass {
    const ALL: [Self; 6] =
        [Self::Success, Self::Redirect, Self::ClientError, Self::Throttled, Self::ServerError, Self::NoResponse];

    const fn of(status: Option<u16>) -> Self {
        match status {
            None => Self::NoResponse,
            Some(429) => Self::Throttled,
            Some(0..300) => Self::Success,
            Some(300..400) => Self::Redirect,
            Some(400..500) => Self::ClientError,
            Some(500..) => Self::ServerError,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::Throttled => "429",
            Self::ServerError => "5xx",
            Self::NoResponse => "none",
        }
    }
}

impl Metrics {
    /// Creates all metrics. `started`: start of the process.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        let mut catalog = Catalog::new();
        let daemon = DaemonMetrics::register(&mut catalog);
        let commits = catalog.histogram(
            "store_commit_duration",
            &[],
            "Time of a transaction of the outbox that writes, with the sync of the disk",
        );
        let sinks = SinkFamilies::register(&mut catalog);
        let connections = ConnectionFamilies::register(&mut catalog);
        let sources = SourceFamilies::register(&mut catalog);
        let socket_mode = SocketModeFamilies::register(&mut catalog);
        ProcessCollector::register(&mut catalog, started);
        daemon.build_info.set(&[env!("CARGO_PKG_VERSION")], 1.0);
        daemon.config_valid.set(&[], 1.0);
        for result in ["applied", "rejected"] {
            drop(daemon.reloads.of(&[result]));
        }
        Self(Arc::new(MetricFamilies {
            registry: catalog.registry,
            catalog: catalog.metrics,
            daemon,
            commit_duration: commits.of(&[]),
            sinks,
            connections,
            sources,
            socket_mode,
            days: Mutex::default(),
        }))
    }

    /// Returns the list of all metrics.
    #[must_use]
    pub fn catalog(&self) -> &[MetricInfo] {
        &self.0.catalog
    }

    /// Returns the metrics of the daemon as a whole.
    #[must_use]
    pub fn daemon(&self) -> &DaemonMetrics {
        &self.0.daemon
    }

    /// Returns the histogram of the outbox's transactions.
    #[must_use]
    pub fn commit_duration(&self) -> Histogram {
        self.0.commit_duration.clone()
    }

    /// Returns the counters of a sink.
    #[must_use]
    pub fn sink(&self, name: &str) -> SinkMetrics {
        self.0.sinks.sink(name, self.day(name))
    }

    /// Returns the counters of a connection.
    #[must_use]
    pub fn connection(&self, name: &str) -> ConnectionMetrics {
        self.0.connections.connection(name)
    }

    /// Returns the counters of a look-up source.
    #[must_use]
    pub fn source(&self, name: &str) -> SourceMetrics {
        self.0.sources.source(name)
    }

    /// Returns the metrics of a Slack app whose buttons are received, by its first sink.
    #[must_use]
    pub fn socket_mode(&self, sink: &str) -> SocketModeMetrics {
        self.0.socket_mode.app(sink)
    }

    /// Sets GoTo's time minus the local time: the times of calls are GoTo's.
    pub fn set_clock_offset(&self, offset: SignedDuration) {
        let millis = i64::try_from(offset.as_millis()).unwrap_or_default();
        self.0.sinks.clock_offset.store(millis, Ordering::Relaxed);
    }

    /// Returns the percentiles from call to card of a sink in the last day; `None` without cards.
    #[must_use]
    pub fn latency(&self, sink: &str, now: Timestamp) -> Option<LatencySummary> {
        self.day(sink).summary(now.as_second())
    }

    /// Returns the latencies of the last day, by sink, to be stored.
    #[must_use]
    pub fn stored_latencies(&self, now: Timestamp) -> BTreeMap<String, StoredLatency> {
        self.days().iter().map(|(sink, day)| (sink.clone(), day.stored(now.as_second()))).collect()
    }

    /// Adds the stored latencies of an earlier run.
    pub fn restore_latencies(&self, stored: &BTreeMap<String, StoredLatency>, now: Timestamp) {
        for (sink, counts) in stored {
            self.day(sink).restore(counts, now.as_second());
        }
    }

    /// Returns the text of all metrics.
    ///
    /// # Errors
    /// A metric that the format cannot express. The catalog has no such metric.
    pub fn encode(&self, format: ExpositionFormat) -> Result<String, fmt::Error> {
        let mut text = String::new();
        match format {
            ExpositionFormat::Prometheus => prometheus_text::encode(&mut text, &self.0.registry)?,
            ExpositionFormat::OpenMetrics => text::encode(&mut text, &self.0.registry)?,
        }
        Ok(text)
    }

    fn day(&self, sink: &str) -> Arc<DayLatency> {
        Arc::clone(self.days().entry(sink.to_owned()).or_default())
    }

    fn days(&self) -> MutexGuard<'_, BTreeMap<String, Arc<DayLatency>>> {
        self.0.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
