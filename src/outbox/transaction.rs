//! The writer's transaction: runs jobs, commits, hands deliveries over, syncs and replies, in this order.

use super::{
    disk_error::{DiskProblem, StoreError},
    job::Job,
    storage::{Backend, Storage},
};
use crate::model::time::Timestamp;
use std::{mem::take, time::Instant};

impl Storage {
    /// Runs jobs in one transaction; after a disk error, runs them again in memory. Other errors fail only the job that
    /// caused them. Replies after the commit, to urgent jobs after the sync.
    pub(super) fn run(&mut self, mut jobs: Vec<Box<dyn Job>>, now: Timestamp) {
        let started = Instant::now();
        let mut result = self.attempt(&mut jobs, now);
        if let Err(error) = &result
            && self.on_disk_error(error, now)
        {
            result = self.attempt(&mut jobs, now);
        }
        match result {
            Ok(()) => self.on_committed(jobs, now, started),
            Err(_) if jobs.len() > 1 => jobs.into_iter().for_each(|job| self.run(vec![job], now)),
            Err(error) => {
                if let Some(job) = jobs.pop() {
                    job.finish(Some(error));
                }
            }
        }
    }

    fn attempt(&mut self, jobs: &mut [Box<dyn Job>], now: Timestamp) -> Result<(), StoreError> {
        let writes = jobs.iter().any(|job| job.writes());
        self.store.transact(writes, |store| jobs.iter_mut().try_for_each(|job| job.run(store, now)))
    }

    /// Hands deliveries over, wakes workers and replies. Only the replies of urgent jobs wait for the sync.
    fn on_committed(&mut self, jobs: Vec<Box<dyn Job>>, now: Timestamp, started: Instant) {
        let writes = jobs.iter().any(|job| job.writes());
        let must_sync = take(&mut self.store.tx_state.urgent);
        self.store.hand_over(Instant::now());
        self.store.wake_workers();
        let (urgent, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.is_urgent());
        others.into_iter().for_each(|job| job.finish(None));
        if must_sync {
            self.sync(now);
        }
        if writes {
            self.settings.commit_duration.observe(started.elapsed());
        }
        urgent.into_iter().for_each(|job| job.finish(None));
        self.checkpoint(true);
    }

    /// Syncs the log. After an error memory continues, with all committed rows.
    fn sync(&mut self, now: Timestamp) {
        if let Backend::Disk { wal, .. } = &self.backend
            && let Err(error) = wal.sync()
        {
            tracing::debug!(%error, "outbox sync failed");
            self.switch_to_memory(DiskProblem::Failing, now);
        }
    }

    /// Merges a long log into the file. `busy`: jobs may wait, so that only a very long one is merged.
    pub(super) fn checkpoint(&self, busy: bool) {
        if let Backend::Disk { wal, .. } = &self.backend
            && let Err(error) = wal.checkpoint(&self.store.db, busy)
        {
            // The next write reports a disk that fails.
            tracing::debug!(%error, "outbox checkpoint failed");
        }
    }
}
