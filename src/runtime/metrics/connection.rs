//! Metrics of one GoTo connection.

use super::{
    ResponseClass,
    catalog::{Catalog, FloatGauge, Labeled, Seconds},
};
use jiff::Timestamp;
use prometheus_client::{metrics::counter::Counter, registry::Unit};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Kinds of events from a connection.
pub(super) const EVENT_KINDS: [&str; 4] = ["snapshot", "report", "report_ready", "malformed"];
/// Reasons for which a live lane is lost.
pub(super) const LOSS_REASONS: [&str; 5] = ["closed", "broken", "silent", "expired", "gone"];
/// APIs of GoTo, as in the paths.
pub(super) const ENDPOINTS: [&str; 8] = [
    "notification-channel",
    "call-events-report",
    "call-events",
    "call-reports",
    "voice-admin",
    "voicemail",
    "identity",
    "users",
];

/// Metrics of all connections.
#[derive(Debug)]
pub(super) struct ConnectionFamilies {
    events: Labeled<Counter>,
    last_event: Labeled<FloatGauge>,
    lanes_lost: Labeled<Counter>,
    renewals: Labeled<Counter>,
    gap_seconds: Labeled<Seconds>,
    requests: Labeled<Counter>,
    rate_limit_wait: Labeled<Seconds>,
    token_refreshes: Labeled<Counter>,
    token_issued: Labeled<FloatGauge>,
    token_expiry: Labeled<FloatGauge>,
}

/// Counters of one connection. Clones share them. The default is not exported.
#[derive(Clone, Default)]
pub struct ConnectionMetrics(Option<Arc<ConnectionCounters>>);

struct ConnectionCounters {
    name: String,
    events: [Counter; EVENT_KINDS.len()],
    /// Time of the last event, exported after the first one.
    last_event: OnceLock<FloatGauge>,
    last_events: Labeled<FloatGauge>,
    lanes_lost: [Counter; LOSS_REASONS.len()],
    renewals: [Counter; 2],
    gap_seconds: Seconds,
    requests: Labeled<Counter>,
    rate_limit_wait: Seconds,
    token_refreshes: [Counter; 2],
    token_issued: Labeled<FloatGauge>,
    token_expiry: Labeled<FloatGauge>,
}

impl fmt::Debug for ConnectionMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionMetrics").field(&self.0.as_ref().map(|counters| &counters.name)).finish()
    }
}

/// Words for success and failure, in the order of the counters.
const RESULTS: [&str; 2] = ["ok", "failed"];

impl ConnectionFamilies {
    pub(super) fn register(catalog: &mut Catalog) -> Self {
        let connection = &["connection"];
        Self {
            events: catalog.counter(
                "events_received",
                &["connection", "kind"],
                "Events received from GoTo on all lanes and in answers to queries; a second lane repeats each",
            ),
            last_event: catalog.gauge(
                "last_event_timestamp",
                Some(Unit::Seconds),
                connection,
                "Time of the last event received from GoTo",
            ),
            lanes_lost: catalog.counter(
                "lane_losses",
                &["connection", "reason"],
                "Live lanes lost; each reconnects afterwards",
            ),
            renewals: catalog.counter(
                "channel_renewals",
                &["connection", "result"],
                "Renewals of notification channels",
            ),
            gap_seconds: catalog.seconds(
                "event_gap",
                connection,
                "Time of closed event gaps, in which no lane of this daemon received; it includes its stops, and other daemons may have received",
            ),
            requests: catalog.counter(
                "goto_requests",
                &["connection", "endpoint", "response"],
                "REST requests to GoTo, by API and class of the response",
            ),
            rate_limit_wait: catalog.seconds(
                "goto_rate_limit_wait",
                connection,
                "Time for which REST requests waited for the rate limit",
            ),
            token_refreshes: catalog.counter(
                "token_refreshes",
                &["connection", "result"],
                "Refreshes of the access token",
            ),
            token_issued: catalog.gauge(
                "refresh_token_issued_timestamp",
                Some(Unit::Seconds),
                connection,
                "Time at which GoTo issued the refresh token",
            ),
            token_expiry: catalog.gauge(
                "refresh_token_expiry_timestamp",
                Some(Unit::Seconds),
                connection,
                "Time at which the refresh token expires if no refresh replaces it; none for a personal access token",
            ),
        }
    }

