//! Which waiting deliveries the next message says. Pure.
//!
//! Newest first, so that a call that rings now is seen now, however long the queue is; but when a queue does not fit into
//! one message, every third message begins with the oldest, so that what waits longest gets a third of the channel and
//! nothing waits for ever. Cards are merged unless one has to go alone: it is to be drawn plain, or it was part of
//! messages that the sink refused while it took others. A sink that is in trouble gets one card at a time, the one that
//! was tried least: a whole batch would spend its only second chance on finding out whether the sink is well.

use super::web_api;
use crate::model::{card::Card, delivery::Delivery, time::Timestamp};

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

/// As of when a message is drawn. A new one: as of `now`. An edit: as of when the chat first showed what it tells, which is
/// its moment, or the post of the message if that came later. A message that was there in time is not late because it was
/// changed, and a ring that came late stays one. How long a call has not been heard of counts up to `now` in both.
#[must_use]
pub fn drawn_as_of(delivery: &Delivery, now: Timestamp) -> Timestamp {
    match (delivery.form.edit_of(), &delivery.card) {
        (Some(place), Card::Call(card)) if !card.telling.call.lost => {
            let at = card.telling.at;
            web_api::posted(place).map_or(at, |posted| posted.max(at)).min(now)
        }
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deliver::tests::queue::{delivery, ring},
        model::delivery::{Form, Place},
    };

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

    #[test]
    fn a_message_that_was_there_in_time_is_not_late_because_it_was_edited() {
        let time = |text: &str| -> Timestamp { format!("2026-11-23T{text}Z").parse().unwrap() };
        let (rang, now) = (time("18:00:00"), time("18:10:00"));
        let edit = |posted: &str| {
            let message = if posted.is_empty() { "x".to_owned() } else { format!("{}.07", time(posted).as_second()) };
            let at = Some(Place { channel: "C1".to_owned(), message });
            let card = Card::Call(Box::new(ring(rang)));
            Delivery { form: Form::Living { at, lost: false }, card, ..delivery(1, "") }
        };
        assert_eq!(drawn_as_of(&edit("18:00:02"), now), time("18:00:02"));
        assert_eq!(drawn_as_of(&edit("18:03:00"), now), time("18:03:00"), "it was late, and stays so");
        assert_eq!(drawn_as_of(&edit("17:59:00"), now), rang, "a later moment of a message that stood there");
        assert_eq!(drawn_as_of(&edit("18:11:00"), now), now, "the chat's clock is ahead of ours");
        assert_eq!(drawn_as_of(&edit(""), now), rang);
        let new = Delivery { form: Form::Living { at: None, lost: false }, ..edit("18:00:02") };
        assert_eq!(drawn_as_of(&new, now), now);
        let mut lost = ring(rang);
        lost.telling.call.lost = true;
        let lost = Delivery { card: Card::Call(Box::new(lost)), ..edit("18:00:02") };
        assert_eq!(drawn_as_of(&lost, now), now, "it says for how long nothing was heard");
    }
}
