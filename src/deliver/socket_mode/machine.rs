//! Connection machine of one Slack app in Socket Mode: decides when sockets are opened, tested, replaced and closed. Pure:
//! `now` and randomness are arguments.
//!
//! # Invariants
//! - At most two sockets are open or opening: the live one, and its replacement. Slack allows ten and routes a press to any.
//! - A replacement is live before the old socket closes. The old one is still read until it ends.
//! - Inputs of an unknown socket change nothing: a late close event cannot open another socket.
//! - Announced ends open a replacement every 5 s at most: an end right after `hello` cannot start a storm.
//! - A rejected app token and disabled Socket Mode are retried after minutes, not with backoff.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use super::types::{Announcement, Change, Effect, Generation, Input, OpenFailure};
use crate::runtime::backoff::{Backoff, BackoffPolicy};
use std::time::{Duration, Instant};

/// Time for the URL, the handshake and `hello` together. Slack's client libraries give up after 30 s.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval of own pings. Slack's own clients ping every 5 to 30 s.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Silence after which a socket is dead: Slack pings about every 30 s, and own pings are answered.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);
/// Time in which a replaced socket is still read.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Shortest time between two replacements that Slack announced. It announces an end about 10 s ahead, and it limits how often
/// an app may open sockets.
const REPLACE_INTERVAL: Duration = Duration::from_secs(5);
/// Age of a live socket after which waits start small again.
const STABLE_AFTER: Duration = Duration::from_secs(300);
/// Wait after `too_many_websockets`: more attempts would add more sockets.
const CROWDED_WAIT: Duration = Duration::from_secs(60);
/// Wait after a rejection: a person must act.
const REJECTED_WAIT: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Socket {
    generation: Generation,
    phase: SocketPhase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketPhase {
    Opening {
        until: Instant,
    },
    Live {
        since: Instant,
        last_frame: Instant,
        next_ping: Instant,
    },
    /// The socket is replaced, or closed by us.
    Closing {
        until: Instant,
    },
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    sockets: Vec<Socket>,
    last_generation: Generation,
    /// Time at which the next socket is opened.
    retry_at: Option<Instant>,
    /// Time of the newest announced replacement.
    last_replacement: Option<Instant>,
    backoff: Backoff,
    /// Word of the last report, if that was [`Change::Rejected`].
    rejected: Option<String>,
    is_live: bool,
}

impl Machine {
    /// Creates a machine that opens its first socket at the first input.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            sockets: Vec::new(),
            last_generation: 0,
            retry_at: Some(now),
            last_replacement: None,
            backoff: Backoff::new(BackoffPolicy::UPSTREAM),
            rejected: None,
            is_live: false,
        }
    }

    /// Handles an input. `random` returns numbers from 0 to 1.
    pub fn handle(&mut self, input: &Input, now: Instant, random: &mut impl FnMut() -> f64) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Tick => {}
            Input::OpenFailed(generation, failure) => {
                if self.remove(*generation).is_some() {
                    self.on_failure(failure, now, random, &mut effects);
                }
            }
            Input::Hello(generation, reported) => self.on_hello(*generation, *reported, now, &mut effects),
            Input::Frame(generation) => {
                if let Some(SocketPhase::Live { last_frame, .. }) = self.phase(*generation) {
                    *last_frame = now;
                }
            }
            Input::Disconnect(generation, why) => self.on_announcement(*generation, *why, now, &mut effects),
            Input::Ended(generation) => {
                if let Some(phase) = self.remove(*generation) {
                    self.on_end(phase, now, random);
                }
            }
        }
        self.check_deadlines(now, random, &mut effects);
        self.report_loss(&mut effects);
        effects
    }

    /// Returns the time at which the machine must be called again.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let of_socket = |socket: &Socket| match socket.phase {
            SocketPhase::Opening { until } | SocketPhase::Closing { until } => until,
            SocketPhase::Live { last_frame, next_ping, .. } => next_ping.min(last_frame + SILENCE_TIMEOUT),
        };
        self.sockets.iter().map(of_socket).chain(self.retry_at).min()
    }

    fn phase(&mut self, generation: Generation) -> Option<&mut SocketPhase> {
        self.sockets.iter_mut().find(|socket| socket.generation == generation).map(|socket| &mut socket.phase)
    }

    fn remove(&mut self, generation: Generation) -> Option<SocketPhase> {
        let at = self.sockets.iter().position(|socket| socket.generation == generation)?;
        Some(self.sockets.remove(at).phase)
    }

    fn has(&self, matches: impl Fn(&SocketPhase) -> bool) -> bool {
        self.sockets.iter().any(|socket| matches(&socket.phase))
    }

    fn open(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.retry_at = None;
        self.last_generation += 1;
        let phase = SocketPhase::Opening { until: now + OPEN_TIMEOUT };
        self.sockets.push(Socket { generation: self.last_generation, phase });
        effects.push(Effect::Open(self.last_generation));
    }

    /// Marks a socket as closing and requests its close frame.
    fn close(&mut self, generation: Generation, now: Instant, effects: &mut Vec<Effect>) {
        if let Some(phase) = self.phase(generation) {
            *phase = SocketPhase::Closing { until: now + CLOSE_TIMEOUT };
            effects.push(Effect::Close(generation));
        }
    }

    fn on_hello(&mut self, generation: Generation, reported: u32, now: Instant, effects: &mut Vec<Effect>) {
        let Some(phase) = self.phase(generation) else { return };
        if !matches!(phase, SocketPhase::Opening { .. }) {
            return;
        }
        *phase = SocketPhase::Live { since: now, last_frame: now, next_ping: now + PING_INTERVAL };
        let replaced: Vec<Generation> = self
            .sockets
            .iter()
            .filter(|socket| socket.generation != generation && matches!(socket.phase, SocketPhase::Live { .. }))
            .map(|socket| socket.generation)
            .collect();
        replaced.into_iter().for_each(|old| self.close(old, now, effects));
        (self.is_live, self.rejected) = (true, None);
        let own = u32::try_from(self.sockets.len()).unwrap_or(u32::MAX);
        effects.push(Effect::Report(Change::Live { own, reported }));
    }

    fn on_announcement(&mut self, generation: Generation, why: Announcement, now: Instant, effects: &mut Vec<Effect>) {
        let Some(phase) = self.phase(generation).copied() else { return };
        if matches!(phase, SocketPhase::Closing { .. }) {
            return;
        }
        match why {
            Announcement::Replace => {
                self.note_age(phase, now);
                let is_opening = self.has(|phase| matches!(phase, SocketPhase::Opening { .. }));
                if !is_opening && self.retry_at.is_none() {
                    let at = self.last_replacement.map_or(now, |last| now.max(last + REPLACE_INTERVAL));
                    (self.last_replacement, self.retry_at) = (Some(at), Some(at));
                }
            }
            Announcement::Disabled => {
                let all: Vec<Generation> = self.sockets.iter().map(|socket| socket.generation).collect();
                all.into_iter().for_each(|one| self.close(one, now, effects));
                self.reject("link_disabled", now, effects);
            }
            Announcement::TooMany => {
                self.close(generation, now, effects);
                self.retry_at = Some(now + CROWDED_WAIT);
            }
        }
    }

    fn on_failure(
        &mut self,
        failure: &OpenFailure,
        now: Instant,
        random: &mut impl FnMut() -> f64,
        effects: &mut Vec<Effect>,
    ) {
        match failure {
            OpenFailure::Rejected(word) => self.reject(word, now, effects),
            OpenFailure::Throttled(wait) => self.retry_at = Some(now + self.backoff.next(random(), Some(*wait))),
            OpenFailure::Transient => self.retry_at = Some(now + self.backoff.next(random(), None)),
        }
    }

    fn reject(&mut self, word: &str, now: Instant, effects: &mut Vec<Effect>) {
        self.retry_at = Some(now + REJECTED_WAIT);
        if self.rejected.as_deref() != Some(word) {
            self.rejected = Some(word.to_owned());
            effects.push(Effect::Report(Change::Rejected(word.to_owned())));
        }
    }

    /// Handles a socket that ended without a request of ours. Another one is opened unless one is live or being opened.
    fn on_end(&mut self, phase: SocketPhase, now: Instant, random: &mut impl FnMut() -> f64) {
        self.note_age(phase, now);
        let has_other = self.has(|phase| !matches!(phase, SocketPhase::Closing { .. }));
        let is_missed = match phase {
            // The socket to be replaced may still be live, but not for long.
            SocketPhase::Opening { .. } => true,
            SocketPhase::Live { .. } => !has_other,
            SocketPhase::Closing { .. } => false,
        };
        if is_missed && self.retry_at.is_none() {
            self.retry_at = Some(now + self.backoff.next(random(), None));
        }
    }

    /// Lets waits start small again if a live socket was stable.
    fn note_age(&mut self, phase: SocketPhase, now: Instant) {
        if let SocketPhase::Live { since, .. } = phase
            && now.saturating_duration_since(since) >= STABLE_AFTER
        {
            self.backoff.reset();
        }
    }

    fn check_deadlines(&mut self, now: Instant, random: &mut impl FnMut() -> f64, effects: &mut Vec<Effect>) {
        for index in (0..self.sockets.len()).rev() {
            let Some(Socket { generation, phase }) = self.sockets.get_mut(index) else { continue };
            let generation = *generation;
            let is_over = match phase {
                SocketPhase::Opening { until } | SocketPhase::Closing { until } => *until <= now,
                SocketPhase::Live { last_frame, next_ping, .. } => {
                    let is_dead = *last_frame + SILENCE_TIMEOUT <= now;
                    if !is_dead && *next_ping <= now {
                        *next_ping = now + PING_INTERVAL;
                        effects.push(Effect::Ping(generation));
                    }
                    is_dead
                }
            };
            if is_over {
                effects.push(Effect::Close(generation));
                if let Some(phase) = self.remove(generation) {
                    self.on_end(phase, now, random);
                }
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.open(now, effects);
        }
    }

    fn report_loss(&mut self, effects: &mut Vec<Effect>) {
        let is_live = self.has(|phase| matches!(phase, SocketPhase::Live { .. }));
        if self.is_live && !is_live {
            effects.push(Effect::Report(Change::Lost));
        }
        self.is_live = is_live;
    }
}

#[cfg(test)]
mod tests;
