//! The daemon's status, written by the tasks and read by the supervisor, and its one-line summary for `systemctl
//! status`.

use crate::{
    daemon::health::{
        alert::{AlertKind, LoginAdvice},
        button_status::ButtonStatus,
        shared_status::SharedDatabaseStatus,
    },
    goto::lane::RequestFailure,
    model::{
        card::Alert,
        ids::{ConnectionName, SinkName},
        time::{Now, ServerClock, Timestamp},
    },
    outbox::{Heartbeat, SinkBacklog},
    runtime::{http::NetworkFault, postgres::PostgresFault},
};
use jiff::civil::Date;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Characters of a reason in the status line. The journal has the full text.
const MAX_REASON_CHARS: usize = 160;

/// Age of the supervisor's last check above which it makes no progress. Several times its interval of 2 s, and longer than
/// the delay by a slow disk.
const CHECK_TIMEOUT: Duration = Duration::from_secs(15);

/// Status shared by all tasks.
#[derive(Debug, Default)]
pub struct SharedStatus(Mutex<Status>);

/// The status of the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Status of each GoTo connection.
    pub connections: BTreeMap<ConnectionName, ConnectionStatus>,
    /// Sinks disabled because their endpoint rejects every card.
    pub disabled: BTreeSet<SinkName>,
    /// Buttons of each Slack app with an app token, by its first sink.
    pub buttons: BTreeMap<SinkName, ButtonStatus>,
    /// Whether the outbox is in memory only.
    pub store_in_memory: bool,
    /// The store that several daemons share; `None`: this daemon shares none, or has not reached it yet.
    pub shared_database: Option<SharedDatabaseStatus>,
    /// Reason for which the shared database is away.
    pub store_away: Option<PostgresFault>,
    /// Calls posted on `day`.
    pub calls: u64,
    /// Day of the count, in the cards' time zone.
    pub day: Option<Date>,
    /// Number of pending cards.
    pub pending: u64,
    /// Pending cards of each configured sink, and of others that have some.
    pub backlog: BTreeMap<SinkName, Backlog>,
    /// Last check of the store by the supervisor: its time, and whether the store answered.
    pub checked: Option<(Instant, bool)>,
    /// Reason for which the config on disk was rejected.
    pub config_error: Option<String>,
    /// Keys whose change takes effect at a restart.
    pub restart_keys: Vec<&'static str>,
}

/// Pending cards of one sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Number of cards.
    pub cards: u64,
    /// Time at which the oldest was enqueued.
    pub oldest: Option<Timestamp>,
}

/// Status of one GoTo connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// Number of configured lanes.
    pub lanes: u8,
    /// Lanes live now.
    pub live: BTreeSet<u8>,
    /// Beginnings of the event gaps not recovered yet.
    pub unrecovered_gaps: BTreeSet<Timestamp>,
    /// End of the earliest recovered call that is not posted yet.
    pub unposted_since: Option<Timestamp>,
    /// Whether active calls are polled, because no lane is live.
    pub fallback: bool,
    /// GoTo's clock, after its first measurement.
    pub clock: Option<ServerClock>,
    /// Whether `poprelay login` is required.
    pub login_required: bool,
    /// Remedy of the login, if one is required.
    pub login_problem: Option<LoginAdvice>,
    /// Refusal of the connection by GoTo.
    pub rejected: Option<RequestFailure>,
    /// Whether the first subscription was attempted, successful or not.
    pub attempted: bool,
    /// Last failure of a lane, or of a refresh without which no lane connects.
    pub failure: Option<RequestFailure>,
}

impl ConnectionStatus {
    /// Returns the reason for which the last attempt of a lane got no answer.
    #[must_use]
    pub fn fault(&self) -> Option<NetworkFault> {
        self.failure.as_ref().and_then(RequestFailure::fault)
    }

