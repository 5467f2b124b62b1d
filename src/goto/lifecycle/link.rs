//! One live link: a channel and its open socket. Decides when to ping, renew, and subscribe the accounts that are still
//! out, and says when the link is silent, at its end, or has to be replaced.

use super::{
    Dice, Effect, Renewed, Ticket, Trouble,
    channel::{Channel, read},
};
use crate::model::{
    backoff::{Policy, Waits},
    ids::AccountKey,
    time::Now,
};
use std::time::{Duration, Instant};

/// A subscription may discover accounts first and wait for a token: three answers within 10 s each.
pub(super) const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(40);
/// GoTo's own demo pings every 8 s; with up to 20 s a dead link is known after 80 s at most.
const PING: (f64, f64) = (8.0, 20.0);
/// Unanswered pings after which a link is dead.
const SILENT: u8 = 3;
/// A renewal is one request with an answer within 10 s, and one more after a forced token refresh.
const RENEW_WITHIN: Duration = Duration::from_secs(30);
/// Renewals that the server asks for come no closer than this.
const RENEW_APART: Duration = Duration::from_secs(5);
/// Refused accounts are asked for again this often: a right granted meanwhile is noticed.
const ACCOUNTS_AGAIN: Duration = Duration::from_secs(300);

/// By which request a channel is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    /// `PUT …/channel-lifetime`.
    Lifetime,
    /// `PUT …/{channelId}` with the body of the create: what `WEBSOCKET_REFRESH_REQUIRED` asks for.
    Whole,
}

/// `urgent`: the server asked for it; then a second failure means a new channel, not a third try.
#[derive(Debug)]
enum Renewal {
    Due { at: Instant, how: Renew, urgent: bool },
    Asked { ticket: Ticket, sent: Instant, until: Instant, how: Renew, urgent: bool },
}

#[derive(Debug)]
enum Accounts {
    Complete,
    Due { at: Instant, which: Vec<AccountKey> },
    Asked { ticket: Ticket, until: Instant, which: Vec<AccountKey> },
}

/// What time has done to a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Fine,
    /// It does not answer.
    Silent,
    /// Its channel's life is over.
    Expired,
    /// Its channel cannot be renewed: build another while it still hears.
    Replace,
    /// Its channel has another URL now.
    Moved,
    /// Its channel is gone.
    Gone,
}

#[derive(Debug)]
pub(super) struct Link {
    pub channel: Channel,
    pub socket: Ticket,
    pub since: Instant,
    pub heard: Now,
    lane: u8,
    silent: u8,
    ping_at: Instant,
    renewal: Renewal,
    waits: Waits,
    accounts: Accounts,
    /// Its replacement is under way: time does not ask for it again.
    pub replacing: bool,
}

impl Link {
    pub(super) fn new(
        channel: Channel,
        socket: Ticket,
        pending: Vec<AccountKey>,
        lane: u8,
        now: Now,
        dice: Dice<'_>,
    ) -> Self {
        let renewal = Renewal::Due { at: channel.renew_at(lane, dice), how: Renew::Lifetime, urgent: false };
        let mut waits = Waits::new(Policy::UPSTREAM);
        let accounts = if pending.is_empty() {
            Accounts::Complete
        } else {
            Accounts::Due { at: now.tick + waits.next(dice(), Some(Duration::from_secs(1))), which: pending }
        };
        waits.forget();
        Self {
            channel,
            socket,
            since: now.tick,
            heard: now,
            lane,
            silent: 0,
            ping_at: now.tick + pause(dice),
            renewal,
            waits,
            accounts,
            replacing: false,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        let renewal = match self.renewal {
            Renewal::Due { at, .. } => at,
            Renewal::Asked { until, .. } => until,
        };
        let accounts = match self.accounts {
            Accounts::Complete => self.ping_at,
            Accounts::Due { at, .. } => at,
            Accounts::Asked { until, .. } => until,
        };
        let replace = if self.replacing { self.ping_at } else { self.channel.replace_at() };
        self.ping_at.min(renewal).min(accounts).min(replace).min(self.channel.expires())
    }

    pub(super) fn frame(&mut self, now: Now) {
        self.heard = now;
        self.silent = 0;
    }

    /// What is due is asked for; `ticket` names what is.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        ticket: &mut dyn FnMut() -> Ticket,
        dice: Dice<'_>,
    ) -> (Fate, Vec<Effect>) {
        let mut out = Vec::new();
        if now >= self.channel.expires() {
            return (Fate::Expired, out);
        }
        if now >= self.ping_at {
            if self.silent >= SILENT {
                return (Fate::Silent, out);
            }
            self.silent += 1;
            self.ping_at = now + pause(dice);
            out.push(Effect::Ping(self.socket));
        }
        let mut fate = Fate::Fine;
        match self.renewal {
            Renewal::Due { at, how, urgent } if now >= at => {
                let ticket = ticket();
                out.push(Effect::Renew { ticket, channel: self.channel.id.clone(), how });
                self.renewal = Renewal::Asked { ticket, sent: now, until: now + RENEW_WITHIN, how, urgent };
            }
            Renewal::Asked { until, how, urgent, .. } if now >= until => {
                fate = self.not_renewed(how, urgent, None, now, dice);
            }
            Renewal::Due { .. } | Renewal::Asked { .. } => {}
        }
        self.tick_accounts(now, ticket, &mut out);
        if !self.replacing && now >= self.channel.replace_at() {
            fate = Fate::Replace;
        }
        (fate, out)
    }

