//! Calls at a constant rate, and the time of each from its first frame to its card at the webhook. Both times are taken by
//! the simulator: after it wrote the frame, and after it read and checked the request.

use super::processes::SimulatorProcess;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::time::MissedTickBehavior;

/// Longest wait for cards after the last call.
const CARD_TIMEOUT: Duration = Duration::from_secs(60);

/// Number of the first caller after the area code 514.
const FIRST_NUMBER: u64 = 2_000_000;

/// Calls of one relay.
pub struct Load<'a> {
    sim: &'a SimulatorProcess,
    /// Whether posts match calls by position, because a fixed body has no caller number.
    by_position: bool,
    /// List of the simulator with the cards: `posts` of webhooks, or `messages` of an app.
    cards: &'static str,
    calls: u64,
    posts: u64,
}

/// Result of a run.
#[derive(Debug, Default)]
pub struct LoadResult {
    /// Sorted times from frame to request.
    pub waits: Vec<Duration>,
    /// Calls without a card.
    pub lost: usize,
    /// Measured calls per second.
    pub rate: f64,
    /// Messages up to the last first card: below the number of calls if messages held several cards.
    pub messages: u64,
}

impl LoadResult {
    /// Returns a percentile of the waits.
    pub fn percentile(&self, part: usize) -> Duration {
        let at = (self.waits.len() * part).div_ceil(100).saturating_sub(1);
        self.waits.get(at).copied().unwrap_or_default()
    }
}

impl<'a> Load<'a> {
    pub fn new(sim: &'a SimulatorProcess, by_position: bool, cards: &'static str) -> Self {
        Self { sim, by_position, cards, calls: 0, posts: 0 }
    }

    /// Places `count` calls at `rate` per second and waits until all are posted and ended.
    pub async fn run(&mut self, count: u32, rate: f64) -> LoadResult {
        let first = self.calls;
        let start = Instant::now();
        let mut ticker = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        // On a slow machine calls come slower, not in bursts.
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..count {
            ticker.tick().await;
            let placed = self.sim.http.post(format!("{}/sim/call", self.sim.url)).json(&plan(self.calls));
            placed.send().await.unwrap().error_for_status().unwrap();
            self.calls += 1;
        }
        let took = start.elapsed();
        let earlier = self.posts;
        let first_cards = self.first_cards(first, usize::try_from(count).unwrap()).await;
        // The calls' ends and reports come within a second and a half.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut timed = self.matched(first, &first_cards).await;
        timed.messages = self.posts - earlier;
        timed.rate = f64::from(count) / took.as_secs_f64();
        timed
    }

    /// Returns the time of the first card of each call, by call number.
    async fn first_cards(&mut self, first: u64, count: usize) -> HashMap<u64, Timestamp> {
        let start = Instant::now();
        let mut first_cards = HashMap::new();
        while first_cards.len() < count && start.elapsed() < CARD_TIMEOUT {
            for post in self.sim.list(self.cards, self.posts).await {
                self.posts += 1;
                let post = if self.cards == "messages" { &post["versions"][0] } else { &post };
                let at = time(&post["at"]);
                if self.by_position {
                    first_cards.insert(first + u64::try_from(first_cards.len()).unwrap(), at);
                } else {
                    let payload = post["payload"].to_string();
                    for call in shown(&payload).filter(|call| (first..self.calls).contains(call)) {
                        first_cards.entry(call).or_insert(at);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        first_cards
    }

    async fn matched(&self, first: u64, first_cards: &HashMap<u64, Timestamp>) -> LoadResult {
        let mut calls = self.sim.list("calls", first).await;
        if self.by_position {
            calls.sort_by_key(|call| time(&call["ring_delivered_at"]));
        }
        let matched_calls = calls
            .iter()
            .zip(first..)
            .filter_map(|(call, nth)| Some((first_cards.get(&nth)?, time(&call["ring_delivered_at"]))));
        let mut waits: Vec<Duration> = matched_calls
            .map(|(card, frame)| Duration::try_from(card.duration_since(frame)).unwrap_or_default())
            .collect();
        waits.sort_unstable();
        LoadResult { lost: calls.len() - waits.len(), waits, ..LoadResult::default() }
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Returns a call plan with a distinct caller: rings immediately, answered after 300 ms, ended after 600 ms.
fn plan(nth: u64) -> Value {
    let line = json!({ "extension": "1015", "name": "Bob Roy" });
    json!({
        "caller": { "name": "ALICE MARTIN", "number": format!("+1514{}", FIRST_NUMBER + nth) },
        "steps": [
            { "at_ms": 0, "step": "rings", "lines": [line] },
            { "at_ms": 3000, "step": "answers", "extension": "1015" },
            { "at_ms": 6000, "step": "hangs_up", "extension": null },
        ],
        "speed": 10.0,
    })
}

/// Returns the calls in a payload by caller number. A message with several calls may omit names.
fn shown(payload: &str) -> impl Iterator<Item = u64> {
    payload.match_indices("(514) ").filter_map(|(at, word)| {
        let digits = payload.get(at + word.len()..)?.get(..8)?.replace('-', "");
        digits.parse::<u64>().ok()?.checked_sub(FIRST_NUMBER)
    })
}
