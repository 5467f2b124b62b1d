//! Decides when systemd gets READY and status updates. The status text is computed elsewhere.

use crate::{daemon::system::sd_notify, runtime::message_id};
use std::time::Duration;
use tokio::time::Instant;

/// READY is sent after this time even without any answer from GoTo: the daemon runs, and the status line names the missing
/// answer.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// Sender of READY, once and after each reload, and of the status line on changes.
pub struct Readiness {
    since: Instant,
    sent: Option<String>,
}

impl Readiness {
    /// Creates the state of a daemon starting at `since`.
    #[must_use]
    pub const fn new(since: Instant) -> Self {
        Self { since, sent: None }
    }

    /// Sends the status line. Sends READY when `is_ready`, or after `READY_TIMEOUT`.
    pub fn update(&mut self, is_ready: bool, line: &str) {
        if self.sent.is_none() && !is_ready && self.since.elapsed() < READY_TIMEOUT {
            return;
        }
        match &self.sent {
            None => {
                sd_notify::ready(line);
                tracing::info!(summary = line, message_id = message_id::STARTED, "started");
            }
            Some(sent) if sent != line => sd_notify::status(line),
            Some(_) => return,
        }
        self.sent = Some(line.to_owned());
    }

    /// Reports a reload. Ignored before READY.
    pub fn reloading(&self) {
        if self.sent.is_some() {
            sd_notify::reloading();
        }
    }

    /// Reports the end of a reload, successful or not.
    pub fn reloaded(&mut self, line: &str) {
        if let Some(sent) = &mut self.sent {
            sd_notify::ready(line);
            line.clone_into(sent);
        }
    }
}
