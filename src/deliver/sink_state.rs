//! State of one sink: when it may be posted to, and how a response changes the state and settles the deliveries.
//! Pure: time and randomness are arguments; [`verdict`](super::verdict) interprets the responses.
//!
//! **Working**: messages are merged and sent at the rate limit. **Failing** (no connection, no answer, or server errors): the
//! sink backs off and tests the chat with one card at a time. **Disabled** (URL or token invalid): only a probe is sent,
//! every hour or on the operator's request; deliveries wait. Each transition is reported once.

pub use super::post_outcome::PostOutcome;

use super::{
    batch::BatchMode,
    limiter::{Permit, SharedLimiter},
    outage::{Outage, SinkTransition},
    response::PostResult,
    retry_waits::{FAILED_PROBE_INTERVAL, RetryWaits},
    rules::find_rule,
    strikes::Strikes,
    table::{Action, ResponseRule},
    verdict::{DeliveryContext, Verdict, decide},
};
use crate::model::{
    delivery::{Delivery, MAX_RETRY_AFTER, PostMode, SinkKind},
    time::{Now, after},
};
use std::time::{Duration, Instant};

/// Maximum jitter added to a requested wait, so that several daemons do not return at the same time.
const MAX_JITTER: Duration = Duration::from_secs(1);

/// State of one sink.
#[derive(Debug)]
pub struct SinkState {
    kind: SinkKind,
    channel: Option<String>,
    /// Whether the sink is a person's direct messages.
    is_person: bool,
    post_limiter: SharedLimiter,
    edit_limiter: SharedLimiter,
    waits: RetryWaits,
    paused_until: Option<Instant>,
    outage: Option<Outage>,
    /// Failed attempts since the last success.
    failures: u32,
    disabled: bool,
    rejected: Option<(&'static ResponseRule, Option<u16>, u32)>,
    pub(super) strikes: Strikes,
    overflows: u32,
}

impl SinkState {
    /// Creates a working sink. `channel` is the channel ID of an app.
    #[must_use]
    pub fn new(kind: SinkKind, channel: Option<String>, [post_limiter, edit_limiter]: [SharedLimiter; 2]) -> Self {
        Self {
            kind,
            channel,
            is_person: false,
            post_limiter,
            edit_limiter,
            waits: RetryWaits::default(),
            paused_until: None,
            outage: None,
            failures: 0,
            disabled: false,
            rejected: None,
            strikes: Strikes::default(),
            overflows: 0,
        }
    }

    /// Sets whether the sink is a person's direct messages.
    #[must_use]
    pub fn for_person(self, is_person: bool) -> Self {
        Self { is_person, ..self }
    }

    /// Returns the time until any message may be posted; zero means now.
    #[must_use]
    pub fn retry_in(&self, now: Instant) -> Duration {
        let paused = self.paused_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let paced = self.post_limiter.wait(now);
        let paced = if self.kind.supports_edit() { paced.min(self.edit_limiter.wait(now)) } else { paced };
        paused.max(paced)
    }

    /// Returns the time until this delivery may be sent. Posts and edits have separate limiters.
    #[must_use]
    pub fn delivery_retry_in(&self, delivery: &Delivery, now: Instant) -> Duration {
        self.limiter(self.is_edit(delivery)).wait(now)
    }

    /// Acquires a permit of the delivery's limiter; `None` if another sink was faster.
    #[must_use]
    pub fn try_acquire(&self, delivery: &Delivery, now: Instant) -> Option<Permit> {
        self.limiter(self.is_edit(delivery)).try_acquire(now)
    }

    /// Requests an immediate probe of a disabled sink. A wait requested by the chat is not shortened.
    pub const fn enable(&mut self) {
        if self.disabled {
            self.paused_until = None;
        }
    }

    /// Returns the composition of the next message.
    #[must_use]
    pub fn mode(&self) -> BatchMode {
        if self.disabled {
            BatchMode::Probe
        } else if self.is_failing() {
            BatchMode::Canary
        } else {
            BatchMode::Merge
        }
    }

    fn is_failing(&self) -> bool {
        self.outage.is_some_and(|outage| outage.failing)
    }

    /// Returns whether a delivery must not be merged.
    #[must_use]
    pub fn must_go_alone(&self, delivery: &Delivery) -> bool {
        delivery.plain || delivery.mode != PostMode::Post || self.strikes.must_go_alone(delivery)
    }

    /// Returns the number of messages that could not hold all due cards.
    #[must_use]
    pub const fn overflows(&self) -> u32 {
        self.overflows
    }

    /// Counts a message that could not hold all due cards.
    pub const fn count_overflow(&mut self) {
        self.overflows = self.overflows.wrapping_add(1);
    }

