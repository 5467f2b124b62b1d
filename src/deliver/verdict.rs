//! What to do with one delivery after an answer: its row of the [`table`](super::table), seen in the light of what the
//! delivery and its sink went through before. Pure.

use super::{
    answer::Answer,
    table::{Act, Row, find},
};
use crate::model::delivery::{LONGEST_WAIT, SinkKind};
use std::time::Duration;

/// The shortest wait that is obeyed: a `Retry-After` of 0 would be a hot loop.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Settled as delivered.
    Delivered {
        /// The chat says no more than that it took it in (Teams Workflows): it may still fail unseen.
        accepted: bool,
    },
    /// The whole sink waits this long (plus at most 1 s of jitter), then again.
    Wait(Duration),
    /// Again with backoff, not before what the chat asked for.
    Retry {
        /// What it asked for.
        at_least: Option<Duration>,
    },
    /// Again with backoff; a second time it will be dead.
    RetryOnce,
    /// The message said several cards: again, each on its own, before any of them is held to be at fault.
    Split,
    /// Again in its plain form.
    Plain,
    /// A dead letter.
    Dead {
        /// The operator is told at once: it points at a fault rather than at one bad card.
        alert: bool,
    },
    /// The sink is disabled; the delivery waits.
    Disable,
}

/// What came before, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// The message said more than one card.
    pub merged: bool,
    /// It was drawn plain.
    pub plain: bool,
    /// The delivery was repeated already after an end that is unknown.
    pub unsure: bool,
    /// Other messages in a row that the sink refused for the same reason, before this one.
    pub refused: u32,
    /// Waits in a row that the sink has asked for, before this one.
    pub waits: u32,
}

/// What `answer` means for a delivery to a sink of `kind`.
#[must_use]
pub fn judge(kind: SinkKind, answer: &Answer, history: &History) -> Verdict {
    under(find(kind, answer), answer, history)
}

/// As [`judge`], the row being known.
#[must_use]
pub fn under(row: &Row, answer: &Answer, history: &History) -> Verdict {
    match row.act {
        Act::Delivered => Verdict::Delivered { accepted: false },
        Act::Accepted => Verdict::Delivered { accepted: true },
        Act::Wait { first, most } => {
            let unasked = first.saturating_mul(2_u32.saturating_pow(history.waits)).min(most);
            Verdict::Wait(asked(answer).unwrap_or(unasked))
        }
        Act::Retry => Verdict::Retry { at_least: asked(answer) },
        Act::RetryOnce if history.unsure => Verdict::Dead { alert: true },
        Act::RetryOnce => Verdict::RetryOnce,
        Act::Plain | Act::Dead { .. } if history.merged => Verdict::Split,
        Act::Plain if history.plain => Verdict::Dead { alert: true },
        Act::Plain => Verdict::Plain,
        Act::Dead { disable_after } if history.refused.saturating_add(1) >= disable_after => Verdict::Disable,
        Act::Dead { .. } => Verdict::Dead { alert: true },
        Act::Disable => Verdict::Disable,
    }
}

/// The answer's `Retry-After`, held between 1 s and 300 s (the recommendation for both chats: an absurd value neither
/// hammers nor silences a sink for a day).
fn asked(answer: &Answer) -> Option<Duration> {
    match answer {
        Answer::Reply(reply) => reply.retry_after.map(|wait| wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)),
        Answer::Unsent(_) | Answer::Untrusted(_) | Answer::Unsure(_) | Answer::Unusable => None,
    }
}
