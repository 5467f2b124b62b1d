//! The lane machine: states, inputs and deadlines. Problem and invariants: see the parent module.

use super::{Class, Dice, Effect, Input, Tell, Ticket, Trouble, Why, channel::Channel, link::Link};
use crate::model::{
    backoff::{Policy, Waits},
    ids::AccountKey,
    time::Now,
};
use std::time::{Duration, Instant};

/// Waits of a rejected lane: a newly granted right takes effect within five minutes.
const REJECTED_BACKOFF: Policy = Policy { first: Duration::from_secs(5), longest: Duration::from_secs(300) };

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

/// State machine of one lane.
#[derive(Debug)]
pub struct Lane {
    pub(super) number: u8,
    pub(super) state: State,
    pub(super) old: Option<Box<Link>>,
    pub(super) tickets: u64,
    pub(super) waits: Waits,
    pub(super) refusals: Waits,
    /// A leftover channel may exist: at start, and after a create without an answer.
    pub(super) dirty: bool,
    /// Liveness as last emitted: `Up` and `Down` alternate.
    pub(super) heard: bool,
    /// Set from the emitted rejection until the lane is live.
    pub(super) said_refused: bool,
    /// Class of the emitted failure, until the lane is live.
    pub(super) said_failing: Option<Class>,
    /// Reason and last live time of the last lost connection.
    pub(super) lost: Option<(Why, Now)>,
    pub(super) out: Vec<Effect>,
}

impl Lane {
    /// Creates an idle lane. `number` counts from 0 and spreads the renewals of lanes.
    #[must_use]
    pub fn new(number: u8) -> Self {
        Self {
            number,
            state: State::Idle,
            old: None,
            tickets: 0,
            waits: Waits::new(Policy::UPSTREAM),
            refusals: Waits::new(REJECTED_BACKOFF),
            dirty: true,
            heard: false,
            said_refused: false,
            said_failing: None,
            lost: None,
            out: Vec::new(),
        }
    }

    /// Returns when [`Input::Tick`] is due; `None` while idle or stopped.
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

    /// Whether a live connection exists.
    #[must_use]
    pub const fn hears(&self) -> bool {
        matches!(self.state, State::Live(_)) || self.old.is_some()
    }

    /// Handles one input and returns the effects to execute now.
    pub fn on(&mut self, input: Input, now: Now, random: Dice<'_>) -> Vec<Effect> {
        match input {
            Input::Start => {
                if matches!(self.state, State::Idle) {
                    self.create(now.tick);
                }
            }
            Input::Stop => self.stop(now),
            Input::Wake => self.wake(now.tick),
            Input::Tick => self.tick(now, random),
            Input::Created(ticket, answer) => self.created(ticket, answer, now.tick, random),
            Input::Subscribed(ticket, answer) => self.subscribed(ticket, answer, now.tick, random),
            Input::Opened(ticket, answer) => self.opened(ticket, answer, now, random),
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
                    self.replace(now.tick, random);
                }
            }
            Input::Ended(ticket, why) => self.ended(ticket, why, now, random),
            Input::Renewed(ticket, answer) => self.renewed(ticket, answer, now, random),
        }
        self.emit_liveness(now);
        std::mem::take(&mut self.out)
    }

    fn emit_liveness(&mut self, now: Now) {
        if self.hears() == self.heard {
            return;
        }
        self.heard = !self.heard;
        let (why, live_until) = self.lost.take().unwrap_or((Why::Closed, now));
        self.out.push(Effect::Tell(if self.heard { Tell::Live } else { Tell::Lost { why, live_until } }));
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

    fn tick(&mut self, now: Now, random: Dice<'_>) {
        let mut tickets = self.tickets;
        let mut ticket = || {
            tickets += 1;
            Ticket(tickets)
        };
        let old = self.old.as_mut().map(|link| link.tick(now.tick, &mut ticket, random));
        let live = match &mut self.state {
            State::Live(link) => Some(link.tick(now.tick, &mut ticket, random)),
            _ => None,
        };
        self.tickets = tickets;
        if let Some((outcome, effects)) = old {
            self.out.extend(effects);
            self.old_fate(&outcome, now);
        }
        match live {
            Some((outcome, effects)) => {
                self.out.extend(effects);
                self.live_fate(outcome, now, random);
            }
            None => self.tick_building(now.tick, random),
        }
    }

    fn tick_building(&mut self, now: Instant, random: Dice<'_>) {
        let late = Trouble { class: Class::Transient, status: None, after: None };
        match &self.state {
            State::Creating { until, .. } if now >= *until => self.fail(late, None, now, random),
            State::Subscribing { until, channel, .. } if now >= *until => {
                let channel = channel.clone();
                self.fail(late, Some(channel), now, random);
            }
            State::Opening { until, ticket, channel, .. } if now >= *until => {
                let (ticket, id) = (*ticket, channel.id.clone());
                self.out.push(Effect::Close(ticket));
                self.fail(late, None, now, random);
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
