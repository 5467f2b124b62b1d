//! Ownership of sinks, if several daemons share the outbox: whether this daemon may post to a sink. The daemon extends its
//! ownership; the worker compares the end with the monotonic clock before each post. A daemon that was stopped and continues
//! posts nothing.

use crate::model::ids::SinkName;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The ownership of one sink, as its worker sees it.
#[derive(Debug, Clone)]
pub struct Ownership(Option<SinkOwnership>);

#[derive(Debug, Clone)]
struct SinkOwnership {
    /// End of this daemon's ownership of the sink; `None`: the daemon does not own it.
    until: watch::Receiver<Option<Instant>>,
    /// Held during a post.
    posting: Arc<Semaphore>,
}

/// Permission for one post. The sink is not handed back before the permit is dropped.
#[derive(Debug)]
pub(super) struct PostPermit(#[expect(dead_code, reason = "held until it is dropped")] Option<OwnedSemaphorePermit>);

impl Ownership {
    /// Returns the ownership of a daemon that shares its outbox with no other.
    #[must_use]
    pub const fn unshared() -> Self {
        Self(None)
    }

    /// Returns whether this daemon owns the sink at `now`.
    #[must_use]
    pub fn is_owner(&self, now: Instant) -> bool {
        self.0.as_ref().is_none_or(|shared| covers(*shared.until.borrow(), now))
    }

    /// Waits until this daemon may own the sink.
    pub(super) async fn granted(self, now: impl Fn() -> Instant) {
        if let Some(mut shared) = self.0
            && shared.until.wait_for(|until| covers(*until, now())).await.is_err()
        {
            // The daemon ends: the worker is stopped.
            std::future::pending::<()>().await;
        }
    }

    /// Begins a post; `None` if this daemon does not own the sink.
    pub(super) fn begin_post(&self, now: Instant) -> Option<PostPermit> {
        let Some(shared) = &self.0 else { return Some(PostPermit(None)) };
        let permit = Arc::clone(&shared.posting).try_acquire_owned().ok()?;
        // After the permit: a sink that is handed back in between is no longer owned.
        self.is_owner(now).then_some(PostPermit(Some(permit)))
    }
}

fn covers(until: Option<Instant>, now: Instant) -> bool {
    until.is_some_and(|until| now < until)
}

/// The ownership of all sinks; clones share it.
#[derive(Debug, Clone, Default)]
pub struct OwnershipRegistry(Option<Arc<Mutex<BTreeMap<SinkName, OwnershipEntry>>>>);

#[derive(Debug)]
struct OwnershipEntry {
    until: watch::Sender<Option<Instant>>,
    posting: Arc<Semaphore>,
}

impl Default for OwnershipEntry {
    fn default() -> Self {
        Self { until: watch::Sender::new(None), posting: Arc::new(Semaphore::new(1)) }
    }
}

impl OwnershipRegistry {
    /// Creates the registry of a daemon that shares its outbox. No sink is owned yet.
    #[must_use]
    pub fn shared() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the ownership of a sink.
    #[must_use]
    pub fn get(&self, sink: &SinkName) -> Ownership {
        let Some(mut entries) = self.lock() else { return Ownership::unshared() };
        let entry = entries.entry(sink.clone()).or_default();
        Ownership(Some(SinkOwnership { until: entry.until.subscribe(), posting: Arc::clone(&entry.posting) }))
    }

    /// Sets the sinks that this daemon owns, until `until`. All others are not owned.
    pub fn set(&self, owned: &[SinkName], until: Instant) {
        let Some(mut entries) = self.lock() else { return };
        for sink in owned {
            entries.entry(sink.clone()).or_default();
        }
        for (sink, entry) in entries.iter() {
            entry.until.send_replace(owned.contains(sink).then_some(until));
        }
    }

    /// Returns whether a post to the sink is in progress.
    #[must_use]
    pub fn is_posting(&self, sink: &SinkName) -> bool {
        let entries = self.lock();
        entries.is_some_and(|entries| entries.get(sink).is_some_and(|entry| entry.posting.available_permits() == 0))
    }

    fn lock(&self) -> Option<MutexGuard<'_, BTreeMap<SinkName, OwnershipEntry>>> {
        self.0.as_ref().map(|entries| entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn post_begins_only_while_the_sink_is_owned() {
        let (registry, now) = (OwnershipRegistry::shared(), Instant::now());
        let (desk, later) = (SinkName::try_from("desk").unwrap(), now + Duration::from_secs(4));
        let ownership = registry.get(&desk);
        assert!(ownership.begin_post(now).is_none(), "not owned yet");
        registry.set(std::slice::from_ref(&desk), later);
        let permit = ownership.begin_post(now).unwrap();
        assert!(registry.is_posting(&desk));
        registry.set(&[], later);
        assert!(registry.is_posting(&desk), "the post goes on");
        drop(permit);
        assert!(!registry.is_posting(&desk) && ownership.begin_post(now).is_none());
        registry.set(std::slice::from_ref(&desk), later);
        assert!(ownership.begin_post(later).is_none(), "expired by the monotonic clock");
    }

    #[test]
    fn sink_of_a_single_daemon_is_always_owned() {
        let ownership = OwnershipRegistry::default().get(&SinkName::try_from("desk").unwrap());
        let permit = ownership.begin_post(Instant::now());
        assert!(permit.is_some() && ownership.begin_post(Instant::now()).is_some());
    }
}
