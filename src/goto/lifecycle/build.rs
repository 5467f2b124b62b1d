//! The lane's way to a live link: create, subscribe, open, and what follows when a step fails.

use super::{
    Accepted, Class, Created, Dice, Effect, Sweep, Tell, Ticket, Trouble,
    channel::Channel,
    lane::{Lane, State},
    link::{Link, SUBSCRIBE_WITHIN},
};
use crate::model::{
    ids::{AccountKey, ChannelId},
    time::Now,
};
use std::time::{Duration, Instant};

/// A create may sweep first: list and delete up to 50 leftovers (GoTo's limit) at 5 requests/s, each answer within 10 s.
const CREATE_WITHIN: Duration = Duration::from_secs(60);
/// TCP, TLS and the upgrade; the socket itself gives up after 10 s.
const OPEN_WITHIN: Duration = Duration::from_secs(15);
/// Without a token nothing can be asked; waking is the rule, this only the deadline that every state has.
const NO_TOKEN: Duration = Duration::from_secs(60);

impl Lane {
    pub(super) fn create(&mut self, now: Instant) {
        let ticket = self.ticket();
        let sweep = self.dirty.then(|| Sweep { keep: self.old.as_ref().map(|link| link.channel.id.clone()) });
        self.dirty = true;
        self.state = State::Creating { ticket, sent: now, until: now + CREATE_WITHIN };
        self.out.push(Effect::Create { ticket, sweep });
    }

    pub(super) fn subscribe(&mut self, channel: Channel, now: Instant) {
        let ticket = self.ticket();
        self.out.push(Effect::Subscribe { ticket, channel: channel.id.clone(), only: None });
        self.state = State::Subscribing { ticket, until: now + SUBSCRIBE_WITHIN, channel };
    }

    pub(super) fn open(&mut self, channel: Channel, pending: Vec<AccountKey>, now: Instant) {
        let ticket = self.ticket();
        self.out.push(Effect::Open { ticket, url: channel.url.clone() });
        self.state = State::Opening { ticket, until: now + OPEN_WITHIN, channel, pending };
    }

    /// Deletes a channel unless a link still lives on it.
    pub(super) fn delete(&mut self, id: &ChannelId) {
        let in_use = match &self.state {
            State::Live(link) => link.channel.id == *id,
            State::Subscribing { channel, .. } | State::Opening { channel, .. } => channel.id == *id,
            State::Waiting { channel, .. } => channel.as_ref().is_some_and(|channel| channel.id == *id),
            State::Idle | State::Creating { .. } | State::Refused { .. } | State::Stopped => false,
        };
        if !in_use && self.old.as_ref().is_none_or(|link| link.channel.id != *id) {
            self.out.push(Effect::Delete(id.clone()));
        }
    }

    /// A step failed; `channel` is what may be used again.
    pub(super) fn fail(&mut self, trouble: Trouble, channel: Option<Channel>, now: Instant, dice: Dice<'_>) {
        let (until, for_token, keep) = match trouble.class {
            Class::Refused => return self.refuse(trouble, channel, now, dice),
            Class::NoToken => (now + NO_TOKEN, true, true),
            Class::Transient => (now + self.waits.next(dice(), trouble.after), false, true),
            Class::Gone | Class::Full => (now + self.waits.next(dice(), trouble.after), false, false),
        };
        if !for_token && self.said_failing != Some(trouble.class) {
            self.said_failing = Some(trouble.class);
            self.out.push(Effect::Tell(Tell::Failing(trouble)));
        }
        let (kept, left) = if keep { (channel, None) } else { (None, channel) };
        self.state = State::Waiting { until, for_token, channel: kept };
        if let Some(left) = left {
            self.delete(&left.id);
        }
    }

    pub(super) fn refuse(&mut self, trouble: Trouble, channel: Option<Channel>, now: Instant, dice: Dice<'_>) {
        self.state = State::Refused { until: now + self.refusals.next(dice(), trouble.after) };
        if let Some(channel) = channel {
            self.delete(&channel.id);
        }
        if !self.said_refused {
            self.said_refused = true;
            self.out.push(Effect::Tell(Tell::Refused(trouble)));
        }
    }

