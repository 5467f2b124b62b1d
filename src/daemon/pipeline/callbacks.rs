//! Callbacks: the effect of a new update on the missed calls of its caller, and the edits and short messages that follow.
//! [`decide`] and `once_per_sink` are pure; the rest reads and writes the outbox.
//!
//! Facts are stored first (`outbox::missed_calls`), then all missed calls of the number are decided again. So the order of
//! updates does not matter: reports of an event gap may show the return call before the missed call.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::{
    daemon::{
        pipeline::{Pipeline, plan},
        settings::Settings,
    },
    model::{
        call::{CallDirection, CallUpdate, Callback, ReturnCall, Revision, StatusKind},
        card::CallCard,
        delivery::{EnqueueMode, NewDelivery, Outbox},
        ids::SinkName,
        time::{Timestamp, before},
    },
    outbox::{CallerCalls, CallerKey},
};
use std::{collections::HashSet, time::Duration};

/// Age of return calls that are decided again at a start. A crash between a return call and its cards is at most one run old.
/// A daemon that was off for longer reads reports. 1 day.
const REPLAYED_AGE: Duration = Duration::from_secs(24 * 3600);

/// A missed call whose callback has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedCallback {
    /// The update with the new callback.
    pub card: CallCard,
    /// Whether messages about it may be due. Otherwise only details of a posted callback or of another try are new.
    pub is_news: bool,
}

/// Returns the missed calls whose callback has changed, oldest first.
#[must_use]
pub fn decide(calls: &CallerCalls) -> Vec<ChangedCallback> {
    let changed = calls.missed.iter().filter_map(|missed| {
        let CallUpdate { call, at, .. } = &missed.card.update;
        let callback = Callback::decide(call.started_at, *at, &calls.returns);
        if callback == missed.callback {
            return None;
        }
        let was_posted = |old: &Callback| {
            old.call.is_over && callback.as_ref().is_none_or(|new| old.is_reached() || !new.is_reached())
        };
        let is_news = !missed.callback.as_ref().is_some_and(was_posted);
        let mut card = missed.card.clone();
        // Without a callback the card is as before.
        card.update.at = callback.as_ref().map_or(*at, |callback| callback.call.at);
        card.update.call.revision = Some(Revision::CalledBack);
        card.update.call.course.callback = callback;
        Some(ChangedCallback { card, is_news })
    });
    changed.collect()
}

/// Keeps the messages of the newest missed call at each sink: one message for all calls that are returned together. Cards of
/// the others are edited only. `deliveries` are those of the missed calls, oldest first.
fn once_per_sink(deliveries: &mut [NewDelivery]) {
    let mut posted: HashSet<SinkName> = HashSet::new();
    for delivery in deliveries.iter_mut().rev() {
        if is_message(delivery) && !posted.insert(delivery.key.sink.clone()) {
            delivery.mode = EnqueueMode::MergeCallback;
        }
    }
}

/// Returns whether a delivery is a message of its own, not an edit.
const fn is_message(delivery: &NewDelivery) -> bool {
    matches!(delivery.mode, EnqueueMode::Insert | EnqueueMode::Reply)
}

impl Pipeline {
    /// Decides again which missed calls of the update's caller are called back, after the update was stored.
    pub(super) async fn update_callbacks(&self, settings: &Settings, update: &CallUpdate, at: Timestamp) {
        let call = &update.call;
        let is_ring = update.status.kind() == StatusKind::Ringing;
        if let (false, CallDirection::Inbound | CallDirection::Outbound, Some(number)) =
            (is_ring, call.direction, call.caller.number.as_e164())
        {
            self.update_callbacks_of(settings, CallerKey::of(number), at).await;
        }
    }

    /// Stores the return call of an update without deliveries.
    pub(super) async fn record_return_call(&self, update: &CallUpdate) {
        if ReturnCall::of(update).is_some()
            && let Err(error) = self.outbox.record_return_call(update.clone()).await
        {
            tracing::warn!(call = %update.call.id, %error, "return call not recorded");
        }
    }

    /// Decides the callbacks of recent return calls again: the rest of a crash between a return call and its cards.
    pub async fn replay_callbacks(&self, now: Timestamp) {
        match self.outbox.returned_callers(before(now, REPLAYED_AGE)).await {
            Ok(callers) => {
                for caller in callers {
                    self.update_callbacks_of(&self.settings.load(), caller, now).await;
                }
            }
            Err(error) => tracing::error!(%error, "reading return calls failed"),
        }
    }

    async fn update_callbacks_of(&self, settings: &Settings, caller: CallerKey, at: Timestamp) {
        // Most calls return nothing, and need no turn.
        if self.changed_callbacks(caller).await.is_empty() {
            return;
        }
        // Two decisions about one caller at the same time could be stored in the wrong order.
        let _turn = self.callbacks.lock().await;
        let mut deliveries = Vec::new();
        for ChangedCallback { card, is_news } in self.changed_callbacks(caller).await {
            let call = &card.update.call.id;
            let kind = card.update.call.course.callback.as_ref().map_or("none", |callback| callback.call.kind.as_str());
            tracing::debug!(%call, callback = kind, "callback changed");
            let previous = self.outbox.previous_sinks(call.clone()).await.unwrap_or_else(|error| {
                tracing::warn!(%call, %error, "reading previous sinks failed");
                Vec::new()
            });
            let mut planned = plan::plan(settings, &card.update, &card.caller_info, previous, at);
            for message in planned.iter_mut().filter(|delivery| !is_news && is_message(delivery)) {
                message.mode = EnqueueMode::MergeCallback;
            }
            if planned.is_empty()
                && let Err(error) = self.outbox.record_silent_call(card.update.clone()).await
            {
                tracing::warn!(%call, %error, "callback not recorded");
            }
            deliveries.extend(planned);
        }
        if deliveries.is_empty() {
            return;
        }
        once_per_sink(&mut deliveries);
        if let Err(error) = self.outbox.enqueue(None, deliveries).await {
            tracing::error!(%error, "callback not enqueued");
        }
    }

    async fn changed_callbacks(&self, caller: CallerKey) -> Vec<ChangedCallback> {
        match self.outbox.caller_calls(caller).await {
            Ok(calls) => decide(&calls),
            Err(error) => {
                tracing::error!(%error, "reading missed calls failed");
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests;
