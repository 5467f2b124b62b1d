//! The lane's live link: what becomes of it when it is silent, closed, renewed or to be replaced.

use super::{
    Accepted, Class, Dice, Effect, Renewed, Ticket, Trouble, Why,
    lane::{Lane, State},
    link::{Fate, Link},
};
use crate::model::time::Now;
use std::time::{Duration, Instant};

/// A link that lived this long is forgiven its past failures: the longest wait of `Policy::UPSTREAM`.
pub const HELD: Duration = Duration::from_secs(60);

impl Lane {
    /// Accounts that were out at first, asked for again beside a live link.
    pub(super) fn subscribed_later(
        &mut self,
        ticket: Ticket,
        answer: Result<Accepted, Trouble>,
        now: Instant,
        dice: Dice<'_>,
    ) {
        let live = match &mut self.state {
            State::Live(link) => Some(link),
            _ => None,
        };
        for link in live.into_iter().chain(self.old.as_mut()) {
            if link.awaits_accounts(ticket) {
                if let Some(accepted) = link.subscribed(answer, now, dice) {
                    self.tell_accounts(accepted);
                }
                return;
            }
        }
    }

    /// Takes the live link out of the state, leaving the state to be set.
    pub(super) fn take_live(&mut self) -> Option<Box<Link>> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Live(link) => Some(link),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Builds another channel while the live link still hears.
    pub(super) fn replace(&mut self, now: Instant, dice: Dice<'_>) {
        let Some(mut link) = self.take_live() else { return };
        link.replacing = true;
        let since = link.since;
        self.old = Some(link);
        self.rebuild(since, now, dice);
    }

    /// At once after a link that held, else after a wait.
    pub(super) fn rebuild(&mut self, since: Instant, now: Instant, dice: Dice<'_>) {
        if now.duration_since(since) >= HELD {
            self.waits.forget();
            self.create(now);
        } else {
            let until = now + self.waits.next(dice(), None);
            self.state = State::Waiting { until, for_token: false, channel: None };
        }
    }

    /// A link does not hear any more.
    pub(super) fn drop_link(&mut self, link: &Link, why: Why, now: Now) {
        self.out.push(Effect::Close(link.socket));
        if why != Why::Gone {
            self.delete(&link.channel.id);
        }
        let heard = match why {
            Why::Closed | Why::Stopped => now,
            Why::Broken | Why::Silent | Why::Expired | Why::Gone => link.heard,
        };
        self.lost = Some((why, heard));
    }

    pub(super) fn lose_live(&mut self, why: Why, now: Now, dice: Dice<'_>) {
        let Some(link) = self.take_live() else { return };
        let since = link.since;
        self.drop_link(&link, why, now);
        self.rebuild(since, now.tick, dice);
    }

    pub(super) fn ended(&mut self, ticket: Ticket, why: Why, now: Now, dice: Dice<'_>) {
        if matches!(&self.state, State::Live(link) if link.socket == ticket) {
            self.lose_live(why, now, dice);
        } else if let Some(old) = self.old.take_if(|link| link.socket == ticket) {
            self.drop_link(&old, why, now);
        } else if matches!(&self.state, State::Opening { ticket: awaited, .. } if *awaited == ticket) {
            let trouble = Trouble { class: Class::Transient, status: None, after: None };
            self.opened(ticket, Err(trouble), now, dice);
        }
    }

    pub(super) fn renewed(&mut self, ticket: Ticket, answer: Result<Renewed, Trouble>, now: Now, dice: Dice<'_>) {
        if let State::Live(link) = &mut self.state
            && link.awaits_renewal(ticket)
        {
            let fate = link.renewed(answer, now.tick, dice);
            self.live_fate(fate, now, dice);
        } else if let Some(link) = &mut self.old
            && link.awaits_renewal(ticket)
        {
            let fate = link.renewed(answer, now.tick, dice);
            self.old_fate(&fate, now);
        }
    }

    pub(super) fn live_fate(&mut self, fate: Fate, now: Now, dice: Dice<'_>) {
        match fate {
            Fate::Fine => {}
            Fate::Silent => self.lose_live(Why::Silent, now, dice),
            Fate::Expired => self.lose_live(Why::Expired, now, dice),
            Fate::Gone => self.lose_live(Why::Gone, now, dice),
            Fate::Replace => self.replace(now.tick, dice),
            Fate::Moved => self.reopen(now.tick, dice),
        }
    }

    pub(super) fn old_fate(&mut self, fate: &Fate, now: Now) {
        let why = match fate {
            Fate::Fine | Fate::Replace | Fate::Moved => return,
            Fate::Silent => Why::Silent,
            Fate::Expired => Why::Expired,
            Fate::Gone => Why::Gone,
        };
        if let Some(old) = self.old.take() {
            self.drop_link(&old, why, now);
        }
    }

    /// The channel has another URL: opened while the old socket still hears. One that moves all the time is rebuilt slowly.
    pub(super) fn reopen(&mut self, now: Instant, dice: Dice<'_>) {
        let Some(mut link) = self.take_live() else { return };
        if now.duration_since(link.since) < HELD {
            self.state = State::Live(link);
            return self.replace(now, dice);
        }
        let (channel, pending) = (link.channel.clone(), link.pending());
        link.replacing = true;
        self.old = Some(link);
        self.open(channel, pending, now);
    }
}
