//! Applies connection events to the status and the journal, and raises alerts where the operator must act. `relay`
//! handles call events.

use super::{deaf::Deaf, notice::Trouble, rooms::Rooms, status::Login};
use crate::{
    goto::Heard,
    model::{event, ids::ConnectionName, repeat::Repeat, time::Timestamp},
};
use std::{sync::Arc, time::Instant};

/// Monitor of one connection.
pub struct Link {
    connection: ConnectionName,
    pipeline: Arc<Rooms>,
    outage: Deaf,
    /// Throttles the log of malformed frames, which may come in thousands.
    malformed_frames: Repeat,
    /// Throttles the log of failed heartbeats.
    failed_heartbeats: Repeat,
}

impl Link {
    /// Creates the monitor of a connection without a live lane.
    #[must_use]
    pub fn new(connection: ConnectionName, pipeline: Arc<Rooms>, now: Instant) -> Self {
        let (malformed_frames, failed_heartbeats) = (Repeat::default(), Repeat::default());
        Self { connection, pipeline, outage: Deaf::new(now), malformed_frames, failed_heartbeats }
    }

    /// Returns when [`ConnectionMonitor::tick`] is due; `None` without a timer.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.outage.due().into_iter().chain(self.malformed_frames.due()).min()
    }

    /// Handles due timers.
    pub async fn tick(&mut self, now: Instant) {
        if let Some(repeats) = self.malformed_frames.count(now) {
            tracing::warn!(connection = %self.connection, repeats, "more malformed frames");
        }
        if self.outage.due().is_some() && self.update(|status| status.consent_needed || status.refused) {
            self.outage.explained();
        } else if self.outage.tell(now) {
            self.raise(Trouble::Deaf).await;
        }
    }

    /// Handles a connection event; ignores call events.
    pub async fn says(&mut self, event: Heard, now: Instant) {
        let connection = self.connection.clone();
        match event {
            Heard::Live { lane } => self.lane_up(lane, now).await,
            Heard::Lost { lane, why } => {
                self.update(|status| status.live.remove(&lane));
                tracing::warn!(%connection, lane, why = why.as_str(), "lane lost");
            }
            Heard::Blind { since } => {
                self.outage.begin(now);
                self.update(|status| status.owed.insert(since));
                tracing::warn!(%connection, %since, message_id = event::BLIND_OPENED, "event gap opened");
            }
            Heard::CaughtUp { from, to } => {
                self.caught_up(from, to);
                tracing::info!(%connection, %from, %to, "event gap reports recovered");
            }
            Heard::Failing { lane, why } => {
                self.update(|status| status.tried = true);
                let status = why.status;
                tracing::warn!(%connection, lane, status, error = why.class.as_str(), "lane failed to connect, retrying");
            }
            Heard::Subscribed { accounts } => {
                self.update(|status| status.tried = true);
                tracing::debug!(%connection, accounts, "subscribed");
            }
            Heard::Unreadable { lane, bytes, why } => {
                if let Some(repeats) = self.malformed_frames.came(now) {
                    tracing::warn!(%connection, lane, bytes, %why, repeats, "malformed frame");
                }
            }
            Heard::ConsentNeeded { .. } => {
                self.update(|status| status.consent_needed = true);
                self.raise(Trouble::ConsentNeeded).await;
            }
            Heard::ConsentGiven => {
                if self.update(|status| std::mem::take(&mut status.consent_needed) && status.live.is_empty()) {
                    self.outage.begin(now);
                }
                self.raise(Trouble::ConsentGiven).await;
            }
            Heard::AccountRefused { account, status, .. } => {
                self.update(|status| status.tried = true);
                self.raise(|name| Trouble::AccountRefused(name, account, status)).await;
            }
            Heard::Refused { .. } => self.on_rejected().await,
            Heard::GrantAging { days_left } => self.raise(|name| Trouble::GrantAging(name, days_left)).await,
            Heard::TokenNotKept { .. } => self.raise(Trouble::TokenNotKept).await,
            Heard::Call(_)
            | Heard::Report(_)
            | Heard::Late(_)
            | Heard::Sighted { .. }
            | Heard::Listed { .. }
            | Heard::Voicemail { .. }
            | Heard::Past { .. } => {}
        }
    }

    async fn lane_up(&mut self, lane: u8, now: Instant) {
        let connection = &self.connection;
        tracing::info!(%connection, lane, "lane live");
        let was_rejected = self.update(|status| {
            status.live.insert(lane);
            status.tried = true;
            std::mem::take(&mut status.refused)
        });
        self.write_heartbeat(now).await;
        if self.outage.end() {
            self.raise(Trouble::HearsAgain).await;
        } else if was_rejected {
            self.raise(Trouble::ConnectionAccepted).await;
        }
    }

    /// Writes a heartbeat. The next start backfills from it, however short this run is.
    async fn write_heartbeat(&mut self, now: Instant) {
        if let Some(up_to) = self.update(|status| status.heard_up_to(Timestamp::now()))
            && let Err(error) = self.pipeline.outbox.alive(self.connection.clone(), up_to).await
            && let Some(repeats) = self.failed_heartbeats.came(now)
        {
            tracing::warn!(connection = %self.connection, %error, repeats, "heartbeat not written");
        }
    }

    /// Removes the recovered gaps beginning in this time from the status.
    pub fn caught_up(&self, from: Timestamp, to: Timestamp) {
        self.update(|status| status.caught_up(from, to));
    }

    /// Raises one alert, although each lane is rejected.
    async fn on_rejected(&mut self) {
        let was_rejected = self.update(|status| {
            status.tried = true;
            std::mem::replace(&mut status.refused, true)
        });
        if !was_rejected {
            self.raise(Trouble::ConnectionRefused).await;
        }
    }

    fn update<T: Default>(&self, change: impl FnOnce(&mut Login) -> T) -> T {
        self.pipeline.board.open().connections.get_mut(&self.connection).map(change).unwrap_or_default()
    }

    async fn raise(&self, alert: impl FnOnce(ConnectionName) -> Trouble) {
        self.pipeline.tell(alert(self.connection.clone())).await;
    }
}