    /// Returns the counters of one connection. All label values exist from then on, except those of requests.
    pub(super) fn connection(&self, name: &str) -> ConnectionMetrics {
        ConnectionMetrics(Some(Arc::new(ConnectionCounters {
            name: name.to_owned(),
            events: EVENT_KINDS.map(|kind| self.events.of(&[name, kind])),
            last_event: OnceLock::new(),
            last_events: self.last_event.clone(),
            lanes_lost: LOSS_REASONS.map(|reason| self.lanes_lost.of(&[name, reason])),
            renewals: RESULTS.map(|result| self.renewals.of(&[name, result])),
            gap_seconds: self.gap_seconds.of(&[name]),
            requests: self.requests.clone(),
            rate_limit_wait: self.rate_limit_wait.of(&[name]),
            token_refreshes: RESULTS.map(|result| self.token_refreshes.of(&[name, result])),
            token_issued: self.token_issued.clone(),
            token_expiry: self.token_expiry.clone(),
        })))
    }
}

impl ConnectionMetrics {
    /// Counts an event of one of the `EVENT_KINDS`.
    pub fn event(&self, kind: &str) {
        self.count(kind, EVENT_KINDS, |counters| &counters.events);
    }

    /// Sets the time of the last event.
    pub fn last_event(&self, at: Timestamp) {
        if let Some(counters) = &self.0 {
            counters.last_event.get_or_init(|| counters.last_events.of(&[&counters.name])).set(seconds(at));
        }
    }

    /// Counts a lost lane, by one of the `LOSS_REASONS`.
    pub fn lane_lost(&self, reason: &str) {
        self.count(reason, LOSS_REASONS, |counters| &counters.lanes_lost);
    }

    /// Counts a renewal of a channel.
    pub fn renewal(&self, ok: bool) {
        self.count(result(ok), RESULTS, |counters| &counters.renewals);
    }

    /// Adds the time of a closed event gap.
    pub fn gap(&self, length: Duration) {
        if let Some(counters) = &self.0 {
            counters.gap_seconds.inc_by(length.as_secs_f64());
        }
    }

    /// Counts a REST request by its path; `None` without a response.
    pub fn request(&self, path: &str, status: Option<u16>) {
        if let Some(counters) = &self.0 {
            let endpoint = ENDPOINTS.into_iter().find(|endpoint| path.contains(endpoint)).unwrap_or("other");
            counters.requests.of(&[&counters.name, endpoint, ResponseClass::of(status).as_str()]).inc();
        }
    }

    /// Adds the wait of a REST request for the rate limit.
    pub fn rate_limit_wait(&self, wait: Duration) {
        if let Some(counters) = &self.0 {
            counters.rate_limit_wait.inc_by(wait.as_secs_f64());
        }
    }

    /// Counts a refresh of the access token.
    pub fn token_refresh(&self, ok: bool) {
        self.count(result(ok), RESULTS, |counters| &counters.token_refreshes);
    }

    /// Sets the age and the end of the refresh token.
    pub fn refresh_token(&self, issued: Timestamp, lifetime: Duration) {
        if let Some(counters) = &self.0 {
            counters.token_issued.set(&[&counters.name], seconds(issued));
            counters.token_expiry.set(&[&counters.name], seconds(issued) + lifetime.as_secs_f64());
        }
    }

    fn count<const N: usize>(&self, word: &str, words: [&str; N], of: impl Fn(&ConnectionCounters) -> &[Counter; N]) {
        let index = words.iter().position(|one| *one == word);
        if let Some(counter) = self.0.as_deref().zip(index).and_then(|(counters, index)| of(counters).get(index)) {
            counter.inc();
        }
    }
}

const fn result(ok: bool) -> &'static str {
    if ok { "ok" } else { "failed" }
}

/// Returns a time in seconds since 1970.
#[must_use]
pub fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
