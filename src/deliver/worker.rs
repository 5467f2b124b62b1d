//! Worker of one sink: leases, renders, posts and settles deliveries, and reports events. Decisions are made in
//! [`sink_state`](super::sink_state) and [`batch`](super::batch). One request is in flight at a time, which keeps the
//! updates of a call in order. Sinks do not wait for each other.

use super::{
    batch::{render_time, select_batch},
    events::{SinkEvent, log_outcome},
    measure, post,
    response::PostResult,
    settle::{self, with_message_ref},
    sink::Sink,
    sink_state::{Outcome, SinkState},
    verdict::is_mention_restricted,
};
use crate::{
    model::{
        card::Card,
        delivery::{
            Attempt, Delivery, DeliveryKey, MessageRef, Outbox, OutboxError, PostMode, RenderedMessage, SettleRequest,
            Settlement, SinkKind,
        },
        time::{Now, Timestamp, elapsed},
    },
    runtime::{
        backoff::{Backoff, BackoffPolicy},
        message_id,
        watchdog::TaskHeartbeat,
    },
};
use std::{future::Future, pin::pin, task::Poll, time::Duration};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

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

/// Posts the due deliveries of `sink` until `stop`. The post in flight is then finished within 8 s and
/// settled; the rest stays in the outbox. Arguments of `draw`: kind, cards, time, plain.
///
/// # Errors
/// [`OutboxError::Stopped`] if the outbox ends first. Other store errors are retried.
pub async fn run<O, D>(
    sink: Sink,
    outbox: O,
    http: reqwest::Client,
    draw: D,
    events: mpsc::Sender<SinkEvent>,
    stop: CancellationToken,
) -> Result<(), OutboxError>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> RenderedMessage + Send + Sync,
{
    let now = Now::current().instant;
    let channel = sink.app.as_ref().map(|app| app.channel.clone());
    let state = SinkState::new(sink.kind, channel, sink.limiters(now));
    let pulse = sink.task_monitor.register(format!("the worker of {}", sink.name), now);
    let store_backoff = Backoff::new(BackoffPolicy::UPSTREAM);
    let mut worker =
        Worker { sink, outbox, http, draw, events, stop, state, store_backoff, mention_reported: false, pulse };
    while !worker.stop.is_cancelled() {
        worker.pulse.busy(Now::current().instant);
        match worker.step().await {
            Ok(()) => worker.store_recovered(),
            Err(OutboxError::Stopped) => return Err(OutboxError::Stopped),
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
    events: mpsc::Sender<SinkEvent>,
    stop: CancellationToken,
    state: SinkState,
    store_backoff: Backoff,
    /// The operator has got the alert about a rejected mention.
    mention_reported: bool,
    pulse: TaskHeartbeat,
}

impl<O, D> Worker<O, D>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> RenderedMessage + Send + Sync,
{
    /// Performs one wait or sends one message.
    async fn step(&mut self) -> Result<(), OutboxError> {
        let retry_in = self.state.retry_in(Now::current().instant);
        if !retry_in.is_zero() {
            self.wait_for_work(retry_in, std::future::pending()).await;
            return Ok(());
        }
        let (outbox, name) = (self.outbox.clone(), self.sink.name.clone());
        let mut wakeup = pin!(outbox.wakeup(&name));
        // The first poll registers the wake-up before the query: a delivery enqueued in between is not missed.
        let was_woken = std::future::poll_fn(|context| Poll::Ready(wakeup.as_mut().poll(context).is_ready())).await;
        let now = Now::current().timestamp;
        let mut waiting = outbox.due(&name, now, MAX_DUE).await?;
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
        let tick = Now::current().instant;
        let shortest_wait = waiting.iter().map(|one| self.state.delivery_retry_in(one, tick)).min();
        waiting.retain(|one| self.state.delivery_retry_in(one, tick).is_zero());
        shortest_wait
    }

    /// Waits for the timeout, for `wakeup`, for the operator's enable, or for the stop.
    async fn wait_for_work(&mut self, wait: Duration, wakeup: impl Future<Output = ()>) {
        self.pulse.idle_until(Now::current().instant.checked_add(wait));
        tokio::select! {
            () = sleep(wait) => {}
            () = wakeup => {}
            () = self.sink.enable.notified() => self.state.enable(),
            () = self.stop.cancelled() => {}
        }
    }

    /// Sends one message with as many due cards as fit.
    async fn send_batch(&mut self, waiting: &[Delivery]) -> Result<(), OutboxError> {
        let state = &self.state;
        let selected = select_batch(waiting, state.mode(), state.overflows(), |delivery| state.must_go_alone(delivery));
        // A reply appears below its card: plain text is enough.
        let plain =
            selected.first().is_some_and(|first| first.plain || matches!(first.mode, PostMode::ThreadReply { .. }));
        let fits =
            if selected.len() > 1 { self.render_batch(selected.iter().copied(), plain).cards_included } else { 1 };
        if fits < waiting.len() {
            self.state.count_overflow();
        }
        let permit = selected.first().and_then(|first| self.state.try_acquire(first, Now::current().instant));
        // Held until the response is counted: sinks with one token share a limiter.
        let Some(_permit) = permit else { return Ok(()) };
        let ids = selected.iter().take(fits).map(|delivery| delivery.id).collect();
        let mut batch = self.outbox.lease(ids).await?;
        if batch.is_empty() {
            // The delivery was superseded, or the operator dropped it.
            self.wait_for_work(MIN_WAIT, std::future::pending()).await;
            return Ok(());
        }
        if !self.sink.kind.has_threads()
            && matches!(batch.first(), Some(Delivery { mode: PostMode::ThreadReply { .. }, .. }))
        {
            return self.drop_replies(&batch).await;
        }
        batch.sort_by_key(|delivery| std::cmp::Reverse((delivery.enqueued_at, delivery.id)));
        let drawn = self.render_batch(batch.iter(), plain);
        // The lease returned newer cards, which may be longer.
        let rest = batch.split_off(drawn.cards_included.min(batch.len()));
        self.settle(rest.iter().map(|one| SettleRequest {
            id: one.id,
            settlement: Settlement::Released,
            attempt: None,
        }))
        .await?;
        let started = Now::current();
        let form = batch.first().map_or(PostMode::Post, |first| first.mode.clone());
        let key = match batch.as_slice() {
            [only] => Some(only.key.clone()),
            _ => None,
        };
        let (mut answer, mut place) = self.post(drawn, &form, key.as_ref()).await;
        if is_mention_restricted(self.sink.kind, &answer) && batch.iter().any(|one| one.card.has_mentions()) {
            (answer, place) = self.post_without_mentions(&batch, &form, plain).await;
        }
        let now = Now::current();
        let outcome = self.state.on_result(&batch, &answer, now, fastrand::f64());
        let attempt = Attempt {
            at: started.timestamp,
            took: now.instant.saturating_duration_since(started.instant),
            status: answer.status(),
            response: self.sink.redacted(&answer),
        };
        let settles = batch.iter().zip(&outcome.settlements).map(|(one, (_, settlement))| SettleRequest {
            id: one.id,
            settlement: with_message_ref(settlement, &form, place.as_ref()),
            attempt: Some(attempt.clone()),
        });
        let settled = self.settle(settles).await;
        self.send_events(&batch, &outcome, &attempt, now.timestamp).await;
        settled
    }

    /// Posts a message again without the mentions that the workspace rejected. The operator gets an alert for the first.
    async fn post_without_mentions(
        &mut self,
        batch: &[Delivery],
        form: &PostMode,
        plain: bool,
    ) -> (PostResult, Option<MessageRef>) {
        let bare: Vec<Delivery> =
            batch.iter().map(|one| Delivery { card: one.card.without_mentions(), ..one.clone() }).collect();
        let drawn = self.render_batch(bare.iter(), plain);
        let result = self.post(drawn, form, None).await;
        if !self.mention_reported && !is_mention_restricted(self.sink.kind, &result.0) {
            self.mention_reported = true;
            let sink = self.sink.name.clone();
            tracing::warn!(%sink, message_id = message_id::MENTION_REJECTED, "mention rejected, card posted without it");
            drop(timeout(EVENT_SEND_TIMEOUT, self.events.send(SinkEvent::MentionRejected { sink })).await);
        }
        result
    }

    /// Drops replies of a sink without threads: the message of their call has the same content.
    async fn drop_replies(&mut self, batch: &[Delivery]) -> Result<(), OutboxError> {
        let why = "a reply to a sink without threads";
        tracing::info!(sink = %self.sink.name, count = batch.len(), error = why, "card dropped");
        let dead = Settlement::Dead(why.to_owned());
        self.settle(batch.iter().map(|one| SettleRequest { id: one.id, settlement: dead.clone(), attempt: None })).await
    }

    /// Renders cards. The result counts at least one card, because a message without cards would be posted endlessly.
    fn render_batch<'a>(&self, batch: impl Iterator<Item = &'a Delivery>, plain: bool) -> RenderedMessage {
        let batch: Vec<&Delivery> = batch.collect();
        let now = Now::current().timestamp;
        // An edit is never merged.
        let at = batch.first().filter(|_| self.sink.kind.supports_edit()).map_or(now, |first| render_time(first, now));
        let cards: Vec<&Card> = batch.iter().map(|delivery| &delivery.card).collect();
        let drawn = (self.draw)(self.sink.kind, &cards, at, plain);
        RenderedMessage { cards_included: drawn.cards_included.clamp(1, cards.len().max(1)), ..drawn }
    }

    /// Posts a message; a stop shortens the wait for the response. Returns the message reference if the chat sent one.
    async fn post(
        &mut self,
        drawn: RenderedMessage,
        form: &PostMode,
        key: Option<&DeliveryKey>,
    ) -> (PostResult, Option<MessageRef>) {
        self.pulse.idle_until(Now::current().instant.checked_add(post::REQUEST_TIMEOUT));
        let result = tokio::select! {
            result = self.sink.send(&self.http, &drawn, form, key) => result,
            () = async { self.stop.cancelled().await; sleep(STOP_TIMEOUT).await } => {
                (PostResult::NoResponse("stopped before the response came".to_owned()), None)
            }
        };
        self.pulse.busy(Now::current().instant);
        result
    }

    async fn settle(&self, settles: impl Iterator<Item = SettleRequest>) -> Result<(), OutboxError> {
        settle::settle(&self.outbox, settles.collect()).await
    }

    async fn send_events(&self, batch: &[Delivery], outcome: &Outcome, attempt: &Attempt, now: Timestamp) {
        measure::record(&self.sink.metrics, batch, outcome, attempt, now);
        for event in log_outcome(&self.sink.name, batch, outcome, attempt, now) {
            if matches!(event, SinkEvent::Delivered { .. }) {
                // A busy daemon may miss counts, but no state changes.
                drop(self.events.try_send(event));
            } else {
                drop(timeout(EVENT_SEND_TIMEOUT, self.events.send(event)).await);
            }
        }
    }

    /// Resets the store's backoff and logs a recovery.
    fn store_recovered(&mut self) {
        let repeats = self.store_backoff.failures();
        if repeats > 0 {
            tracing::info!(sink = %self.sink.name, repeats, "outbox recovered");
        }
        self.store_backoff.reset();
    }

    /// Waits after a store error; logs the first of a series.
    async fn store_failed(&mut self, error: &OutboxError) {
        let wait = self.store_backoff.next(fastrand::f64(), Some(Duration::from_millis(100)));
        if self.store_backoff.failures() == 1 {
            let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            tracing::warn!(sink = %self.sink.name, error = why, "outbox request failed");
        }
        self.wait_for_work(wait, std::future::pending()).await;
    }
}
