//! Sends READY, STATUS, STOPPING and watchdog messages to systemd. Does nothing outside systemd (`$NOTIFY_SOCKET`
//! unset).

use sd_notify::NotifyState;
use std::time::Duration;

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd notification failed");
    }
}

/// Reports READY with a status line: at the start, and after a reload.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Reports a reload with its monotonic start time, which systemd requires. [`ready`] ends the reload.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => send(&[NotifyState::Reloading, since]),
        Err(error) => tracing::debug!(%error, "monotonic clock unavailable"),
    }
}

/// Sets the line shown by `systemctl status`.
pub fn status(line: &str) {
    send(&[NotifyState::Status(line)]);
}

/// Reports the stop.
pub fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("stopping: finishing posts in flight")]);
}

/// Feeds the watchdog: every task made progress.
pub fn feed_watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// Returns the longest interval between calls of [`feed_watchdog`]: half of `WatchdogSec=`, `None` without one.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}
