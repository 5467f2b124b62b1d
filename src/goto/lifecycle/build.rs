//! Lane transitions up to a live connection: create, subscribe, open, and the failure of each step.

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

/// A create may sweep first: up to 50 leftovers (GoTo's limit) at 5 requests/s, each answer within 10 s.
const CREATE_TIMEOUT: Duration = Duration::from_secs(60);
/// TCP, TLS and upgrade; the socket's own timeout is 10 s.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);
/// Deadline of a lane without an access token; normally `Input::Wake` ends this wait earlier.
const TOKEN_WAIT: Duration = Duration::from_secs(60);

impl Lane {
    pub(super) fn create(&mut self, now: Instant) {
        let ticket = self.ticket();
        let sweep = self.dirty.then(|| Sweep { keep: self.old.as_ref().map(|link| link.channel.id.clone()) });
        self.dirty = true;
        self.state = State::Creating { ticket, sent: now, until: now + CREATE_TIMEOUT };
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
        self.state = State::Opening { ticket, until: now + OPEN_TIMEOUT, channel, pending };
    }

    /// Deletes a channel unless the state or the old connection uses it.
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

    /// Handles a failed step; `channel` may be reused.
    pub(super) fn fail(&mut self, failure: Trouble, channel: Option<Channel>, now: Instant, random: Dice<'_>) {
        let (until, for_token, keep) = match failure.class {
            Class::Refused => return self.refuse(failure, channel, now, random),
            Class::NoToken => (now + TOKEN_WAIT, true, true),
            Class::Transient => (now + self.waits.next(random(), failure.after), false, true),
            Class::Gone | Class::Full => (now + self.waits.next(random(), failure.after), false, false),
        };
        if !for_token && self.said_failing != Some(failure.class) {
            self.said_failing = Some(failure.class);
            self.out.push(Effect::Tell(Tell::Failing(failure)));
        }
        let (reusable, unused) = if keep { (channel, None) } else { (None, channel) };
        self.state = State::Waiting { until, for_token, channel: reusable };
        if let Some(unused) = unused {
            self.delete(&unused.id);
        }
    }

    pub(super) fn refuse(&mut self, failure: Trouble, channel: Option<Channel>, now: Instant, random: Dice<'_>) {
        self.state = State::Refused { until: now + self.refusals.next(random(), failure.after) };
        if let Some(channel) = channel {
            self.delete(&channel.id);
        }
        if !self.said_refused {
            self.said_refused = true;
            self.out.push(Effect::Tell(Tell::Refused(failure)));
        }
    }

    /// Starts the next attempt after a wait.
    pub(super) fn resume(&mut self, now: Instant) {
        let reusable = match std::mem::replace(&mut self.state, State::Idle) {
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
        match reusable {
            Some(channel) if channel.is_fresh(now) => self.subscribe(channel, now),
            Some(channel) => {
                self.delete(&channel.id);
                self.create(now);
            }
            None => self.create(now),
        }
    }

    pub(super) fn created(&mut self, ticket: Ticket, answer: Result<Created, Trouble>, now: Instant, random: Dice<'_>) {
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
            Ok(created) => {
                self.dirty = false;
                self.subscribe(Channel::new(created.id, created.url, created.lifetime, sent), now);
            }
            Err(failure) => self.fail(failure, None, now, random),
        }
    }

    pub(super) fn subscribed(
        &mut self,
        ticket: Ticket,
        answer: Result<Accepted, Trouble>,
        now: Instant,
        random: Dice<'_>,
    ) {
        let awaited = matches!(&self.state, State::Subscribing { ticket: awaited, .. } if *awaited == ticket);
        if !awaited {
            return self.subscribed_later(ticket, answer, now, random);
        }
        let State::Subscribing { channel, .. } = std::mem::replace(&mut self.state, State::Idle) else { return };
        let accepted = match answer {
            Ok(accepted) => accepted,
            Err(failure) => return self.fail(failure, Some(channel), now, random),
        };
        let status = accepted.refused.first().map(|one| one.status);
        let refused: Vec<_> = accepted.refused.iter().map(|one| one.account.clone()).collect();
        let later = !accepted.later.is_empty();
        let pending: Vec<_> = accepted.later.iter().cloned().chain(refused).collect();
        let any_accepted = accepted.accounts > 0;
        self.tell_accounts(accepted);
        if any_accepted {
            self.open(channel, pending, now);
        } else {
            let class = if later { Class::Transient } else { Class::Refused };
            self.fail(Trouble { class, status, after: None }, Some(channel), now, random);
        }
    }

    pub(super) fn tell_accounts(&mut self, accepted: Accepted) {
        self.out.extend(accepted.refused.into_iter().map(|one| Effect::Tell(Tell::Account(one))));
        if accepted.accounts > 0 {
            self.out.push(Effect::Tell(Tell::Subscribed(accepted.accounts)));
        }
    }

    pub(super) fn opened(&mut self, ticket: Ticket, answer: Result<(), Trouble>, now: Now, random: Dice<'_>) {
        let awaited = matches!(&self.state, State::Opening { ticket: awaited, .. } if *awaited == ticket);
        if !awaited {
            if answer.is_ok() && self.link(ticket).is_none() {
                self.out.push(Effect::Close(ticket));
            }
            return;
        }
        let State::Opening { channel, pending, .. } = std::mem::replace(&mut self.state, State::Idle) else { return };
        match answer {
            Err(failure) => {
                self.delete(&channel.id);
                self.fail(failure, None, now.tick, random);
            }
            Ok(()) => {
                self.refusals.forget();
                self.said_refused = false;
                self.said_failing = None;
                self.state = State::Live(Box::new(Link::new(channel, ticket, pending, self.number, now, random)));
                if let Some(old) = self.old.take() {
                    self.out.push(Effect::Close(old.socket));
                    self.delete(&old.channel.id);
                }
            }
        }
    }
}
