//! What a login says of itself: onto the status board, into the journal, and, where a person must act, to the operator.
//! Decides only what is news; what the calls say goes its own way.

use super::{deaf::Deaf, notice::Trouble, rooms::Rooms, status::Login};
use crate::{
    goto::Heard,
    model::{event, ids::ConnectionName, repeat::Repeat, time::Timestamp},
};
use std::{sync::Arc, time::Instant};

/// One login, as far as it speaks of itself.
pub struct Link {
    connection: ConnectionName,
    rooms: Arc<Rooms>,
    deaf: Deaf,
    /// Frames that cannot be read: whoever sends one may send a thousand.
    unreadable: Repeat,
    /// Heartbeats that the store did not take.
    unkept: Repeat,
}

impl Link {
    /// A login that does not hear yet.
    #[must_use]
    pub fn new(connection: ConnectionName, rooms: Arc<Rooms>, now: Instant) -> Self {
        let (unreadable, unkept) = (Repeat::default(), Repeat::default());
        Self { connection, rooms, deaf: Deaf::new(now), unreadable, unkept }
    }

    /// When [`Link::tick`] is due; `None` while it has nothing to do.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.deaf.due().into_iter().chain(self.unreadable.due()).min()
    }

    /// Time has passed.
    pub async fn tick(&mut self, now: Instant) {
        if let Some(repeats) = self.unreadable.count(now) {
            tracing::warn!(connection = %self.connection, repeats, "more frames not readable");
        }
        if self.deaf.due().is_some() && self.note(|login| login.consent_needed || login.refused) {
            self.deaf.explained();
        } else if self.deaf.tell(now) {
            self.tell(Trouble::Deaf).await;
        }
    }

    /// Takes what the connection says of itself; what it says of calls is not for this.
    pub async fn says(&mut self, heard: Heard, now: Instant) {
        let connection = self.connection.clone();
        match heard {
            Heard::Live { lane } => self.hears(lane, now).await,
            Heard::Lost { lane, why } => {
                self.note(|login| login.live.remove(&lane));
                tracing::warn!(%connection, lane, why = why.as_str(), "lane lost");
            }
            Heard::Blind { since } => {
                self.deaf.begin(now);
                self.note(|login| login.owed.insert(since));
                tracing::warn!(%connection, %since, message_id = event::BLIND_OPENED, "blind window opened");
            }
            Heard::CaughtUp { from, to } => {
                self.caught_up(from, to);
                tracing::info!(%connection, %from, %to, "reports of blind windows told");
            }
            Heard::Failing { lane, why } => {
                self.note(|login| login.tried = true);
                let status = why.status;
                tracing::warn!(%connection, lane, status, error = why.class.as_str(), "lane cannot hear, tries on");
            }
            Heard::Subscribed { accounts } => {
                self.note(|login| login.tried = true);
                tracing::debug!(%connection, accounts, "subscribed");
            }
            Heard::Unreadable { lane, bytes, why } => {
                if let Some(repeats) = self.unreadable.came(now) {
                    tracing::warn!(%connection, lane, bytes, %why, repeats, "frame not readable");
                }
            }
            Heard::ConsentNeeded { .. } => {
                self.note(|login| login.consent_needed = true);
                self.tell(Trouble::ConsentNeeded).await;
            }
            Heard::ConsentGiven => {
                if self.note(|login| std::mem::take(&mut login.consent_needed) && login.live.is_empty()) {
                    self.deaf.begin(now);
                }
                self.tell(Trouble::ConsentGiven).await;
            }
            Heard::AccountRefused { account, status, .. } => {
                self.note(|login| login.tried = true);
                self.tell(|name| Trouble::AccountRefused(name, account, status)).await;
            }
            Heard::Refused { .. } => self.refused().await,
            Heard::GrantAging { days_left } => self.tell(|name| Trouble::GrantAging(name, days_left)).await,
            Heard::TokenNotKept { .. } => self.tell(Trouble::TokenNotKept).await,
            Heard::Call(_)
            | Heard::Report(_)
            | Heard::ReportReady { .. }
            | Heard::Late(_)
            | Heard::Sighted { .. }
            | Heard::Listed { .. }
            | Heard::Voicemail { .. }
            | Heard::Past { .. } => {}
        }
    }

    async fn hears(&mut self, lane: u8, now: Instant) {
        let connection = &self.connection;
        tracing::info!(%connection, lane, "lane live");
        let was_refused = self.note(|login| {
            login.live.insert(lane);
            login.tried = true;
            std::mem::take(&mut login.refused)
        });
        self.alive(now).await;
        if self.deaf.end() {
            self.tell(Trouble::HearsAgain).await;
        } else if was_refused {
            self.tell(Trouble::ConnectionAccepted).await;
        }
    }

    /// From the first moment on a next start knows since when to catch up, however short this run is.
    async fn alive(&mut self, now: Instant) {
        if let Some(up_to) = self.note(|login| login.heard_up_to(Timestamp::now()))
            && let Err(error) = self.rooms.outbox.alive(self.connection.clone(), up_to).await
            && let Some(repeats) = self.unkept.came(now)
        {
            tracing::warn!(connection = %self.connection, %error, repeats, "heartbeat not kept");
        }
    }

    /// The calls of the blind windows that began in this time are told.
    pub fn caught_up(&self, from: Timestamp, to: Timestamp) {
        self.note(|login| login.caught_up(from, to));
    }

    /// Each lane is refused for itself; the operator hears of it once.
    async fn refused(&mut self) {
        let was_refused = self.note(|login| {
            login.tried = true;
            std::mem::replace(&mut login.refused, true)
        });
        if !was_refused {
            self.tell(Trouble::ConnectionRefused).await;
        }
    }

    fn note<T: Default>(&self, change: impl FnOnce(&mut Login) -> T) -> T {
        self.rooms.board.open().connections.get_mut(&self.connection).map(change).unwrap_or_default()
    }

    async fn tell(&self, trouble: impl FnOnce(ConnectionName) -> Trouble) {
        self.rooms.tell(trouble(self.connection.clone())).await;
    }
}