    /// The wait is over.
    pub(super) fn resume(&mut self, now: Instant) {
        let kept = match std::mem::replace(&mut self.state, State::Idle) {
            State::Waiting { channel, .. } => channel,
            State::Refused { .. } => None,
            other @ (State::Idle
            | State::Creating { .. }
            | State::Subscribing { .. }
            | State::Opening { .. }
            | State::Live(_)
            | State::Stopped) => {
                self.state = other;
                return;
            }
        };
        match kept {
            Some(channel) if channel.is_fresh(now) => self.subscribe(channel, now),
            Some(channel) => {
                self.delete(&channel.id);
                self.create(now);
            }
            None => self.create(now),
        }
    }

    pub(super) fn created(&mut self, ticket: Ticket, answer: Result<Created, Trouble>, now: Instant, dice: Dice<'_>) {
        let sent = match self.state {
            State::Creating { ticket: awaited, sent, .. } if awaited == ticket => sent,
            _ => {
                if let Ok(late) = answer {
                    self.delete(&late.id);
                }
                return;
            }
        };
        match answer {
            Ok(made) => {
                self.dirty = false;
                self.subscribe(Channel::new(made.id, made.url, made.lifetime, sent), now);
            }
            Err(trouble) => self.fail(trouble, None, now, dice),
        }
    }

    pub(super) fn subscribed(
        &mut self,
        ticket: Ticket,
        answer: Result<Accepted, Trouble>,
        now: Instant,
        dice: Dice<'_>,
    ) {
        let awaited = matches!(&self.state, State::Subscribing { ticket: awaited, .. } if *awaited == ticket);
        if !awaited {
            return self.subscribed_later(ticket, answer, now, dice);
        }
        let State::Subscribing { channel, .. } = std::mem::replace(&mut self.state, State::Idle) else { return };
        let accepted = match answer {
            Ok(accepted) => accepted,
            Err(trouble) => return self.fail(trouble, Some(channel), now, dice),
        };
        let status = accepted.refused.first().map(|one| one.status);
        let refused: Vec<_> = accepted.refused.iter().map(|one| one.account.clone()).collect();
        let later = !accepted.later.is_empty();
        let pending: Vec<_> = accepted.later.iter().cloned().chain(refused).collect();
        let heard = accepted.accounts > 0;
        self.tell_accounts(accepted);
        if heard {
            self.open(channel, pending, now);
        } else {
            let class = if later { Class::Transient } else { Class::Refused };
            self.fail(Trouble { class, status, after: None }, Some(channel), now, dice);
        }
    }

    pub(super) fn tell_accounts(&mut self, accepted: Accepted) {
        self.out.extend(accepted.refused.into_iter().map(|one| Effect::Tell(Tell::Account(one))));
        if accepted.accounts > 0 {
            self.out.push(Effect::Tell(Tell::Subscribed(accepted.accounts)));
        }
    }

    pub(super) fn opened(&mut self, ticket: Ticket, answer: Result<(), Trouble>, now: Now, dice: Dice<'_>) {
        let awaited = matches!(&self.state, State::Opening { ticket: awaited, .. } if *awaited == ticket);
        if !awaited {
            if answer.is_ok() && self.link(ticket).is_none() {
                self.out.push(Effect::Close(ticket));
            }
            return;
        }
        let State::Opening { channel, pending, .. } = std::mem::replace(&mut self.state, State::Idle) else { return };
        match answer {
            Err(trouble) => {
                self.delete(&channel.id);
                self.fail(trouble, None, now.tick, dice);
            }
            Ok(()) => {
                self.refusals.forget();
                self.said_refused = false;
                self.said_failing = None;
                self.state = State::Live(Box::new(Link::new(channel, ticket, pending, self.number, now, dice)));
                if let Some(old) = self.old.take() {
                    self.out.push(Effect::Close(old.socket));
                    self.delete(&old.channel.id);
                }
            }
        }
    }
}
