//! One sink's loop: look, lease, draw, post, settle, tell. It decides nothing: [`standing`](super::standing) says when
//! and what an answer means, [`turn`](super::turn) says what. One request is in flight at a time, so that a call's
//! moments arrive in their order; sinks share nothing, so that none waits for another.

use super::{
    answer::Answer,
    post,
    sink::Sink,
    standing::{Outcome, Standing},
    told::{Told, journal},
    turn::{choose, drawn_as_of},
};
use crate::model::{
    backoff::{Policy, Waits},
    card::Card,
    delivery::{Attempt, Delivery, Drawn, Form, Outbox, Place, QueueError, Settle, Settlement, SinkKind},
    pulse::Pulse,
    time::{Now, Timestamp, elapsed},
};
use std::{future::Future, pin::pin, task::Poll, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// How many waiting deliveries are looked at for a message: in a longer queue "newest" means newest of the oldest 500.
const LOOK_MOST: usize = 500;
/// An idle worker looks again after this even without news: its timer and the store's clock may disagree.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The shortest wait after finding nothing to do, so that a store that disagrees with itself is no hot loop.
const BREATH: Duration = Duration::from_millis(20);
/// A clean stop waits so long for the post in flight: the daemon has 10 s in all.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// How long a daemon that does not read may hold up a worker that has an edge to tell.
const TELL_WITHIN: Duration = Duration::from_secs(1);
/// How often a settlement is tried before the delivery is left to its lease, which a restart ends.
const SETTLE_TRIES: u32 = 5;

/// Tells `sink` what waits for it, until `stop` turns true (or its sender is gone): then the post in flight is
/// finished within 8 s and settled, and the rest stays in the outbox. `draw` gets the cards, now, and whether to draw
/// plain.
///
/// # Errors
/// [`QueueError::Stopped`] if the outbox ends first. A store that refuses is tried again.
pub async fn run<O, D>(
    sink: Sink,
    outbox: O,
    http: reqwest::Client,
    draw: D,
    told: mpsc::Sender<Told>,
    stop: watch::Receiver<bool>,
) -> Result<(), QueueError>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> Drawn + Send + Sync,
{
    let now = Now::read().tick;
    let channel = sink.app.as_ref().map(|app| app.channel.clone());
    let standing = Standing::new(sink.kind, channel, sink.ways(now));
    let pulse = sink.pulses.join(format!("the worker of {}", sink.name), now);
    let store = Waits::new(Policy::UPSTREAM);
    let mut worker = Worker { sink, outbox, http, draw, told, stop, standing, store, pulse };
    while !is_stopped(&worker.stop) {
        worker.pulse.busy(Now::read().tick);
        match worker.step().await {
            Ok(()) => worker.taken_again(),
            Err(QueueError::Stopped) => return Err(QueueError::Stopped),
            Err(error) => worker.refused(&error).await,
        }
    }
    Ok(())
}

struct Worker<O, D> {
    sink: Sink,
    outbox: O,
    http: reqwest::Client,
    draw: D,
    told: mpsc::Sender<Told>,
    stop: watch::Receiver<bool>,
    standing: Standing,
    store: Waits,
    pulse: Pulse,
}

impl<O, D> Worker<O, D>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> Drawn + Send + Sync,
{
    /// One wait or one message.
    async fn step(&mut self) -> Result<(), QueueError> {
        let closed = self.standing.closed_for(Now::read().tick);
        if !closed.is_zero() {
            self.rest(closed, std::future::pending()).await;
            return Ok(());
        }
        let (outbox, name) = (self.outbox.clone(), self.sink.name.clone());
        let mut news = pin!(outbox.news(&name));
        // Polled once to register, and only then looked: what arrives in between is news.
        let fresh = std::future::poll_fn(|context| Poll::Ready(news.as_mut().poll(context).is_ready())).await;
        let now = Timestamp::now();
        let mut waiting = outbox.waiting(&name, now, LOOK_MOST).await?;
        let paced = self.ready(&mut waiting);
        if !waiting.is_empty() {
            return self.message(&waiting).await;
        }
        if fresh {
            return Ok(());
        }
        if let Some(wait) = paced {
            self.rest(wait.max(BREATH), news).await;
            return Ok(());
        }
        let due = outbox.next_due(&name).await?;
        let wait = due.map_or(LOOK_AGAIN, |due| elapsed(now, due).clamp(BREATH, LOOK_AGAIN));
        self.rest(wait, news).await;
        Ok(())
    }

    /// Keeps of what waits what may be sent now; otherwise says when the first of it may.
    fn ready(&self, waiting: &mut Vec<Delivery>) -> Option<Duration> {
        let tick = Now::read().tick;
        let soonest = waiting.iter().map(|one| self.standing.closed_to(one, tick)).min();
        waiting.retain(|one| self.standing.closed_to(one, tick).is_zero());
        soonest
    }

    /// Waits for the time, for `news`, for the operator, or for the stop.
    async fn rest(&mut self, wait: Duration, news: impl Future<Output = ()>) {
        self.pulse.rest(Now::read().tick.checked_add(wait));
        tokio::select! {
            () = sleep(wait) => {}
            () = news => {}
            () = self.sink.enable.notified() => self.standing.enable(),
            () = stopped(&mut self.stop) => {}
        }
    }

    /// One message: says as much of what waits as fits.
    async fn message(&mut self, waiting: &[Delivery]) -> Result<(), QueueError> {
        let standing = &self.standing;
        let chosen = choose(waiting, standing.mode(), standing.full(), |delivery| standing.alone(delivery));
        // A reply is read under its card: text is enough.
        let plain = chosen.first().is_some_and(|first| first.plain || matches!(first.form, Form::Reply { .. }));
        let fits = if chosen.len() > 1 { self.drawn(chosen.iter().copied(), plain).used } else { 1 };
        if fits < waiting.len() {
            self.standing.overflowed();
        }
        let place = chosen.first().and_then(|first| self.standing.enter(first, Now::read().tick));
        // Kept until the answer is counted: sinks with one token share their lanes.
        let Some(_place) = place else { return Ok(()) };
        let ids = chosen.iter().take(fits).map(|delivery| delivery.id).collect();
        let mut batch = self.outbox.lease(ids).await?;
        if batch.is_empty() {
            // Somebody else was faster, or the operator dropped it.
            self.rest(BREATH, std::future::pending()).await;
            return Ok(());
        }
        if !self.sink.kind.edits() && matches!(batch.first(), Some(Delivery { form: Form::Reply { .. }, .. })) {
            return self.unthreaded(&batch).await;
        }
        batch.sort_by_key(|delivery| std::cmp::Reverse((delivery.admitted, delivery.id)));
        let drawn = self.drawn(batch.iter(), plain);
        // The lease brought newer cards, which may be longer.
        let rest = batch.split_off(drawn.used.min(batch.len()));
        self.settle(rest.iter().map(|one| Settle { id: one.id, settlement: Settlement::Released, attempt: None }))
            .await?;
        let began = Now::read();
        let form = batch.first().map_or(Form::Message, |first| first.form.clone());
        let (answer, place) = self.posted(drawn.body, &form).await;
        let now = Now::read();
        let outcome = self.standing.answered(&batch, &answer, now, fastrand::f64());
        let attempt = Attempt {
            at: began.clock,
            took: now.tick.saturating_duration_since(began.tick),
            status: answer.status(),
            answer: self.sink.shown(&answer),
        };
        let ends = batch.iter().zip(&outcome.ends).map(|(one, (_, settlement))| Settle {
            id: one.id,
            settlement: placed(settlement, &form, place.as_ref()),
            attempt: Some(attempt.clone()),
        });
        let settled = self.settle(ends).await;
        self.tell(&batch, &outcome, &attempt, now.clock).await;
        settled
    }

    /// Replies of a sink that has no threads any more: their call's message has said or will say it.
    async fn unthreaded(&mut self, batch: &[Delivery]) -> Result<(), QueueError> {
        let why = "a reply, and the sink has no threads any more";
        tracing::info!(sink = %self.sink.name, count = batch.len(), error = why, "card left out");
        let dead = Settlement::Dead(why.to_owned());
        self.settle(batch.iter().map(|one| Settle { id: one.id, settlement: dead.clone(), attempt: None })).await
    }

    /// A drawing that says nothing would be posted for ever: it says at least its first card.
    fn drawn<'a>(&self, batch: impl Iterator<Item = &'a Delivery>, plain: bool) -> Drawn {
        let batch: Vec<&Delivery> = batch.collect();
        let now = Timestamp::now();
        // An edit goes alone.
        let at = batch.first().filter(|_| self.sink.kind.edits()).map_or(now, |first| drawn_as_of(first, now));
        let cards: Vec<&Card> = batch.iter().map(|delivery| &delivery.card).collect();
        let drawn = (self.draw)(self.sink.kind, &cards, at, plain);
        Drawn { used: drawn.used.clamp(1, cards.len().max(1)), ..drawn }
    }

    /// Posts; a stop shortens the wait for the answer. Where the message stands, if the chat says so.
    async fn posted(&mut self, body: String, form: &Form) -> (Answer, Option<Place>) {
        let mut stop = self.stop.clone();
        self.pulse.rest(Now::read().tick.checked_add(post::TIMEOUT));
        let sent = tokio::select! {
            sent = self.sink.send(&self.http, &body, form) => sent,
            () = async { stopped(&mut stop).await; sleep(STOP_WITHIN).await } => {
                (Answer::Unsure("stopped before the answer came".to_owned()), None)
            }
        };
        self.pulse.busy(Now::read().tick);
        sent
    }

    /// Ends leases, and does not give up at the first refusal: an unsettled delivery would be sent again.
    async fn settle(&mut self, ends: impl Iterator<Item = Settle>) -> Result<(), QueueError> {
        let ends: Vec<Settle> = ends.collect();
        if ends.is_empty() {
            return Ok(());
        }
        let mut waits = Waits::new(Policy { first: Duration::from_millis(100), longest: Duration::from_secs(1) });
        loop {
            match self.outbox.settle(ends.clone()).await {
                Err(QueueError::Store(_)) if waits.failures() < SETTLE_TRIES => sleep(waits.next(1.0, None)).await,
                done => return done,
            }
        }
    }

    async fn tell(&self, batch: &[Delivery], outcome: &Outcome, attempt: &Attempt, now: Timestamp) {
        for told in journal(&self.sink.name, batch, outcome, attempt, now) {
            if matches!(told, Told::Delivered { .. }) {
                // Numbers may be dropped by a daemon that does not keep up; edges may not.
                drop(self.told.try_send(told));
            } else {
                drop(timeout(TELL_WITHIN, self.told.send(told)).await);
            }
        }
    }

    /// The store answers; if it did not before, that is said.
    fn taken_again(&mut self) {
        let repeats = self.store.failures();
        if repeats > 0 {
            tracing::info!(sink = %self.sink.name, repeats, "outbox takes the worker again");
        }
        self.store.forget();
    }

    /// The store refused: waits, and says so once.
    async fn refused(&mut self, error: &QueueError) {
        let wait = self.store.next(fastrand::f64(), Some(Duration::from_millis(100)));
        if self.store.failures() == 1 {
            let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            tracing::warn!(sink = %self.sink.name, error = why, "outbox refuses the worker");
        }
        self.rest(wait, std::future::pending()).await;
    }
}

/// A living card's first post is settled with its place: whatever comes later is an edit of it.
fn placed(settlement: &Settlement, form: &Form, place: Option<&Place>) -> Settlement {
    match (settlement, form, place) {
        (Settlement::Delivered, Form::Living { at: None, .. }, Some(place)) => Settlement::Shown(place.clone()),
        _ => settlement.clone(),
    }
}

/// Asked to, or nobody is left who could ask.
fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: nobody is left who could want more work.
    drop(stop.wait_for(|stop| *stop).await);
}
