//! The thread that syncs the log, so that the writer continues while the disk works. One sync covers all commits before
//! it; the replies of their urgent jobs follow it.

use super::job::Job;
use crate::runtime::metrics::Histogram;
use std::{
    fs::File,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

/// A commit that is not synced, and the jobs that wait for the sync.
pub(super) struct Unsynced {
    pub(super) log: Arc<File>,
    pub(super) jobs: Vec<Box<dyn Job>>,
    /// Start of the transaction.
    pub(super) started: Instant,
}

/// Handle of the thread.
pub(super) struct Syncer {
    commits: Sender<Unsynced>,
    thread: JoinHandle<()>,
}

impl Syncer {
    /// Starts the thread. `on_failure` gets the jobs of a sync that failed. `durations` observes the time from the start of
    /// a transaction to its sync.
    pub(super) fn start<F>(durations: Histogram, on_failure: F) -> io::Result<Self>
    where
        F: Fn(Vec<Box<dyn Job>>) + Send + 'static,
    {
        let (commits, inbox) = channel();
        let run = move || sync_commits(&inbox, &durations, on_failure);
        let thread = thread::Builder::new().name("outbox-sync".to_owned()).spawn(run)?;
        Ok(Self { commits, thread })
    }

    /// Queues a commit for the next sync.
    pub(super) fn sync(&self, commit: Unsynced) {
        // A thread that panicked drops the replies: their callers receive an error.
        drop(self.commits.send(commit));
    }

    /// Waits for the syncs of all queued commits, and ends the thread.
    pub(super) fn close(self) {
        drop(self.commits);
        drop(self.thread.join());
    }
}

fn sync_commits(inbox: &Receiver<Unsynced>, durations: &Histogram, on_failure: impl Fn(Vec<Box<dyn Job>>)) {
    while let Ok(first) = inbox.recv() {
        // Commits from here on wait for the next sync.
        let commits: Vec<Unsynced> = std::iter::once(first).chain(inbox.try_iter()).collect();
        let mut last: Option<(Arc<File>, bool)> = None;
        for Unsynced { log, jobs, started } in commits {
            let is_synced = match last {
                Some((synced, result)) if Arc::ptr_eq(&synced, &log) => result,
                _ => sync(&log),
            };
            last = Some((log, is_synced));
            durations.observe(started.elapsed());
            if is_synced {
                jobs.into_iter().for_each(|job| job.finish(None));
            } else {
                on_failure(jobs);
            }
        }
    }
}

fn sync(log: &File) -> bool {
    log.sync_data().inspect_err(|error| tracing::debug!(%error, "outbox sync failed")).is_ok()
}
