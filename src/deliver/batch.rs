//! Selects the due deliveries of the next message. Pure.
//!
//! The newest come first: a ringing call is posted without delay, however long the queue is. If the queue does not fit into
//! one message, every third message starts with the oldest, which bounds the wait of each card. A card goes alone if it is
//! rendered plain or collected strikes. A failing sink gets one card at a time, the newest of those with the fewest attempts.
//! If the sink accepts messages without an answer, the channel shows different cards instead of copies of one.

use crate::{
    deliver::slack_api,
    model::{card::Card, delivery::Delivery, time::Timestamp},
};

/// Maximum cards passed to the render function: more than any chat's message holds.
const MAX_CARDS: usize = 100;
/// Every n-th overflowing message starts with the oldest cards.
const OLDEST_FIRST_EVERY: u32 = 3;

/// Composition of the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchMode {
    /// The sink works: merge all due cards.
    Merge,
    /// The sink is failing: send one card.
    Canary,
    /// The sink is disabled: probe with the oldest card.
    Probe,
}

/// Selects deliveries in the order of the message. `waiting` is sorted oldest first; `full` counts the messages so far
/// that could not hold all due cards.
#[must_use]
pub fn select_batch(
    waiting: &[Delivery],
    mode: BatchMode,
    overflows: u32,
    must_go_alone: impl Fn(&Delivery) -> bool,
) -> Vec<&Delivery> {
    let one = match mode {
        BatchMode::Probe => waiting.first(),
        BatchMode::Canary => waiting.iter().rev().min_by_key(|delivery| delivery.attempts),
        BatchMode::Merge => None,
    };
    if mode != BatchMode::Merge {
        return one.into_iter().collect();
    }
    let mut queue: Vec<&Delivery> = waiting.iter().collect();
    if overflows % OLDEST_FIRST_EVERY != OLDEST_FIRST_EVERY - 1 {
        queue.reverse();
    }
    match queue.first() {
        Some(first) if must_go_alone(first) => queue.truncate(1),
        _ => queue.retain(|delivery| !must_go_alone(delivery)),
    }
    queue.truncate(MAX_CARDS);
    queue
}

/// Returns the time for which a message is rendered. A new message uses `now`. An edit uses the time of its status, or of the
/// first post if that is later. Thus an edit neither makes a punctual message late nor a late one punctual. A call whose end
/// is unknown uses `now`, because its card shows the time since the last snapshot.
#[must_use]
pub fn render_time(delivery: &Delivery, now: Timestamp) -> Timestamp {
    match (delivery.mode.edited_message(), &delivery.card) {
        (Some(place), Card::Call(card)) if !card.update.call.end_unknown => {
            let at = card.update.at;
            slack_api::posted_at(place).map_or(at, |posted_at| posted_at.max(at)).min(now)
        }
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deliver::tests::queue::{delivery, ring},
        model::delivery::{MessageRef, PostMode},
    };

    fn waiting(count: i64) -> Vec<Delivery> {
        (1..=count).map(|id| delivery(id, &id.to_string())).collect()
    }

    fn ids(chosen: &[&Delivery]) -> Vec<i64> {
        chosen.iter().map(|one| one.id.0).collect()
    }

    #[test]
    fn select_batch_newest_first_every_third_overflow_oldest_first() {
        let queue = waiting(3);
        let firsts: Vec<i64> =
            (0..6).map(|overflows| ids(&select_batch(&queue, BatchMode::Merge, overflows, |_| false))[0]).collect();
        assert_eq!(firsts, [3, 3, 1, 3, 3, 1]);
        assert_eq!(ids(&select_batch(&queue, BatchMode::Merge, 0, |_| false)), [3, 2, 1]);
        assert!(select_batch(&[], BatchMode::Merge, 0, |_| false).is_empty());
    }

    #[test]
    fn select_batch_constant_load_starves_no_delivery() {
        // Two cards fit into a message, three arrive during each post, and the very first has to go alone.
        let mut queue = waiting(6);
        let mut next = 7;
        let mut overflows = 0;
        for turn in 0..12 {
            let sent: Vec<i64> = ids(&select_batch(&queue, BatchMode::Merge, overflows, |one| one.id.0 == 1))
                .into_iter()
                .take(2)
                .collect();
            overflows += u32::from(sent.len() < queue.len());
            queue.retain(|one| !sent.contains(&one.id.0));
            queue.extend((next..next + 3).map(|id| delivery(id, "")));
            next += 3;
            assert!(turn < 3 || queue[0].id.0 > 1, "the oldest still waits after {turn} messages");
        }
        assert!(queue[0].id.0 > 4, "{}", queue[0].id.0);
    }

    #[test]
    fn select_batch_card_that_goes_alone_is_not_merged() {
        let queue = waiting(4);
        assert_eq!(ids(&select_batch(&queue, BatchMode::Merge, 0, |one| one.id.0 == 4)), [4]);
        assert_eq!(ids(&select_batch(&queue, BatchMode::Merge, 0, |one| one.id.0 == 2)), [4, 3, 1]);
        assert_eq!(ids(&select_batch(&queue, BatchMode::Merge, 2, |one| one.id.0 == 1)), [1]);
    }

    #[test]
    fn select_batch_canary_least_tried_probe_oldest() {
        let mut queue = waiting(4);
        queue[3].attempts = 1;
        queue[0].attempts = 2;
        assert_eq!(ids(&select_batch(&queue, BatchMode::Canary, 0, |_| false)), [3]);
        assert_eq!(ids(&select_batch(&queue, BatchMode::Probe, 0, |_| false)), [1]);
    }

    #[test]
    fn select_batch_long_queue_is_truncated() {
        assert_eq!(select_batch(&waiting(300), BatchMode::Merge, 0, |_| false).len(), MAX_CARDS);
    }

    #[test]
    fn render_time_of_edit_is_first_post_not_now() {
        let time = |text: &str| -> Timestamp { format!("2026-11-23T{text}Z").parse().unwrap() };
        let (rang, now) = (time("18:00:00"), time("18:10:00"));
        let edit = |posted_at: &str| {
            let message =
                if posted_at.is_empty() { "x".to_owned() } else { format!("{}.07", time(posted_at).as_second()) };
            let at = Some(MessageRef { channel: "C1".to_owned(), ts: message });
            let card = Card::Call(Box::new(ring(rang)));
            Delivery { mode: PostMode::Live { message: at, reposted: false }, card, ..delivery(1, "") }
        };
        assert_eq!(render_time(&edit("18:00:02"), now), time("18:00:02"));
        assert_eq!(render_time(&edit("18:03:00"), now), time("18:03:00"), "a late message stays late");
        assert_eq!(render_time(&edit("17:59:00"), now), rang, "a later status of an existing message");
        assert_eq!(render_time(&edit("18:11:00"), now), now, "the chat's clock is ahead of the local clock");
        assert_eq!(render_time(&edit(""), now), rang);
        let new = Delivery { mode: PostMode::Live { message: None, reposted: false }, ..edit("18:00:02") };
        assert_eq!(render_time(&new, now), now);
        let mut lost = ring(rang);
        lost.update.call.end_unknown = true;
        let lost = Delivery { card: Card::Call(Box::new(lost)), ..edit("18:00:02") };
        assert_eq!(render_time(&lost, now), now, "the card shows the time since the last snapshot");
    }
}
