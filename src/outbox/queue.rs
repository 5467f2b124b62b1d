//! The queue's face to the daemon: one writer thread that drains its channel into one transaction and answers after the
//! commit, and the news for the workers. Decides nothing about deliveries.

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

/// Jobs of one transaction, at most: a commit of some 10 ms.
const GROUP: usize = 256;

/// How often the ground is looked after; also how soon a change by the command line is noticed.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// How soon again while retention has more to do: small steps, with room for rings between them.
const BUSY: Duration = Duration::from_millis(50);

/// Something to do in a transaction, once or (if that was rolled back) again.
pub(super) trait Job: Send {
    /// Does it and keeps the answer.
    fn work(&mut self, store: &mut Store, now: Timestamp) -> Result<(), StoreError>;
    /// Whether it may write.
    fn writes(&self) -> bool;
    /// The transaction's end: hands out what was kept, or the failure.
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
        let answer = match (failure, self.out) {
            (Some(error), _) => Err(QueueError::Store(Box::new(error))),
            (None, Some(out)) => Ok(out),
            (None, None) => Err(QueueError::Stopped),
        };
        // Whoever asked may have gone; what was done is done.
        drop(self.reply.send(answer));
    }
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// Who is told that something new waits. A worker that is not listening at the moment finds a permit when it does.
#[derive(Debug, Default)]
struct News(Mutex<HashMap<SinkName, Arc<Notify>>>);

impl News {
    fn of(&self, sink: &SinkName) -> Arc<Notify> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(sink.clone()).or_default())
    }

    fn all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|one| one.notify_one());
    }
}

/// The outbox over one SQLite file. Clones share one writer, which ends when the last of them is dropped or with
/// [`Queue::close`]. Each caller waits for its answer, so the writer's channel is as long as there are callers.
#[derive(Debug, Clone)]
pub struct Queue {
    messages: Sender<Message>,
    news: Arc<News>,
    health: watch::Receiver<Health>,
}

impl Queue {
    /// Starts the writer; it looks after its ground every `look`.
    pub(super) fn start(ground: Ground, look: Duration) -> io::Result<Self> {
        let (messages, inbox) = channel();
        let news = Arc::new(News::default());
        let queue = Self { messages, news: Arc::clone(&news), health: ground.watch() };
        thread::Builder::new().name("outbox".to_owned()).spawn(move || serve(ground, &inbox, &news, look))?;
        Ok(queue)
    }

    /// Whether what it answers is on the disk, and when that changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Says that `connection` hears calls at `now`; written at most every 10 s.
    ///
    /// # Errors
    /// As every method of the queue.
    pub async fn alive(&self, connection: ConnectionName, now: Timestamp) -> Result<(), QueueError> {
        self.ask(true, move |store, _| store.alive(&connection, now)).await
    }

    /// When a daemon last said so of this connection.
    ///
    /// # Errors
    /// As every method of the queue.
    pub async fn last_alive(&self, connection: ConnectionName) -> Result<Option<Timestamp>, QueueError> {
        self.ask(false, move |store, _| store.last_alive(&connection)).await
    }

    /// Calls heard of (noted or admitted) since `since` whose last moment never came, oldest first.
    ///
    /// # Errors
    /// As every method of the queue.
    pub async fn open_calls(&self, since: Timestamp) -> Result<Vec<OpenCall>, QueueError> {
        self.ask(false, move |store, _| store.open_calls(since)).await
    }

    /// Calls heard of since `since` whose last moment came: they were told, and are no news in any report.
    ///
    /// # Errors
    /// As every method of the queue.
    pub async fn ended_calls(&self, since: Timestamp) -> Result<Vec<ConversationSpaceId>, QueueError> {
        self.ask(false, move |store, _| store.ended_calls(since)).await
    }

    /// How many deliveries wait for each sink, those on the wire among them; also for sinks that have left the config.
    /// Walks all that waits: some 10 ms for 100,000.
    ///
    /// # Errors
    /// As every method of the queue.
    pub async fn backlog(&self) -> Result<Vec<(SinkName, u64)>, QueueError> {
        self.ask(false, |store, _| store.backlog()).await
    }

    /// Ends the writer after what was asked before, and closes the file: its log is then folded in. Later calls answer
    /// [`QueueError::Stopped`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.messages.send(Message::Close(done)).is_ok() {
            // The writer drops its end when the file is closed: the answer is that there is none.
            drop(closed.await);
        }
    }

    /// Has the writer do something in its next transaction, and waits for the commit.
    pub(super) async fn ask<T, F>(&self, writes: bool, work: F) -> Result<T, QueueError>
    where
        T: Send + 'static,
        F: FnMut(&mut Store, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Message::Job(Box::new(Task { work, writes, out: None, reply }));
        self.messages.send(job).map_err(|_| QueueError::Stopped)?;
        answer.await.unwrap_or(Err(QueueError::Stopped))
    }
}

impl Outbox for Queue {
    fn note(&self, telling: Telling) -> impl Future<Output = Result<(), QueueError>> + Send {
        self.ask(true, move |store, now| store.note(&telling, now))
    }

    fn admit(
        &self,
        noted: Option<(ConversationSpaceId, MomentKind)>,
        admissions: Vec<Admission>,
    ) -> impl Future<Output = Result<Vec<Admitted>, QueueError>> + Send {
        self.ask(true, move |store, now| store.admit(noted.as_ref(), &admissions, now))
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
        let news = self.news.of(sink);
        async move { news.notified().await }
    }
}

fn serve(mut ground: Ground, inbox: &Receiver<Message>, news: &News, every: Duration) {
    let mut look = Instant::now() + every;
    loop {
        let mut closing = None;
        match inbox.recv_timeout(look.saturating_duration_since(Instant::now())) {
            Ok(first) => {
                let jobs = gather(first, inbox, &mut closing);
                ground.run(jobs, Timestamp::now());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= look {
            let found = ground.look(Timestamp::now(), Instant::now());
            look = Instant::now() + if found == Look::Busy { BUSY } else { every };
            if found == Look::Changed {
                news.all();
            }
        }
        for sink in std::mem::take(&mut ground.store_mut().held.woken) {
            news.of(&sink).notify_one();
        }
        if let Some(done) = closing {
            drop(ground);
            news.all();
            drop(done);
            return;
        }
    }
}

/// All that has come meanwhile, up to a group's size or a request to close.
fn gather(first: Message, inbox: &Receiver<Message>, closing: &mut Option<oneshot::Sender<()>>) -> Vec<Box<dyn Job>> {
    let mut jobs = Vec::new();
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Job(job) => jobs.push(job),
            Message::Close(done) => {
                *closing = Some(done);
                break;
            }
        }
        next = if jobs.len() < GROUP { inbox.try_recv().ok() } else { None };
    }
    jobs
}
