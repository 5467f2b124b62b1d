//! State of one sink: when it may be posted to, and how a response changes the state and settles the deliveries.
//! Pure: time and randomness are arguments; [`verdict`](super::verdict) interprets the responses.
//!
//! **Working**: messages are merged and sent at the rate limit. **Failing** (no connection or server errors): the sink
//! backs off and tests the chat with one card at a time. **Disabled** (URL or token invalid): only a probe is sent, every
//! hour or on the operator's request; deliveries wait. Each transition is reported once.

use super::{
    answer::Answer,
    lane::{Lane, Permit},
    past::Past,
    table::{Act, Row, find},
    turn::Mode,
    verdict::{History, Verdict, under},
};
use crate::model::{
    backoff::{Policy, Waits},
    delivery::{Delivery, Form, LONGEST_WAIT, Settlement, SinkKind},
    time::{Now, after},
};
use std::time::{Duration, Instant};

/// Probe interval of a disabled sink ("manual enable or every 1 h").
const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
/// Probe interval after a probe without an HTTP response, equal to the maximum `Retry-After`: nothing was sent, and an
/// unset clock after a boot looks like an invalid certificate.
const FAILED_PROBE_INTERVAL: Duration = LONGEST_WAIT;
/// Outage duration after which the operator gets an alert (15 min of 429 in a row, or of failures).
const ALERT_AFTER: Duration = Duration::from_secs(15 * 60);
/// Maximum jitter added to a requested wait, so that several daemons do not return at the same time.
const MAX_JITTER: Duration = Duration::from_secs(1);

/// A state transition, reported once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// First failure of a working sink.
    Trouble,
    /// An outage ended before its alert.
    Over,
    /// Failing for longer than the alert delay.
    Unreachable,
    /// Throttled for longer than the alert delay.
    Throttled,
    /// The sink was disabled.
    Disabled,
    /// A reported outage ended.
    Back,
}

/// Result of one response for the sink and its deliveries.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Response rule that matched.
    pub row: &'static Row,
    /// Verdict and settlement of each delivery, in the order of the message.
    pub ends: Vec<(Verdict, Settlement)>,
    /// State transition, if any.
    pub edge: Option<Edge>,
    /// Time until the sink may be used again.
    pub held: Duration,
    /// Failed attempts before this success; 0 unless an outage ended.
    pub repeats: u32,
}

/// Time span without a successful post.
#[derive(Debug, Clone, Copy)]
struct Outage {
    since: Instant,
    /// The sink fails; `false` means that it throttles.
    failing: bool,
    /// Requested waits in a row.
    waits: u32,
    alerted: bool,
}

/// State of one sink.
#[derive(Debug)]
pub struct Standing {
    kind: SinkKind,
    channel: Option<String>,
    post_limiter: Lane,
    edit_limiter: Lane,
    backoff: Waits,
    paused_until: Option<Instant>,
    outage: Option<Outage>,
    /// Failed attempts since the last success.
    failures: u32,
    disabled: bool,
    rejected: Option<(&'static Row, Option<u16>, u32)>,
    pub(super) past: Past,
    overflows: u32,
}

impl Standing {
    /// Creates a working sink. `channel` is the channel ID of a Slack app.
    #[must_use]
    pub fn new(kind: SinkKind, channel: Option<String>, [post_limiter, edit_limiter]: [Lane; 2]) -> Self {
        Self {
            kind,
            channel,
            post_limiter,
            edit_limiter,
            backoff: Waits::new(Policy::CHAT),
            paused_until: None,
            outage: None,
            failures: 0,
            disabled: false,
            rejected: None,
            past: Past::default(),
            overflows: 0,
        }
    }

    /// Returns the time until any message may be posted; zero means now.
    #[must_use]
    pub fn closed_for(&self, now: Instant) -> Duration {
        let paused = self.paused_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let paced = self.post_limiter.wait(now);
        let paced = if self.kind.edits() { paced.min(self.edit_limiter.wait(now)) } else { paced };
        paused.max(paced)
    }

