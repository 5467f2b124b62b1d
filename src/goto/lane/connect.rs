//! Lane transitions up to a live connection: create, subscribe, open, and the failure of each step.

use super::{
    Created, Effect, FailureClass, LaneEvent, RandomSource, RequestFailure, SubscribeResult, Sweep, Ticket,
    channel::{Channel, Reusable},
    live_connection::{LiveConnection, SUBSCRIBE_TIMEOUT},
    machine::{Lane, State},
};
use crate::{
    model::{
        ids::{AccountKey, ChannelId},
        time::Now,
    },
    runtime::backoff::BackoffPolicy,
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
        let sweep =
            self.may_have_leftovers.then(|| Sweep { keep: self.old.as_ref().map(|link| link.channel.id.clone()) });
        self.may_have_leftovers = true;
        self.is_reopening = false;
        self.state = State::Creating { ticket, sent: now, until: now + CREATE_TIMEOUT };
        self.effects.push(Effect::Create { ticket, sweep });
    }

    pub(super) fn subscribe(&mut self, channel: Channel, now: Instant) {
        let ticket = self.ticket();
        self.effects.push(Effect::Subscribe { ticket, channel: channel.id.clone(), only: None });
        self.state = State::Subscribing { ticket, until: now + SUBSCRIBE_TIMEOUT, channel };
    }

    pub(super) fn open(&mut self, channel: Channel, pending: Vec<AccountKey>, now: Instant) {
        let ticket = self.ticket();
        self.effects.push(Effect::Open { ticket, url: channel.url.clone() });
        self.state = State::Opening { ticket, until: now + OPEN_TIMEOUT, channel, pending };
    }

    /// Deletes a channel unless the state or the old connection uses it.
    pub(super) fn delete(&mut self, id: &ChannelId) {
        let in_use = match &self.state {
            State::Live(link) => link.channel.id == *id,
            State::Subscribing { channel, .. } | State::Opening { channel, .. } => channel.id == *id,
            State::Backoff { channel, .. } => channel.as_ref().is_some_and(|reusable| reusable.channel.id == *id),
            State::Idle | State::Creating { .. } | State::Rejected { .. } | State::Stopped => false,
        };
        if !in_use && self.old.as_ref().is_none_or(|link| link.channel.id != *id) {
            self.effects.push(Effect::Delete(id.clone()));
        }
    }

    /// Handles a socket that failed to open. The channel is kept unless GoTo answers that it does not exist.
    pub(super) fn fail_open(
        &mut self,
        failure: RequestFailure,
        mut channel: Channel,
        pending: Vec<AccountKey>,
        now: Instant,
        random: RandomSource<'_>,
    ) {
        let class = match failure.class {
            kept @ (FailureClass::Gone | FailureClass::Unreachable(_)) => kept,
            // A refused upgrade comes from a proxy or a host: the login is not rejected.
            FailureClass::Transient
            | FailureClass::TooManyChannels
            | FailureClass::Rejected
            | FailureClass::NoToken
            | FailureClass::NoAccounts => FailureClass::Transient,
        };
        channel.count_failed_open(class, now);
        let reusable = Reusable { channel, pending: Some(pending) };
        self.fail(RequestFailure { class, ..failure }, Some(reusable), now, random);
    }

    /// Handles a failed step; `channel` may be reused.
    pub(super) fn fail(
        &mut self,
        failure: RequestFailure,
        channel: Option<Reusable>,
        now: Instant,
        random: RandomSource<'_>,
    ) {
        let (until, for_token, keep) = match failure.class {
            FailureClass::Rejected | FailureClass::NoAccounts => return self.reject(failure, channel, now, random),
            FailureClass::NoToken => (now + TOKEN_WAIT, true, true),
            FailureClass::Unreachable(fault) if fault.is_unreached() => {
                (now + self.backoff.next_within(random(), BackoffPolicy::UNREACHED_MAX), false, true)
            }
            FailureClass::Transient | FailureClass::Unreachable(_) => {
                (now + self.backoff.next(random(), failure.retry_after), false, true)
            }
            FailureClass::Gone | FailureClass::TooManyChannels => {
                (now + self.backoff.next(random(), failure.retry_after), false, false)
            }
        };
        if !for_token && self.reported_failure != Some(failure.class) {
            self.reported_failure = Some(failure.class);
            self.effects.push(Effect::Emit(LaneEvent::Failing(failure)));
        }
        let (reusable, unused) = if keep { (channel, None) } else { (None, channel) };
        self.state = State::Backoff { until, for_token, channel: reusable };
        if let Some(unused) = unused {
            self.delete(&unused.channel.id);
        }
    }

    pub(super) fn reject(
        &mut self,
        failure: RequestFailure,
        channel: Option<Reusable>,
        now: Instant,
        random: RandomSource<'_>,
    ) {
        self.state = State::Rejected { until: now + self.rejection_backoff.next(random(), failure.retry_after) };
        if let Some(reusable) = channel {
            self.delete(&reusable.channel.id);
        }
        if !self.rejection_reported {
            self.rejection_reported = true;
            self.effects.push(Effect::Emit(LaneEvent::Rejected(failure)));
        }
    }

    /// Starts the next attempt after a wait.
    pub(super) fn retry(&mut self, now: Instant) {
        let reusable = match std::mem::replace(&mut self.state, State::Idle) {
            State::Backoff { channel, .. } => channel,
            State::Rejected { .. } => None,
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
            Some(Reusable { channel, pending: Some(pending) }) if channel.can_reopen(now) => {
                self.open(channel, pending, now);
            }
            Some(Reusable { channel, pending: None }) if channel.is_fresh(now) => self.subscribe(channel, now),
            Some(Reusable { channel, .. }) => {
                self.delete(&channel.id);
                self.create(now);
            }
            None => self.create(now),
        }
    }

    pub(super) fn created(
        &mut self,
        ticket: Ticket,
        answer: Result<Created, RequestFailure>,
        now: Instant,
        random: RandomSource<'_>,
    ) {
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
                self.may_have_leftovers = false;
                self.subscribe(Channel::new(created.id, created.url, created.lifetime, sent), now);
            }
            Err(failure) => self.fail(failure, None, now, random),
        }
    }

    pub(super) fn subscribed(
        &mut self,
        ticket: Ticket,
        answer: Result<SubscribeResult, RequestFailure>,
        now: Instant,
        random: RandomSource<'_>,
    ) {
        let awaited = matches!(&self.state, State::Subscribing { ticket: awaited, .. } if *awaited == ticket);
        if !awaited {
            return self.subscribed_later(ticket, answer, now, random);
        }
        let State::Subscribing { channel, .. } = std::mem::replace(&mut self.state, State::Idle) else { return };
        let accepted = match answer {
            Ok(accepted) => accepted,
            Err(failure) => return self.fail(failure, Some(Reusable { channel, pending: None }), now, random),
        };
        let status = accepted.rejected.first().map(|one| one.status);
        let refused: Vec<_> = accepted.rejected.iter().map(|one| one.account.clone()).collect();
        let later = !accepted.retry.is_empty();
        let pending: Vec<_> = accepted.retry.iter().cloned().chain(refused).collect();
        let any_accepted = accepted.accepted > 0;
        self.emit_accounts(accepted);
        if any_accepted {
            self.open(channel, pending, now);
        } else {
            let class = if later { FailureClass::Transient } else { FailureClass::Rejected };
            let failure = RequestFailure { status, ..RequestFailure::new(class) };
            self.fail(failure, Some(Reusable { channel, pending: None }), now, random);
        }
    }

    pub(super) fn emit_accounts(&mut self, accepted: SubscribeResult) {
        self.effects.extend(accepted.rejected.into_iter().map(|one| Effect::Emit(LaneEvent::AccountRejected(one))));
        if accepted.accepted > 0 {
            self.effects.push(Effect::Emit(LaneEvent::Subscribed(accepted.accepted)));
        }
    }

    pub(super) fn opened(
        &mut self,
        ticket: Ticket,
        answer: Result<(), RequestFailure>,
        now: Now,
        random: RandomSource<'_>,
    ) {
        let awaited = matches!(&self.state, State::Opening { ticket: awaited, .. } if *awaited == ticket);
        if !awaited {
            if answer.is_ok() && self.live_connection(ticket).is_none() {
                self.effects.push(Effect::Close(ticket));
            }
            return;
        }
        let State::Opening { mut channel, pending, .. } = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        match answer {
            Err(failure) => self.fail_open(failure, channel, pending, now.instant, random),
            Ok(()) => {
                (channel.failed_opens, channel.failed_since) = (0, None);
                self.rejection_backoff.reset();
                self.rejection_reported = false;
                self.reported_failure = None;
                let is_reopened = std::mem::take(&mut self.is_reopening);
                let mut link = LiveConnection::new(channel, ticket, pending, self.number, now, random);
                if is_reopened {
                    link.subscribe_again(now.instant);
                }
                self.state = State::Live(Box::new(link));
                if let Some(old) = self.old.take() {
                    self.effects.push(Effect::Close(old.socket));
                    self.delete(&old.channel.id);
                }
            }
        }
    }
}
