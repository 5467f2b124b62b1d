//! Lane transitions of a live connection: silent, closed, renewed, replaced.

use super::{
    Accepted, Class, Dice, Effect, Renewed, Ticket, Trouble, Why,
    lane::{Lane, State},
    link::{Fate, Link},
};
use crate::model::time::Now;
use std::time::{Duration, Instant};

/// A live connection of this age resets the backoff: the longest wait of `BackoffPolicy::UPSTREAM`.
pub const HELD: Duration = Duration::from_secs(60);

impl Lane {
    /// Handles the answer for accounts that are subscribed again beside a live connection.
    pub(super) fn subscribed_later(
        &mut self,
        ticket: Ticket,
        answer: Result<Accepted, Trouble>,
        now: Instant,
        random: Dice<'_>,
    ) {
        let live = match &mut self.state {
            State::Live(link) => Some(link),
            _ => None,
        };
        for link in live.into_iter().chain(self.old.as_mut()) {
            if link.awaits_accounts(ticket) {
                if let Some(accepted) = link.subscribed(answer, now, random) {
                    self.tell_accounts(accepted);
                }
                return;
            }
        }
    }

    /// Takes the live connection out of the state; the caller sets the next state.
    pub(super) fn take_live(&mut self) -> Option<Box<Link>> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Live(link) => Some(link),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Builds another channel while the live connection still receives.
    pub(super) fn replace(&mut self, now: Instant, random: Dice<'_>) {
        let Some(mut link) = self.take_live() else { return };
        link.replacing = true;
        let since = link.since;
        self.old = Some(link);
        self.rebuild(since, now, random);
    }

    /// Creates a channel immediately after a stable connection, else after backoff.
    pub(super) fn rebuild(&mut self, since: Instant, now: Instant, random: Dice<'_>) {
        if now.duration_since(since) >= HELD {
            self.waits.forget();
            self.create(now);
        } else {
            let until = now + self.waits.next(random(), None);
            self.state = State::Waiting { until, for_token: false, channel: None };
        }
    }

    /// Closes a connection that no longer receives, and deletes its channel.
    pub(super) fn drop_link(&mut self, link: &Link, why: Why, now: Now) {
        self.out.push(Effect::Close(link.socket));
        if why != Why::Gone {
            self.delete(&link.channel.id);
        }
        let live_until = match why {
            Why::Closed | Why::Stopped => now,
            Why::Broken | Why::Silent | Why::Expired | Why::Gone => link.heard,
        };
        self.lost = Some((why, live_until));
    }

    pub(super) fn lose_live(&mut self, why: Why, now: Now, random: Dice<'_>) {
        let Some(link) = self.take_live() else { return };
        let since = link.since;
        self.drop_link(&link, why, now);
        self.rebuild(since, now.tick, random);
    }

    pub(super) fn ended(&mut self, ticket: Ticket, why: Why, now: Now, random: Dice<'_>) {
        if matches!(&self.state, State::Live(link) if link.socket == ticket) {
            self.lose_live(why, now, random);
        } else if let Some(old) = self.old.take_if(|link| link.socket == ticket) {
            self.drop_link(&old, why, now);
        } else if matches!(&self.state, State::Opening { ticket: awaited, .. } if *awaited == ticket) {
            let failure = Trouble { class: Class::Transient, status: None, after: None };
            self.opened(ticket, Err(failure), now, random);
        }
    }

    pub(super) fn renewed(&mut self, ticket: Ticket, answer: Result<Renewed, Trouble>, now: Now, random: Dice<'_>) {
        if let State::Live(link) = &mut self.state
            && link.awaits_renewal(ticket)
        {
            let outcome = link.renewed(answer, now.tick, random);
            self.live_fate(outcome, now, random);
        } else if let Some(link) = &mut self.old
            && link.awaits_renewal(ticket)
        {
            let outcome = link.renewed(answer, now.tick, random);
            self.old_fate(&outcome, now);
        }
    }

    pub(super) fn live_fate(&mut self, outcome: Fate, now: Now, random: Dice<'_>) {
        match outcome {
            Fate::Fine => {}
            Fate::Silent => self.lose_live(Why::Silent, now, random),
            Fate::Expired => self.lose_live(Why::Expired, now, random),
            Fate::Gone => self.lose_live(Why::Gone, now, random),
            Fate::Replace => self.replace(now.tick, random),
            Fate::Moved => self.reopen(now.tick, random),
        }
    }

    pub(super) fn old_fate(&mut self, outcome: &Fate, now: Now) {
        let why = match outcome {
            Fate::Fine | Fate::Replace | Fate::Moved => return,
            Fate::Silent => Why::Silent,
            Fate::Expired => Why::Expired,
            Fate::Gone => Why::Gone,
        };
        if let Some(old) = self.old.take() {
            self.drop_link(&old, why, now);
        }
    }

    /// Opens the channel's new URL while the old socket still receives. A URL that changes too often causes a rebuild.
    pub(super) fn reopen(&mut self, now: Instant, random: Dice<'_>) {
        let Some(mut link) = self.take_live() else { return };
        if now.duration_since(link.since) < HELD {
            self.state = State::Live(link);
            return self.replace(now, random);
        }
        let (channel, pending) = (link.channel.clone(), link.pending());
        link.replacing = true;
        self.old = Some(link);
        self.open(channel, pending, now);
    }
}
