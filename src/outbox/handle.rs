//! Handle of the outbox. One writer thread drains its channel into one transaction, replies after the commit, and wakes the
//! workers. Contains no delivery policy.

use super::{
    bookkeeping::{Heartbeat, OpenCall, SinkBacklog},
    disk_error::StoreError,
    handover::{Receiving, Slots},
    health::Health,
    job::Task,
    storage::Storage,
    store::Store,
    syncer::Syncer,
    writer::{WriterCommand, writer_loop},
};
use crate::model::{
    call::{CallUpdate, StatusKind},
    claim::{Press, PressResult},
    delivery::{
        Delivery, DeliveryId, EnqueueResult, MessageRef, NewDelivery, Outbox, OutboxError, SettleRequest, Settlement,
    },
    ids::{ConnectionName, ConversationSpaceId, SinkName},
    time::Timestamp,
};
use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{oneshot, watch};

/// Interval of storage maintenance; also the longest delay before a change by the CLI is detected.
pub(super) const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(2);

/// The outbox over one SQLite file, or over a database that daemons share. Clones share one writer, which stops when the last clone is dropped or with
/// [`DatabaseOutbox::close`]. Each caller waits for its reply, so the channel is never longer than the number of callers.
#[derive(Debug, Clone)]
pub struct DatabaseOutbox {
    commands: Arc<Sender<WriterCommand>>,
    slots: Arc<Slots>,
    health: watch::Receiver<Health>,
    /// Several daemons may share the store.
    is_shared: bool,
    /// As in [`Storage`].
    is_replaced: Arc<AtomicBool>,
}

impl DatabaseOutbox {
    /// Starts the writer, with storage maintenance every `interval`.
    pub(super) fn start(mut storage: Storage, interval: Duration) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let is_shared = storage.link.is_some();
        let (commands, is_replaced) = (Arc::new(commands), Arc::clone(&storage.is_replaced));
        let outbox = Self { commands, slots: storage.slots(), health: storage.watch(), is_shared, is_replaced };
        // The writer ends with the last handle, hence the weak reference.
        let writer = Arc::downgrade(&outbox.commands);
        let on_failure = move |jobs| drop(writer.upgrade().map(|writer| writer.send(WriterCommand::SyncFailed(jobs))));
        let commands = Arc::downgrade(&outbox.commands);
        storage.connect(Arc::new(move |result| {
            commands.upgrade().is_some_and(|writer| writer.send(WriterCommand::ConnectResult(result)).is_ok())
        }));
        let syncer = Syncer::start(storage.settings.commit_duration.clone(), on_failure)?;
        thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || writer_loop(storage, syncer, &inbox, interval))?;
        Ok(outbox)
    }

    /// Returns a watch of the storage health.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Returns whether the shared database was found empty or older than before, once for each time.
    #[must_use]
    pub fn take_replaced(&self) -> bool {
        self.is_replaced.swap(false, Ordering::Relaxed)
    }

    pub(super) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Records that a lane of `connection` is live at `now`; written at most every 10 s.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn heartbeat(&self, connection: ConnectionName, beat: Heartbeat) -> Result<(), OutboxError> {
        self.run(true, move |store, _| store.heartbeat(&connection, beat)).await
    }

    /// Records a call without a posted card, so that the next run does not take it for a hidden one.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn record_silent_call(&self, update: CallUpdate) -> Result<(), OutboxError> {
        self.run(true, move |store, now| store.record_silent_call(&update, now)).await
    }

    /// Returns the last heartbeat of the connection.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn last_heartbeat(&self, connection: ConnectionName) -> Result<Option<Heartbeat>, OutboxError> {
        self.run(false, move |store, _| store.last_heartbeat(&connection)).await
    }

    /// Returns the calls updated (pending or enqueued) since `since` without a final status, oldest first.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn open_calls(&self, since: Timestamp) -> Result<Vec<OpenCall>, OutboxError> {
        self.run(false, move |store, _| store.open_calls(since)).await
    }

    /// Returns the calls updated since `since` with a final status: later reports of them are not posted.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn ended_calls(&self, since: Timestamp) -> Result<Vec<ConversationSpaceId>, OutboxError> {
        self.run(false, move |store, _| store.ended_calls(since)).await
    }

    /// Returns the waiting deliveries by sink, including leased ones and sinks that are not in the config any more.
    /// Scans all waiting rows: some 10 ms for 100,000.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn backlog(&self) -> Result<Vec<SinkBacklog>, OutboxError> {
        self.run(false, |store, _| store.backlog()).await
    }

    /// Stops the writer after the commands already sent, and closes the file, which merges the WAL. Later calls return
    /// [`OutboxError::Stopped`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(WriterCommand::Close(done)).is_ok() {
            // The writer drops its end after closing the file: the receive error is the signal.
            drop(closed.await);
        }
    }

    /// Sends work to the writer, for its next transaction. The result follows the commit, that of urgent work the sync.
    pub(super) fn run<T, F>(
        &self,
        writes: bool,
        work: F,
    ) -> impl Future<Output = Result<T, OutboxError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&mut Store, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        // If the writer has ended, the reply's sender is dropped with the job.
        drop(self.commands.send(WriterCommand::Job(Box::new(Task::new(writes, work, reply)))));
        async move { result.await.unwrap_or(Err(OutboxError::Stopped)) }
    }
}

