//! Sources of a worker's deliveries: handed over while the worker waits, or leased after a query, as many as fit into one
//! message.

use super::{MIN_WAIT, Worker};
use crate::{
    deliver::batch::{BatchMode, select_batch},
    model::{
        card::Card,
        delivery::{Delivery, Outbox, OutboxError, PostMode, RenderedMessage, SettleRequest, Settlement, SinkKind},
        time::{Now, Timestamp},
    },
};
use futures_util::FutureExt as _;
use std::{cmp::Reverse, future::pending, time::Duration};

impl<O, D> Worker<O, D>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> RenderedMessage + Send + Sync,
{
    /// Waits for the next delivery, at most `wait`, and posts it.
    pub(super) async fn receive(&mut self, wait: Duration) -> Result<(), OutboxError> {
        let (outbox, name) = (self.outbox.clone(), self.sink.name.clone());
        let received = match self.state.mode() {
            BatchMode::Merge => self.wait_for_work(wait, outbox.receive(&name)).await,
            // One card at a time, chosen by the query.
            BatchMode::Canary | BatchMode::Probe => self.wait_for_work(wait, outbox.wakeup(&name).map(|()| None)).await,
        };
        match received {
            Some(Some(delivery)) => self.send_received(delivery).await,
            Some(None) => {
                self.query_at = Now::current().instant;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Posts a delivery that was handed over, or releases it if another sink took the permit.
    async fn send_received(&mut self, delivery: Delivery) -> Result<(), OutboxError> {
        self.pulse.busy(Now::current().instant);
        let Some(permit) = self.state.try_acquire(&delivery, Now::current().instant) else {
            self.query_at = Now::current().instant;
            return self.release(&[delivery]).await;
        };
        let batch = vec![delivery];
        let plain = is_plain(batch.first());
        let drawn = self.render_batch(batch.iter(), plain);
        self.send_message(batch, drawn, plain, permit).await
    }

    /// Leases the due deliveries of the next message and sends it.
    pub(super) async fn lease_batch(&mut self, waiting: &[Delivery]) -> Result<(), OutboxError> {
        let state = &self.state;
        let selected = select_batch(waiting, state.mode(), state.overflows(), |delivery| state.must_go_alone(delivery));
        let plain = is_plain(selected.first().copied());
        let preview = (selected.len() > 1).then(|| self.render_batch(selected.iter().copied(), plain));
        let fits = preview.as_ref().map_or(1, |drawn| drawn.cards_included);
        if fits < waiting.len() {
            self.state.count_overflow();
        }
        let permit = selected.first().and_then(|first| self.state.try_acquire(first, Now::current().instant));
        // Held until the response is counted: sinks with one token share a limiter.
        let Some(permit) = permit else { return Ok(()) };
        let mut batch = self.outbox.lease(selected.iter().take(fits).map(|delivery| delivery.id).collect()).await?;
        if batch.is_empty() {
            // The delivery was superseded, or the operator dropped it.
            self.wait_for_work(MIN_WAIT, pending::<()>()).await;
            return Ok(());
        }
        if !self.sink.kind.has_threads()
            && matches!(batch.first(), Some(Delivery { mode: PostMode::ThreadReply { .. }, .. }))
        {
            return self.drop_replies(&batch).await;
        }
        let is_unchanged = batch.iter().eq(selected.iter().copied().take(fits));
        batch.sort_by_key(|delivery| Reverse((delivery.enqueued_at, delivery.id)));
        let drawn = match preview.filter(|_| is_unchanged) {
            Some(drawn) => drawn,
            // Newer cards, which may be longer.
            None => self.render_batch(batch.iter(), plain),
        };
        let rest = batch.split_off(drawn.cards_included.min(batch.len()));
        self.release(&rest).await?;
        self.send_message(batch, drawn, plain, permit).await
    }

    /// Makes leased deliveries wait again.
    pub(super) async fn release(&self, batch: &[Delivery]) -> Result<(), OutboxError> {
        let release = |one: &Delivery| SettleRequest { id: one.id, settlement: Settlement::Released, attempt: None };
        self.settle(batch.iter().map(release)).await
    }

    /// Retains the deliveries that may be sent now. Returns the shortest wait of all.
    pub(super) fn retain_ready(&self, waiting: &mut Vec<Delivery>) -> Option<Duration> {
        let tick = Now::current().instant;
        let shortest_wait = waiting.iter().map(|one| self.state.delivery_retry_in(one, tick)).min();
        waiting.retain(|one| self.state.delivery_retry_in(one, tick).is_zero());
        shortest_wait
    }

    /// Drops replies of a sink without threads: the message of their call has the same content.
    pub(super) async fn drop_replies(&mut self, batch: &[Delivery]) -> Result<(), OutboxError> {
        let why = "a reply to a sink without threads";
        tracing::info!(sink = %self.sink.name, count = batch.len(), error = why, "card dropped");
        let dead = Settlement::Dead(why.to_owned());
        self.settle(batch.iter().map(|one| SettleRequest { id: one.id, settlement: dead.clone(), attempt: None })).await
    }
}

/// Returns whether a message that starts with this delivery is plain text. A reply appears below its card: plain text is enough.
fn is_plain(first: Option<&Delivery>) -> bool {
    first.is_some_and(|first| first.plain || matches!(first.mode, PostMode::ThreadReply { .. }))
}
