//! Renders and posts the message of a worker, again without mentions if the workspace rejects them. Does not choose the
//! deliveries and does not settle them.

use super::{EVENT_SEND_TIMEOUT, Worker};
use crate::{
    deliver::{batch::render_time, events::SinkEvent, response::PostResult, verdict::is_mention_restricted},
    model::{
        card::Card,
        delivery::{Delivery, DeliveryKey, MessageRef, Outbox, PostMode, RenderedMessage, SinkKind},
        time::{Now, Timestamp},
    },
    runtime::message_id,
};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Wait for the post in flight on a clean stop: the daemon has 10 s in total.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

impl<O, D> Worker<O, D>
where
    O: Outbox,
    D: Fn(SinkKind, &[&Card], Timestamp, bool) -> RenderedMessage + Send + Sync,
{
    /// Posts a message again without the mentions that the workspace rejected. The operator gets an alert for the first.
    pub(super) async fn post_without_mentions(
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

    /// Renders cards. The result counts at least one card, because a message without cards would be posted endlessly.
    pub(super) fn render_batch<'a>(&self, batch: impl Iterator<Item = &'a Delivery>, plain: bool) -> RenderedMessage {
        let batch: Vec<&Delivery> = batch.collect();
        let now = Now::current().timestamp;
        // An edit is never merged.
        let at = batch.first().filter(|_| self.sink.kind.supports_edit()).map_or(now, |first| render_time(first, now));
        let cards: Vec<&Card> = batch.iter().map(|delivery| &delivery.card).collect();
        let drawn = (self.draw)(self.sink.kind, &cards, at, plain);
        RenderedMessage { cards_included: drawn.cards_included.clamp(1, cards.len().max(1)), ..drawn }
    }

    /// Posts a message; a stop shortens the wait for the response. Returns the message reference if the chat sent one.
    pub(super) async fn post(
        &mut self,
        drawn: RenderedMessage,
        form: &PostMode,
        key: Option<&DeliveryKey>,
    ) -> (PostResult, Option<MessageRef>) {
        self.pulse.idle_until(Now::current().instant.checked_add(self.sink.send_timeout()));
        let result = tokio::select! {
            result = self.sink.send(&self.http, &drawn, form, key) => result,
            () = async { self.stop.cancelled().await; sleep(STOP_TIMEOUT).await } => {
                (PostResult::NoResponse("stopped before the response came".to_owned().into()), None)
            }
        };
        self.pulse.busy(Now::current().instant);
        result
    }
}