    /// Returns the time until this delivery may be sent. Posts and edits have separate limiters.
    #[must_use]
    pub fn closed_to(&self, delivery: &Delivery, now: Instant) -> Duration {
        self.limiter(self.is_edit(delivery)).wait(now)
    }

    /// Acquires a permit of the delivery's limiter; `None` if another sink was faster.
    #[must_use]
    pub fn enter(&self, delivery: &Delivery, now: Instant) -> Option<Permit> {
        self.limiter(self.is_edit(delivery)).enter(now)
    }

    /// Requests an immediate probe of a disabled sink. A wait requested by the chat is not shortened.
    pub const fn enable(&mut self) {
        if self.disabled {
            self.paused_until = None;
        }
    }

    /// Returns the composition of the next message.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.disabled {
            Mode::Probe
        } else if self.is_failing() {
            Mode::Canary
        } else {
            Mode::Merge
        }
    }

    fn is_failing(&self) -> bool {
        self.outage.is_some_and(|outage| outage.failing)
    }

    /// Returns whether a delivery must not be merged.
    #[must_use]
    pub fn alone(&self, delivery: &Delivery) -> bool {
        delivery.plain || delivery.form != Form::Message || self.past.alone(delivery)
    }

    /// Returns the number of messages that could not hold all due cards.
    #[must_use]
    pub const fn full(&self) -> u32 {
        self.overflows
    }

    /// Counts a message that could not hold all due cards.
    pub const fn overflowed(&mut self) {
        self.overflows = self.overflows.wrapping_add(1);
    }

    /// Applies the response to the message with `batch`. `chance` is a random number in 0..1.
    pub fn answered(&mut self, batch: &[Delivery], answer: &Answer, now: Now, chance: f64) -> Outcome {
        let row = find(self.kind, answer);
        let verdicts: Vec<Verdict> =
            batch.iter().map(|delivery| under(row, answer, &self.context(delivery, batch.len() > 1, row, answer))).collect();
        let is_strike =
            matches!(row.act, Act::Retry | Act::RetryOnce) && answer.status().is_some() && self.mode() == Mode::Merge;
        let edit = batch.first().is_some_and(|first| self.is_edit(first));
        self.limiter(edit).spent(now.tick);
        let earlier_failures = std::mem::take(&mut self.failures);
        let (edge, held) = self.apply(row, &verdicts, answer, now.tick, chance, edit);
        let repeats = if matches!(edge, Some(Edge::Over | Edge::Back)) { earlier_failures } else { 0 };
        if !held.is_zero() {
            self.failures = earlier_failures.saturating_add(1);
        }
        let until = if held.is_zero() { None } else { now.tick.checked_add(held) };
        // Throttling concerns one API method, every other failure the whole sink.
        let is_throttled = self.kind.edits() && matches!(row.act, Act::Wait { .. }) && !self.disabled;
        self.paused_until = if is_throttled { None } else { until };
        if let Some(until) = until.filter(|_| is_throttled) {
            self.limiter(edit).hold(until);
        }
        // A disabled sink pauses itself. Its deliveries stay due, because an operator may request a probe.
        let not_before = if self.disabled { now.clock } else { after(now.clock, held) };
        let status = answer.status().map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        let why = format!("{}{status}", row.reason);
        let ends = batch
            .iter()
            .zip(verdicts)
            .map(|(delivery, verdict)| match verdict {
                Verdict::Retry { .. } if is_strike => self.past.struck(delivery, now.clock, held, chance),
                _ => (verdict, self.past.end(delivery, verdict, why.clone(), not_before, now.clock)),
            })
            .collect();
        Outcome { row, ends, edge, held, repeats }
    }

    /// Returns whether a delivery edits a message. A sink whose kind no longer supports edits posts a new one.
    const fn is_edit(&self, delivery: &Delivery) -> bool {
        self.kind.edits() && delivery.form.edit_of().is_some()
    }

    const fn limiter(&self, edit: bool) -> &Lane {
        if edit { &self.edit_limiter } else { &self.post_limiter }
    }

    fn context(&self, delivery: &Delivery, merged: bool, row: &'static Row, answer: &Answer) -> History {
        History {
            merged,
            plain: delivery.plain,
            unsure: self.past.unsure(delivery),
            edit: self.is_edit(delivery),
            lost: matches!(delivery.form, Form::Living { lost: true, .. }),
            elsewhere: self.kind.edits()
                && delivery.form.place().is_some_and(|place| self.channel.as_ref() != Some(&place.channel)),
            refused: self.rejections_before(row, answer),
            waits: self.outage.map_or(0, |outage| outage.waits),
        }
    }

    fn rejections_before(&self, row: &'static Row, answer: &Answer) -> u32 {
        self.rejected.filter(|(of, status, _)| *of == row && *status == answer.status()).map_or(0, |(.., times)| times)
    }

    /// Updates the sink after a response. Returns the transition and the pause.
    fn apply(
        &mut self,
        row: &'static Row,
        verdicts: &[Verdict],
        answer: &Answer,
        now: Instant,
        chance: f64,
        edit: bool,
    ) -> (Option<Edge>, Duration) {
        let first = verdicts.first().copied();
        if first == Some(Verdict::Disable) {
            let edge = (!self.disabled).then_some(Edge::Disabled);
            self.disabled = true;
            self.outage = None;
            return (edge, if answer.status().is_some() { PROBE_INTERVAL } else { FAILED_PROBE_INTERVAL });
        }
        let (failing, held) = match (row.act, first) {
            (Act::Wait { .. }, Some(Verdict::Wait(wait))) => {
                self.limiter(edit).refused(now);
                (false, wait.saturating_add(MAX_JITTER.mul_f64(chance.clamp(0.0, 1.0))))
            }
            (Act::Retry, Some(Verdict::Retry { at_least })) => (true, self.backoff.next(chance, at_least)),
            (Act::RetryOnce, _) => (true, self.backoff.next(chance, None)),
            _ => return (self.on_success(row, first, answer, now, edit), Duration::ZERO),
        };
        if self.disabled { (None, FAILED_PROBE_INTERVAL) } else { (self.on_failure(failing, now), held.min(LONGEST_WAIT)) }
    }

    fn on_failure(&mut self, failing: bool, now: Instant) -> Option<Edge> {
        let first = self.outage.is_none();
        let outage = self.outage.get_or_insert(Outage { since: now, failing, waits: 0, alerted: false });
        outage.failing = failing;
        outage.waits = if failing { 0 } else { outage.waits.saturating_add(1) };
        if !outage.alerted && now.saturating_duration_since(outage.since) >= ALERT_AFTER {
            outage.alerted = true;
            return Some(if failing { Edge::Unreachable } else { Edge::Throttled });
        }
        first.then_some(Edge::Trouble)
    }

    /// Ends an outage: the response concerns the message, not the sink.
    fn on_success(
        &mut self,
        row: &'static Row,
        first: Option<Verdict>,
        answer: &Answer,
        now: Instant,
        edit: bool,
    ) -> Option<Edge> {
        match first {
            Some(Verdict::Delivered { .. }) => {
                self.rejected = None;
                self.limiter(edit).taken(now);
            }
            Some(Verdict::Dead { .. }) if matches!(row.act, Act::Plain | Act::Dead { .. }) => {
                let times = self.rejections_before(row, answer).saturating_add(1);
                self.rejected = Some((row, answer.status(), times));
            }
            _ => {}
        }
        self.backoff.forget();
        let was_disabled = std::mem::take(&mut self.disabled);
        let outage = self.outage.take();
        match outage {
            Some(outage) if !outage.alerted && !was_disabled => Some(Edge::Over),
            None if !was_disabled => None,
            _ => Some(Edge::Back),
        }
    }
}
