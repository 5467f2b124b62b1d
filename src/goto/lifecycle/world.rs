//! A GoTo made of chance around one lane, in virtual time: it refuses, resets, falls silent, answers late, twice or never,
//! states absurd lifetimes, and is calm at times. The invariants of the page above are checked after every step. A failure
//! prints its seed; `POPRELAY_SEED=n` runs that one alone.

use super::{lane::State, *};
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
/// Requests and sockets in any minute, under any fault: 10 a second would be 600.
const MOST_IN_A_MINUTE: usize = 90;
/// From the end of faults to a live link: the longest slow retry (300 s) or Retry-After given here (120 s), one request
/// that is never answered (60 s), and the steps that follow.
const BACK_WITHIN: Duration = Duration::from_secs(300 + 60 + 60 + 60);
/// A link that falls silent just after a pong: 20 s to the next ping, three intervals of 20 s, and the last tick.
const DEAD_WITHIN: Duration = Duration::from_secs(81);

#[derive(Debug)]
struct Chan {
    ends: Instant,
    lifetime: Duration,
}

#[derive(Debug)]
struct Sock {
    channel: ChannelId,
    open: bool,
    silent: Option<Instant>,
}

/// What the world does at its time.
#[derive(Debug)]
enum Event {
    Answer(Input),
    Connected(Ticket),
    Expire(ChannelId),
    Weather,
    Mischief,
}

