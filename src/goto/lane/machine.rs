//! The lane machine: states, inputs and deadlines. Problem and invariants: see the parent module.

use super::{
    DisconnectReason, Effect, FailureClass, Input, LaneEvent, RandomSource, RequestFailure, Ticket,
    channel::{Channel, Reusable},
    clock_watch::ClockWatch,
    live_connection::LiveConnection,
};
use crate::{
    model::{ids::AccountKey, time::Now},
    runtime::backoff::{Backoff, BackoffPolicy},
};
use std::time::{Duration, Instant};

/// Waits of a rejected lane: a newly granted right takes effect within five minutes.
const REJECTED_BACKOFF: BackoffPolicy =
    BackoffPolicy { initial: Duration::from_secs(5), max: Duration::from_secs(300) };

#[derive(Debug)]
pub(super) enum State {
    Idle,
    Creating { ticket: Ticket, sent: Instant, until: Instant },
    Subscribing { ticket: Ticket, until: Instant, channel: Channel },
    Opening { ticket: Ticket, until: Instant, channel: Channel, pending: Vec<AccountKey> },
    Live(Box<LiveConnection>),
    Backoff { until: Instant, for_token: bool, channel: Option<Reusable> },
    Rejected { until: Instant },
    Stopped,
}

/// State machine of one lane.
///
/// ```
/// use poprelay::goto::lane::{Created, Effect, Input, Lane};
/// use poprelay::model::{secret::Secret, time::Now};
///
/// let now = Now::current();
/// let mut lane = Lane::new(0);
/// let effects = lane.handle(Input::Start, now, &mut || 0.5);
/// let [Effect::Create { ticket, .. }] = effects[..] else { panic!("a started lane creates a channel") };
/// assert!(lane.deadline() > Some(now.instant), "a lane that waits for an answer has a deadline");
///
/// let channel = Created { id: "webhook.1".try_into()?, url: Secret::new("wss://example.com/1"), lifetime: Some(1200) };
/// let effects = lane.handle(Input::Created(ticket, Ok(channel)), now, &mut || 0.5);
/// assert!(matches!(effects[..], [Effect::Subscribe { .. }]));
/// # Ok::<(), poprelay::model::ids::InvalidId>(())
/// ```
#[derive(Debug)]
pub struct Lane {
    pub(super) number: u8,
    pub(super) state: State,
    pub(super) old: Option<Box<LiveConnection>>,
    pub(super) last_ticket: u64,
    pub(super) backoff: Backoff,
    pub(super) rejection_backoff: Backoff,
    /// Whether a leftover channel may exist: at start, and after a create without an answer.
    pub(super) may_have_leftovers: bool,
    /// Liveness as last emitted: `Up` and `Down` alternate.
    pub(super) reported_live: bool,
    /// Whether the rejection was emitted; reset when the lane is live.
    pub(super) rejection_reported: bool,
    /// Class of the emitted failure, until the lane is live.
    pub(super) reported_failure: Option<FailureClass>,
    pub(super) clock: ClockWatch,
    /// Whether the socket to open follows a lost one on the same channel.
    pub(super) is_reopening: bool,
    /// Reason and last live time of the last lost connection.
    pub(super) last_loss: Option<(DisconnectReason, Now)>,
    pub(super) effects: Vec<Effect>,
}

impl Lane {
    /// Creates an idle lane. `number` counts from 0 and spreads the renewals of lanes.
    #[must_use]
    pub fn new(number: u8) -> Self {
        Self {
            number,
            state: State::Idle,
            old: None,
            last_ticket: 0,
            backoff: Backoff::new(BackoffPolicy::UPSTREAM),
            rejection_backoff: Backoff::new(REJECTED_BACKOFF),
            may_have_leftovers: true,
            reported_live: false,
            rejection_reported: false,
            reported_failure: None,
            clock: ClockWatch::default(),
            is_reopening: false,
            last_loss: None,
            effects: Vec::new(),
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
            | State::Backoff { until, .. }
            | State::Rejected { until } => Some(*until),
            State::Live(link) => Some(link.deadline()),
        };
        own.into_iter().chain(self.old.as_ref().map(|link| link.deadline())).min()
    }