    /// Applies the response to the message with `batch`. `chance` is a random number in 0..1.
    pub fn on_result(&mut self, batch: &[Delivery], answer: &PostResult, now: Now, chance: f64) -> PostOutcome {
        let row = find_rule(self.kind, answer);
        let verdicts: Vec<Verdict> = batch
            .iter()
            .map(|delivery| decide(row, answer, &self.context(delivery, batch.len() > 1, row, answer)))
            .collect();
        // Nothing was sent: no fault of the message.
        let is_sent = answer.status().is_some() || matches!(answer, PostResult::NoResponse(_));
        let is_strike =
            matches!(row.action, Action::Retry | Action::RetrySlowly) && is_sent && self.mode() == BatchMode::Merge;
        let edit = batch.first().is_some_and(|first| self.is_edit(first));
        self.limiter(edit).consume(now.instant);
        let earlier_failures = std::mem::take(&mut self.failures);
        let (edge, held) = self.apply(row, &verdicts, answer, now.instant, chance, edit);
        let repeats = if matches!(edge, Some(SinkTransition::RecoveredEarly | SinkTransition::Recovered)) {
            earlier_failures
        } else {
            0
        };
        if !held.is_zero() {
            self.failures = earlier_failures.saturating_add(1);
        }
        let until = if held.is_zero() { None } else { now.instant.checked_add(held) };
        // Throttling concerns one API method, every other failure the whole sink.
        let is_throttled = self.kind.supports_edit() && matches!(row.action, Action::Wait { .. }) && !self.disabled;
        self.paused_until = if is_throttled { None } else { until };
        if let Some(until) = until.filter(|_| is_throttled) {
            self.limiter(edit).pause_until(until);
        }
        // A disabled sink pauses itself. Its deliveries stay due, because an operator may request a probe.
        let not_before = if self.disabled { now.timestamp } else { after(now.timestamp, held) };
        let status = answer.status().map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        let why = format!("{}{status}", row.reason);
        let ends = batch
            .iter()
            .zip(verdicts)
            .map(|(delivery, verdict)| match verdict {
                Verdict::Retry { .. } | Verdict::RetrySlowly { .. } if is_strike => {
                    self.strikes.on_strike(delivery, verdict, now.timestamp, held, chance)
                }
                _ => (verdict, self.strikes.settle(delivery, verdict, why.clone(), not_before, now.timestamp, chance)),
            })
            .collect();
        PostOutcome { rule: row, settlements: ends, transition: edge, pause: held, repeats, fault: answer.fault() }
    }

    /// Returns whether a delivery edits a message. A sink whose kind no longer supports edits posts a new one.
    const fn is_edit(&self, delivery: &Delivery) -> bool {
        self.kind.supports_edit() && delivery.mode.edited_message().is_some()
    }

    const fn limiter(&self, edit: bool) -> &SharedLimiter {
        if edit { &self.edit_limiter } else { &self.post_limiter }
    }

    fn context(
        &self,
        delivery: &Delivery,
        merged: bool,
        row: &'static ResponseRule,
        answer: &PostResult,
    ) -> DeliveryContext {
        DeliveryContext {
            merged,
            plain: delivery.plain,
            was_retried_once: self.strikes.was_retried_once(delivery),
            is_edit: self.is_edit(delivery),
            is_person: self.is_person,
            was_reposted: matches!(delivery.mode, PostMode::Live { reposted: true, .. }),
            in_other_channel: self.kind.supports_edit()
                && delivery.mode.message_ref().is_some_and(|place| self.channel.as_deref() != Some(place.channel_id())),
            rejections: self.rejections_before(row, answer),
            requested_waits: self.outage.map_or(0, |outage| outage.waits),
        }
    }

    fn rejections_before(&self, row: &'static ResponseRule, answer: &PostResult) -> u32 {
        self.rejected.filter(|(of, status, _)| *of == row && *status == answer.status()).map_or(0, |(.., times)| times)
    }

    /// Updates the sink after a response. Returns the transition and the pause.
    fn apply(
        &mut self,
        row: &'static ResponseRule,
        verdicts: &[Verdict],
        answer: &PostResult,
        now: Instant,
        chance: f64,
        edit: bool,
    ) -> (Option<SinkTransition>, Duration) {
        let first = verdicts.first().copied();
        if first == Some(Verdict::Disable) {
            let edge = (!self.disabled).then_some(SinkTransition::Disabled);
            self.disabled = true;
            self.outage = None;
            return (edge, self.waits.next_probe(answer));
        }
        let (failing, held) = match (row.action, first) {
            (Action::Wait { .. }, Some(Verdict::Wait(wait))) => {
                self.limiter(edit).on_throttled(now);
                (false, wait.saturating_add(MAX_JITTER.mul_f64(chance.clamp(0.0, 1.0))))
            }
            (_, Some(Verdict::Retry { at_least })) => (true, self.waits.next(chance, at_least)),
            (_, Some(Verdict::RetrySlowly { at_least })) => (true, self.waits.next_slow(chance, at_least)),
            _ => return (self.on_success(row, first, answer, now, edit), Duration::ZERO),
        };
        if self.disabled {
            (None, FAILED_PROBE_INTERVAL)
        } else {
            let outage = self.outage.get_or_insert_with(|| Outage::new(now));
            (outage.on_failure(failing, now), held.min(MAX_RETRY_AFTER))
        }
    }

    /// Ends an outage: the response concerns the message, not the sink.
    fn on_success(
        &mut self,
        row: &'static ResponseRule,
        first: Option<Verdict>,
        answer: &PostResult,
        now: Instant,
        edit: bool,
    ) -> Option<SinkTransition> {
        match first {
            Some(Verdict::Delivered { .. }) => {
                self.rejected = None;
                self.limiter(edit).on_success(now);
            }
            Some(Verdict::Dead { .. }) if matches!(row.action, Action::Plain | Action::Dead { .. }) => {
                let times = self.rejections_before(row, answer).saturating_add(1);
                self.rejected = Some((row, answer.status(), times));
            }
            _ => {}
        }
        self.waits.reset();
        let was_disabled = std::mem::take(&mut self.disabled);
        let outage = self.outage.take();
        match outage {
            Some(outage) if !outage.alerted && !was_disabled => Some(SinkTransition::RecoveredEarly),
            None if !was_disabled => None,
            _ => Some(SinkTransition::Recovered),
        }
    }
}
