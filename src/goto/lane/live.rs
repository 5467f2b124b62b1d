//! Lane transitions of a live connection: silent, closed, renewed, replaced.

use super::{
    DisconnectReason, Effect, FailureClass, RandomSource, Renewed, RequestFailure, SubscribeResult, Ticket,
    channel::Reusable,
    live_connection::{LinkOutcome, LiveConnection},
    machine::{Lane, State},
};
use crate::model::time::Now;
use std::time::{Duration, Instant};

/// A live connection of this age resets the backoff: the longest wait of `BackoffPolicy::UPSTREAM`.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);

impl Lane {
    /// Handles the answer for accounts that are subscribed again beside a live connection.
    pub(super) fn subscribed_later(
        &mut self,
        ticket: Ticket,
        answer: Result<SubscribeResult, RequestFailure>,
        now: Instant,
        random: RandomSource<'_>,
    ) {
        let live = match &mut self.state {
            State::Live(link) => Some(link),
            _ => None,
        };
        let is_gone = matches!(&answer, Err(failure) if failure.class == FailureClass::Gone);
        for link in live.into_iter().chain(self.old.as_mut()) {
            if link.awaits_accounts(ticket) {
                if is_gone {
                    link.mark_gone();
                }
                if let Some(accepted) = link.subscribed(answer, now, random) {
                    self.emit_accounts(accepted);
                }
                return;
            }
        }
    }

    /// Removes the live connection from the state; the caller sets the next state.
    pub(super) fn take_live(&mut self) -> Option<Box<LiveConnection>> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Live(link) => Some(link),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Builds another channel while the live connection still receives.
    pub(super) fn replace(&mut self, now: Instant, random: RandomSource<'_>) {
        let Some(mut link) = self.take_live() else { return };
        link.replacing = true;
        let since = link.live_since;
        self.old = Some(link);
        self.rebuild(since, now, random);
    }

    /// Creates a channel immediately after a stable connection, else after backoff.
    pub(super) fn rebuild(&mut self, since: Instant, now: Instant, random: RandomSource<'_>) {
        if now.duration_since(since) >= STABLE_AFTER {
            self.backoff.reset();
            self.create(now);
        } else {
            let until = now + self.backoff.next(random(), None);
            self.state = State::Backoff { until, for_token: false, channel: None };
        }
    }

    /// Closes a connection that no longer receives, and deletes its channel.
    pub(super) fn close_connection(&mut self, link: &LiveConnection, why: DisconnectReason, now: Now) {
        self.close_socket(link, why, now);
        if why != DisconnectReason::Gone {
            self.delete(&link.channel.id);
        }
    }

    fn close_socket(&mut self, link: &LiveConnection, why: DisconnectReason, now: Now) {
        self.effects.push(Effect::Close(link.socket));
        let live_until = match why {
            DisconnectReason::Closed | DisconnectReason::Stopped => now,
            DisconnectReason::Broken
            | DisconnectReason::Silent
            | DisconnectReason::Expired
            | DisconnectReason::Gone => link.last_frame,
        };
        // A loss found right after a pause happened in it.
        let live_until = link.before_pause(now.instant).unwrap_or(live_until);
        self.last_loss = Some((why, live_until));
    }

    pub(super) fn on_live_lost(&mut self, why: DisconnectReason, now: Now, random: RandomSource<'_>) {
        let Some(link) = self.take_live() else { return };
        let since = link.live_since;
        let lost_socket = matches!(why, DisconnectReason::Closed | DisconnectReason::Broken | DisconnectReason::Silent);
        if !lost_socket || !link.channel.can_reopen(now.instant) {
            self.close_connection(&link, why, now);
            return self.rebuild(since, now.instant, random);
        }
        self.close_socket(&link, why, now);
        self.is_reopening = true;
        let pending = link.pending_accounts();
        if now.instant.duration_since(since) >= STABLE_AFTER {
            self.backoff.reset();
            self.open(link.channel, pending, now.instant);
        } else {
            let until = now.instant + self.backoff.next(random(), None);
            let channel = Some(Reusable { channel: link.channel, pending: Some(pending) });
            self.state = State::Backoff { until, for_token: false, channel };
        }
    }

    pub(super) fn ended(&mut self, ticket: Ticket, why: DisconnectReason, now: Now, random: RandomSource<'_>) {
        if matches!(&self.state, State::Live(link) if link.socket == ticket) {
            self.on_live_lost(why, now, random);
        } else if let Some(old) = self.old.take_if(|link| link.socket == ticket) {
            self.close_connection(&old, why, now);
        } else if matches!(&self.state, State::Opening { ticket: awaited, .. } if *awaited == ticket) {
            let failure = RequestFailure::new(FailureClass::Transient);
            self.opened(ticket, Err(failure), now, random);
        }
    }

    pub(super) fn renewed(
        &mut self,
        ticket: Ticket,
        answer: Result<Renewed, RequestFailure>,
        now: Now,
        random: RandomSource<'_>,
    ) {
        if let State::Live(link) = &mut self.state
            && link.awaits_renewal(ticket)
        {
            let outcome = link.renewed(answer, now.instant, random);
            self.on_live_outcome(outcome, now, random);
        } else if let Some(link) = &mut self.old
            && link.awaits_renewal(ticket)
        {
            let outcome = link.renewed(answer, now.instant, random);
            self.on_old_outcome(&outcome, now);
        }
    }

    pub(super) fn on_live_outcome(&mut self, outcome: LinkOutcome, now: Now, random: RandomSource<'_>) {
        match outcome {
            LinkOutcome::Healthy => {}
            LinkOutcome::Silent => self.on_live_lost(DisconnectReason::Silent, now, random),
            LinkOutcome::Expired => self.on_live_lost(DisconnectReason::Expired, now, random),
            LinkOutcome::Gone => self.on_live_lost(DisconnectReason::Gone, now, random),
            LinkOutcome::Replace => self.replace(now.instant, random),
            LinkOutcome::UrlChanged => self.reopen(now.instant, random),
        }
    }

    pub(super) fn on_old_outcome(&mut self, outcome: &LinkOutcome, now: Now) {
        let why = match outcome {
            LinkOutcome::Healthy | LinkOutcome::Replace | LinkOutcome::UrlChanged => return,
            LinkOutcome::Silent => DisconnectReason::Silent,
            LinkOutcome::Expired => DisconnectReason::Expired,
            LinkOutcome::Gone => DisconnectReason::Gone,
        };
        if let Some(old) = self.old.take() {
            self.close_connection(&old, why, now);
        }
    }

    /// Opens the channel's new URL while the old socket still receives. A URL that changes too often causes a rebuild.
    pub(super) fn reopen(&mut self, now: Instant, random: RandomSource<'_>) {
        let Some(mut link) = self.take_live() else { return };
        if now.duration_since(link.live_since) < STABLE_AFTER {
            self.state = State::Live(link);
            return self.replace(now, random);
        }
        let (channel, pending) = (link.channel.clone(), link.pending_accounts());
        link.replacing = true;
        self.old = Some(link);
        self.open(channel, pending, now);
    }
}