    /// Returns whether a live connection exists.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_)) || self.old.is_some()
    }

    /// Handles one input and returns the effects to execute now.
    pub fn handle(&mut self, input: Input, now: Now, random: RandomSource<'_>) -> Vec<Effect> {
        // Before the input: after a pause, inputs that waited come before the tick.
        if self.clock.jumped(now, self.deadline()) {
            self.on_clock_jump(now);
        }
        match input {
            Input::Start => {
                if matches!(self.state, State::Idle) {
                    self.create(now.instant);
                }
            }
            Input::Stop => self.stop(now),
            Input::Wake => self.wake(now.instant),
            Input::Tick => self.tick(now, random),
            Input::Probe => self.probe(now.instant),
            Input::Created(ticket, answer) => self.created(ticket, answer, now.instant, random),
            Input::Subscribed(ticket, answer) => self.subscribed(ticket, answer, now.instant, random),
            Input::Opened(ticket, answer) => self.opened(ticket, answer, now, random),
            Input::Frame(ticket) => {
                if let Some(link) = self.live_connection(ticket) {
                    link.on_frame(now);
                }
            }
            Input::EventHole(ticket) => {
                if let Some(live_until) = self.live_connection(ticket).map(|link| link.last_frame) {
                    self.effects.push(Effect::Emit(LaneEvent::EventHole { live_until }));
                }
            }
            Input::RefreshRequired(ticket) => {
                if let Some(link) = self.live_connection(ticket) {
                    link.refresh_required(now.instant);
                }
            }
            Input::ToBeClosed(ticket) => {
                if matches!(&self.state, State::Live(link) if link.socket == ticket) {
                    self.replace(now.instant, random);
                }
            }
            Input::Ended(ticket, why) => self.ended(ticket, why, now, random),
            Input::Renewed(ticket, answer) => self.renewed(ticket, answer, now, random),
        }
        if self.live_links().any(LiveConnection::take_suspicion) {
            self.effects.push(Effect::Emit(LaneEvent::Suspect));
        }
        self.emit_liveness(now);
        std::mem::take(&mut self.effects)
    }

    fn live_links(&mut self) -> impl Iterator<Item = &mut LiveConnection> {
        let live = match &mut self.state {
            State::Live(link) => Some(link.as_mut()),
            _ => None,
        };
        live.into_iter().chain(self.old.as_deref_mut())
    }

    /// Tests every live connection with one ping.
    fn probe(&mut self, now: Instant) {
        let sockets: Vec<Ticket> = self.live_links().filter_map(|link| link.probe(now)).collect();
        self.effects.extend(sockets.into_iter().map(Effect::Ping));
    }

    /// Tests the live connection, which may be dead, and renews its channel, which may have expired.
    fn on_clock_jump(&mut self, now: Now) {
        let last = self.live_links().map(|link| link.last_frame).max_by_key(|frame| frame.instant);
        self.probe(now.instant);
        for link in self.live_links() {
            link.mark_paused(now.instant);
            link.refresh_required(now.instant);
        }
        if let Some(live_until) = last {
            self.effects.push(Effect::Emit(LaneEvent::ClockJump { live_until }));
        }
    }

    fn emit_liveness(&mut self, now: Now) {
        if self.is_live() == self.reported_live {
            return;
        }
        self.reported_live = !self.reported_live;
        let (why, live_until) = self.last_loss.take().unwrap_or((DisconnectReason::Closed, now));
        self.effects.push(Effect::Emit(if self.reported_live {
            LaneEvent::Up
        } else {
            LaneEvent::Down { why, live_until }
        }));
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    pub(super) fn live_connection(&mut self, socket: Ticket) -> Option<&mut Box<LiveConnection>> {
        match (&mut self.state, &mut self.old) {
            (State::Live(link), _) if link.socket == socket => Some(link),
            (_, Some(link)) if link.socket == socket => Some(link),
            _ => None,
        }
    }

    fn wake(&mut self, now: Instant) {
        if matches!(self.state, State::Backoff { for_token: true, .. } | State::Rejected { .. }) {
            self.retry(now);
        }
    }

    fn tick(&mut self, now: Now, random: RandomSource<'_>) {
        let mut tickets = self.last_ticket;
        let mut ticket = || {
            tickets += 1;
            Ticket(tickets)
        };
        let old = self.old.as_mut().map(|link| link.tick(now.instant, &mut ticket, random));
        let live = match &mut self.state {
            State::Live(link) => Some(link.tick(now.instant, &mut ticket, random)),
            _ => None,
        };
        self.last_ticket = tickets;
        if let Some((outcome, effects)) = old {
            self.effects.extend(effects);
            self.on_old_outcome(&outcome, now);
        }
        match live {
            Some((outcome, effects)) => {
                self.effects.extend(effects);
                self.on_live_outcome(outcome, now, random);
            }
            None => self.tick_building(now.instant, random),
        }
    }

    fn tick_building(&mut self, now: Instant, random: RandomSource<'_>) {
        let late =
            RequestFailure { reason: Some("no answer in time".into()), ..RequestFailure::new(FailureClass::Transient) };
        match &self.state {
            State::Creating { until, .. } if now >= *until => self.fail(late, None, now, random),
            State::Subscribing { until, channel, .. } if now >= *until => {
                let channel = Reusable { channel: channel.clone(), pending: None };
                self.fail(late, Some(channel), now, random);
            }
            State::Opening { until, ticket, channel, pending } if now >= *until => {
                let (ticket, channel, pending) = (*ticket, channel.clone(), pending.clone());
                self.effects.push(Effect::Close(ticket));
                self.fail_open(late, channel, pending, now, random);
            }
            State::Backoff { until, .. } | State::Rejected { until } if now >= *until => self.retry(now),
            State::Idle
            | State::Stopped
            | State::Live(_)
            | State::Creating { .. }
            | State::Subscribing { .. }
            | State::Opening { .. }
            | State::Backoff { .. }
            | State::Rejected { .. } => {}
        }
    }

    fn stop(&mut self, now: Now) {
        let state = std::mem::replace(&mut self.state, State::Stopped);
        if let Some(old) = self.old.take() {
            self.close_connection(&old, DisconnectReason::Stopped, now);
        }
        match state {
            State::Live(link) => self.close_connection(&link, DisconnectReason::Stopped, now),
            State::Subscribing { channel, .. } => self.delete(&channel.id),
            State::Opening { ticket, channel, .. } => {
                self.effects.push(Effect::Close(ticket));
                self.delete(&channel.id);
            }
            State::Backoff { channel: Some(reusable), .. } => self.delete(&reusable.channel.id),
            State::Idle
            | State::Creating { .. }
            | State::Backoff { channel: None, .. }
            | State::Rejected { .. }
            | State::Stopped => {}
        }
    }
}
