//! How one sink stands: when it may be posted to, and what an answer changes for it and for what was in the message.
//! Pure: time and chance are arguments; the table and [`verdict`](super::verdict) say what an answer means.
//!
//! **Well** → messages are merged and go as fast as the pace allows. **In trouble** (nothing gets through, or the chat
//! has faults of its own) → the whole sink waits with backoff, and one card at a time finds out whether it is over.
//! **Disabled** (the sink itself is wrong: gone, forbidden) → nothing is sent but a probe every hour or when the
//! operator asks; deliveries wait. Each edge is told once.

use super::{
    answer::Answer,
    pace::{Bucket, Pace},
    past::Past,
    table::{Act, Row, find},
    turn::Mode,
    verdict::{History, Verdict, under},
};
use crate::model::{
    backoff::{Policy, Waits},
    delivery::{Delivery, LONGEST_WAIT, Settlement, SinkKind},
    time::{Now, after},
};
use std::time::{Duration, Instant};

/// A disabled sink is probed this often ("manual enable or every 1 h").
const PROBE: Duration = Duration::from_secs(3600);
/// A probe that could not find out is repeated after this: the longest wait a chat may ask for.
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
    bucket: Option<Bucket>,
    waits: Waits,
    held: Option<Instant>,
    ailing: Option<Ailing>,
    disabled: bool,
    refused: Option<(&'static Row, Option<u16>, u32)>,
    past: Past,
    full: u32,
}

impl Standing {
    /// A sink that is well; `None` for the pace: it takes all it gets.
    #[must_use]
    pub fn new(kind: SinkKind, pace: Option<Pace>, now: Instant) -> Self {
        Self {
            kind,
            bucket: pace.map(|pace| Bucket::new(pace, now)),
            waits: Waits::new(Policy::CHAT),
            held: None,
            ailing: None,
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
        let paced = self.bucket.as_ref().map_or(Duration::ZERO, |bucket| bucket.wait(now));
        held.max(paced)
    }

    /// The operator says that the sink is put right: it is tried at once.
    pub const fn enable(&mut self) {
        self.held = None;
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
        delivery.plain || self.past.alone(delivery)
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
        let strike = row.act == Act::Retry && answer.status().is_some() && self.mode() == Mode::Merge;
        if let Some(bucket) = &mut self.bucket {
            bucket.spent(now.tick);
        }
        let (edge, held) = self.turned(row, &verdicts, answer, now.tick, chance);
        self.held = if held.is_zero() { None } else { now.tick.checked_add(held) };
        let not_before = after(now.clock, held);
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
        Outcome { row, ends, edge, held }
    }

    fn history(&self, one: &Delivery, merged: bool, row: &'static Row, answer: &Answer) -> History {
        History {
            merged,
            plain: one.plain,
            unsure: self.past.unsure(one),
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
    ) -> (Option<Edge>, Duration) {
        let first = verdicts.first().copied();
        if first == Some(Verdict::Disable) {
            let edge = (!self.disabled).then_some(Edge::Disabled);
            self.disabled = true;
            self.ailing = None;
            return (edge, PROBE);
        }
        let (trouble, held) = match (row.act, first) {
            (Act::Wait { .. }, Some(Verdict::Wait(wait))) => {
                if let Some(bucket) = &mut self.bucket {
                    bucket.refused(now);
                }
                (false, wait.saturating_add(JITTER.mul_f64(chance.clamp(0.0, 1.0))))
            }
            (Act::Retry, Some(Verdict::Retry { at_least })) => (true, self.waits.next(chance, at_least)),
            (Act::RetryOnce, _) => (true, self.waits.next(chance, None)),
            _ => return (self.well(row, first, answer, now), Duration::ZERO),
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
    fn well(&mut self, row: &'static Row, first: Option<Verdict>, answer: &Answer, now: Instant) -> Option<Edge> {
        match first {
            Some(Verdict::Delivered { .. }) => {
                self.refused = None;
                if let Some(bucket) = &mut self.bucket {
                    bucket.taken(now);
                }
            }
            Some(Verdict::Dead { .. }) if matches!(row.act, Act::Dead { .. }) => {
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
