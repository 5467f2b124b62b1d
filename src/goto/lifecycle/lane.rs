//! The machine itself: one lane's states and what leads from one to the next. See the page above this module.

use super::{
    Accepted, Class, Created, Dice, Effect, Input, Renewed, Sweep, Tell, Ticket, Trouble, Why,
    link::{Channel, Fate, Link},
};
use crate::model::{
    backoff::{Policy, Waits},
    ids::{AccountKey, ChannelId},
    time::Now,
};
use std::time::{Duration, Instant};

/// A link that lived this long is forgiven its past failures: the longest wait of [`Policy::UPSTREAM`].
pub const HELD: Duration = Duration::from_secs(60);
/// A create may sweep first: list and delete up to 50 leftovers (GoTo's limit) at 5 requests/s, each answer within 10 s.
const CREATE_WITHIN: Duration = Duration::from_secs(60);
/// A subscription may discover accounts first and wait for a token: three answers within 10 s each.
pub(super) const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(40);
/// TCP, TLS and the upgrade; the socket itself gives up after 10 s.
const OPEN_WITHIN: Duration = Duration::from_secs(15);
/// Without a token nothing can be asked; waking is the rule, this only the deadline that every state has.
const NO_TOKEN: Duration = Duration::from_secs(60);
/// Waits of a lane that is refused: a right granted meanwhile is noticed within five minutes.
const REFUSED: Policy = Policy { first: Duration::from_secs(5), longest: Duration::from_secs(300) };

#[derive(Debug)]
enum State {
    Idle,
    Creating { ticket: Ticket, sent: Instant, until: Instant },
    Subscribing { ticket: Ticket, until: Instant, channel: Channel },
    Opening { ticket: Ticket, until: Instant, channel: Channel, pending: Vec<AccountKey> },
    Live(Box<Link>),
    Waiting { until: Instant, for_token: bool, channel: Option<Channel> },
    Refused { until: Instant },
    Stopped,
}

/// One lane.
#[derive(Debug)]
pub struct Lane {
    number: u8,
    state: State,
    old: Option<Box<Link>>,
    tickets: u64,
    waits: Waits,
    refusals: Waits,
    /// A leftover may exist: at first, and after a create whose answer never came.
    dirty: bool,
    /// What was last told, so that Live and Lost alternate.
    heard: bool,
    /// Set while the refusal has been told and not yet overcome.
    said_refused: bool,
    /// How the last link was lost, for the telling.
    lost: Option<(Why, Now)>,
    out: Vec<Effect>,
}

impl Lane {
    /// A lane at rest. `number` counts from 0 and only spreads the lanes' renewals apart.
    #[must_use]
    pub fn new(number: u8) -> Self {
        Self {
            number,
            state: State::Idle,
            old: None,
            tickets: 0,
            waits: Waits::new(Policy::UPSTREAM),
            refusals: Waits::new(REFUSED),
            dirty: true,
            heard: false,
            said_refused: false,
            lost: None,
            out: Vec::new(),
        }
    }

