//! The writer's transaction: runs jobs, commits, hands deliveries over, syncs and replies, in this order. Jobs that are not
//! urgent leave the transaction open for later ones.

use super::{
    disk_error::{DiskProblem, StoreError},
    job::Job,
    schema,
    storage::{Backend, Storage},
};
use crate::model::time::Timestamp;
use std::{
    mem::take,
    time::{Duration, Instant},
};

impl Storage {
    /// Returns whether a transaction is open: jobs ran and are not committed.
    pub(super) const fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Returns the longest time to the commit of the open transaction; `None` if none is open.
    pub(super) fn commit_delay(&self) -> Option<Duration> {
        self.open.iter().filter(|job| job.writes()).map(|job| job.commit_delay()).min()
    }

    /// Runs jobs in the open transaction, or in a new one. If one is urgent, commits, hands deliveries over and syncs, and
    /// replies to the urgent ones last. Otherwise replies immediately and leaves the transaction open. After a disk error,
    /// all jobs of the transaction run again in memory. Other errors fail only the job that caused them.
    pub(super) fn run(&mut self, jobs: Vec<Box<dyn Job>>, now: Timestamp) {
        let first = self.open.len();
        self.open.extend(jobs);
        match self.execute(first, now) {
            Ok(()) if self.store.tx_state.urgent || !self.open.iter().any(|job| job.writes()) => self.commit(now),
            Ok(()) => self.open.iter_mut().skip(first).for_each(|job| job.reply()),
            Err(error) => self.recover(error, now),
        }
        self.store.wake_workers();
    }

    /// Commits the open transaction, if any.
    pub(super) fn commit(&mut self, now: Timestamp) {
        if self.is_open() {
            let started = Instant::now();
            match self.store.db.execute_batch("COMMIT") {
                Ok(()) => self.on_committed(now, started),
                Err(error) => self.recover(error.into(), now),
            }
        }
    }

    /// Runs the jobs from `first` on.
    fn execute(&mut self, first: usize, now: Timestamp) -> Result<(), StoreError> {
        if self.store.db.is_autocommit() {
            self.before = self.store.tx_state.clone();
            // Takes the write lock immediately: a read that becomes a write fails if another process wrote in between.
            let writes = self.open.iter().any(|job| job.writes());
            self.store.db.execute_batch(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        }
        self.open.iter_mut().skip(first).try_for_each(|job| job.run(&mut self.store, now))
    }

    /// Hands deliveries over and replies. The sync is behind the hand-over, and the replies of urgent jobs behind the sync.
    fn on_committed(&mut self, now: Timestamp, started: Instant) {
        self.store.hand_over(Instant::now());
        let must_sync = take(&mut self.store.tx_state.urgent);
        let (mut urgent, mut others): (Vec<_>, Vec<_>) =
            take(&mut self.open).into_iter().partition(|job| job.is_urgent());
        others.iter_mut().for_each(|job| job.reply());
        if must_sync {
            self.store.wake_workers();
            self.sync(now);
            self.settings.commit_duration.observe(started.elapsed());
        }
        urgent.iter_mut().for_each(|job| job.reply());
        self.checkpoint_if(true);
    }

    /// Syncs the file. After an error memory continues, with all committed rows.
    fn sync(&mut self, now: Timestamp) {
        if let Backend::Disk { wal, .. } = &self.backend
            && let Err(error) = wal.sync()
        {
            tracing::debug!(%error, "outbox sync failed");
            self.switch_to_memory(DiskProblem::Failing, now);
        }
    }

    /// Merges a long WAL into the file, unless a transaction is open.
    pub(super) fn checkpoint(&self) {
        if !self.is_open() {
            self.checkpoint_if(false);
        }
    }

    fn checkpoint_if(&self, busy: bool) {
        if let Backend::Disk { wal, .. } = &self.backend
            && let Err(error) = wal.checkpoint(&self.store.db, busy)
        {
            // The next write reports a disk that fails.
            tracing::debug!(%error, "outbox checkpoint failed");
        }
    }

    /// Rolls back, and runs the jobs of the transaction again: in memory after a disk error, otherwise one by one.
    fn recover(&mut self, error: StoreError, now: Timestamp) {
        self.roll_back();
        let mut error = error;
        if self.on_disk_error(&error, now) {
            match self.execute(0, now).and_then(|()| Ok(self.store.db.execute_batch("COMMIT")?)) {
                Ok(()) => return self.on_committed(now, Instant::now()),
                Err(second) => {
                    self.roll_back();
                    error = second;
                }
            }
        }
        let mut jobs = take(&mut self.open);
        if jobs.len() > 1 {
            for job in jobs {
                self.run(vec![job], now);
                self.commit(now);
            }
        } else if let Some(job) = jobs.pop() {
            self.failed.extend(job.fail(error));
        }
    }

    fn roll_back(&mut self) {
        schema::rollback(&self.store.db);
        self.store.tx_state = take(&mut self.before);
    }
}
