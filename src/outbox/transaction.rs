//! The writer's transaction: runs jobs, commits, hands deliveries over and replies, in this order. The replies about new
//! deliveries are sent by the thread that syncs the log.

use super::{
    disk_error::{DiskProblem, StoreError},
    job::Job,
    storage::{Backend, Storage},
    syncer::{Syncer, Unsynced},
};
use crate::model::time::Timestamp;
use std::{mem::take, time::Instant};

impl Storage {
    /// Runs jobs in one transaction; after a disk error, runs them again in memory. Other errors fail only the job that
    /// caused them. Replies after the commit, to urgent jobs after the sync.
    pub(super) fn run(&mut self, mut jobs: Vec<Box<dyn Job>>, syncer: &Syncer, now: Timestamp) {
        let started = Instant::now();
        let mut result = self.attempt(&mut jobs, now);
        if let Err(error) = &result
            && self.on_disk_error(error, now)
        {
            result = self.attempt(&mut jobs, now);
        }
        match result {
            Ok(()) => self.on_committed(jobs, syncer, started),
            Err(_) if jobs.len() > 1 => jobs.into_iter().for_each(|job| self.run(vec![job], syncer, now)),
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

    /// Hands deliveries over, wakes workers and replies. The replies of urgent jobs follow the sync.
    fn on_committed(&mut self, jobs: Vec<Box<dyn Job>>, syncer: &Syncer, started: Instant) {
        let writes = jobs.iter().any(|job| job.writes());
        let is_urgent = take(&mut self.store.tx_state.urgent);
        self.store.hand_over(Instant::now());
        self.store.wake_workers();
        let (urgent, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.is_urgent());
        others.into_iter().for_each(|job| job.finish(None));
        let log = match &self.backend {
            Backend::Disk { wal, .. } if is_urgent => wal.to_sync(),
            _ => None,
        };
        if let Some(log) = log {
            syncer.sync(Unsynced { log, jobs: urgent, started });
        } else {
            if writes {
                self.settings.commit_duration.observe(started.elapsed());
            }
            urgent.into_iter().for_each(|job| job.finish(None));
        }
        self.checkpoint(true);
    }

    /// Moves to memory, with all committed rows, and sends the replies of jobs whose sync failed.
    pub(super) fn on_failed_sync(&mut self, jobs: Vec<Box<dyn Job>>, now: Timestamp) {
        if matches!(self.backend, Backend::Disk { .. }) {
            self.switch_to_memory(DiskProblem::Failing, now);
        }
        jobs.into_iter().for_each(|job| job.finish(None));
    }

    /// Merges a long log into the file. `busy`: jobs may wait, so that only a very long one is merged.
    pub(super) fn checkpoint(&self, busy: bool) {
        if let Backend::Disk { wal, .. } = &self.backend
            && let Some(file) = self.store.db.sqlite()
            && let Err(error) = wal.checkpoint(file, busy)
        {
            // The next write reports a disk that fails.
            tracing::debug!(%error, "outbox checkpoint failed");
        }
    }
}
