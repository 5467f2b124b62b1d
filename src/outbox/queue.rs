//! Handle of the outbox. One writer thread drains its channel into one transaction, replies after the commit, and wakes the
//! workers. Contains no delivery policy.

use super::{
    degrade::{Ground, Health, Look},
    facts::OpenCall,
    store::Store,
    trouble::StoreError,
};
use crate::model::{
    call::{MomentKind, Telling},
    delivery::{Admission, Admitted, Delivery, DeliveryId, Outbox, QueueError, Settle},
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
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// Pause between retention steps while more rows are left: leaves room for rings.
const RETENTION_PAUSE: Duration = Duration::from_millis(50);

/// A unit of work in a transaction. Runs again if the transaction was rolled back.
pub(super) trait Job: Send {
    /// Runs the work and keeps the result.
    fn work(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError>;
    /// Returns whether the work may write.
    fn writes(&self) -> bool;
    /// Ends the job after the transaction: sends the kept result, or the failure.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

struct Task<T, F> {
    work: F,
    writes: bool,
    out: Option<T>,
    reply: oneshot::Sender<Result<T, QueueError>>,
}

impl<T: Send, F: FnMut(&mut Store, Timestamp) -> Result<T, StoreError> + Send> Job for Task<T, F> {
    fn work(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError> {
        self.out = Some((self.work)(store, now)?);
        Ok(())
    }

    fn writes(&self) -> bool {
        self.writes
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let result = match (failure, self.out) {
            (Some(error), _) => Err(QueueError::Store(Box::new(error))),
            (None, Some(out)) => Ok(out),
            (None, None) => Err(QueueError::Stopped),
        };
        // The caller may be gone; the commit stands.
        drop(self.reply.send(result));
    }
}

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
pub struct Queue {
    commands: Sender<Command>,
    wakeups: Arc<Wakeups>,
    health: watch::Receiver<Health>,
}

impl Queue {
    /// Starts the writer, with storage maintenance every `interval`.
    pub(super) fn start(storage: Ground, interval: Duration) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let wakeups = Arc::new(Wakeups::default());
        let outbox = Self { commands, wakeups: Arc::clone(&wakeups), health: storage.watch() };
        thread::Builder::new().name("outbox".to_owned()).spawn(move || writer_loop(storage, &inbox, &wakeups, interval))?;
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
    pub async fn alive(&self, connection: ConnectionName, now: Timestamp) -> Result<(), QueueError> {
        self.ask(true, move |store, _| store.alive(&connection, now)).await
    }

    /// Returns the last heartbeat of the connection.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn last_alive(&self, connection: ConnectionName) -> Result<Option<Timestamp>, QueueError> {
        self.ask(false, move |store, _| store.last_alive(&connection)).await
    }

    /// Returns the calls updated (pending or enqueued) since `since` without a final status, oldest first.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn open_calls(&self, since: Timestamp) -> Result<Vec<OpenCall>, QueueError> {
        self.ask(false, move |store, _| store.open_calls(since)).await
    }

    /// Returns the calls updated since `since` with a final status: later reports of them are not posted.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn ended_calls(&self, since: Timestamp) -> Result<Vec<ConversationSpaceId>, QueueError> {
        self.ask(false, move |store, _| store.ended_calls(since)).await
    }

    /// Returns the number of waiting deliveries by sink, including leased ones and sinks that are not in the config any more.
    /// Scans all waiting rows: some 10 ms for 100,000.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn backlog(&self) -> Result<Vec<(SinkName, u64)>, QueueError> {
        self.ask(false, |store, _| store.backlog()).await
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
    pub(super) async fn ask<T, F>(&self, writes: bool, work: F) -> Result<T, QueueError>
    where
        T: Send + 'static,
        F: FnMut(&mut Store, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job = Command::Job(Box::new(Task { work, writes, out: None, reply }));
        self.commands.send(job).map_err(|_| QueueError::Stopped)?;
        result.await.unwrap_or(Err(QueueError::Stopped))
    }
}

impl Outbox for Queue {
    fn note(&self, update: Telling) -> impl Future<Output = Result<(), QueueError>> + Send {
        self.ask(true, move |store, now| store.note(&update, now))
    }

    fn admit(
        &self,
        pending: Option<(ConversationSpaceId, MomentKind)>,
        deliveries: Vec<Admission>,
    ) -> impl Future<Output = Result<Vec<Admitted>, QueueError>> + Send {
        self.ask(true, move |store, now| store.admit(pending.as_ref(), &deliveries, now))
    }

    fn noted(&self) -> impl Future<Output = Result<Vec<Telling>, QueueError>> + Send {
        self.ask(false, |store, _| store.noted())
    }

    fn waiting(
        &self,
        sink: &SinkName,
        now: Timestamp,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Delivery>, QueueError>> + Send {
        let sink = sink.clone();
        self.ask(false, move |store, _| store.waiting(&sink, now, most))
    }

    fn lease(&self, ids: Vec<DeliveryId>) -> impl Future<Output = Result<Vec<Delivery>, QueueError>> + Send {
        self.ask(false, move |store, _| store.lease(&ids, Instant::now()))
    }

    fn settle(&self, settles: Vec<Settle>) -> impl Future<Output = Result<(), QueueError>> + Send {
        self.ask(true, move |store, now| settles.iter().try_for_each(|settle| store.settle(settle, now)))
    }

    fn next_due(&self, sink: &SinkName) -> impl Future<Output = Result<Option<Timestamp>, QueueError>> + Send {
        let sink = sink.clone();
        self.ask(false, move |store, now| store.next_due(&sink, now))
    }

    fn news(&self, sink: &SinkName) -> impl Future<Output = ()> + Send {
        let wakeup = self.wakeups.for_sink(sink);
        async move { wakeup.notified().await }
    }
}

fn writer_loop(mut storage: Ground, inbox: &Receiver<Command>, wakeups: &Wakeups, interval: Duration) {
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
            let found = storage.look(Timestamp::now(), Instant::now());
            next_maintenance = Instant::now() + if found == Look::Busy { RETENTION_PAUSE } else { interval };
            if found == Look::Changed {
                wakeups.notify_all();
            }
        }
        for sink in std::mem::take(&mut storage.store_mut().held.woken) {
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
