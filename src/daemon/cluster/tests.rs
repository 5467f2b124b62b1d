//! Several planners against one simulated store: random stops and kills, in virtual time.

use super::{
    Member, Owned, Planner,
    plan::{CLAIM_DURATION, ClusterState, MEMBER_TIMEOUT, STOP_MARGIN},
};
use crate::model::ids::SinkName;
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Interval of a daemon's task.
const TICK: Duration = Duration::from_secs(1);
/// Step of the simulation.
const STEP: Duration = Duration::from_millis(250);

/// Event in the life of a daemon.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// SIGSTOP, for this many steps.
    Stop(u32),
    /// `kill -9`, and a start after this many steps.
    Kill(u32),
}

/// One daemon: its ticks run while it is neither stopped nor dead.
struct Daemon {
    id: String,
    planner: Planner,
    next_tick: Instant,
    /// The sinks that the daemon posts to, and the end of its claim.
    posts_to: Vec<SinkName>,
    until: Instant,
    away_until: Option<Instant>,
}

/// The rows of the store. Its clock is the simulation's.
#[derive(Default)]
struct Store {
    owners: BTreeMap<SinkName, (String, Instant)>,
    seen: BTreeMap<String, Instant>,
}

struct World {
    now: Instant,
    store: Store,
    daemons: Vec<Daemon>,
    sinks: Vec<SinkName>,
    /// Time since which a sink has no daemon that may post to it.
    unserved: BTreeMap<SinkName, Instant>,
    /// Daemons that run. A change starts the 10 s again.
    running: Vec<bool>,
}

fn sinks(count: usize) -> Vec<SinkName> {
    (0..count).map(|index| SinkName::try_from(format!("sink{index}").as_str()).unwrap()).collect()
}

impl World {
    fn new(daemons: usize, sink_count: usize) -> Self {
        let now = Instant::now() + Duration::from_secs(1000);
        let daemon = |index: usize| Daemon {
            id: format!("d{index}"),
            planner: Planner::default(),
            next_tick: now + STEP * u32::try_from(index).unwrap(),
            posts_to: Vec::new(),
            until: now,
            away_until: None,
        };
        let daemons = (0..daemons).map(daemon).collect();
        Self {
            now,
            store: Store::default(),
            daemons,
            sinks: sinks(sink_count),
            unserved: BTreeMap::new(),
            running: Vec::new(),
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        for daemon in &mut self.daemons {
            if daemon.away_until.is_some_and(|until| self.now < until) {
                continue;
            }
            daemon.away_until = None;
            if self.now >= daemon.next_tick {
                daemon.next_tick = self.now + TICK;
                daemon.tick(&mut self.store, &self.sinks, self.now);
            }
        }
        let running: Vec<bool> = self.daemons.iter().map(|daemon| daemon.away_until.is_none()).collect();
        if running != self.running || !running.contains(&true) {
            self.unserved.clear();
            self.running = running;
        }
        for sink in &self.sinks {
            let owners: Vec<_> = self.daemons.iter().filter(|daemon| daemon.posts_to(sink, self.now)).collect();
            assert!(owners.len() <= 1, "{sink} has two owners: {}, {}", owners[0].id, owners[1].id);
            match owners.is_empty() {
                true => drop(self.unserved.entry(sink.clone()).or_insert(self.now)),
                false => drop(self.unserved.remove(sink)),
            }
        }
    }

    fn run(&mut self, steps: u32) {
        (0..steps).for_each(|_| self.step());
    }

    fn counts(&self) -> Vec<usize> {
        let count = |daemon: &Daemon| self.sinks.iter().filter(|sink| daemon.posts_to(sink, self.now)).count();
        self.daemons.iter().map(count).collect()
    }
}

impl Daemon {
    /// Returns whether the daemon posts to the sink. A stopped one posts after it continues, so that it counts.
    fn posts_to(&self, sink: &SinkName, now: Instant) -> bool {
        self.posts_to.contains(sink) && now < self.until
    }