    /// Returns why no lane is live, as an alert with advice; `None` while one is, or before the first failure.
    #[must_use]
    pub fn down_reason(&self, name: &ConnectionName) -> Option<Alert> {
        if !self.live.is_empty() {
            return None;
        }
        if self.login_required {
            let advice = self.login_problem.unwrap_or(LoginAdvice::LogIn);
            return Some(AlertKind::LoginRequired(name.clone(), advice).alert());
        }
        if let Some(why) = &self.rejected {
            return Some(AlertKind::ConnectionRejected(name.clone(), why.clone()).alert());
        }
        let advice = self.fault().map_or("The daemon retries.", NetworkFault::advice).to_owned();
        self.failure.as_ref().map(|why| Alert { title: why.to_string(), advice, resolved: false })
    }

    /// Returns the heartbeat to store while a lane is live. The next start backfills from it. Its times are GoTo's: until
    /// then the local clock may be set.
    #[must_use]
    pub fn heartbeat(&self, now: Now) -> Option<Heartbeat> {
        let uncovered_since = self.unrecovered_gaps.first().copied().into_iter().chain(self.unposted_since).min();
        let live_at = self.clock.map_or(now.timestamp, |clock| clock.bounds(now).0);
        (!self.live.is_empty()).then_some(Heartbeat { live_at, uncovered_since })
    }

    /// Removes the recovered gaps beginning in this time.
    pub fn gap_recovered(&mut self, from: Timestamp, to: Timestamp) {
        self.unrecovered_gaps.retain(|gap| *gap < from || *gap > to);
    }
}

impl SharedStatus {
    /// Converts a local time into GoTo's time, for ages of GoTo's times. The last measurement of GoTo's clock counts.
    #[must_use]
    pub fn goto_time(&self, local: Timestamp, now: Now) -> Timestamp {
        let clocks = self
            .lock()
            .connections
            .values()
            .filter_map(|connection| connection.clock)
            .max_by_key(|clock| clock.learned.instant);
        let offset = clocks.map(|clock| clock.time(now.instant).duration_since(now.timestamp));
        offset.and_then(|offset| local.checked_add(offset).ok()).unwrap_or(local)
    }

    /// Locks the status. A panic in another task does not poison it.
    pub fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Status {
    /// Returns whether the service is ready: every connection attempted its first subscription.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.connections.values().all(|connection| connection.attempted || connection.login_required)
    }

