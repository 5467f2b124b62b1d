//! How one sink stands: when it may be posted to, and what an answer changes for it and for what was in the message.
//! Pure: time and chance are arguments; the table and [`verdict`](super::verdict) say what an answer means.
//!
//! **Well** → messages are merged and go as fast as the pace allows. **In trouble** (nothing gets through, or the chat
//! has faults of its own) → the whole sink waits with backoff, and one card at a time finds out whether it is over.
//! **Disabled** (the sink itself is wrong: gone, forbidden) → nothing is sent but a probe every hour or when the
//! operator asks; deliveries wait. Each edge is told once.

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

/// A disabled sink is probed this often ("manual enable or every 1 h").
const PROBE: Duration = Duration::from_secs(3600);
/// A probe to which no chat answered is repeated after this, the longest wait a chat may ask for: nothing was sent, and
/// what looks like a wrong certificate may be a clock that is not yet set after a boot.
const PROBE_AGAIN: Duration = LONGEST_WAIT;
/// Trouble that lasts longer is told to the operator (15 min of 429 in a row, by the table; the same for silence).
const TELL_AFTER: Duration = Duration::from_secs(15 * 60);
/// At most so much is added to a wait that the chat asked for, so that several daemons do not return in step.
const JITTER: Duration = Duration::from_secs(1);

/// An edge, told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The first failure after all was well.
    Trouble,
    /// Trouble is over before anybody was told.
    Over,
    /// In trouble for long.
    Unreachable,
    /// Asked to wait for long.
    Throttled,
    /// The sink was disabled.
    Disabled,
    /// What was told is over.
    Back,
}

/// What an answer came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The table's row.
    pub row: &'static Row,
    /// How each delivery of the message ends, in its order.
    pub ends: Vec<(Verdict, Settlement)>,
    /// The edge, if the sink went over one.
    pub edge: Option<Edge>,
    /// How long the sink is held.
    pub held: Duration,
    /// Tries that got nothing through before this one did; 0 on any edge but the end of trouble.
    pub repeats: u32,
}

/// A spell without success.
#[derive(Debug, Clone, Copy)]
struct Ailing {
    since: Instant,
    /// Nothing gets through, as opposed to: it asks to wait.
    trouble: bool,
    /// Waits asked for in a row.
    waits: u32,
    told: bool,
}

/// One sink's standing.
#[derive(Debug)]
pub struct Standing {
    kind: SinkKind,
    channel: Option<String>,
    posts: Lane,
    edits: Lane,
    waits: Waits,
    held: Option<Instant>,
    ailing: Option<Ailing>,
    /// Tries since something got through.
    failures: u32,
    disabled: bool,
    refused: Option<(&'static Row, Option<u16>, u32)>,
    pub(super) past: Past,
    full: u32,
}

impl Standing {
    /// A sink that is well. `channel`: the one it posts to, if it names one.
    #[must_use]
    pub fn new(kind: SinkKind, channel: Option<String>, [posts, edits]: [Lane; 2]) -> Self {
        Self {
            kind,
            channel,
            posts,
            edits,
            waits: Waits::new(Policy::CHAT),
            held: None,
            ailing: None,
            failures: 0,
            disabled: false,
            refused: None,
            past: Past::default(),
            full: 0,
        }
    }

    /// How long nothing may be posted yet; zero: now.
    #[must_use]
    pub fn closed_for(&self, now: Instant) -> Duration {
        let held = self.held.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let paced = self.posts.wait(now);
        let paced = if self.kind.edits() { paced.min(self.edits.wait(now)) } else { paced };
        held.max(paced)
    }

    /// How long a delivery may not be sent yet, by its kind of message: posts and edits are counted apart.
    #[must_use]
    pub fn closed_to(&self, delivery: &Delivery, now: Instant) -> Duration {
        self.lane(self.is_edit(delivery)).wait(now)
    }

    /// Takes a place for a delivery on its lane; `None` if another sink was faster.
    #[must_use]
    pub fn enter(&self, delivery: &Delivery, now: Instant) -> Option<Permit> {
        self.lane(self.is_edit(delivery)).enter(now)
    }

    /// The operator says that the sink is put right: a disabled one is tried at once. A wait that the chat asked for
    /// is not shortened.
    pub const fn enable(&mut self) {
        if self.disabled {
            self.held = None;
        }
    }