    /// Runs one tick of the task: a heartbeat, a renewal, claims and hand-backs.
    fn tick(&mut self, store: &mut Store, sinks: &[SinkName], now: Instant) {
        store.seen.insert(self.id.clone(), now);
        for (owner, expires) in store.owners.values_mut().filter(|(owner, _)| *owner == self.id) {
            debug_assert_eq!(*owner, self.id);
            *expires = now + CLAIM_DURATION;
        }
        let live = store.seen.iter().filter(|(_, seen)| now - **seen < MEMBER_TIMEOUT);
        let member = |id: &String| Member { id: id.clone(), host: id.clone(), version: String::new() };
        let members: Vec<Member> = live.map(|(id, _)| member(id)).collect();
        let in_force = store.owners.iter().filter(|(_, (_, expires))| *expires > now);
        let owned: Vec<Owned> =
            in_force.map(|(sink, (owner, _))| Owned { sink: sink.clone(), owner: owner.clone() }).collect();
        let plan = self
            .planner
            .plan(ClusterState { me: &self.id, members: &members, owned: &owned, sinks, stalled: &[] }, now);
        for sink in plan.claim {
            let is_free = store.owners.get(&sink).is_none_or(|(_, expires)| *expires <= now);
            if is_free {
                store.owners.insert(sink, (self.id.clone(), now + CLAIM_DURATION));
            }
        }
        for sink in plan.hand_back {
            store.owners.remove(&sink);
        }
        let mine = store.owners.iter().filter(|(_, (owner, expires))| *owner == self.id && *expires > now);
        self.posts_to = mine.map(|(sink, _)| sink.clone()).collect();
        self.until = now + CLAIM_DURATION - STOP_MARGIN;
    }

    fn suffer(&mut self, event: Event, now: Instant) {
        match event {
            Event::Stop(steps) => self.away_until = Some(now + STEP * steps),
            Event::Kill(steps) => {
                self.away_until = Some(now + STEP * steps);
                self.posts_to.clear();
                self.planner = Planner::default();
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![(1_u32..120).prop_map(Event::Stop), (1_u32..120).prop_map(Event::Kill)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sink_never_has_two_owners_and_soon_has_one(
        daemons in 1_usize..5,
        sink_count in 1_usize..9,
        events in prop::collection::vec((0_usize..5, event(), 1_u32..80), 0..25),
    ) {
        let mut world = World::new(daemons, sink_count);
        world.run(60);
        for (index, event, pause) in events {
            let now = world.now;
            if let Some(daemon) = world.daemons.get_mut(index) {
                daemon.suffer(event, now);
            }
            for _ in 0..pause {
                world.step();
                for (sink, since) in &world.unserved {
                    prop_assert!(world.now - *since <= Duration::from_secs(10), "{} has no owner", sink);
                }
            }
        }
        // All live again: the sinks are spread evenly, and none moves any more.
        world.run(4 * 400);
        let counts = world.counts();
        let (most, fewest) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
        prop_assert!(most - fewest <= 1, "{:?}", counts);
        let owners = world.store.owners.iter().map(|(sink, (owner, _))| (sink.clone(), owner.clone()));
        let before: Vec<_> = owners.collect();
        world.run(4 * 120);
        let after: Vec<_> = world.store.owners.iter().map(|(sink, (owner, _))| (sink.clone(), owner.clone())).collect();
        prop_assert_eq!(before, after);
    }
}

#[test]
fn sink_of_one_config_only_is_claimed_by_a_daemon_with_a_full_share() {
    let now = Instant::now();
    let (all, mut planner) = (sinks(2), Planner::default());
    let members: Vec<Member> =
        ["a", "b"].map(|id| Member { id: id.into(), host: id.into(), version: String::new() }).to_vec();
    let owned = [Owned { sink: all[0].clone(), owner: "a".into() }];
    let cluster = ClusterState { me: "a", members: &members, owned: &owned, sinks: &all, stalled: &[] };
    assert!(planner.plan(cluster, now).claim.is_empty());
    assert_eq!(planner.plan(cluster, now + Duration::from_secs(2)).claim, [all[1].clone()]);
}

#[test]
fn stalled_worker_loses_its_sink_unless_the_daemon_is_alone() {
    let now = Instant::now();
    let (all, mut planner) = (sinks(1), Planner::default());
    let member = |id: &str| Member { id: id.into(), host: id.into(), version: String::new() };
    let owned = [Owned { sink: all[0].clone(), owner: "a".into() }];
    let alone = [member("a")];
    let cluster = ClusterState { me: "a", members: &alone, owned: &owned, sinks: &all, stalled: &all };
    assert_eq!(planner.plan(cluster, now).give_up, []);
    let both = [member("a"), member("b")];
    assert_eq!(planner.plan(ClusterState { members: &both, ..cluster }, now).give_up, all);
    let free = ClusterState { members: &both, owned: &[], stalled: &[], ..cluster };
    assert_eq!(planner.plan(free, now + CLAIM_DURATION).claim, [], "not claimed back");
}
