//! Metrics of one sink: posts, cards, times. The worker holds the counters; recording is a few atomic additions.

use super::{
    ResponseClass,
    catalog::{Catalog, Labeled},
    day_latency::DayLatency,
    histogram::Histogram,
};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;
use std::{
    array,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// Statuses of a call; recaps, gap summaries and alerts have `other`.
pub(super) const CARD_STATUSES: [&str; 7] =
    ["ringing", "answered", "missed", "voicemail", "ended", "called_back", "other"];

/// Metrics of all sinks.
#[derive(Debug)]
pub(super) struct SinkFamilies {
    posts: Labeled<Counter>,
    post_duration: Labeled<Histogram>,
    cards: Labeled<Counter>,
    card_delay: Labeled<Histogram>,
    call_to_card: Labeled<Histogram>,
    retries: Labeled<Counter>,
    dead_letters: Labeled<Counter>,
    batched: Labeled<Counter>,
    /// GoTo's time minus the local time, in milliseconds.
    pub(super) clock_offset: Arc<AtomicI64>,
}

/// Counters of one sink. Clones share them. The default is not exported.
#[derive(Debug, Clone, Default)]
pub struct SinkMetrics(Arc<SinkCounters>);

#[derive(Debug, Default)]
struct SinkCounters {
    posts: [Counter; ResponseClass::ALL.len()],
    post_duration: Histogram,
    cards: [Counter; CARD_STATUSES.len()],
    card_delay: [Histogram; CARD_STATUSES.len()],
    call_to_card: [Histogram; CARD_STATUSES.len()],
    retries: Counter,
    dead_letters: Counter,
    batched: Counter,
    clock_offset: Arc<AtomicI64>,
    day: Arc<DayLatency>,
}

impl SinkFamilies {
    pub(super) fn register(catalog: &mut Catalog) -> Self {
        let card = &["sink", "status"];
        Self {
            posts: catalog.counter(
                "posts",
                &["sink", "response"],
                "Messages sent to a chat, by class of the response. A message may have several cards",
            ),
            post_duration: catalog.histogram(
                "post_duration",
                &["sink"],
                "Time from sending a message to the response of the chat",
            ),
            cards: catalog.counter("cards_delivered", card, "Cards accepted by the chat, edits included"),
            card_delay: catalog.histogram(
                "card_delay",
                card,
                "Time from the receipt of a call update to the acceptance of its card: look-up, outbox, rate limit, post. An edit \
                 counts if it shows a new status",
            ),
            call_to_card: catalog.histogram(
                "call_to_card",
                card,
                "Time from the change of the call at GoTo to the acceptance of its card. A change is a ringing phone or an \
                 answer, not the start of the call",
            ),
            retries: catalog.counter("card_retries", &["sink"], "Attempts after which a card waits for another attempt"),
            dead_letters: catalog.counter("dead_letters", &["sink"], "Cards given up"),
            batched: catalog.counter("cards_batched", &["sink"], "Cards delivered in a message with other cards"),
            clock_offset: Arc::default(),
        }
    }

    /// Returns the counters of one sink. All label values exist from then on.
    pub(super) fn sink(&self, name: &str, day: Arc<DayLatency>) -> SinkMetrics {
        let status = |index: usize| CARD_STATUSES.get(index).copied().unwrap_or_default();
        SinkMetrics(Arc::new(SinkCounters {
            posts: ResponseClass::ALL.map(|class| self.posts.of(&[name, class.as_str()])),
            post_duration: self.post_duration.of(&[name]),
            cards: array::from_fn(|index| self.cards.of(&[name, status(index)])),
            card_delay: array::from_fn(|index| self.card_delay.of(&[name, status(index)])),
            call_to_card: array::from_fn(|index| self.call_to_card.of(&[name, status(index)])),
            retries: self.retries.of(&[name]),
            dead_letters: self.dead_letters.of(&[name]),
            batched: self.batched.of(&[name]),
            clock_offset: Arc::clone(&self.clock_offset),
            day,
        }))
    }
}

impl SinkMetrics {
    /// Counts a message and its response; `None` without one.
    pub fn post(&self, status: Option<u16>, took: Duration) {
        if let Some(counter) = self.0.posts.get(ResponseClass::of(status) as usize) {
            counter.inc();
        }
        self.0.post_duration.observe(took);
    }

    /// Counts an accepted card by one of the `CARD_STATUSES`.
    pub fn card(&self, status: &str) {
        if let Some(counter) = index_of(status).and_then(|index| self.0.cards.get(index)) {
            counter.inc();
        }
    }

    /// Converts a local time into GoTo's, for ages of GoTo's times.
    #[must_use]
    pub fn goto_time(&self, local: Timestamp) -> Timestamp {
        let offset = SignedDuration::from_millis(self.0.clock_offset.load(Ordering::Relaxed));
        local.saturating_add(offset).unwrap_or(local)
    }

    /// Records the times of an accepted card of a call update. `received`: local time of the update. `occurred`: GoTo's time
    /// of it.
    pub fn card_times(&self, status: &str, received: Option<Timestamp>, occurred: Timestamp, now: Timestamp) {
        let Some(index) = index_of(status) else { return };
        if let (Some(received), Some(histogram)) = (received, self.0.card_delay.get(index)) {
            histogram.observe(elapsed(received, now));
        }
        let latency = elapsed(occurred, self.goto_time(now));
        if let Some(histogram) = self.0.call_to_card.get(index) {
            histogram.observe(latency);
        }
        if status == "ringing" {
            self.0.day.record(now.as_second(), latency);
        }
    }

    /// Counts a card that waits for another attempt.
    pub fn retry(&self) {
        self.0.retries.inc();
    }

    /// Counts a dead letter.
    pub fn dead_letter(&self) {
        self.0.dead_letters.inc();
    }

    /// Counts the cards of one message with several.
    pub fn batch(&self, cards: usize) {
        self.0.batched.inc_by(u64::try_from(cards).unwrap_or(u64::MAX));
    }
}

fn index_of(status: &str) -> Option<usize> {
    CARD_STATUSES.iter().position(|one| *one == status)
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
