//! Calls at a rate, and how long each took from its first frame to its card's arrival at the webhook. Both times are the
//! world's: when it had written the frame, when it had read and checked the request.

use super::parties::World;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::time::MissedTickBehavior;

/// How long cards may still come after the last call.
const LAST_WITHIN: Duration = Duration::from_secs(60);

/// The first caller's number, behind the area code 514.
const FIRST_NUMBER: u64 = 2_000_000;

/// One relay's calls.
pub struct Load<'a> {
    world: &'a World,
    /// A fixed body names nobody: then the n-th post is for the n-th call.
    in_turn: bool,
    calls: u64,
    posts: u64,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Timed {
    /// Frame to request, sorted.
    pub waits: Vec<Duration>,
    /// Calls without a card.
    pub untold: usize,
    /// Calls a second as they really came.
    pub rate: f64,
}

impl Timed {
    /// The wait that so many of a hundred calls did not exceed.
    pub fn percentile(&self, part: usize) -> Duration {
        let at = (self.waits.len() * part).div_ceil(100).saturating_sub(1);
        self.waits.get(at).copied().unwrap_or_default()
    }
}

impl<'a> Load<'a> {
    pub fn new(world: &'a World, in_turn: bool) -> Self {
        Self { world, in_turn, calls: 0, posts: 0 }
    }

    /// Places `count` calls at `rate` a second, and waits until all are told and over.
    pub async fn run(&mut self, count: u32, rate: f64) -> Timed {
        let first = self.calls;
        let start = Instant::now();
        let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        // On a machine that cannot keep up the calls come slower, not in heaps.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..count {
            pace.tick().await;
            let placed = self.world.http.post(format!("{}/sim/call", self.world.url)).json(&plan(self.calls));
            placed.send().await.unwrap().error_for_status().unwrap();
            self.calls += 1;
        }
        let took = start.elapsed();
        let told = self.told(first, usize::try_from(count).unwrap()).await;
        // The calls' ends and reports come within a second and a half.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut timed = self.matched(first, &told).await;
        timed.rate = f64::from(count) / took.as_secs_f64();
        timed
    }

    /// When each call was told, by its number.
    async fn told(&mut self, first: u64, count: usize) -> HashMap<u64, Timestamp> {
        let start = Instant::now();
        let mut told = HashMap::new();
        while told.len() < count && start.elapsed() < LAST_WITHIN {
            for post in self.world.list("posts", self.posts).await {
                self.posts += 1;
                let at = time(&post["at"]);
                if self.in_turn {
                    told.insert(first + u64::try_from(told.len()).unwrap(), at);
                } else {
                    let payload = post["payload"].to_string();
                    for call in shown(&payload).filter(|call| (first..self.calls).contains(call)) {
                        told.entry(call).or_insert(at);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        told
    }

    async fn matched(&self, first: u64, told: &HashMap<u64, Timestamp>) -> Timed {
        let mut calls = self.world.list("calls", first).await;
        if self.in_turn {
            calls.sort_by_key(|call| time(&call["heard_at"]));
        }
        let heard =
            calls.iter().zip(first..).filter_map(|(call, nth)| Some((told.get(&nth)?, time(&call["heard_at"]))));
        let mut waits: Vec<Duration> =
            heard.map(|(told, heard)| Duration::try_from(told.duration_since(heard)).unwrap_or_default()).collect();
        waits.sort_unstable();
        Timed { untold: calls.len() - waits.len(), waits, rate: 0.0 }
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// A call that rings at once, is answered after 300 ms and over after 600. Each caller has a number of their own.
fn plan(nth: u64) -> Value {
    let line = json!({ "extension": "1015", "name": "Bob Roy" });
    json!({
        "caller": { "name": "ALICE MARTIN", "number": format!("+1514{}", FIRST_NUMBER + nth) },
        "beats": [
            { "at_ms": 0, "beat": "rings", "lines": [line] },
            { "at_ms": 3000, "beat": "answers", "extension": "1015" },
            { "at_ms": 6000, "beat": "hangs_up", "extension": null },
        ],
        "speed": 10.0,
    })
}

/// The calls that a payload shows, by their callers' numbers: a message that says several calls leaves out names.
fn shown(payload: &str) -> impl Iterator<Item = u64> {
    payload.match_indices("(514) ").filter_map(|(at, word)| {
        let digits = payload.get(at + word.len()..)?.get(..8)?.replace('-', "");
        digits.parse::<u64>().ok()?.checked_sub(FIRST_NUMBER)
    })
}
