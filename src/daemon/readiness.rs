//! Decides when systemd gets READY and status updates. The status text is computed elsewhere.

use super::systemd;
use crate::model::event;
use std::time::Duration;
use tokio::time::Instant;

/// READY is sent after this even without any answer from GoTo: the daemon runs, and the status line says what is
/// missing.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends READY once and after each reload, and the status line on changes.
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
    pub fn say(&mut self, is_ready: bool, line: &str) {
        if self.sent.is_none() && !is_ready && self.since.elapsed() < READY_TIMEOUT {
            return;
        }
        match &self.sent {
            None => {
                systemd::ready(line);
                tracing::info!(status = line, message_id = event::STARTED, "started");
            }
            Some(sent) if sent != line => systemd::status(line),
            Some(_) => return,
        }
        self.sent = Some(line.to_owned());
    }

    /// Reports a reload. Ignored before READY.
    pub fn reloading(&self) {
        if self.sent.is_some() {
            systemd::reloading();
        }
    }

    /// Reports the end of a reload, successful or not.
    pub fn reloaded(&mut self, line: &str) {
        if let Some(sent) = &mut self.sent {
            systemd::ready(line);
            line.clone_into(sent);
        }
    }
}