    /// How the next message is put together.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.disabled {
            Mode::Probe
        } else if self.in_trouble() {
            Mode::Canary
        } else {
            Mode::Merge
        }
    }

    fn in_trouble(&self) -> bool {
        self.ailing.is_some_and(|ailing| ailing.trouble)
    }

    /// Whether a delivery has to be a message of its own.
    #[must_use]
    pub fn alone(&self, delivery: &Delivery) -> bool {
        delivery.plain || delivery.form != Form::Message || self.past.alone(delivery)
    }

    /// Messages so far that could not say all that waited.
    #[must_use]
    pub const fn full(&self) -> u32 {
        self.full
    }

    /// A message could not say all that waited.
    pub const fn overflowed(&mut self) {
        self.full = self.full.wrapping_add(1);
    }

    /// What `answer` to the message that said `batch` comes to. `chance` lies in 0..1.
    pub fn answered(&mut self, batch: &[Delivery], answer: &Answer, now: Now, chance: f64) -> Outcome {
        let row = find(self.kind, answer);
        let verdicts: Vec<Verdict> =
            batch.iter().map(|one| under(row, answer, &self.history(one, batch.len() > 1, row, answer))).collect();
        let strike =
            matches!(row.act, Act::Retry | Act::RetryOnce) && answer.status().is_some() && self.mode() == Mode::Merge;
        let edit = batch.first().is_some_and(|first| self.is_edit(first));
        self.lane(edit).spent(now.tick);
        let failed = std::mem::take(&mut self.failures);
        let (edge, held) = self.turned(row, &verdicts, answer, now.tick, chance, edit);
        let repeats = if matches!(edge, Some(Edge::Over | Edge::Back)) { failed } else { 0 };
        if !held.is_zero() {
            self.failures = failed.saturating_add(1);
        }
        let until = if held.is_zero() { None } else { now.tick.checked_add(held) };
        // A limit is one of the method, all else concerns the whole sink.
        let limit = self.kind.edits() && matches!(row.act, Act::Wait { .. }) && !self.disabled;
        self.held = if limit { None } else { until };
        if let Some(until) = until.filter(|_| limit) {
            self.lane(edit).hold(until);
        }
        // A disabled sink holds itself; its deliveries have to be there when the operator asks for a probe.
        let not_before = if self.disabled { now.clock } else { after(now.clock, held) };
        let status = answer.status().map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        let why = format!("{}{status}", row.reason);
        let ends = batch
            .iter()
            .zip(verdicts)
            .map(|(one, verdict)| match verdict {
                Verdict::Retry { .. } if strike => self.past.struck(one, now.clock, held, chance),
                _ => (verdict, self.past.end(one, verdict, why.clone(), not_before, now.clock)),
            })
            .collect();
        Outcome { row, ends, edge, held, repeats }
    }

    /// A sink that could edit and cannot any more says as a message what was to be an edit.
    const fn is_edit(&self, delivery: &Delivery) -> bool {
        self.kind.edits() && delivery.form.edit_of().is_some()
    }

    const fn lane(&self, edit: bool) -> &Lane {
        if edit { &self.edits } else { &self.posts }
    }

    fn history(&self, one: &Delivery, merged: bool, row: &'static Row, answer: &Answer) -> History {
        History {
            merged,
            plain: one.plain,
            unsure: self.past.unsure(one),
            edit: self.is_edit(one),
            lost: matches!(one.form, Form::Living { lost: true, .. }),
            elsewhere: self.kind.edits()
                && one.form.place().is_some_and(|place| self.channel.as_ref() != Some(&place.channel)),
            refused: self.refused_before(row, answer),
            waits: self.ailing.map_or(0, |ailing| ailing.waits),
        }
    }

    fn refused_before(&self, row: &'static Row, answer: &Answer) -> u32 {
        self.refused.filter(|(of, status, _)| *of == row && *status == answer.status()).map_or(0, |(.., times)| times)
    }

    /// What the answer changes for the sink: the edge it went over, and how long it is held.
    fn turned(
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
            self.ailing = None;
            return (edge, if answer.status().is_some() { PROBE } else { PROBE_AGAIN });
        }
        let (trouble, held) = match (row.act, first) {
            (Act::Wait { .. }, Some(Verdict::Wait(wait))) => {
                self.lane(edit).refused(now);
                (false, wait.saturating_add(JITTER.mul_f64(chance.clamp(0.0, 1.0))))
            }
            (Act::Retry, Some(Verdict::Retry { at_least })) => (true, self.waits.next(chance, at_least)),
            (Act::RetryOnce, _) => (true, self.waits.next(chance, None)),
            _ => return (self.well(row, first, answer, now, edit), Duration::ZERO),
        };
        if self.disabled { (None, PROBE_AGAIN) } else { (self.ails(trouble, now), held.min(LONGEST_WAIT)) }
    }

    fn ails(&mut self, trouble: bool, now: Instant) -> Option<Edge> {
        let first = self.ailing.is_none();
        let ailing = self.ailing.get_or_insert(Ailing { since: now, trouble, waits: 0, told: false });
        ailing.trouble = trouble;
        ailing.waits = if trouble { 0 } else { ailing.waits.saturating_add(1) };
        if !ailing.told && now.saturating_duration_since(ailing.since) >= TELL_AFTER {
            ailing.told = true;
            return Some(if trouble { Edge::Unreachable } else { Edge::Throttled });
        }
        first.then_some(Edge::Trouble)
    }

    /// The sink answered about the message itself.
    fn well(
        &mut self,
        row: &'static Row,
        first: Option<Verdict>,
        answer: &Answer,
        now: Instant,
        edit: bool,
    ) -> Option<Edge> {
        match first {
            Some(Verdict::Delivered { .. }) => {
                self.refused = None;
                self.lane(edit).taken(now);
            }
            Some(Verdict::Dead { .. }) if matches!(row.act, Act::Plain | Act::Dead { .. }) => {
                let times = self.refused_before(row, answer).saturating_add(1);
                self.refused = Some((row, answer.status(), times));
            }
            _ => {}
        }
        self.waits.forget();
        let was_disabled = std::mem::take(&mut self.disabled);
        let ailed = self.ailing.take();
        match ailed {
            Some(ailing) if !ailing.told && !was_disabled => Some(Edge::Over),
            None if !was_disabled => None,
            _ => Some(Edge::Back),
        }
    }
}