impl Outbox for DatabaseOutbox {
    fn save_pending(&self, update: CallUpdate) -> impl Future<Output = Result<(), OutboxError>> + Send {
        self.run(true, move |store, now| store.save_pending(&update, now))
    }

    fn enqueue(
        &self,
        pending: Option<(ConversationSpaceId, StatusKind)>,
        deliveries: Vec<NewDelivery>,
    ) -> impl Future<Output = Result<Vec<EnqueueResult>, OutboxError>> + Send {
        self.run(true, move |store, now| store.enqueue(pending.as_ref(), &deliveries, now))
    }

    fn pending(&self) -> impl Future<Output = Result<Vec<CallUpdate>, OutboxError>> + Send {
        self.run(false, |store, _| store.pending())
    }

    fn due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Delivery>, OutboxError>> + Send {
        let sink = sink.clone();
        self.run(false, move |store, _| store.due(&sink, now, most))
    }

    fn lease(&self, ids: Vec<DeliveryId>) -> impl Future<Output = Result<Vec<Delivery>, OutboxError>> + Send {
        // With other daemons, a lease is written.
        self.run(self.is_shared, move |store, _| store.lease(&ids, Instant::now()))
    }

    fn settle(&self, settles: Vec<SettleRequest>) -> impl Future<Output = Result<(), OutboxError>> + Send {
        self.run(true, move |store, now| settles.iter().try_for_each(|settle| store.settle(settle, now)))
    }

    fn press(
        &self,
        call: ConversationSpaceId,
        message: MessageRef,
        press: Press,
    ) -> impl Future<Output = Result<PressResult, OutboxError>> + Send {
        self.run(true, move |store, now| store.press(&call, &message, &press, now))
    }

    fn next_due(&self, sink: &SinkName) -> impl Future<Output = Result<Option<Timestamp>, OutboxError>> + Send {
        let sink = sink.clone();
        self.run(false, move |store, now| store.next_due(&sink, now))
    }

    fn wakeup(&self, sink: &SinkName) -> impl Future<Output = ()> + Send {
        let slot = self.slots.for_sink(sink);
        async move { slot.woken().await }
    }

    fn receive(&self, sink: &SinkName) -> impl Future<Output = Option<Delivery>> + Send {
        let outbox = self.clone();
        let release = move |delivery: Delivery| {
            let release = SettleRequest { id: delivery.id, settlement: Settlement::Released, attempt: None };
            // Sent already; the commit needs no wait.
            drop(outbox.settle(vec![release]));
        };
        Receiving::start(self.slots.for_sink(sink), release).wait()
    }
}
