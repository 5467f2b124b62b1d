//! What systemd hears from the daemon: READY, STATUS, STOPPING and the watchdog's feed. Outside systemd
//! (`$NOTIFY_SOCKET` is not set) all of it is silence.

use sd_notify::NotifyState;
use std::time::Duration;

fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd does not listen");
    }
}

/// The service is up, or has its new config.
pub fn ready(status: &str) {
    say(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The config is read again; [`ready`] says that this is over. systemd wants to know since when.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => say(&[NotifyState::Reloading, since]),
        Err(error) => tracing::debug!(%error, "no monotonic clock"),
    }
}

/// One human line for `systemctl status`.
pub fn status(line: &str) {
    say(&[NotifyState::Status(line)]);
}

/// The service goes down.
pub fn stopping() {
    say(&[NotifyState::Stopping, NotifyState::Status("stopping: posting what is in flight")]);
}

/// Every loop made progress.
pub fn alive() {
    say(&[NotifyState::Watchdog]);
}

/// How often [`alive`] must be said: half of `WatchdogSec=`, `None` without one.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}