struct World {
    seed: u64,
    dice: fastrand::Rng,
    now: Now,
    lane: Lane,
    events: BTreeMap<(Instant, u64), Event>,
    made: u64,
    channels: BTreeMap<ChannelId, Chan>,
    sockets: BTreeMap<Ticket, Sock>,
    /// Chance of a fault per request; 0 in calm weather.
    foul: f64,
    calm_since: Instant,
    recent: VecDeque<Instant>,
    told_live: bool,
    steps: u64,
    lives: u64,
    stuck: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Now { tick: Instant::now(), clock: Timestamp::from_second(1_800_000_000).unwrap() };
        let mut world = Self {
            seed,
            dice: fastrand::Rng::with_seed(seed),
            now,
            lane: Lane::new((seed % 5) as u8),
            events: BTreeMap::new(),
            made: 0,
            channels: BTreeMap::new(),
            sockets: BTreeMap::new(),
            foul: 0.5,
            calm_since: now.tick,
            recent: VecDeque::new(),
            told_live: false,
            steps: 0,
            lives: 0,
            stuck: 0,
        };
        world.after(Duration::ZERO, Event::Weather);
        world.after(Duration::from_secs(1), Event::Mischief);
        world.give(Input::Start);
        world
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.made += 1;
        self.events.insert((self.now.tick + wait, self.made), event);
    }

    fn fault(&mut self) -> bool {
        self.foul > 0.0 && self.dice.f64() < self.foul
    }

    /// The wall clock stands still: the machine only passes it on.
    fn advance(&mut self, to: Instant) {
        self.now.tick = self.now.tick.max(to);
    }

    /// One step: the next event or the lane's own deadline, whichever is first.
    fn step(&mut self) {
        self.steps += 1;
        let due = self.lane.deadline().unwrap_or_else(|| panic!("seed {}: a state without a deadline", self.seed));
        match self.events.first_entry() {
            Some(first) if first.key().0 <= due => {
                let ((at, _), event) = first.remove_entry();
                self.advance(at);
                self.happen(event);
            }
            _ => {
                self.advance(due);
                self.give(Input::Tick);
                let stuck = self.lane.deadline().is_some_and(|next| next <= self.now.tick);
                self.stuck = if stuck { self.stuck + 1 } else { 0 };
                assert!(self.stuck < 3, "seed {}: a deadline that does not move: {:?}", self.seed, self.lane);
            }
        }
        self.check();
    }

    fn give(&mut self, input: Input) {
        let (now, dice) = (self.now, &mut self.dice);
        let effects = self.lane.on(input, now, &mut || dice.f64());
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        if !matches!(effect, Effect::Ping(_) | Effect::Close(_) | Effect::Tell(_)) {
            self.recent.push_back(self.now.tick);
        }
        match effect {
            Effect::Create { ticket, sweep } => {
                if let Some(sweep) = sweep
                    && !self.fault()
                {
                    self.channels.retain(|id, _| sweep.keep.as_ref() == Some(id));
                }
                let answer = self.created();
                self.answer(answer, |answer| Input::Created(ticket, answer));
            }
            Effect::Subscribe { ticket, channel, only } => {
                let answer = self.subscribed(&channel, only.map_or(3, |only| only.len()));
                self.answer(answer, |answer| Input::Subscribed(ticket, answer));
            }
            Effect::Open { ticket, url } => {
                let channel = ChannelId::try_from(url.expose().split('?').next().unwrap()).unwrap();
                match self.trouble() {
                    Some(trouble) => self.answer(Err(trouble), |answer| Input::Opened(ticket, answer)),
                    None => {
                        self.sockets.insert(ticket, Sock { channel, open: false, silent: None });
                        self.after(Duration::from_millis(90), Event::Connected(ticket));
                    }
                }
            }
            Effect::Ping(ticket) => {
                if self.sockets.get(&ticket).is_some_and(|socket| socket.open && socket.silent.is_none()) {
                    self.give(Input::Frame(ticket));
                }
            }
            Effect::Renew { ticket, channel, how } => {
                let answer = self.renewed(&channel, how);
                self.answer(answer, |answer| Input::Renewed(ticket, answer));
            }
            Effect::Close(ticket) => drop(self.sockets.remove(&ticket)),
            Effect::Delete(channel) => {
                if !self.fault() {
                    self.channels.remove(&channel);
                }
            }
            Effect::Tell(tell) => self.told(tell),
        }
    }

    fn told(&mut self, tell: Tell) {
        match tell {
            Tell::Live => {
                assert!(!self.told_live, "seed {}: live twice", self.seed);
                self.told_live = true;
                self.lives += 1;
            }
            Tell::Lost { .. } => {
                assert!(self.told_live, "seed {}: lost twice", self.seed);
                self.told_live = false;
            }
            Tell::Refused(_) | Tell::Failing(_) | Tell::Account(_) | Tell::Subscribed(_) => {}
        }
    }

    /// An answer comes soon, or in foul weather late, twice, or never.
    fn answer<T: Clone>(&mut self, answer: Result<T, Trouble>, wrap: impl Fn(Result<T, Trouble>) -> Input) {
        let soon = Duration::from_millis(self.dice.u64(20..400));
        if !self.fault() {
            return self.after(soon, Event::Answer(wrap(answer)));
        }
        match self.dice.u8(0..4) {
            0 => {}
            1 => {
                let late = Duration::from_secs(self.dice.u64(1..200));
                self.after(late, Event::Answer(wrap(answer)));
            }
            2 => {
                let twice = Duration::from_secs(self.dice.u64(0..90));
                self.after(soon, Event::Answer(wrap(answer.clone())));
                self.after(twice, Event::Answer(wrap(answer)));
            }
            _ => self.after(soon, Event::Answer(wrap(answer))),
        }
    }

    /// Every way a request fails.
    fn trouble(&mut self) -> Option<Trouble> {
        if !self.fault() {
            return None;
        }
        let status = match self.dice.u8(0..10) {
            0 => return Some(Trouble { class: Class::NoToken, status: None, after: None }),
            1 => return Some(Trouble { class: Class::Transient, status: None, after: None }),
            2 => 409,
            3 => 429,
            4 => 404,
            5 => 403,
            6 => 401,
            7 => 503,
            _ => self.dice.u16(300..600),
        };
        let after = (self.dice.u8(0..4) == 0).then(|| Duration::from_secs(self.dice.u64(0..120)));
        Some(Trouble { class: crate::goto::api::class(status), status: Some(status), after })
    }

    fn lifetime(&mut self) -> (Option<i64>, Duration) {
        let stated = if self.fault() {
            [None, Some(0), Some(-7), Some(1), Some(20), Some(600), Some(i64::MAX)][self.dice.usize(0..7)]
        } else {
            Some(10_800)
        };
        let real =
            stated.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| (1..10_800).contains(seconds));
        (stated, Duration::from_secs(real.unwrap_or(10_800)))
    }

    fn created(&mut self) -> Result<Created, Trouble> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        if self.channels.len() >= 50 {
            return Err(Trouble { class: Class::Full, status: Some(409), after: None });
        }
        self.made += 1;
        let id = ChannelId::try_from(format!("c{}", self.made)).unwrap();
        let (stated, lifetime) = self.lifetime();
        self.channels.insert(id.clone(), Chan { ends: self.now.tick + lifetime, lifetime });
        self.after(lifetime, Event::Expire(id.clone()));
        Ok(Created { url: Secret::new(id.as_str()), id, lifetime: stated })
    }

    fn subscribed(&mut self, channel: &ChannelId, asked: usize) -> Result<Accepted, Trouble> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        if !self.channels.contains_key(channel) {
            return Err(Trouble { class: Class::Gone, status: Some(404), after: None });
        }
        let mut accepted = Accepted::default();
        for number in 0..asked {
            let account = AccountKey::try_from(number.to_string()).unwrap();
            match (self.fault(), self.dice.bool()) {
                (false, _) => accepted.accounts += 1,
                (true, false) => accepted.later.push(account),
                (true, true) => accepted.refused.push(Refusal { account, status: 403, code: None }),
            }
        }
        Ok(accepted)
    }

    fn renewed(&mut self, channel: &ChannelId, _how: Renew) -> Result<Renewed, Trouble> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        let (now, moved, (stated, lifetime)) = (self.now.tick, self.fault(), self.lifetime());
        let Some(chan) = self.channels.get_mut(channel) else {
            return Err(Trouble { class: Class::Gone, status: Some(404), after: None });
        };
        chan.lifetime = lifetime;
        chan.ends = now + lifetime;
        self.after(lifetime, Event::Expire(channel.clone()));
        let url = moved.then(|| Secret::new(format!("{channel}?{}", self.dice.u8(..))));
        Ok(Renewed { url, lifetime: stated })
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Answer(input) => self.give(input),
            Event::Connected(ticket) => {
                let Some(socket) = self.sockets.get_mut(&ticket) else { return };
                socket.open = self.channels.contains_key(&socket.channel);
                if socket.open {
                    self.give(Input::Opened(ticket, Ok(())));
                } else {
                    self.sockets.remove(&ticket);
                    let gone = Trouble { class: Class::Gone, status: Some(404), after: None };
                    self.give(Input::Opened(ticket, Err(gone)));
                }
            }
            Event::Expire(id) => {
                if self.channels.get(&id).is_some_and(|chan| chan.ends <= self.now.tick) {
                    self.channels.remove(&id);
                    let on_it: Vec<_> =
                        self.sockets.iter().filter(|(_, it)| it.channel == id).map(|(t, _)| *t).collect();
                    let calm = self.foul == 0.0 && self.now.tick >= self.calm_since + BACK_WITHIN;
                    assert!(!calm || on_it.is_empty(), "seed {}: {id} was renewed too late", self.seed);
                    for ticket in on_it {
                        self.sockets.remove(&ticket);
                        self.give(Input::Ended(ticket, Why::Closed));
                    }
                }
            }
            Event::Weather => self.weather(),
            Event::Mischief => self.mischief(),
        }
    }

    /// Foul for minutes to hours, then calm for half a day: long enough for leftovers to end by themselves.
    fn weather(&mut self) {
        if self.foul > 0.0 {
            self.foul = 0.0;
            self.calm_since = self.now.tick;
            for socket in self.sockets.values_mut() {
                socket.silent = None;
            }
            let long = HOUR * self.dice.u32(8..24);
            self.after(long, Event::Weather);
        } else {
            assert!(self.channels.len() <= 2, "seed {}: {} channels after a calm", self.seed, self.channels.len());
            assert!(self.sockets.len() <= 2, "seed {}: {} sockets after a calm", self.seed, self.sockets.len());
            self.foul = [0.05, 0.3, 0.7, 1.0][self.dice.usize(0..4)];
            let long = Duration::from_secs(self.dice.u64(30..6 * 3600));
            self.after(long, Event::Weather);
        }
    }

    /// The server's own ideas: refresh, close, cut, fall silent. In calm weather it announces what it does.
    fn mischief(&mut self) {
        let wait = if self.foul > 0.0 { self.dice.u64(1..40) } else { self.dice.u64(600..6000) };
        self.after(Duration::from_secs(wait), Event::Mischief);
        let open: Vec<_> = self.sockets.iter().filter(|(_, it)| it.open).map(|(t, _)| *t).collect();
        let Some(ticket) = open.get(self.dice.usize(0..open.len().max(1))).copied() else { return };
        let kinds = if self.foul > 0.0 { 0..6 } else { 0..2 };
        match self.dice.u8(kinds) {
            0 => self.give(Input::RefreshRequired(ticket)),
            1 => self.give(Input::ToBeClosed(ticket)),
            2 => {
                self.sockets.remove(&ticket);
                self.give(Input::Ended(ticket, Why::Broken));
            }
            3 => {
                self.sockets.remove(&ticket);
                self.give(Input::Ended(ticket, Why::Closed));
            }
            4 => {
                let _ = self.sockets.get_mut(&ticket).unwrap().silent.get_or_insert(self.now.tick);
            }
            _ => (0..50).for_each(|_| {
                self.give(Input::RefreshRequired(ticket));
                self.give(Input::ToBeClosed(ticket));
            }),
        }
    }

    fn check(&mut self) {
        let (seed, now) = (self.seed, self.now.tick);
        while self.recent.front().is_some_and(|at| *at + Duration::from_secs(60) <= now) {
            self.recent.pop_front();
        }
        assert!(self.recent.len() <= MOST_IN_A_MINUTE, "seed {seed}: a hot loop, {} in a minute", self.recent.len());
        assert_eq!(self.told_live, self.lane.hears(), "seed {seed}: what is told is not what is");
        let live = match &self.lane.state {
            State::Live(link) => Some(link),
            _ => None,
        };
        for link in live.into_iter().chain(self.lane.old.as_ref()) {
            assert!(now <= link.channel.expires(), "seed {seed}: a link lives longer than its channel");
        }
        let deaf = |socket: &Sock| socket.silent.is_some_and(|since| now > since + DEAD_WITHIN);
        assert!(!self.sockets.values().any(deaf), "seed {seed}: a dead link is kept");
        if self.foul == 0.0 && now >= self.calm_since + BACK_WITHIN && !self.lane.hears() {
            panic!("seed {seed}: deaf {:?} after the faults stopped: {:?}", now - self.calm_since, self.lane.state);
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now.tick + span;
        while self.now.tick < end {
            self.step();
        }
    }
}

/// Two and a half years each, of ten in all.
fn years(first_seed: u64) {
    let seeds = match std::env::var("POPRELAY_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => first_seed..first_seed + 10,
    };
    let (mut steps, mut lives) = (0, 0);
    for seed in seeds {
        let mut world = World::new(seed);
        world.run(YEAR / 4);
        steps += world.steps;
        lives += world.lives;
    }
    println!("seeds from {first_seed}: {steps} steps, {lives} times live");
    assert!(lives > 100, "the world is so foul that nothing was tested");
}

#[test]
fn a_lane_keeps_its_invariants_over_ten_years_first_quarter() {
    years(100);
}

#[test]
fn a_lane_keeps_its_invariants_over_ten_years_second_quarter() {
    years(200);
}

#[test]
fn a_lane_keeps_its_invariants_over_ten_years_third_quarter() {
    years(300);
}

#[test]
fn a_lane_keeps_its_invariants_over_ten_years_last_quarter() {
    years(400);
}
