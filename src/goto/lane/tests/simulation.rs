//! Simulation of one lane in virtual time, against a GoTo with random faults: rejections, resets, silence, absurd
//! lifetimes, answers that are late, doubled or missing. Checks the invariants of the lane module after every step.
//! A failure prints its seed; `POPRELAY_SEED=n` runs that seed alone.

mod effects;
mod pair;
mod server;

use super::super::{machine::State, *};
use crate::model::{
    ids::{AccountKey, ChannelId},
    secret::Secret,
    time::{Now, Timestamp},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// Limit of requests and sockets in any minute, under any fault: 10 a second would be 600.
const MAX_REQUESTS_PER_MINUTE: usize = 90;
/// Limit from the end of faults to a live lane: a slow retry (300 s; `Retry-After` is 120 s at most here), a request without
/// an answer (60 s), and the steps that follow.
const MAX_RECOVERY: Duration = Duration::from_secs(300 + 60 + 60 + 60);
/// Limit for detecting silence right after a pong: 12 s to the next ping, two answers of 5 s, and the last tick.
const MAX_SILENCE: Duration = Duration::from_secs(23);

#[derive(Debug)]
struct SimChannel {
    ends: Instant,
}

#[derive(Debug)]
struct SimSocket {
    channel: ChannelId,
    open: bool,
    silent: Option<Instant>,
}

/// A scheduled event of the simulated GoTo.
#[derive(Debug)]
enum SimEvent {
    Answer(Input),
    Connected(Ticket),
    Expire(ChannelId),
    /// `WEBSOCKET_REFRESH_REQUIRED` at half of the lifetime, unless the channel was renewed.
    RefreshNotice(ChannelId, Instant),
    FaultPhase,
    ServerAction,
}

fn start() -> Now {
    Now { instant: Instant::now(), timestamp: Timestamp::from_second(1_800_000_000).unwrap() }
}

struct Simulation {
    seed: u64,
    rng: fastrand::Rng,
    now: Now,
    lane: Lane,
    events: BTreeMap<(Instant, u64), SimEvent>,
    created_count: u64,
    channels: BTreeMap<ChannelId, SimChannel>,
    sockets: BTreeMap<Ticket, SimSocket>,
    /// Probability of a fault per request; 0 in a calm phase.
    fault_rate: f64,
    /// Probability that a renewal fails, in every phase.
    renewal_fault_rate: f64,
    calm_since: Instant,
    recent: VecDeque<Instant>,
    reported_live: bool,
    /// The server also drops and mutes sockets in a calm phase, every 1 to 20 min.
    drops: bool,
    /// Events of the lane, for who takes them.
    emitted: Vec<LaneEvent>,
    steps: u64,
    times_live: u64,
    stuck: u32,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self::at(seed, start())
    }

    fn at(seed: u64, now: Now) -> Self {
        let mut simulation = Self {
            seed,
            rng: fastrand::Rng::with_seed(seed),
            now,
            lane: Lane::new((seed % 5) as u8),
            events: BTreeMap::new(),
            created_count: 0,
            channels: BTreeMap::new(),
            sockets: BTreeMap::new(),
            fault_rate: 0.5,
            renewal_fault_rate: 0.0,
            calm_since: now.instant,
            recent: VecDeque::new(),
            reported_live: false,
            drops: false,
            emitted: Vec::new(),
            steps: 0,
            times_live: 0,
            stuck: 0,
        };
        simulation.after(Duration::ZERO, SimEvent::FaultPhase);
        simulation.after(Duration::from_secs(1), SimEvent::ServerAction);
        simulation.send(Input::Start);
        simulation
    }

    /// Creates a simulation without fault phases, in which only renewals fail.
    fn calm(seed: u64, renewal_fault_rate: f64, now: Now) -> Self {
        let mut simulation = Self::at(seed, now);
        simulation.events.retain(|_, event| matches!(event, SimEvent::Answer(_)));
        simulation.fault_rate = 0.0;
        simulation.renewal_fault_rate = renewal_fault_rate;
        simulation
    }

    fn live_for(&mut self, id: &ChannelId, lifetime: Duration) {
        let ends = self.now.instant + lifetime;
        self.channels.insert(id.clone(), SimChannel { ends });
        self.after(lifetime, SimEvent::Expire(id.clone()));
        self.after(lifetime / 2, SimEvent::RefreshNotice(id.clone(), ends));
    }

    fn after(&mut self, wait: Duration, event: SimEvent) {
        self.created_count += 1;
        self.events.insert((self.now.instant + wait, self.created_count), event);
    }

    fn fault(&mut self) -> bool {
        self.fault_rate > 0.0 && self.rng.f64() < self.fault_rate
    }

    fn advance(&mut self, to: Instant) {
        let passed = to.saturating_duration_since(self.now.instant);
        self.now.instant += passed;
        self.now.timestamp += passed;
    }

    /// Returns the time at which [`Self::step`] has work.
    fn next(&self) -> Option<Instant> {
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        event.into_iter().chain(self.lane.deadline()).min()
    }

    /// Executes the next event or the lane's deadline, whichever is first.
    fn step(&mut self) {
        self.steps += 1;
        if !self.drops {
            self.emitted.clear();
        }
        let due = self.lane.deadline().unwrap_or_else(|| panic!("seed {}: state without a deadline", self.seed));
        match self.events.first_entry() {
            Some(first) if first.key().0 <= due => {
                let ((at, _), event) = first.remove_entry();
                self.advance(at);
                self.apply(event);
            }
            _ => {
                self.advance(due);
                self.send(Input::Tick);
                let stuck = self.lane.deadline().is_some_and(|next| next <= self.now.instant);
                self.stuck = if stuck { self.stuck + 1 } else { 0 };
                assert!(self.stuck < 3, "seed {}: deadline does not advance: {:?}", self.seed, self.lane);
            }
        }
        self.check();
    }

    fn send(&mut self, input: Input) {
        let (now, rng) = (self.now, &mut self.rng);
        let effects = self.lane.handle(input, now, &mut || rng.f64());
        for effect in effects {
            self.apply_effect(effect);
        }
    }

    fn check(&mut self) {
        let (seed, now) = (self.seed, self.now.instant);
        while self.recent.front().is_some_and(|at| *at + Duration::from_secs(60) <= now) {
            self.recent.pop_front();
        }
        assert!(
            self.recent.len() <= MAX_REQUESTS_PER_MINUTE,
            "seed {seed}: hot loop, {} requests in a minute",
            self.recent.len()
        );
        assert_eq!(self.reported_live, self.lane.is_live(), "seed {seed}: emitted liveness differs from the state");
        let live = match &self.lane.state {
            State::Live(link) => Some(link),
            _ => None,
        };
        for link in live.into_iter().chain(self.lane.old.as_ref()) {
            assert!(now <= link.channel.expires(), "seed {seed}: connection outlives its channel");
        }
        let is_overdue = |socket: &SimSocket| socket.silent.is_some_and(|since| now > since + MAX_SILENCE);
        assert!(!self.sockets.values().any(is_overdue), "seed {seed}: dead connection not closed");
        if self.fault_rate == 0.0 && now >= self.calm_since + MAX_RECOVERY && !self.lane.is_live() {
            panic!("seed {seed}: not live {:?} after the faults stopped: {:?}", now - self.calm_since, self.lane.state);
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now.instant + span;
        while self.now.instant < end {
            self.step();
        }
    }
}

/// Simulates two and a half years: ten seeds of a quarter year.
fn run_seeds(first_seed: u64) {
    let seeds = match std::env::var("POPRELAY_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => first_seed..first_seed + 10,
    };
    let (mut steps, mut times_live) = (0, 0);
    for seed in seeds {
        let mut simulation = Simulation::new(seed);
        simulation.run(YEAR / 4);
        steps += simulation.steps;
        times_live += simulation.times_live;
    }
    println!("seeds from {first_seed}: {steps} steps, {times_live} times live");
    assert!(times_live > 100, "faults prevented every live connection");
}

#[test]
fn lane_random_faults_keep_invariants_part_1() {
    run_seeds(100);
}

#[test]
fn lane_random_faults_keep_invariants_part_2() {
    run_seeds(200);
}

#[test]
fn lane_random_faults_keep_invariants_part_3() {
    run_seeds(300);
}

#[test]
fn lane_random_faults_keep_invariants_part_4() {
    run_seeds(400);
}

/// Simulates ten weeks of channels that live 1200 s, with every fifth renewal failing: never a third channel, never a gap.
#[test]
fn lane_ten_weeks_of_short_channels_have_no_gap_nor_third_channel() {
    for seed in 0..4 {
        let mut simulation = Simulation::calm(seed, 0.2, start());
        let end = simulation.now.instant + Duration::from_secs(70 * 86_400);
        while simulation.now.instant < end {
            simulation.step();
            assert!(simulation.channels.len() <= 2, "seed {seed}: a third channel: {:?}", simulation.channels);
        }
        assert_eq!(simulation.times_live, 1, "seed {seed}: lane was lost");
    }
}