    /// Sets the pending cards: of each configured sink, and of others that have some.
    pub fn set_backlog<'a>(&mut self, configured: impl Iterator<Item = &'a SinkName>, found: Vec<SinkBacklog>) {
        self.pending = found.iter().map(|sink| sink.cards).sum();
        self.backlog = configured.map(|sink| (sink.clone(), Backlog::default())).collect();
        let found = found.into_iter().map(|one| (one.sink, Backlog { cards: one.cards, oldest: one.oldest }));
        self.backlog.extend(found);
    }

    /// Returns whether the supervisor makes progress and the store answers it.
    #[must_use]
    pub fn is_healthy(&self, now: Instant) -> bool {
        let (at, store_answers) = self.checked.unwrap_or((now, true));
        store_answers && now.saturating_duration_since(at) < CHECK_TIMEOUT
    }

    /// Returns the reasons for which calls may be lost; empty if every connection receives calls and the store writes.
    #[must_use]
    pub fn problems(&self, now: Instant) -> Vec<String> {
        let receives = |connection: &ConnectionStatus| !connection.live.is_empty() || connection.fallback;
        let down = self.connections.iter().filter(|(_, connection)| !receives(connection));
        let mut problems: Vec<String> = down
            .map(|(name, connection)| {
                let login = if connection.login_required { " and needs a login" } else { "" };
                format!("connection {name} receives no calls{login}")
            })
            .collect();
        if self.checked.is_none() {
            problems.push("the daemon is starting".to_owned());
        }
        if self.store_in_memory || !self.is_healthy(now) {
            problems.push("the store cannot write".to_owned());
        }
        problems
    }

    /// Adds posted calls to the daily count, which restarts on a new day.
    pub fn add_calls(&mut self, calls: u64, today: Date) {
        if self.day.replace(today) != Some(today) {
            self.calls = 0;
        }
        self.calls = self.calls.saturating_add(calls);
    }

    /// Returns the summary line, problems first.
    #[must_use]
    pub fn summary(&self, today: Date) -> String {
        let mut parts = Vec::new();
        if let Some(why) = &self.config_error {
            let first_line = why.lines().next().unwrap_or_default();
            parts.push(format!("config rejected: {}", first_line.chars().take(MAX_REASON_CHARS).collect::<String>()));
        }
        for (name, connection) in self.connections.iter().filter(|(_, connection)| connection.login_required) {
            parts.push(format!("{name} {}", connection.login_problem.unwrap_or(LoginAdvice::LogIn).as_str()));
        }
        let live: usize = self.connections.values().map(|connection| connection.live.len()).sum();
        let lanes: usize = self.connections.values().map(|connection| usize::from(connection.lanes)).sum();
        parts.push(if live == 0 { "no lane is live".to_owned() } else { format!("{live} of {lanes} lanes live") });
        let is_down = |connection: &ConnectionStatus| connection.live.is_empty() && !connection.login_required;
        let polled = self.connections.iter().filter(|(_, connection)| connection.fallback);
        parts.extend(polled.map(|(name, _)| format!("{name} polls calls over REST")));
        if live > 0 {
            let down = self.connections.iter().filter(|(_, connection)| is_down(connection));
            parts.extend(down.map(|(name, _)| format!("{name} has no live lane")));
        }
        for (name, connection) in self.connections.iter().filter(|(_, connection)| is_down(connection)) {
            parts.extend(connection.fault().map(|fault| format!("{name}: {fault}")));
        }
        if !self.disabled.is_empty() {
            let names: Vec<&str> = self.disabled.iter().map(SinkName::as_str).collect();
            parts.push(format!("disabled: {}", names.join(", ")));
        }
        for (name, buttons) in self.buttons.iter().filter(|(_, buttons)| buttons.is_degraded()) {
            parts.push(format!("buttons of {name}: {}", buttons.describe()));
        }
        if !self.restart_keys.is_empty() {
            parts.push(format!("restart required to apply: {}", self.restart_keys.join(" ")));
        }
        if self.store_in_memory {
            parts.push("the store cannot write, cards are in memory only".to_owned());
        }
        if self.shared_database.as_ref().is_some_and(|shared| shared.has_other_run) {
            parts.push("another daemon has the id of this one, this one posts no cards".to_owned());
        }
        if let Some(fault) = self.store_away {
            parts.push(format!("the shared database is away ({fault}), cards are stored on this machine"));
        }
        let calls = if self.day == Some(today) { self.calls } else { 0 };
        parts.push(format!("{calls} call{} today", if calls == 1 { "" } else { "s" }));
        parts.push(match self.pending {
            0 => "no cards waiting".to_owned(),
            waiting => format!("{waiting} waiting"),
        });
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, civil::date};

    fn main_connection(live: &[u8]) -> Status {
        let connection =
            ConnectionStatus { lanes: 2, live: live.iter().copied().collect(), ..ConnectionStatus::default() };
        let connections = [(ConnectionName::try_from("main").unwrap(), connection)].into();
        Status { connections, ..Status::default() }
    }

    #[test]
    fn heartbeat_has_gotos_time_and_the_earliest_uncovered_time() {
        let local = Now { instant: Instant::now(), timestamp: "2026-10-05T16:03:11Z".parse().unwrap() };
        let offset = SignedDuration::from_hours(-2);
        let now = local.timestamp.checked_add(offset).unwrap();
        let clock = Some(ServerClock { offset, learned: local });
        let before = |seconds: i64| now.checked_sub(SignedDuration::from_secs(seconds)).unwrap();
        let mut status = ConnectionStatus { unposted_since: Some(before(30)), clock, ..ConnectionStatus::default() };
        assert_eq!(status.heartbeat(local), None, "no lane is live");
        status.live.insert(0);
        let heartbeat = |since| Some(Heartbeat { live_at: now, uncovered_since: since });
        assert_eq!(status.heartbeat(local), heartbeat(Some(before(30))));
        status.unrecovered_gaps.insert(before(60));
        assert_eq!(status.heartbeat(local), heartbeat(Some(before(60))));
        status.gap_recovered(before(60), now);
        status.unposted_since = None;
        assert_eq!(status.heartbeat(local), heartbeat(None));
    }

    #[test]
    fn summary_without_problems_is_short() {
        let mut status = main_connection(&[0, 1]);
        status.add_calls(13, date(2026, 11, 23));
        status.add_calls(1, date(2026, 11, 23));
        assert_eq!(status.summary(date(2026, 11, 23)), "2 of 2 lanes live, 14 calls today, no cards waiting");
    }

    #[test]
    fn daily_count_restarts_on_a_new_day() {
        let mut status = main_connection(&[0, 1]);
        status.add_calls(14, date(2026, 11, 23));
        assert!(status.summary(date(2026, 11, 24)).contains(" 0 calls today"));
        status.add_calls(1, date(2026, 11, 24));
        assert!(status.summary(date(2026, 11, 24)).contains(" 1 call today"));
    }

    #[test]
    fn summary_names_rejected_config_first_and_down_connections() {
        let mut status = main_connection(&[0, 1]);
        status
            .connections
            .insert("second".try_into().unwrap(), ConnectionStatus { lanes: 2, ..ConnectionStatus::default() });
        status.config_error = Some("config.toml:3: sinks: wrong\nmore".to_owned());
        status.restart_keys = vec!["state.dir"];
        assert_eq!(
            status.summary(date(2026, 11, 23)),
            "config rejected: config.toml:3: sinks: wrong, 2 of 4 lanes live, second has no live lane, \
             restart required to apply: state.dir, 0 calls today, no cards waiting"
        );
    }

    #[test]
    fn summary_lists_problems_first() {
        let mut status = main_connection(&[]);
        status.connections.values_mut().for_each(|connection| connection.login_required = true);
        status.disabled.insert(SinkName::try_from("desk").unwrap());
        status.pending = 3;
        assert_eq!(
            status.summary(date(2026, 11, 23)),
            "main needs a login (poprelay login), no lane is live, disabled: desk, 0 calls today, 3 waiting"
        );
    }

    #[test]
    fn goto_time_corrects_a_wrong_local_clock() {
        let shared = SharedStatus::default();
        let at = |time: &str| format!("2026-10-05T{time}Z").parse::<Timestamp>().unwrap();
        let learned = Now { instant: Instant::now(), timestamp: at("14:03:11") };
        assert_eq!(shared.goto_time(learned.timestamp, learned), learned.timestamp);
        *shared.lock() = main_connection(&[0]);
        let clock = ServerClock { offset: SignedDuration::from_secs(-60), learned };
        shared.lock().connections.values_mut().for_each(|one| one.clock = Some(clock));
        assert_eq!(shared.goto_time(learned.timestamp, learned), at("14:02:11"));
        // Ten seconds later the local clock was set: an hour ahead, or back to the right time.
        let instant = learned.instant + Duration::from_secs(10);
        for local in ["15:03:21", "14:02:21", "02:00:00"] {
            let now = Now { instant, timestamp: at(local) };
            assert_eq!(shared.goto_time(now.timestamp, now), at("14:02:21"), "{local}");
        }
    }

    #[test]
    fn problems_name_connections_without_calls_and_the_store() {
        let (now, mut status) = (Instant::now(), main_connection(&[1]));
        assert_eq!(status.problems(now), ["the daemon is starting"]);
        status.checked = Some((now, true));
        assert_eq!(status.problems(now), [""; 0]);
        status.connections.insert("second".try_into().unwrap(), ConnectionStatus::default());
        assert_eq!(status.problems(now), ["connection second receives no calls"]);
        status.connections.values_mut().for_each(|one| one.fallback = true);
        assert_eq!(status.problems(now + CHECK_TIMEOUT / 2), [""; 0], "the fallback receives calls");
        assert_eq!(status.problems(now + CHECK_TIMEOUT), ["the store cannot write"]);
        status.checked = Some((now, false));
        assert!(!status.is_healthy(now));
        (status.checked, status.store_in_memory) = (Some((now, true)), true);
        assert!(status.is_healthy(now) && status.problems(now) == ["the store cannot write"]);
    }

    #[test]
    fn ready_when_every_connection_was_attempted() {
        let mut status = main_connection(&[]);
        assert!(!status.is_ready());
        status.connections.values_mut().for_each(|connection| connection.attempted = true);
        assert!(status.is_ready());
    }
}
