//! One method's pace and pause, shared by all that Slack counts together: sinks with one token share the edits of their
//! workspace, and in one channel its posts. Knows what a bucket holds and who is on the wire; decides nothing of answers.

use super::pace::{Bucket, Pace};
use crate::model::secret::Secret;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// One method's pace and pause: Slack counts its Web API's by the method, so that edits that came too fast do not hold up
/// the post of a call that rings now. Clones are the same lane.
#[derive(Debug, Clone)]
pub struct Lane(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    bucket: Option<Bucket>,
    held: Option<Instant>,
    sending: u32,
}

/// A message on its way, for which no other may take the place until this is dropped.
#[derive(Debug)]
pub struct Permit(Lane);

impl Drop for Permit {
    fn drop(&mut self) {
        let mut inside = self.0.open();
        inside.sending = inside.sending.saturating_sub(1);
    }
}

impl Lane {
    /// An open one; `None`: it takes all it gets.
    #[must_use]
    pub fn new(pace: Option<Pace>, now: Instant) -> Self {
        let bucket = pace.map(|pace| Bucket::new(pace, now));
        Self(Arc::new(Mutex::new(Inside { bucket, held: None, sending: 0 })))
    }

    fn open(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long until the next message may be sent; zero: now.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        self.open().wait(now)
    }

    /// Takes a place on the lane; `None` if somebody else was faster.
    #[must_use]
    pub fn enter(&self, now: Instant) -> Option<Permit> {
        let mut inside = self.open();
        if !inside.wait(now).is_zero() {
            return None;
        }
        inside.sending = inside.sending.saturating_add(1);
        Some(Permit(self.clone()))
    }

    /// Sends nothing until then: the chat asked for it. A longer wait that another sink was asked for stays.
    pub fn hold(&self, until: Instant) {
        let mut inside = self.open();
        inside.held = inside.held.max(Some(until));
    }

    /// See [`Bucket::spent`].
    pub fn spent(&self, now: Instant) {
        if let Some(bucket) = &mut self.open().bucket {
            bucket.spent(now);
        }
    }

    /// See [`Bucket::refused`].
    pub fn refused(&self, now: Instant) {
        if let Some(bucket) = &mut self.open().bucket {
            bucket.refused(now);
        }
    }

    /// See [`Bucket::taken`].
    pub fn taken(&self, now: Instant) {
        if let Some(bucket) = &mut self.open().bucket {
            bucket.taken(now);
        }
    }
}

impl Inside {
    fn wait(&self, now: Instant) -> Duration {
        let held = self.held.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        held.max(self.bucket.as_ref().map_or(Duration::ZERO, |bucket| bucket.wait_behind(self.sending, now)))
    }
}

/// The lanes of all sinks of a daemon. A token is known by a hash that means nothing outside this process.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    keys: RandomState,
    lanes: HashMap<u64, Weak<Mutex<Inside>>>,
}

impl Lanes {
    /// The lane of `method` for a token, at an API and in a channel (empty: wherever it is), at this pace. Who asks with the
    /// same words while another holds it gets the same one.
    #[must_use]
    pub fn of(&self, token: &Secret, api: &Secret, method: &str, channel: &str, pace: Pace, now: Instant) -> Lane {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let paced = (pace.per_second.to_bits(), pace.burst);
        let key = known.keys.hash_one((token.expose(), api.expose(), method, channel, paced));
        known.lanes.retain(|_, lane| lane.strong_count() > 0);
        if let Some(lane) = known.lanes.get(&key).and_then(Weak::upgrade) {
            return Lane(lane);
        }
        let lane = Lane::new(Some(pace), now);
        known.lanes.insert(key, Arc::downgrade(&lane.0));
        lane
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lanes: &Lanes, token: &str, channel: &str, now: Instant) -> Lane {
        let api = Secret::new("https://slack.com/api");
        lanes.of(&Secret::new(token), &api, "chat.update", channel, Pace { per_second: 1.0, burst: 2 }, now)
    }

    #[test]
    fn sinks_with_one_token_share_its_pace_and_its_pause_and_others_have_their_own() {
        let (lanes, now) = (Lanes::default(), Instant::now());
        let [one, same, other, elsewhere] = [("xoxb-1", "C1"), ("xoxb-1", "C1"), ("xoxb-2", "C1"), ("xoxb-1", "C2")]
            .map(|(t, c)| of(&lanes, t, c, now));
        one.spent(now);
        same.spent(now);
        let free = |lane: &Lane| lane.wait(now).is_zero();
        assert_eq!([&one, &same, &other, &elsewhere].map(free), [false, false, true, true]);
        other.hold(now + Duration::from_secs(9));
        other.hold(now + Duration::from_secs(3));
        assert_eq!(of(&lanes, "xoxb-2", "C1", now).wait(now), Duration::from_secs(9));
        assert!(!format!("{lanes:?}").contains("xoxb"));
        drop((one, same));
        assert!(free(&of(&lanes, "xoxb-1", "C1", now)), "nobody held it: it begins anew");
    }

    #[test]
    fn a_place_that_is_taken_is_free_again_only_when_its_message_was_counted() {
        let now = Instant::now();
        let lane = Lane::new(Some(Pace { per_second: 1.0, burst: 2 }), now);
        let (first, second) = (lane.enter(now).unwrap(), lane.clone().enter(now).unwrap());
        assert!(lane.enter(now).is_none() && !lane.wait(now).is_zero(), "both of the burst are on the wire");
        drop(first);
        lane.spent(now);
        drop(second);
        assert!(lane.enter(now).is_some(), "one came back unsent, one is left");
    }

    #[test]
    fn a_sink_without_a_pace_takes_all_it_gets() {
        let now = Instant::now();
        let lane = Lane::new(None, now);
        let many: Vec<Option<Permit>> = (0..100).map(|_| lane.enter(now)).collect();
        assert!(many.iter().all(Option::is_some));
    }
}