    /// When [`Input::Tick`] is due; `None` at rest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Idle | State::Stopped => None,
            State::Creating { until, .. }
            | State::Subscribing { until, .. }
            | State::Opening { until, .. }
            | State::Waiting { until, .. }
            | State::Refused { until } => Some(*until),
            State::Live(link) => Some(link.deadline()),
        };
        own.into_iter().chain(self.old.as_ref().map(|link| link.deadline())).min()
    }

    /// Whether a link hears.
    #[must_use]
    pub const fn hears(&self) -> bool {
        matches!(self.state, State::Live(_)) || self.old.is_some()
    }

    /// Takes one input: what is to be done now.
    pub fn on(&mut self, input: Input, now: Now, dice: Dice<'_>) -> Vec<Effect> {
        match input {
            Input::Start => {
                if matches!(self.state, State::Idle) {
                    self.create(now.tick);
                }
            }
            Input::Stop => self.stop(now),
            Input::Wake => self.wake(now.tick),
            Input::Tick => self.tick(now, dice),
            Input::Created(ticket, answer) => self.created(ticket, answer, now.tick, dice),
            Input::Subscribed(ticket, answer) => self.subscribed(ticket, answer, now.tick, dice),
            Input::Opened(ticket, answer) => self.opened(ticket, answer, now, dice),
            Input::Frame(ticket) => {
                if let Some(link) = self.link(ticket) {
                    link.frame(now);
                }
            }
            Input::RefreshRequired(ticket) => {
                if let Some(link) = self.link(ticket) {
                    link.refresh_required(now.tick);
                }
            }
            Input::ToBeClosed(ticket) => {
                if matches!(&self.state, State::Live(link) if link.socket == ticket) {
                    self.replace(now.tick, dice);
                }
            }
            Input::Ended(ticket, why) => self.ended(ticket, why, now, dice),
            Input::Renewed(ticket, answer) => self.renewed(ticket, answer, now, dice),
        }
        self.say_whether_it_hears(now);
        std::mem::take(&mut self.out)
    }

    fn say_whether_it_hears(&mut self, now: Now) {
        if self.hears() == self.heard {
            return;
        }
        self.heard = !self.heard;
        let (why, heard) = self.lost.take().unwrap_or((Why::Closed, now));
        self.out.push(Effect::Tell(if self.heard { Tell::Live } else { Tell::Lost { why, heard } }));
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn link(&mut self, socket: Ticket) -> Option<&mut Box<Link>> {
        match (&mut self.state, &mut self.old) {
            (State::Live(link), _) if link.socket == socket => Some(link),
            (_, Some(link)) if link.socket == socket => Some(link),
            _ => None,
        }
    }

    fn create(&mut self, now: Instant) {
        let ticket = self.ticket();
        let sweep = self.dirty.then(|| Sweep { keep: self.old.as_ref().map(|link| link.channel.id.clone()) });
        self.dirty = true;
        self.state = State::Creating { ticket, sent: now, until: now + CREATE_WITHIN };
        self.out.push(Effect::Create { ticket, sweep });
    }

    fn subscribe(&mut self, channel: Channel, now: Instant) {
        let ticket = self.ticket();
        self.out.push(Effect::Subscribe { ticket, channel: channel.id.clone(), only: None });
        self.state = State::Subscribing { ticket, until: now + SUBSCRIBE_WITHIN, channel };
    }

    fn open(&mut self, channel: Channel, pending: Vec<AccountKey>, now: Instant) {
        let ticket = self.ticket();
        self.out.push(Effect::Open { ticket, url: channel.url.clone() });
        self.state = State::Opening { ticket, until: now + OPEN_WITHIN, channel, pending };
    }

    /// Deletes a channel unless a link still lives on it.
    fn delete(&mut self, id: &ChannelId) {
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
    fn fail(&mut self, trouble: Trouble, channel: Option<Channel>, now: Instant, dice: Dice<'_>) {
        let (until, for_token, keep) = match trouble.class {
            Class::Refused => return self.refuse(trouble, channel, now, dice),
            Class::NoToken => (now + NO_TOKEN, true, true),
            Class::Transient => (now + self.waits.next(dice(), trouble.after), false, true),
            Class::Gone | Class::Full => (now + self.waits.next(dice(), trouble.after), false, false),
        };
        let (kept, left) = if keep { (channel, None) } else { (None, channel) };
        self.state = State::Waiting { until, for_token, channel: kept };
        if let Some(left) = left {
            self.delete(&left.id);
        }
    }

    fn refuse(&mut self, trouble: Trouble, channel: Option<Channel>, now: Instant, dice: Dice<'_>) {
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
    fn resume(&mut self, now: Instant) {
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

    fn wake(&mut self, now: Instant) {
        if matches!(self.state, State::Waiting { for_token: true, .. } | State::Refused { .. }) {
            self.resume(now);
        }
    }

    fn created(&mut self, ticket: Ticket, answer: Result<Created, Trouble>, now: Instant, dice: Dice<'_>) {
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

    fn subscribed(&mut self, ticket: Ticket, answer: Result<Accepted, Trouble>, now: Instant, dice: Dice<'_>) {
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

    /// Accounts that were out at first, asked for again beside a live link.
    fn subscribed_later(&mut self, ticket: Ticket, answer: Result<Accepted, Trouble>, now: Instant, dice: Dice<'_>) {
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

    fn tell_accounts(&mut self, accepted: Accepted) {
        self.out.extend(accepted.refused.into_iter().map(|one| Effect::Tell(Tell::Account(one))));
        if accepted.accounts > 0 {
            self.out.push(Effect::Tell(Tell::Subscribed(accepted.accounts)));
        }
    }

    fn opened(&mut self, ticket: Ticket, answer: Result<(), Trouble>, now: Now, dice: Dice<'_>) {
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
                self.state = State::Live(Box::new(Link::new(channel, ticket, pending, self.number, now, dice)));
                if let Some(old) = self.old.take() {
                    self.out.push(Effect::Close(old.socket));
                    self.delete(&old.channel.id);
                }
            }
        }
    }

    /// Takes the live link out of the state, leaving the state to be set.
    fn take_live(&mut self) -> Option<Box<Link>> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Live(link) => Some(link),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Builds another channel while the live link still hears.
    fn replace(&mut self, now: Instant, dice: Dice<'_>) {
        let Some(mut link) = self.take_live() else { return };
        link.replacing = true;
        let since = link.since;
        self.old = Some(link);
        self.rebuild(since, now, dice);
    }

    /// At once after a link that held, else after a wait.
    fn rebuild(&mut self, since: Instant, now: Instant, dice: Dice<'_>) {
        if now.duration_since(since) >= HELD {
            self.waits.forget();
            self.create(now);
        } else {
            let until = now + self.waits.next(dice(), None);
            self.state = State::Waiting { until, for_token: false, channel: None };
        }
    }

    /// A link does not hear any more.
    fn drop_link(&mut self, link: &Link, why: Why, now: Now) {
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

    fn lose_live(&mut self, why: Why, now: Now, dice: Dice<'_>) {
        let Some(link) = self.take_live() else { return };
        let since = link.since;
        self.drop_link(&link, why, now);
        self.rebuild(since, now.tick, dice);
    }

    fn ended(&mut self, ticket: Ticket, why: Why, now: Now, dice: Dice<'_>) {
        if matches!(&self.state, State::Live(link) if link.socket == ticket) {
            self.lose_live(why, now, dice);
        } else if let Some(old) = self.old.take_if(|link| link.socket == ticket) {
            self.drop_link(&old, why, now);
        } else if matches!(&self.state, State::Opening { ticket: awaited, .. } if *awaited == ticket) {
            let trouble = Trouble { class: Class::Transient, status: None, after: None };
            self.opened(ticket, Err(trouble), now, dice);
        }
    }

    fn renewed(&mut self, ticket: Ticket, answer: Result<Renewed, Trouble>, now: Now, dice: Dice<'_>) {
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

    fn live_fate(&mut self, fate: Fate, now: Now, dice: Dice<'_>) {
        match fate {
            Fate::Fine => {}
            Fate::Silent => self.lose_live(Why::Silent, now, dice),
            Fate::Expired => self.lose_live(Why::Expired, now, dice),
            Fate::Gone => self.lose_live(Why::Gone, now, dice),
            Fate::Replace => self.replace(now.tick, dice),
            Fate::Moved => self.reopen(now.tick, dice),
        }
    }

    fn old_fate(&mut self, fate: &Fate, now: Now) {
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
    fn reopen(&mut self, now: Instant, dice: Dice<'_>) {
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

    fn tick(&mut self, now: Now, dice: Dice<'_>) {
        let mut tickets = self.tickets;
        let mut ticket = || {
            tickets += 1;
            Ticket(tickets)
        };
        let old = self.old.as_mut().map(|link| link.tick(now.tick, &mut ticket, dice));
        let live = match &mut self.state {
            State::Live(link) => Some(link.tick(now.tick, &mut ticket, dice)),
            _ => None,
        };
        self.tickets = tickets;
        if let Some((fate, effects)) = old {
            self.out.extend(effects);
            self.old_fate(&fate, now);
        }
        match live {
            Some((fate, effects)) => {
                self.out.extend(effects);
                self.live_fate(fate, now, dice);
            }
            None => self.tick_building(now.tick, dice),
        }
    }

    fn tick_building(&mut self, now: Instant, dice: Dice<'_>) {
        let late = Trouble { class: Class::Transient, status: None, after: None };
        match &self.state {
            State::Creating { until, .. } if now >= *until => self.fail(late, None, now, dice),
            State::Subscribing { until, channel, .. } if now >= *until => {
                let channel = channel.clone();
                self.fail(late, Some(channel), now, dice);
            }
            State::Opening { until, ticket, channel, .. } if now >= *until => {
                let (ticket, id) = (*ticket, channel.id.clone());
                self.out.push(Effect::Close(ticket));
                self.fail(late, None, now, dice);
                self.delete(&id);
            }
            State::Waiting { until, .. } | State::Refused { until } if now >= *until => self.resume(now),
            State::Idle
            | State::Stopped
            | State::Live(_)
            | State::Creating { .. }
            | State::Subscribing { .. }
            | State::Opening { .. }
            | State::Waiting { .. }
            | State::Refused { .. } => {}
        }
    }

    fn stop(&mut self, now: Now) {
        let state = std::mem::replace(&mut self.state, State::Stopped);
        if let Some(old) = self.old.take() {
            self.drop_link(&old, Why::Stopped, now);
        }
        match state {
            State::Live(link) => self.drop_link(&link, Why::Stopped, now),
            State::Subscribing { channel, .. } => self.delete(&channel.id),
            State::Opening { ticket, channel, .. } => {
                self.out.push(Effect::Close(ticket));
                self.delete(&channel.id);
            }
            State::Waiting { channel: Some(channel), .. } => self.delete(&channel.id),
            State::Idle
            | State::Creating { .. }
            | State::Waiting { channel: None, .. }
            | State::Refused { .. }
            | State::Stopped => {}
        }
    }
}
