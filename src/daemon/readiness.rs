//! What systemd is told of the daemon's state, and when. Decides nothing of what the state is.

use super::systemd;
use crate::model::event;
use std::time::Duration;
use tokio::time::Instant;

/// READY is said after this even if GoTo answers nothing at all: the daemon is up, and what it lacks is in its status.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// READY is said once, and once more after each reload; the status line when it changes.
pub struct Readiness {
    since: Instant,
    said: Option<String>,
}

impl Readiness {
    /// Of a daemon that starts now.
    #[must_use]
    pub const fn new(since: Instant) -> Self {
        Self { since, said: None }
    }

    /// Says how the daemon is: READY when it is, or at last when it has waited long enough.
    pub fn say(&mut self, is_ready: bool, line: &str) {
        if self.said.is_none() && !is_ready && self.since.elapsed() < READY_WITHIN {
            return;
        }
        match &self.said {
            None => {
                systemd::ready(line);
                tracing::info!(status = line, message_id = event::STARTED, "started");
            }
            Some(said) if said != line => systemd::status(line),
            Some(_) => return,
        }
        self.said = Some(line.to_owned());
    }

    /// A reload begins; before READY systemd does not ask.
    pub fn reloading(&self) {
        if self.said.is_some() {
            systemd::reloading();
        }
    }

    /// It is over, whatever came of it.
    pub fn reloaded(&mut self, line: &str) {
        if let Some(said) = &mut self.said {
            systemd::ready(line);
            line.clone_into(said);
        }
    }
}
