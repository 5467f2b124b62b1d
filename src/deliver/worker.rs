//! Worker of one sink: leases, renders, posts and settles deliveries, and reports events. Decisions are made in
//! [`sink_state`](super::sink_state) and [`batch`](super::batch). One request is in flight at a time, which keeps the
//! updates of a call in order. Sinks do not wait for each other.

use super::{
    events::{ResponseTime, SinkEvent, log_outcome},
    limiter::Permit,
    measure::Measure,
    settle::{self, with_message_ref},
    sink::Sink,
    sink_state::{PostOutcome, SinkState},
    verdict::is_mention_restricted,
};
use crate::{
    model::{
        card::Card,
        delivery::{
            Attempt, Delivery, Outbox, OutboxError, PostMode, RenderedMessage, SettleRequest, Settlement, SinkKind,
        },
        time::{Now, Timestamp, elapsed},
    },
    runtime::{
        backoff::{Backoff, BackoffPolicy},
        watchdog::TaskHeartbeat,
    },
};
use futures_util::FutureExt as _;
use std::{
    future::Future,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

mod batch_source;
mod posting;

/// Maximum due deliveries read for one message: in a longer queue "newest" means newest of the oldest 500.
const MAX_DUE: usize = 500;
/// Poll interval of an idle worker without a wake-up: the worker's timer and the store's clock may disagree.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(60);
/// Minimum wait without work: an inconsistent store must not cause a hot loop.
const MIN_WAIT: Duration = Duration::from_millis(20);
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
    let channel = sink.channel().map(str::to_owned);
    let state = SinkState::new(sink.kind, channel, sink.limiters(now)).for_person(sink.is_person);
    let pulse = sink.task_monitor.register(format!("the worker of {}", sink.name), now);
    let measure = Measure::new(sink.metrics.clone(), Now::current().timestamp);
    let store_backoff = Backoff::new(BackoffPolicy::UPSTREAM);
    let mut worker = Worker {
        sink,
        outbox,
        http,
        draw,
        events,
        stop,
        state,
        store_backoff,
        mention_reported: false,
        measure,
        pulse,
        query_at: now,
    };
    while !worker.stop.is_cancelled() {
        worker.pulse.busy(Now::current().instant);
        match worker.step().await {
            Ok(()) => worker.store_recovered(),
            Err(OutboxError::Stopped) => return Err(OutboxError::Stopped),
            // The new owner posts the deliveries that are not settled.
            Err(OutboxError::Fenced) => {
                tracing::warn!(sink = %worker.sink.name, "another daemon owns the sink, settlement refused");
                worker.wait_for_work(MIN_WAIT, std::future::pending::<()>()).await;
            }
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
    /// Whether the operator has got the alert about a rejected mention.
    mention_reported: bool,
    measure: Measure,
    pulse: TaskHeartbeat,
    /// Time of the next query of the outbox: a delivery that is enqueued until then is handed over, or wakes the worker.
    query_at: Instant,
}

impl<O, D> Worker<O, D>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> RenderedMessage + Send + Sync,
{
    /// Performs one wait or sends one message.
    async fn step(&mut self) -> Result<(), OutboxError> {
        let now = Now::current();
        if !self.sink.ownership.is_owner(now.instant) {
            let granted = self.sink.ownership.clone().granted(|| Now::current().instant);
            self.wait_for_work(IDLE_POLL_INTERVAL, granted).await;
            self.query_at = Now::current().instant;
            return Ok(());
        }
        let retry_in = self.state.retry_in(now.instant);
        if !retry_in.is_zero() {
            self.wait_for_work(retry_in, std::future::pending::<()>()).await;
            return Ok(());
        }
        if self.query_at > now.instant {
            return self.receive(self.query_at - now.instant).await;
        }
        let (outbox, name) = (self.outbox.clone(), self.sink.name.clone());
        // Earlier wake-ups are covered by the query; a later one is kept.
        let _ = outbox.wakeup(&name).now_or_never();
        let mut waiting = outbox.due(&name, now.timestamp, MAX_DUE).await?;
        let ready_in = self.retain_ready(&mut waiting);
        if !waiting.is_empty() {
            return self.lease_batch(&waiting).await;
        }
        if let Some(wait) = ready_in {
            self.wait_for_work(wait.max(MIN_WAIT), outbox.wakeup(&name)).await;
            return Ok(());
        }
        let due = outbox.next_due(&name).await?;
        let wait = due.map_or(IDLE_POLL_INTERVAL, |due| elapsed(now.timestamp, due));
        self.query_at = now.instant + wait.clamp(MIN_WAIT, IDLE_POLL_INTERVAL);
        Ok(())
    }

    /// Waits for the timeout, for `work`, for the operator's enable, or for the stop. Returns the result of `work`.
    async fn wait_for_work<T>(&mut self, wait: Duration, work: impl Future<Output = T>) -> Option<T> {
        self.pulse.idle_until(Now::current().instant.checked_add(wait));
        tokio::select! {
            () = sleep(wait) => None,
            result = work => Some(result),
            () = self.sink.enable.notified() => {
                self.state.enable();
                self.sink.person_channel.clear();
                self.query_at = Now::current().instant;
                None
            }
            () = self.stop.cancelled() => None,
        }
    }

    /// Posts a message with leased deliveries, and settles them.
    async fn send_message(
        &mut self,
        batch: Vec<Delivery>,
        drawn: RenderedMessage,
        plain: bool,
        _permit: Permit,
    ) -> Result<(), OutboxError> {
        let started = Now::current();
        // Directly before the post: the process may have been stopped since the lease.
        let Some(posting) = self.sink.ownership.begin_post(started.instant) else {
            return self.release(&batch).await;
        };
        let form = batch.first().map_or(PostMode::Post, |first| first.mode.clone());
        let key = match batch.as_slice() {
            [only] => Some(only.key.clone()),
            _ => None,
        };
        let (mut answer, mut place) = self.post(drawn, &form, key.as_ref()).await;
        if is_mention_restricted(self.sink.kind, &answer)
            && batch.iter().any(|one| one.card.has_mentions())
            && self.sink.ownership.is_owner(Now::current().instant)
        {
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
        let settle = |(one, (_, settlement)): (&Delivery, &(_, Settlement))| SettleRequest {
            id: one.id,
            settlement: with_message_ref(settlement, &form, place.as_ref()),
            attempt: Some(attempt.clone()),
        };
        let settles: Vec<SettleRequest> = batch.iter().zip(&outcome.settlements).map(settle).collect();
        if !settles.iter().all(settle::is_final) {
            self.query_at = now.instant;
        }
        let settled = self.settle(settles.into_iter()).await;
        drop(posting);
        self.send_events(&batch, &outcome, &attempt, now.timestamp).await;
        settled
    }

    async fn settle(&self, settles: impl Iterator<Item = SettleRequest>) -> Result<(), OutboxError> {
        settle::settle(&self.outbox, settles.collect()).await
    }

    async fn send_events(&mut self, batch: &[Delivery], outcome: &PostOutcome, attempt: &Attempt, now: Timestamp) {
        self.measure.record(batch, outcome, attempt, now);
        let now = ResponseTime { local: now, goto_time: self.sink.metrics.goto_time(now) };
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
        self.wait_for_work(wait, std::future::pending::<()>()).await;
    }
}
