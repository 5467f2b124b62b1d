//! The machine itself: one lane's states and what leads from one to the next. See the page above this module.

use super::{Class, Dice, Effect, Input, Tell, Ticket, Trouble, Why, channel::Channel, link::Link};
use crate::model::{
    backoff::{Policy, Waits},
    ids::AccountKey,
    time::Now,
};
use std::time::{Duration, Instant};

/// Waits of a lane that is refused: a right granted meanwhile is noticed within five minutes.
const REFUSED: Policy = Policy { first: Duration::from_secs(5), longest: Duration::from_secs(300) };

#[derive(Debug)]
pub(super) enum State {
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
    pub(super) number: u8,
    pub(super) state: State,
    pub(super) old: Option<Box<Link>>,
    pub(super) tickets: u64,
    pub(super) waits: Waits,
    pub(super) refusals: Waits,
    /// A leftover may exist: at first, and after a create whose answer never came.
    pub(super) dirty: bool,
    /// What was last told, so that Live and Lost alternate.
    pub(super) heard: bool,
    /// Set while the refusal has been told and not yet overcome.
    pub(super) said_refused: bool,
    /// The class of the failure that was told and is not overcome.
    pub(super) said_failing: Option<Class>,
    /// How the last link was lost, for the telling.
    pub(super) lost: Option<(Why, Now)>,
    pub(super) out: Vec<Effect>,
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
            said_failing: None,
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

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(super) fn link(&mut self, socket: Ticket) -> Option<&mut Box<Link>> {
        match (&mut self.state, &mut self.old) {
            (State::Live(link), _) if link.socket == socket => Some(link),
            (_, Some(link)) if link.socket == socket => Some(link),
            _ => None,
        }
    }

    fn wake(&mut self, now: Instant) {
        if matches!(self.state, State::Waiting { for_token: true, .. } | State::Refused { .. }) {
            self.resume(now);
        }
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
