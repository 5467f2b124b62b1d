//! The durable queue of deliveries, as its users see it.

use super::{Delivery, DeliveryId, EnqueueResult, MessageRef, NewDelivery, SettleRequest};
use crate::model::{
    call::{CallUpdate, StatusKind},
    claim::{Press, PressResult},
    ids::{ConversationSpaceId, SinkName},
    time::Timestamp,
};
use std::future::Future;

/// Failure of an outbox operation. A disk failure is not an error: the outbox then continues in memory.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The writer has stopped: the daemon is shutting down.
    #[error("the outbox has stopped")]
    Stopped,
    /// Another daemon owns the sink now, and posts its deliveries.
    #[error("another daemon owns the sink")]
    Fenced,
    /// The store failed; its error is the source.
    #[error("outbox operation failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The durable queue, small enough for SQLite and for a shared PostgreSQL. Every method is one transaction; no transaction
/// spans a network call. Clones share one outbox.
pub trait Outbox: Clone + Send + Sync + 'static {
    /// Saves a pending update during its look-up. Durable on return. A known pending update is replaced.
    fn save_pending(&self, update: CallUpdate) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Removes a pending update, if any, and enqueues its deliveries, in one transaction. Durable on return. Returns one
    /// [`EnqueueResult`] for each delivery, in order.
    fn enqueue(
        &self,
        pending: Option<(ConversationSpaceId, StatusKind)>,
        deliveries: Vec<NewDelivery>,
    ) -> impl Future<Output = Result<Vec<EnqueueResult>, OutboxError>> + Send;

    /// Returns the pending updates without deliveries: the rest of a crash during a look-up.
    fn pending(&self) -> impl Future<Output = Result<Vec<CallUpdate>, OutboxError>> + Send;

    /// Returns the deliveries of `sink` due at `now`, oldest first, at most `most`. Only the earliest unsettled one of each
    /// call is returned, and none while that one is leased or not due: updates arrive in order. A due time beyond the longest
    /// wait that is ever set (the clock jumped back) counts as due.
    fn due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Delivery>, OutboxError>> + Send;

    /// Leases the deliveries of `ids` that still wait, with their newest cards. A crash frees unsettled leases.
    fn lease(&self, ids: Vec<DeliveryId>) -> impl Future<Output = Result<Vec<Delivery>, OutboxError>> + Send;

    /// Ends leases. Survives a crash of the process on return, but not yet a power cut, after which the deliveries may wait
    /// again.
    fn settle(&self, settles: Vec<SettleRequest>) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Applies a press to the live message of `call` if it is `message`. A message with a new claim waits for its edit. Durable
    /// on return.
    fn press(
        &self,
        call: ConversationSpaceId,
        message: MessageRef,
        press: Press,
    ) -> impl Future<Output = Result<PressResult, OutboxError>> + Send;

    /// Returns the time at which the next delivery of `sink` is due, if one waits.
    fn next_due(&self, sink: &SinkName) -> impl Future<Output = Result<Option<Timestamp>, OutboxError>> + Send;

    /// Completes when a new delivery may wait for `sink` since the last call. Callers register first, then query.
    fn wakeup(&self, sink: &SinkName) -> impl Future<Output = ()> + Send;

    /// Waits as [`Outbox::wakeup`], for a caller that can post immediately. A delivery that is enqueued now, and is the first
    /// of its call, is leased and returned before its commit is synced, without a query. `None`: query. If the future is
    /// dropped, the delivery waits again.
    fn receive(&self, sink: &SinkName) -> impl Future<Output = Option<Delivery>> + Send {
        let wakeup = self.wakeup(sink);
        async move {
            wakeup.await;
            None
        }
    }
}
