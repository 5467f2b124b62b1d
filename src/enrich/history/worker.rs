//! The history thread: executes the requests that wait, in one transaction, and deletes old calls.

use super::{Request, store::HistoryDb};
use crate::model::time::Timestamp;
use std::{
    iter,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Most requests of one transaction: a commit of some 10 ms.
const MAX_BATCH: usize = 256;
/// Interval of deleting calls older than the retention.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// State of the history thread.
pub(super) struct Worker {
    pub(super) store: HistoryDb,
    pub(super) failing: bool,
    pub(super) pruned_at: Option<Instant>,
}

impl Worker {
    /// Runs until all handles are dropped or the history is closed.
    pub(super) fn run(mut self, inbox: &Receiver<Request>) {
        loop {
            if self.pruned_at.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL) {
                self.pruned_at = Some(Instant::now());
                let pruned = self.store.prune(Timestamp::now());
                self.log(&pruned);
            }
            match inbox.recv_timeout(PRUNE_INTERVAL) {
                Ok(first) => {
                    if let Some(done) = self.answer_waiting(first, inbox) {
                        drop(self);
                        let _ = done.send(());
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Executes the requests that wait, in one transaction. Returns the sender of a close request.
    fn answer_waiting(&mut self, first: Request, inbox: &Receiver<Request>) -> Option<oneshot::Sender<()>> {
        let requests = iter::once(first).chain(iter::from_fn(|| inbox.try_recv().ok()));
        let mut closing = None;
        for request in requests.take(MAX_BATCH) {
            if let Request::Close { done } = request {
                closing = Some(done);
                break;
            }
            self.answer(request);
        }
        let committed = self.store.commit();
        self.log(&committed);
        closing
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Record(entry) => {
                let recorded = self.store.record(&entry);
                self.log(&recorded);
            }
            Request::Import { number, calls } => {
                let imported = self.store.import(&number, &calls);
                self.log(&imported);
            }
            // The requester may have timed out: a failed reply is ignored.
            Request::Find { number, call, at, reply } => {
                let found = self.store.find(&number, call.as_deref(), at);
                self.log(&found);
                drop(reply.send(found));
            }
            Request::Since { from, reply } => {
                let calls = self.store.since(from);
                self.log(&calls);
                drop(reply.send(calls));
            }
            Request::Close { .. } => {}
        }
    }

    fn log<T>(&mut self, result: &rusqlite::Result<T>) {
        log_health(&mut self.failing, result);
    }
}

/// Logs the first failure and the recovery.
pub(super) fn log_health<T>(failing: &mut bool, result: &rusqlite::Result<T>) {
    match result {
        Ok(_) if *failing => tracing::info!("history recovered"),
        Err(error) if !*failing => tracing::warn!(%error, "history failed, calls are not recorded"),
        Ok(_) | Err(_) => {}
    }
    *failing = result.is_err();
}
