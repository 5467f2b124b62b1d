//! Which waiting deliveries the next message says. Pure.
//!
//! Newest first, so that a call that rings now is seen now, however long the queue is; but when a queue does not fit into
//! one message, every third message begins with the oldest, so that what waits longest gets a third of the channel and
//! nothing waits for ever. Cards are merged unless one has to go alone: it is to be drawn plain, or it was part of
//! messages that the sink refused while it took others. A sink that is in trouble gets one card at a time, the one that
//! was tried least: a whole batch would spend its only second chance on finding out whether the sink is well.

use crate::model::delivery::Delivery;

/// How many cards are handed to the drawing at most: more than any chat's message holds.
const MERGE_MOST: usize = 100;
/// Every how many full messages the oldest come first.
const OLDEST_EVERY: u32 = 3;

/// How the next message is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The sink is well: merge what waits.
    Merge,
    /// The sink is in trouble: one card.
    Canary,
    /// The sink is disabled: the oldest card, to see whether it still is.
    Probe,
}

/// Whose turn it is, in the order in which the message should say them. `waiting` is oldest first, `full` counts the
/// messages so far that could not say all that waited.
#[must_use]
pub fn choose(waiting: &[Delivery], mode: Mode, full: u32, alone: impl Fn(&Delivery) -> bool) -> Vec<&Delivery> {
    let one = match mode {
        Mode::Probe => waiting.first(),
        Mode::Canary => waiting.iter().rev().min_by_key(|delivery| delivery.attempts),
        Mode::Merge => None,
    };
    if mode != Mode::Merge {
        return one.into_iter().collect();
    }
    let mut queue: Vec<&Delivery> = waiting.iter().collect();
    if full % OLDEST_EVERY != OLDEST_EVERY - 1 {
        queue.reverse();
    }
    match queue.first() {
        Some(first) if alone(first) => queue.truncate(1),
        _ => queue.retain(|delivery| !alone(delivery)),
    }
    queue.truncate(MERGE_MOST);
    queue
}
