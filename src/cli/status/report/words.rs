//! The state of connections and sinks in words.

use super::{ConnectionState, DOWN_AFTER, LoginSource, SinkReport};
use crate::{
    cli::counted,
    daemon::health::stored::StoredStatus,
    goto::{token::REFRESH_TOKEN_DAYS, token_file::StoredToken},
    model::time::{Timestamp, elapsed},
    outbox::SinkStats,
    runtime::{metrics::LatencySummary, text::printable_start},
};

/// Longest reason and advice: both are texts of the daemon, but from a file.
const MAX_REASON: usize = 400;

impl ConnectionState {
    pub(super) fn is_down(&self, now: Timestamp) -> bool {
        !self.is_polled() && self.last_live.is_none_or(|last_live| elapsed(last_live, now) > DOWN_AFTER)
    }

    /// Returns whether active calls are polled, so that calls are received without a lane.
    fn is_polled(&self) -> bool {
        self.lanes.as_ref().is_some_and(|lanes| lanes.fallback)
    }

    fn describe_lanes(&self) -> String {
        self.lanes.as_ref().map_or_else(String::new, |it| format!(", {} of {} lanes", it.live, it.lanes))
    }

    /// Returns why no lane is live, and what to do.
    pub(super) fn reason(&self) -> Option<String> {
        let lanes = self.lanes.as_ref()?;
        let (reason, advice) = (lanes.reason.as_ref()?, lanes.advice.as_deref().unwrap_or_default());
        Some(format!("{}. {}", printable_start(reason, MAX_REASON), printable_start(advice, MAX_REASON)))
    }

    pub(super) fn describe(&self, now: Timestamp) -> String {
        let state = match self.last_live {
            _ if self.is_polled() => "no lane is live, active calls are polled over REST".to_owned(),
            None => "no events received".to_owned(),
            Some(last_live) if self.is_down(now) => format!("down, last live {}", format_age(last_live, now)),
            Some(last_live) => format!("live, last heartbeat {}{}", format_age(last_live, now), self.describe_lanes()),
        };
        let days =
            |token: &StoredToken| REFRESH_TOKEN_DAYS.saturating_sub(elapsed(token.issued, now).as_secs() / 86_400);
        match &self.token {
            _ if self.login == LoginSource::Pat => format!("{state}; personal access token"),
            _ if self.login == LoginSource::ConfigToken => format!("{state}; refresh token of the config"),
            _ if self.login == LoginSource::Unknown => state,
            Ok(token) if !self.missing_scopes.is_empty() => {
                format!(
                    "{state}; logged in, valid for {} days without a refresh; missing scopes: {}",
                    days(token),
                    self.missing_scopes
                )
            }
            Ok(token) => format!("{state}; logged in, valid for {} days without a refresh", days(token)),
            Err(reason) => format!("{state}; {reason} (poprelay login --connection {})", self.name),
        }
    }
}

/// Describes the troubles of the daemon as a whole, one line each.
pub(super) fn describe_troubles(stored: &StoredStatus) -> Vec<String> {
    let mut lines = Vec::new();
    if stored.store_in_memory {
        lines.push("store   cannot write, cards are in memory only\n".to_owned());
    }
    if stored.has_other_run {
        lines.push("store   another daemon has the id of this one (host-id), this one posts no cards\n".to_owned());
    }
    if let Some(error) = &stored.config_error {
        lines.push(format!("config  rejected, the previous one is in use: {}\n", first_line(error)));
    }
    if !stored.restart_keys.is_empty() {
        lines.push(format!("config  restart required to apply: {}\n", stored.restart_keys.join(" ")));
    }
    lines
}

/// Describes a config that is invalid on disk; the daemon reads it at the next reload.
pub(super) fn describe_unread_config(error: &str) -> String {
    format!("config  invalid on disk and not reloaded, the previous one is in use: {}\n", first_line(error))
}

fn first_line(error: &str) -> String {
    printable_start(error.lines().next().unwrap_or_default(), 160)
}

impl SinkReport {
    pub(super) fn describe(&self, now: Timestamp) -> String {
        let disabled = if self.disabled { "disabled, the chat rejects every card; " } else { "" };
        let latency = self.latency.map_or_else(String::new, |it| format!("; {}", describe_latency(&it)));
        let buttons = self.buttons.as_ref().map_or_else(String::new, |it| format!("; presses of buttons {it}"));
        format!("{disabled}{}{latency}{buttons}", describe_sink(&self.stats, now))
    }
}

fn describe_latency(latency: &LatencySummary) -> String {
    let LatencySummary { cards, p50, p95, p99 } = *latency;
    let [p50, p95, p99] = [p50, p95, p99].map(format_seconds);
    format!("call to card p50 {p50}, p95 {p95}, p99 {p99} ({cards} in 24 h)")
}

/// Formats seconds with two digits, as in 45 ms, 1.2 s, 34 s.
fn format_seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.995 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        _ => format!("{seconds:.0} s"),
    }
}

fn describe_sink(stats: &SinkStats, now: Timestamp) -> String {
    let mut parts = vec![match (stats.waiting, stats.oldest_enqueued) {
        (0, _) => "no card waiting".to_owned(),
        (1, Some(oldest)) => format!("1 card waiting, enqueued {}", format_age(oldest, now)),
        (waiting, Some(oldest)) => format!("{waiting} cards waiting, oldest enqueued {}", format_age(oldest, now)),
        (waiting, None) => format!("{waiting} cards waiting"),
    }];
    if let Some(answer) = &stats.last_response {
        parts.push(format!("last response: {}", printable_start(answer, 120)));
    }
    match stats.dead {
        0 => {}
        dead => parts.push(format!("{} (poprelay outbox list --state dead)", counted(dead, "dead letter"))),
    }
    parts.push(
        stats.last_delivered.map_or("no card delivered".to_owned(), |at| format!("last card {}", format_age(at, now))),
    );
    parts.join("; ")
}

pub(super) fn format_age(at: Timestamp, now: Timestamp) -> String {
    match elapsed(at, now).as_secs() {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7_200 => format!("{} min ago", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}