    fn tick_accounts(&mut self, now: Instant, ticket: &mut dyn FnMut() -> Ticket, out: &mut Vec<Effect>) {
        self.accounts = match std::mem::replace(&mut self.accounts, Accounts::Complete) {
            Accounts::Due { at, which } if now >= at => {
                let ticket = ticket();
                let only = Some(which.clone());
                out.push(Effect::Subscribe { ticket, channel: self.channel.id.clone(), only });
                Accounts::Asked { ticket, until: now + SUBSCRIBE_WITHIN, which }
            }
            Accounts::Asked { until, which, .. } if now >= until => Accounts::Due { at: now + ACCOUNTS_AGAIN, which },
            same @ (Accounts::Complete | Accounts::Due { .. } | Accounts::Asked { .. }) => same,
        };
    }

    /// The server wants the channel renewed now.
    pub(super) fn refresh_required(&mut self, now: Instant) {
        match self.renewal {
            Renewal::Due { .. } => {
                let at = now.max(self.channel.renewed + RENEW_APART);
                self.renewal = Renewal::Due { at, how: Renew::Whole, urgent: true };
            }
            Renewal::Asked { .. } => {}
        }
    }

    pub(super) fn awaits_renewal(&self, ticket: Ticket) -> bool {
        matches!(self.renewal, Renewal::Asked { ticket: awaited, .. } if awaited == ticket)
    }

    /// The answer to the renewal that is awaited.
    pub(super) fn renewed(&mut self, answer: Result<Renewed, Trouble>, now: Instant, dice: Dice<'_>) -> Fate {
        let (sent, how, urgent) = match self.renewal {
            Renewal::Asked { sent, how, urgent, .. } => (sent, how, urgent),
            Renewal::Due { .. } => return Fate::Fine,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(trouble) if trouble.class == super::Class::Gone => return Fate::Gone,
            Err(trouble) => return self.not_renewed(how, urgent, trouble.after, now, dice),
        };
        self.waits.forget();
        self.channel.renewed = sent;
        if answer.lifetime.is_some() {
            self.channel.lifetime = read(answer.lifetime);
        }
        self.renewal = Renewal::Due { at: self.channel.renew_at(self.lane, dice), how: Renew::Lifetime, urgent: false };
        match answer.url {
            Some(url) if url != self.channel.url => {
                self.channel.url = url;
                Fate::Moved
            }
            Some(_) | None => Fate::Fine,
        }
    }

    /// When the server asked for it, the other request is tried at once, then a replacement; else the same again, later.
    fn not_renewed(&mut self, how: Renew, urgent: bool, after: Option<Duration>, now: Instant, dice: Dice<'_>) -> Fate {
        let wait = self.waits.next(dice(), after.or(Some(Duration::from_secs(1))));
        let (at, urgent, fate) = match how {
            Renew::Whole => (if after.is_none() { now } else { now + wait }, urgent, Fate::Fine),
            Renew::Lifetime if urgent && !self.replacing => (now + wait, false, Fate::Replace),
            Renew::Lifetime => (now + wait, false, Fate::Fine),
        };
        self.renewal = Renewal::Due { at, how: Renew::Lifetime, urgent };
        fate
    }

    pub(super) fn awaits_accounts(&self, ticket: Ticket) -> bool {
        matches!(self.accounts, Accounts::Asked { ticket: awaited, .. } if awaited == ticket)
    }

    /// The answer for accounts that were still out: what it says of them.
    pub(super) fn subscribed(
        &mut self,
        answer: Result<super::Accepted, Trouble>,
        now: Instant,
        dice: Dice<'_>,
    ) -> Option<super::Accepted> {
        let which = match &mut self.accounts {
            Accounts::Asked { which, .. } => std::mem::take(which),
            Accounts::Due { .. } | Accounts::Complete => return None,
        };
        let (accepted, out, at_least) = match answer {
            Ok(accepted) => {
                let refused = accepted.refused.iter().map(|one| one.account.clone());
                let out: Vec<_> = accepted.later.iter().cloned().chain(refused).collect();
                let wait = if accepted.later.is_empty() { ACCOUNTS_AGAIN } else { Duration::from_secs(1) };
                (accepted, out, wait)
            }
            Err(trouble) => (super::Accepted::default(), which, trouble.after.unwrap_or(Duration::from_secs(1))),
        };
        self.accounts = if out.is_empty() {
            Accounts::Complete
        } else {
            Accounts::Due { at: now + self.waits.next(dice(), Some(at_least)), which: out }
        };
        Some(accepted)
    }
}

impl Link {
    /// The accounts that are still out.
    pub(super) fn pending(&self) -> Vec<AccountKey> {
        match &self.accounts {
            Accounts::Complete => Vec::new(),
            Accounts::Due { which, .. } | Accounts::Asked { which, .. } => which.clone(),
        }
    }
}

fn pause(dice: Dice<'_>) -> Duration {
    Duration::from_secs_f64(PING.0 + (PING.1 - PING.0) * dice())
}
