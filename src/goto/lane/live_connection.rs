//! One live connection: a channel and its open socket. Decides when to ping, renew and subscribe pending accounts, and
//! reports when the connection is silent, expired or due for replacement.

mod accounts;
mod renewal;

use super::{Effect, RandomSource, RequestFailure, Ticket, channel::Channel};
use crate::{
    model::{ids::AccountKey, time::Now},
    runtime::backoff::{Backoff, BackoffPolicy},
};
use accounts::PendingAccounts;
use std::time::{Duration, Instant};

/// A subscription may fetch the accounts first and wait for a token: three answers within 10 s each.
pub(super) const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(40);
/// Seconds between pings. GoTo's demo pings every 8 s; with up to 12 s a dead connection is detected within 22 s.
const PING_INTERVAL: (f64, f64) = (8.0, 12.0);
/// Time for the answer to a ping.
const PONG_TIMEOUT: Duration = Duration::from_secs(5);
/// A timeout noticed this late proves nothing: the process was paused, and the answer may wait unread.
const PONG_TOLERANCE: Duration = Duration::from_secs(2);
/// Unanswered pings after which a connection is dead.
const MAX_UNANSWERED_PINGS: u8 = 2;
/// A renewal is one request with an answer within 10 s, and one more after a forced token refresh.
const RENEW_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest interval between renewals requested by the server.
const MIN_RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// Request that renews a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    /// `PUT …/channel-lifetime`.
    Lifetime,
    /// `PUT …/{channelId}` with the body of the create, as `WEBSOCKET_REFRESH_REQUIRED` demands.
    Whole,
}

/// Renewal of a channel. `urgent`: requested by the server; a second failure then leads to a new channel, not to a third
/// attempt.
#[derive(Debug)]
enum Renewal {
    Due { at: Instant, how: Renew, urgent: bool },
    Requested { ticket: Ticket, sent: Instant, until: Instant, how: Renew, urgent: bool },
}

/// Result of a deadline or renewal of a live connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinkOutcome {
    /// The connection continues.
    Healthy,
    /// The peer answers no pings.
    Silent,
    /// The channel's lifetime is over.
    Expired,
    /// The channel cannot be renewed: a replacement is needed while this one still receives.
    Replace,
    /// The channel has a new URL.
    UrlChanged,
    /// The channel no longer exists.
    Gone,
}

#[derive(Debug)]
pub(super) struct LiveConnection {
    pub channel: Channel,
    pub socket: Ticket,
    pub live_since: Instant,
    pub last_frame: Now,
    lane: u8,
    unanswered_pings: u8,
    ping_at: Instant,
    /// Deadline of the answer to the last ping.
    pong_until: Option<Instant>,
    /// Last frame before a pause of the process, and the time until which a loss counts as one in the pause.
    paused: Option<(Now, Instant)>,
    /// Whether a ping was not answered in time, and this is still to be emitted.
    suspicion: bool,
    /// Whether the channel no longer exists at GoTo.
    gone: bool,
    renewal: Renewal,
    backoff: Backoff,
    accounts: PendingAccounts,
    /// Whether a replacement is being built; no second one is requested.
    pub replacing: bool,
}

