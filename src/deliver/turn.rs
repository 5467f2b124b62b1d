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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::tests::queue::delivery;

    fn waiting(count: i64) -> Vec<Delivery> {
        (1..=count).map(|id| delivery(id, &id.to_string())).collect()
    }

    fn ids(chosen: &[&Delivery]) -> Vec<i64> {
        chosen.iter().map(|one| one.id.0).collect()
    }

    #[test]
    fn the_newest_come_first_and_every_third_full_message_begins_with_the_oldest() {
        let queue = waiting(3);
        let firsts: Vec<i64> = (0..6).map(|full| ids(&choose(&queue, Mode::Merge, full, |_| false))[0]).collect();
        assert_eq!(firsts, [3, 3, 1, 3, 3, 1]);
        assert_eq!(ids(&choose(&queue, Mode::Merge, 0, |_| false)), [3, 2, 1]);
        assert!(choose(&[], Mode::Merge, 0, |_| false).is_empty());
    }

    #[test]
    fn nothing_waits_for_ever_however_much_keeps_coming() {
        // Two cards fit into a message, three come while it is posted, and the first of all has to go alone.
        let mut queue = waiting(6);
        let mut next = 7;
        let mut full = 0;
        for turn in 0..12 {
            let said: Vec<i64> =
                ids(&choose(&queue, Mode::Merge, full, |one| one.id.0 == 1)).into_iter().take(2).collect();
            full += u32::from(said.len() < queue.len());
            queue.retain(|one| !said.contains(&one.id.0));
            queue.extend((next..next + 3).map(|id| delivery(id, "")));
            next += 3;
            assert!(turn < 3 || queue[0].id.0 > 1, "the oldest still waits after {turn} turns");
        }
        assert!(queue[0].id.0 > 4, "{}", queue[0].id.0);
    }

    #[test]
    fn a_card_that_goes_alone_is_merged_with_nothing() {
        let queue = waiting(4);
        assert_eq!(ids(&choose(&queue, Mode::Merge, 0, |one| one.id.0 == 4)), [4]);
        assert_eq!(ids(&choose(&queue, Mode::Merge, 0, |one| one.id.0 == 2)), [4, 3, 1]);
        assert_eq!(ids(&choose(&queue, Mode::Merge, 2, |one| one.id.0 == 1)), [1]);
    }

    #[test]
    fn a_sink_in_trouble_gets_the_newest_of_those_that_were_tried_least_and_a_disabled_one_the_oldest() {
        let mut queue = waiting(4);
        queue[3].attempts = 1;
        queue[0].attempts = 2;
        assert_eq!(ids(&choose(&queue, Mode::Canary, 0, |_| false)), [3]);
        assert_eq!(ids(&choose(&queue, Mode::Probe, 0, |_| false)), [1]);
    }

    #[test]
    fn a_long_queue_is_not_drawn_whole() {
        assert_eq!(choose(&waiting(300), Mode::Merge, 0, |_| false).len(), MERGE_MOST);
    }
}
