//! Worker of one sink: leases, renders, posts and settles deliveries, and reports events. Decisions are made in
//! [`sink_state`](super::sink_state) and [`batch`](super::batch). One request is in flight at a time, which keeps the
//! updates of a call in order. Sinks do not wait for each other.

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

/// Maximum due deliveries read for one message: in a longer queue "newest" means newest of the oldest 500.
const MAX_DUE: usize = 500;
/// Poll interval of an idle worker without a wake-up: the worker's timer and the store's clock may disagree.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(60);
/// Minimum wait without work: an inconsistent store must not cause a hot loop.
const MIN_WAIT: Duration = Duration::from_millis(20);
/// Wait for the post in flight on a clean stop: the daemon has 10 s in total.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// Maximum block of a worker that sends a state event to a busy daemon.
const EVENT_SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// Attempts to settle before the delivery stays leased until the next restart.
const MAX_SETTLE_ATTEMPTS: u32 = 5;

/// Posts the due deliveries of `sink` until `stop` turns true or its sender is dropped. The post in flight is then
/// finished within 8 s and settled; the rest stays in the outbox. Arguments of `draw`: kind, cards, time, plain.
///
/// # Errors
/// [`QueueError::Stopped`] if the outbox ends first. Other store errors are retried.
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
    let state = Standing::new(sink.kind, channel, sink.ways(now));
    let pulse = sink.pulses.join(format!("the worker of {}", sink.name), now);
    let store_backoff = Waits::new(Policy::UPSTREAM);
    let mut worker = Worker { sink, outbox, http, draw, told, stop, state, store_backoff, pulse };
    while !is_stopped(&worker.stop) {
        worker.pulse.busy(Now::read().tick);
        match worker.step().await {
            Ok(()) => worker.store_recovered(),
            Err(QueueError::Stopped) => return Err(QueueError::Stopped),
            Err(error) => worker.store_failed(&error).await,
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
    state: Standing,
    store_backoff: Waits,
    pulse: Pulse,
}

impl<O, D> Worker<O, D>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> Drawn + Send + Sync,
{
    /// Performs one wait or sends one message.
    async fn step(&mut self) -> Result<(), QueueError> {
        let retry_in = self.state.closed_for(Now::read().tick);
        if !retry_in.is_zero() {
            self.wait_for_work(retry_in, std::future::pending()).await;
            return Ok(());
        }
        let (outbox, name) = (self.outbox.clone(), self.sink.name.clone());
        let mut wakeup = pin!(outbox.news(&name));
        // The first poll registers the wake-up before the query: a delivery enqueued in between is not missed.
        let was_woken = std::future::poll_fn(|context| Poll::Ready(wakeup.as_mut().poll(context).is_ready())).await;
        let now = Timestamp::now();
        let mut waiting = outbox.waiting(&name, now, MAX_DUE).await?;
        let ready_in = self.retain_ready(&mut waiting);
        if !waiting.is_empty() {
            return self.send_batch(&waiting).await;
        }
        if was_woken {
            return Ok(());
        }
        if let Some(wait) = ready_in {
            self.wait_for_work(wait.max(MIN_WAIT), wakeup).await;
            return Ok(());
        }
        let due = outbox.next_due(&name).await?;
        let wait = due.map_or(IDLE_POLL_INTERVAL, |due| elapsed(now, due).clamp(MIN_WAIT, IDLE_POLL_INTERVAL));
        self.wait_for_work(wait, wakeup).await;
        Ok(())
    }

    /// Retains the deliveries that may be sent now. Returns the shortest wait of all.
    fn retain_ready(&self, waiting: &mut Vec<Delivery>) -> Option<Duration> {
        let tick = Now::read().tick;
        let shortest_wait = waiting.iter().map(|one| self.state.closed_to(one, tick)).min();
        waiting.retain(|one| self.state.closed_to(one, tick).is_zero());
        shortest_wait
    }

    /// Waits for the timeout, for `wakeup`, for the operator's enable, or for the stop.
    async fn wait_for_work(&mut self, wait: Duration, wakeup: impl Future<Output = ()>) {
        self.pulse.rest(Now::read().tick.checked_add(wait));
        tokio::select! {
            () = sleep(wait) => {}
            () = wakeup => {}
            () = self.sink.enable.notified() => self.state.enable(),
            () = stopped(&mut self.stop) => {}
        }
    }

    /// Sends one message with as many due cards as fit.
    async fn send_batch(&mut self, waiting: &[Delivery]) -> Result<(), QueueError> {
        let state = &self.state;
        let selected = choose(waiting, state.mode(), state.full(), |delivery| state.alone(delivery));
        // A reply appears below its card: plain text is enough.
        let plain = selected.first().is_some_and(|first| first.plain || matches!(first.form, Form::Reply { .. }));
        let fits = if selected.len() > 1 { self.render_batch(selected.iter().copied(), plain).used } else { 1 };
        if fits < waiting.len() {
            self.state.overflowed();
        }
        let permit = selected.first().and_then(|first| self.state.enter(first, Now::read().tick));
        // Held until the response is counted: sinks with one token share a limiter.
        let Some(_permit) = permit else { return Ok(()) };
        let ids = selected.iter().take(fits).map(|delivery| delivery.id).collect();
        let mut batch = self.outbox.lease(ids).await?;
        if batch.is_empty() {
            // The delivery was superseded, or the operator dropped it.
            self.wait_for_work(MIN_WAIT, std::future::pending()).await;
            return Ok(());
        }
        if !self.sink.kind.edits() && matches!(batch.first(), Some(Delivery { form: Form::Reply { .. }, .. })) {
            return self.drop_replies(&batch).await;
        }
        batch.sort_by_key(|delivery| std::cmp::Reverse((delivery.admitted, delivery.id)));
        let drawn = self.render_batch(batch.iter(), plain);
        // The lease returned newer cards, which may be longer.
        let rest = batch.split_off(drawn.used.min(batch.len()));
        self.settle(rest.iter().map(|one| Settle { id: one.id, settlement: Settlement::Released, attempt: None }))
            .await?;
        let started = Now::read();
        let form = batch.first().map_or(Form::Message, |first| first.form.clone());
        let (answer, place) = self.post(drawn.body, &form).await;
        let now = Now::read();
        let outcome = self.state.answered(&batch, &answer, now, fastrand::f64());
        let attempt = Attempt {
            at: started.clock,
            took: now.tick.saturating_duration_since(started.tick),
            status: answer.status(),
            answer: self.sink.shown(&answer),
        };
        let settles = batch.iter().zip(&outcome.ends).map(|(one, (_, settlement))| Settle {
            id: one.id,
            settlement: with_message_ref(settlement, &form, place.as_ref()),
            attempt: Some(attempt.clone()),
        });
        let settled = self.settle(settles).await;
        self.send_events(&batch, &outcome, &attempt, now.clock).await;
        settled
    }

    /// Drops replies of a sink without threads: the message of their call has the same content.
    async fn drop_replies(&mut self, batch: &[Delivery]) -> Result<(), QueueError> {
        let why = "a reply to a sink without threads";
        tracing::info!(sink = %self.sink.name, count = batch.len(), error = why, "card dropped");
        let dead = Settlement::Dead(why.to_owned());
        self.settle(batch.iter().map(|one| Settle { id: one.id, settlement: dead.clone(), attempt: None })).await
    }

    /// Renders cards. The result counts at least one card, because a message without cards would be posted endlessly.
    fn render_batch<'a>(&self, batch: impl Iterator<Item = &'a Delivery>, plain: bool) -> Drawn {
        let batch: Vec<&Delivery> = batch.collect();
        let now = Timestamp::now();
        // An edit is never merged.
        let at = batch.first().filter(|_| self.sink.kind.edits()).map_or(now, |first| drawn_as_of(first, now));
        let cards: Vec<&Card> = batch.iter().map(|delivery| &delivery.card).collect();
        let drawn = (self.draw)(self.sink.kind, &cards, at, plain);
        Drawn { used: drawn.used.clamp(1, cards.len().max(1)), ..drawn }
    }

    /// Posts a message; a stop shortens the wait for the response. Returns the message reference if the chat sent one.
    async fn post(&mut self, body: String, form: &Form) -> (Answer, Option<Place>) {
        let mut stop = self.stop.clone();
        self.pulse.rest(Now::read().tick.checked_add(post::TIMEOUT));
        let result = tokio::select! {
            result = self.sink.send(&self.http, &body, form) => result,
            () = async { stopped(&mut stop).await; sleep(STOP_TIMEOUT).await } => {
                (Answer::Unsure("stopped before the response came".to_owned()), None)
            }
        };
        self.pulse.busy(Now::read().tick);
        result
    }

    /// Settles deliveries, with retries: an unsettled delivery would be posted again.
    async fn settle(&mut self, settles: impl Iterator<Item = Settle>) -> Result<(), QueueError> {
        let settles: Vec<Settle> = settles.collect();
        if settles.is_empty() {
            return Ok(());
        }
        let mut waits = Waits::new(Policy { first: Duration::from_millis(100), longest: Duration::from_secs(1) });
        loop {
            match self.outbox.settle(settles.clone()).await {
                Err(QueueError::Store(_)) if waits.failures() < MAX_SETTLE_ATTEMPTS => sleep(waits.next(1.0, None)).await,
                result => return result,
            }
        }
    }

    async fn send_events(&self, batch: &[Delivery], outcome: &Outcome, attempt: &Attempt, now: Timestamp) {
        for told in journal(&self.sink.name, batch, outcome, attempt, now) {
            if matches!(told, Told::Delivered { .. }) {
                // A busy daemon may miss counts, but no state changes.
                drop(self.told.try_send(told));
            } else {
                drop(timeout(EVENT_SEND_TIMEOUT, self.told.send(told)).await);
            }
        }
    }

    /// Resets the store's backoff and logs a recovery.
    fn store_recovered(&mut self) {
        let repeats = self.store_backoff.failures();
        if repeats > 0 {
            tracing::info!(sink = %self.sink.name, repeats, "outbox recovered");
        }
        self.store_backoff.forget();
    }

    /// Waits after a store error; logs the first of a series.
    async fn store_failed(&mut self, error: &QueueError) {
        let wait = self.store_backoff.next(fastrand::f64(), Some(Duration::from_millis(100)));
        if self.store_backoff.failures() == 1 {
            let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            tracing::warn!(sink = %self.sink.name, error = why, "outbox request failed");
        }
        self.wait_for_work(wait, std::future::pending()).await;
    }
}

/// Adds the message reference to the first post of a live message: later updates edit that message.
fn with_message_ref(settlement: &Settlement, form: &Form, place: Option<&Place>) -> Settlement {
    match (settlement, form, place) {
        (Settlement::Delivered, Form::Living { at: None, .. }, Some(place)) => Settlement::Shown(place.clone()),
        _ => settlement.clone(),
    }
}

/// Returns whether a stop was requested or the sender is gone.
fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which also ends the worker.
    drop(stop.wait_for(|stop| *stop).await);
}
