//! Whether a loop still turns. A loop says when it works and when it rests; whoever watches sees from that, at a given time,
//! which ones do not come forward. Pure: `now` is an argument. What follows from it is the watcher's business.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The pulses of all loops; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Pulses(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU64,
    loops: Mutex<BTreeMap<u64, (String, Beat)>>,
}

/// One loop's pulse. When it is dropped, nobody expects the loop to turn.
#[derive(Debug)]
pub struct Pulse {
    of: Pulses,
    id: u64,
}

/// What a loop said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// It works on one thing since then.
    Busy(Instant),
    /// It waits, and will turn at that time on its own; `None`: for something that may never come.
    Resting(Option<Instant>),
}

impl Beat {
    /// Whether a loop that said this should have said something else by now: it has worked on one thing, or overslept,
    /// for longer than `patience`.
    #[must_use]
    pub fn is_wedged(self, now: Instant, patience: Duration) -> bool {
        let since = match self {
            Self::Busy(since) => since,
            Self::Resting(Some(until)) => until,
            Self::Resting(None) => return false,
        };
        now.saturating_duration_since(since) > patience
    }
}

impl Pulses {
    /// A new loop, which works from now on. `name` is for the journal.
    #[must_use]
    pub fn join(&self, name: String, now: Instant) -> Pulse {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.loops().insert(id, (name, Beat::Busy(now)));
        Pulse { of: self.clone(), id }
    }

    /// The names of the loops that do not come forward.
    #[must_use]
    pub fn wedged(&self, now: Instant, patience: Duration) -> Vec<String> {
        let loops = self.loops();
        let wedged = loops.values().filter(|(_, beat)| beat.is_wedged(now, patience));
        wedged.map(|(name, _)| name.clone()).collect()
    }

    fn loops(&self) -> MutexGuard<'_, BTreeMap<u64, (String, Beat)>> {
        self.0.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// The loop begins with the next thing.
    pub fn busy(&self, now: Instant) {
        self.beats(Beat::Busy(now));
    }

    /// The loop waits until then, or for something that may never come.
    pub fn rest(&self, until: Option<Instant>) {
        self.beats(Beat::Resting(until));
    }

    fn beats(&self, beat: Beat) {
        if let Some((_, last)) = self.of.loops().get_mut(&self.id) {
            *last = beat;
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.of.loops().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn a_loop_is_wedged_that_works_or_oversleeps_for_too_long_and_never_one_that_may_wait() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (beat, now, wedged) in [
            (Beat::Busy(at(0)), at(30), false),
            (Beat::Busy(at(0)), at(31), true),
            (Beat::Resting(Some(at(300))), at(299), false),
            (Beat::Resting(Some(at(300))), at(330), false),
            (Beat::Resting(Some(at(300))), at(331), true),
            (Beat::Resting(None), at(1_000_000), false),
            (Beat::Busy(at(9)), at(0), false),
        ] {
            assert_eq!(beat.is_wedged(now, PATIENCE), wedged, "{beat:?} at {:?}", now - start);
        }
    }

    #[test]
    fn only_loops_that_live_are_expected_to_turn() {
        let (pulses, start) = (Pulses::default(), Instant::now());
        let (relay, worker) = (pulses.join("relay".into(), start), pulses.join("worker".into(), start));
        let late = start + Duration::from_secs(60);
        assert_eq!(pulses.wedged(late, PATIENCE), ["relay", "worker"]);
        worker.busy(late);
        assert_eq!(pulses.wedged(late, PATIENCE), ["relay"]);
        drop(relay);
        assert!(pulses.wedged(late, PATIENCE).is_empty());
    }
}
