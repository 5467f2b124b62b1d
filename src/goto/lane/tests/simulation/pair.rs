//! The two lanes of a connection side by side, with faults of their own. The event gaps that they report are compared with
//! the times in which GoTo could send to neither of them.

use super::*;
use crate::{
    goto::gap::{GapChange, GapTracker},
    model::time::elapsed,
};

/// What a lane cannot know: a broken socket may have received until it broke, or only until its last frame.
const DOUBT: Duration = MAX_SILENCE;

struct Pair {
    lanes: [Simulation; 2],
    tracker: GapTracker,
    /// Since when no socket receives.
    uncovered_since: Option<Timestamp>,
    /// The times in which no socket received.
    uncovered: Vec<(Timestamp, Timestamp)>,
    gaps: Vec<(Timestamp, Timestamp)>,
}

impl Pair {
    fn new(seed: u64, renewal_fault_rate: f64) -> Self {
        let now = start();
        let lanes = [0_u8, 1].map(|number| {
            let mut simulation = Simulation::calm(seed * 5 + u64::from(number), renewal_fault_rate, now);
            simulation.drops = true;
            let first = Duration::from_secs(simulation.rng.u64(60..1200));
            simulation.after(first, SimEvent::ServerAction);
            simulation
        });
        Self { lanes, tracker: GapTracker::new(None), uncovered_since: None, uncovered: Vec::new(), gaps: Vec::new() }
    }

    /// Executes the next step of the lane that has the next one.
    fn step(&mut self) {
        let turn = usize::from(self.lanes[1].next() < self.lanes[0].next());
        let lane = &mut self.lanes[turn];
        lane.step();
        let now = lane.now.timestamp;
        for event in std::mem::take(&mut lane.emitted) {
            let change = match event {
                LaneEvent::Up => self.tracker.lane_up(turn as u8, now),
                LaneEvent::Down { live_until, .. } => self.tracker.lane_down(turn as u8, live_until.timestamp),
                _ => None,
            };
            if let Some(GapChange::Closed { from, to }) = change {
                self.gaps.push((from, to));
            }
        }
        assert!(lane.channels.len() <= 2, "seed {}: a third channel: {:?}", lane.seed, lane.channels);
        let receives = self.lanes.iter().any(Simulation::receives);
        match (self.uncovered_since, receives) {
            (None, false) if self.tracker.open_since().is_some() || !self.gaps.is_empty() || self.is_up_once() => {
                self.uncovered_since = Some(now);
            }
            (Some(since), true) => {
                self.uncovered.push((since, now));
                self.uncovered_since = None;
            }
            _ => {}
        }
    }

    fn is_up_once(&self) -> bool {
        self.lanes.iter().any(|lane| lane.times_live > 0)
    }
}

impl Simulation {
    /// Returns whether GoTo can send to an open socket of the lane.
    fn receives(&self) -> bool {
        let is_open = |socket: &SimSocket| socket.open && socket.silent.is_none();
        self.sockets.values().any(|socket| is_open(socket) && self.channels.contains_key(&socket.channel))
    }
}

/// Simulates ten weeks of channels of 1200 s on both lanes. Every fifth renewal fails, and sockets are dropped and muted at
/// random.
#[test]
fn lane_pair_of_ten_weeks_reports_each_uncovered_time() {
    let mut count = 0;
    for seed in 0..4 {
        let mut pair = Pair::new(seed, 0.2);
        let end = pair.lanes[0].now.instant + Duration::from_secs(70 * 86_400);
        while pair.lanes.iter().any(|lane| lane.now.instant < end) || pair.uncovered_since.is_some() {
            pair.step();
        }
        // What is still undetected at the end is no matter.
        let last = pair.lanes[0].now.timestamp.checked_sub(MAX_RECOVERY).unwrap();
        for (from, to) in pair.uncovered.iter().filter(|(_, to)| *to < last) {
            let is_covered = pair.gaps.iter().any(|(since, until)| since <= from && to <= until);
            assert!(is_covered, "seed {seed}: uncovered from {from} to {to}, in no event gap");
            assert!(elapsed(*from, *to) < MAX_RECOVERY, "seed {seed}: uncovered from {from} to {to}");
        }
        for (from, to) in &pair.gaps {
            let within = pair.uncovered.iter().filter(|(since, until)| since < to && from < until);
            let uncovered: Duration = within.map(|(since, until)| elapsed(*since, *until)).sum();
            let gap = elapsed(*from, *to);
            assert!(gap <= uncovered + DOUBT, "seed {seed}: gap of {gap:?} from {from}, uncovered for {uncovered:?}");
        }
        count += pair.uncovered.len();
    }
    println!("{count} uncovered times");
    assert!(count > 50, "both lanes were lost too seldom to prove anything: {count}");
}
