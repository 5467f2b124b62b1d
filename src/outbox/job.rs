//! Units of work of the writer thread. Contains no SQL.

use super::{disk_error::StoreError, store::Store};
use crate::model::{
    delivery::{OutboxError, SettleRequest},
    time::Timestamp,
};
use std::time::Duration;
use tokio::sync::oneshot;

/// Attempts to store a settlement that is not accepted for another reason than the disk. Its delivery then stays leased
/// until the lease expires.
const MAX_SETTLE_ATTEMPTS: u32 = 5;

/// Longest time from a settlement to its commit. Far below the duration of a post, so that a kill repeats hardly more than
/// what was on the wire.
const SETTLE_DELAY: Duration = Duration::from_millis(2);

/// Longest time from other work that is not urgent to its commit: the next run asks GoTo for such calls.
const BOOKKEEPING_DELAY: Duration = Duration::from_millis(250);

/// A unit of work in a transaction. Runs again if the transaction was rolled back.
pub(super) trait Job: Send {
    /// Runs the work and keeps the result.
    fn run(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError>;
    /// Returns whether the work may write.
    fn writes(&self) -> bool;
    /// Returns whether the last run created or changed a delivery: its reply follows the commit and the sync.
    fn is_urgent(&self) -> bool;
    /// Returns the longest time to the commit of work that is not urgent: until then, other work may join the transaction.
    fn commit_delay(&self) -> Duration {
        BOOKKEEPING_DELAY
    }
    /// Sends the kept result, unless already sent.
    fn reply(&mut self);
    /// Ends the job after a failure. Returns the job if it is to run again later.
    fn fail(self: Box<Self>, error: StoreError) -> Option<Box<dyn Job>>;
}

/// A closure as a job, with the sender of its result.
pub(super) struct Task<T, F> {
    work: F,
    writes: bool,
    urgent: bool,
    out: Option<T>,
    /// `None`: already sent.
    reply: Option<oneshot::Sender<Result<T, OutboxError>>>,
}

impl<T, F> Task<T, F> {
    pub(super) const fn new(writes: bool, work: F, reply: oneshot::Sender<Result<T, OutboxError>>) -> Self {
        Self { work, writes, urgent: false, out: None, reply: Some(reply) }
    }
}

impl<T: Send, F: FnMut(&mut Store, Timestamp) -> Result<T, StoreError> + Send> Job for Task<T, F> {
    fn run(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError> {
        let (work, out) = (&mut self.work, &mut self.out);
        self.urgent = store.watch_urgency(|store| {
            *out = Some(work(store, now)?);
            Ok(())
        })?;
        Ok(())
    }

    fn writes(&self) -> bool {
        self.writes
    }

    fn is_urgent(&self) -> bool {
        self.urgent
    }

    fn reply(&mut self) {
        if let (Some(reply), Some(out)) = (self.reply.take(), self.out.take()) {
            // The caller may be gone; the commit stands.
            drop(reply.send(Ok(out)));
        }
    }

    fn fail(mut self: Box<Self>, error: StoreError) -> Option<Box<dyn Job>> {
        if let Some(reply) = self.reply.take() {
            drop(reply.send(Err(OutboxError::Store(Box::new(error)))));
        }
        None
    }
}

/// Settlements of one message. No caller waits for them.
pub(super) struct SettleJob {
    settles: Vec<SettleRequest>,
    attempts: u32,
}

impl SettleJob {
    pub(super) const fn new(settles: Vec<SettleRequest>) -> Self {
        Self { settles, attempts: 0 }
    }
}

impl Job for SettleJob {
    fn run(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError> {
        self.settles.iter().try_for_each(|settle| store.settle(settle, now))
    }

    fn writes(&self) -> bool {
        true
    }

    fn is_urgent(&self) -> bool {
        false
    }

    fn commit_delay(&self) -> Duration {
        SETTLE_DELAY
    }

    fn reply(&mut self) {}

    fn fail(mut self: Box<Self>, error: StoreError) -> Option<Box<dyn Job>> {
        self.attempts += 1;
        if self.attempts < MAX_SETTLE_ATTEMPTS {
            tracing::warn!(%error, "settlement not stored, stored again later");
            return Some(self);
        }
        tracing::error!(%error, deliveries = self.settles.len(), "settlement not stored, the cards may be posted again");
        None
    }
}