impl LiveConnection {
    pub(super) fn new(
        channel: Channel,
        socket: Ticket,
        pending: Vec<AccountKey>,
        lane: u8,
        now: Now,
        random: RandomSource<'_>,
    ) -> Self {
        let renewal = Renewal::Due { at: channel.renew_at(lane, random), how: Renew::Lifetime, urgent: false };
        let mut backoff = Backoff::new(BackoffPolicy::UPSTREAM);
        let accounts = if pending.is_empty() {
            PendingAccounts::Complete
        } else {
            PendingAccounts::Due {
                at: now.instant + backoff.next(random(), Some(Duration::from_secs(1))),
                accounts: Some(pending),
            }
        };
        backoff.reset();
        Self {
            channel,
            socket,
            live_since: now.instant,
            last_frame: now,
            lane,
            unanswered_pings: 0,
            ping_at: now.instant + random_ping_interval(random),
            pong_until: None,
            paused: None,
            suspicion: false,
            gone: false,
            renewal,
            backoff,
            accounts,
            replacing: false,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        let renewal = match self.renewal {
            Renewal::Due { at, .. } => at,
            Renewal::Requested { until, .. } => until,
        };
        let accounts = match self.accounts {
            PendingAccounts::Complete => self.ping_at,
            PendingAccounts::Due { at, .. } => at,
            PendingAccounts::Requested { until, .. } => until,
        };
        let replace = if self.replacing { self.ping_at } else { self.channel.replace_after() };
        let next = self.ping_at.min(renewal).min(accounts).min(replace).min(self.channel.expires());
        self.pong_until.map_or(next, |until| until.min(next))
    }

    pub(super) fn on_frame(&mut self, now: Now) {
        self.last_frame = now;
        self.unanswered_pings = 0;
        self.pong_until = None;
    }

    /// Records that the process was paused: frames read now may be older, and the socket may be closed already.
    pub(super) fn mark_paused(&mut self, now: Instant) {
        self.paused = Some((self.last_frame, now + PONG_TIMEOUT));
    }

    /// Returns the last frame before a pause that has just ended.
    pub(super) fn before_pause(&self, now: Instant) -> Option<Now> {
        self.paused.filter(|(_, until)| now <= *until).map(|(last_frame, _)| last_frame)
    }

    /// Starts a test with one ping, the last before the connection counts as dead. Returns the socket to ping; `None`
    /// while an answer is awaited.
    pub(super) fn probe(&mut self, now: Instant) -> Option<Ticket> {
        if self.pong_until.is_some() {
            return None;
        }
        self.unanswered_pings = MAX_UNANSWERED_PINGS;
        self.pong_until = Some(now + PONG_TIMEOUT);
        Some(self.socket)
    }

    /// Returns once that a ping was not answered in time.
    pub(super) fn take_suspicion(&mut self) -> bool {
        std::mem::take(&mut self.suspicion)
    }

    /// Marks the channel as unknown to GoTo; the next tick ends the connection.
    pub(super) fn mark_gone(&mut self) {
        self.gone = true;
    }

    /// Subscribes every account again, beside a socket that was reopened on the same channel: harmless if the subscription
    /// survived.
    pub(super) fn subscribe_again(&mut self, now: Instant) {
        self.accounts = PendingAccounts::Due { at: now, accounts: None };
    }

    /// Pings when due. Returns whether the connection is dead.
    fn tick_pings(&mut self, now: Instant, effects: &mut Vec<Effect>, random: RandomSource<'_>) -> bool {
        match self.pong_until {
            Some(until) if now >= until + PONG_TOLERANCE => {
                self.pong_until = Some(now + PONG_TIMEOUT);
                effects.push(Effect::Ping(self.socket));
            }
            Some(until) if now >= until => {
                if self.unanswered_pings >= MAX_UNANSWERED_PINGS {
                    return true;
                }
                self.suspicion = true;
                self.unanswered_pings += 1;
                self.pong_until = Some(now + PONG_TIMEOUT);
                effects.push(Effect::Ping(self.socket));
            }
            Some(_) if now >= self.ping_at => self.ping_at = now + random_ping_interval(random),
            None if now >= self.ping_at => {
                self.ping_at = now + random_ping_interval(random);
                self.unanswered_pings = 1;
                self.pong_until = Some(now + PONG_TIMEOUT);
                effects.push(Effect::Ping(self.socket));
            }
            Some(_) | None => {}
        }
        false
    }

    /// Emits the requests that are due; `ticket` issues their tickets.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        ticket: &mut dyn FnMut() -> Ticket,
        random: RandomSource<'_>,
    ) -> (LinkOutcome, Vec<Effect>) {
        let mut effects = Vec::new();
        if now >= self.channel.expires() {
            return (LinkOutcome::Expired, effects);
        }
        if self.gone {
            return (LinkOutcome::Gone, effects);
        }
        if self.tick_pings(now, &mut effects, random) {
            return (LinkOutcome::Silent, effects);
        }
        let mut outcome = LinkOutcome::Healthy;
        match self.renewal {
            Renewal::Due { at, how, urgent } if now >= at => {
                let ticket = ticket();
                effects.push(Effect::Renew { ticket, channel: self.channel.id.clone(), how });
                self.renewal = Renewal::Requested { ticket, sent: now, until: now + RENEW_TIMEOUT, how, urgent };
            }
            Renewal::Requested { until, how, urgent, .. } if now >= until => {
                outcome = self.on_renewal_failed(how, urgent, None, now, random);
            }
            Renewal::Due { .. } | Renewal::Requested { .. } => {}
        }
        self.tick_accounts(now, ticket, &mut effects);
        if !self.replacing && now >= self.channel.replace_after() {
            outcome = LinkOutcome::Replace;
        }
        (outcome, effects)
    }
}

fn random_ping_interval(random: RandomSource<'_>) -> Duration {
    Duration::from_secs_f64(PING_INTERVAL.0 + (PING_INTERVAL.1 - PING_INTERVAL.0) * random())
}
