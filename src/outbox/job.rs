//! Units of work of the writer thread. Contains no SQL.

use super::{disk_error::StoreError, store::Store};
use crate::model::{delivery::OutboxError, time::Timestamp};
use tokio::sync::oneshot;

/// A unit of work in a transaction. Runs again if the transaction was rolled back.
pub(super) trait Job: Send {
    /// Runs the work and keeps the result.
    fn run(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError>;
    /// Returns whether the work may write.
    fn writes(&self) -> bool;
    /// Returns whether the last run created or changed a delivery or a pending update: its reply follows the sync.
    fn is_urgent(&self) -> bool;
    /// Ends the job after the transaction: sends the kept result, or the failure.
    fn finish(self: Box<Self>, failure: Option<StoreError>);
}

/// A closure as a job, with the sender of its result.
pub(super) struct Task<T, F> {
    work: F,
    writes: bool,
    urgent: bool,
    out: Option<T>,
    reply: oneshot::Sender<Result<T, OutboxError>>,
}

impl<T, F> Task<T, F> {
    pub(super) const fn new(writes: bool, work: F, reply: oneshot::Sender<Result<T, OutboxError>>) -> Self {
        Self { work, writes, urgent: false, out: None, reply }
    }
}

impl<T: Send, F: FnMut(&mut Store, Timestamp) -> Result<T, StoreError> + Send> Job for Task<T, F> {
    fn run(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError> {
        let (out, urgent) = store.watch_urgency(|store| (self.work)(store, now))?;
        (self.out, self.urgent) = (Some(out), urgent);
        Ok(())
    }

    fn writes(&self) -> bool {
        self.writes
    }

    fn is_urgent(&self) -> bool {
        self.urgent
    }

    fn finish(self: Box<Self>, failure: Option<StoreError>) {
        let result = match (failure, self.out) {
            (Some(StoreError::Fenced), _) => Err(OutboxError::Fenced),
            (Some(error), _) => Err(OutboxError::Store(Box::new(error))),
            (None, Some(out)) => Ok(out),
            (None, None) => Err(OutboxError::Stopped),
        };
        // The caller may be gone; the commit stands.
        drop(self.reply.send(result));
    }
}
