//! Handle of the outbox. One writer thread drains its channel into one transaction, replies after the commit, and wakes the
//! workers. Contains no delivery policy.

use super::{
    bookkeeping::{Heartbeat, OpenCall, SinkBacklog},
    disk_error::StoreError,
    health::Health,
    job::{Job, Task},
    storage::{Maintenance, Storage},
    store::Store,
};
use crate::model::{
    call::{CallUpdate, StatusKind},
    claim::{Press, PressResult},
    delivery::{Delivery, DeliveryId, EnqueueResult, MessageRef, NewDelivery, Outbox, OutboxError, SettleRequest},
    ids::{ConnectionName, ConversationSpaceId, SinkName},
    time::Timestamp,
};
use std::{
    collections::HashMap,
    future::Future,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{Notify, oneshot, watch};

/// Most jobs of one transaction: a commit of some 10 ms.
const MAX_BATCH: usize = 256;

/// Interval of storage maintenance; also the longest delay before a change by the CLI is detected.
pub(super) const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(2);

/// Pause between retention steps while more rows are left: leaves room for rings.
const RETENTION_PAUSE: Duration = Duration::from_millis(50);

enum Command {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// Wakeups for the workers. A worker that is not waiting at that time finds a permit later.
#[derive(Debug, Default)]
struct Wakeups(Mutex<HashMap<SinkName, Arc<Notify>>>);

impl Wakeups {
    fn for_sink(&self, sink: &SinkName) -> Arc<Notify> {
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sinks.entry(sink.clone()).or_default())
    }

    fn notify_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|notify| notify.notify_one());
    }
}

/// The outbox over one SQLite file. Clones share one writer, which stops when the last clone is dropped or with
/// [`SqliteOutbox::close`]. Each caller waits for its reply, so the channel is never longer than the number of callers.
#[derive(Debug, Clone)]
pub struct SqliteOutbox {
    commands: Sender<Command>,
    wakeups: Arc<Wakeups>,
    health: watch::Receiver<Health>,
}

impl SqliteOutbox {
    /// Starts the writer, with storage maintenance every `interval`.
    pub(super) fn start(storage: Storage, interval: Duration) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let wakeups = Arc::new(Wakeups::default());
        let outbox = Self { commands, wakeups: Arc::clone(&wakeups), health: storage.watch() };
        thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || writer_loop(storage, &inbox, &wakeups, interval))?;
        Ok(outbox)
    }

    /// Returns a watch of the storage health.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
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
        if self.commands.send(Command::Close(done)).is_ok() {
            // The writer drops its end after closing the file: the receive error is the signal.
            drop(closed.await);
        }
    }

    /// Runs work in the writer's next transaction and waits for the commit.
    pub(super) async fn run<T, F>(&self, writes: bool, work: F) -> Result<T, OutboxError>
    where
        T: Send + 'static,
        F: FnMut(&mut Store, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job = Command::Job(Box::new(Task::new(writes, work, reply)));
        self.commands.send(job).map_err(|_| OutboxError::Stopped)?;
        result.await.unwrap_or(Err(OutboxError::Stopped))
    }
}

impl Outbox for SqliteOutbox {
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
        self.run(false, move |store, _| store.lease(&ids, Instant::now()))
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
        let wakeup = self.wakeups.for_sink(sink);
        async move { wakeup.notified().await }
    }
}

fn writer_loop(mut storage: Storage, inbox: &Receiver<Command>, wakeups: &Wakeups, interval: Duration) {
    let mut next_maintenance = Instant::now() + interval;
    loop {
        let mut closing = None;
        match inbox.recv_timeout(next_maintenance.saturating_duration_since(Instant::now())) {
            Ok(first) => {
                let jobs = drain(first, inbox, &mut closing);
                storage.run(jobs, Timestamp::now());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_maintenance {
            let found = storage.maintain(Timestamp::now(), Instant::now());
            next_maintenance = Instant::now() + if found == Maintenance::Busy { RETENTION_PAUSE } else { interval };
            if found == Maintenance::Changed {
                wakeups.notify_all();
            }
        }
        for sink in std::mem::take(&mut storage.store_mut().tx_state.wakeups) {
            wakeups.for_sink(&sink).notify_one();
        }
        if let Some(done) = closing {
            drop(storage);
            wakeups.notify_all();
            drop(done);
            return;
        }
    }
}

/// Collects the jobs received so far, up to the batch limit or a close command.
fn drain(first: Command, inbox: &Receiver<Command>, closing: &mut Option<oneshot::Sender<()>>) -> Vec<Box<dyn Job>> {
    let mut jobs = Vec::new();
    let mut next = Some(first);
    while let Some(command) = next {
        match command {
            Command::Job(job) => jobs.push(job),
            Command::Close(done) => {
                *closing = Some(done);
                break;
            }
        }
        next = if jobs.len() < MAX_BATCH { inbox.try_recv().ok() } else { None };
    }
    jobs
}
