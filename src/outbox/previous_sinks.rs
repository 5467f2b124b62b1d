//! Enqueues a call update with the sinks of the call's earlier updates, which routing needs for every update after the ring.

use super::{disk_error::StoreError, handle::DatabaseOutbox, row::subject_key, store::Store};
use crate::{
    model::{
        call::{CallUpdate, StatusKind},
        call_history::CallEntry,
        card::CardOptions,
        delivery::{EnqueueResult, NewDelivery, OutboxError, Subject},
        ids::{ConversationSpaceId, SinkName},
    },
    runtime::sql::params,
};
use serde::Deserialize;

/// The part of a stored card that is read here.
#[derive(Default, Deserialize)]
struct OptionsOnly {
    #[serde(default)]
    options: CardOptions,
}

impl Store {
    fn previous_sinks(&self, call: &ConversationSpaceId) -> Result<Vec<(SinkName, CardOptions)>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT sink, coalesce(newer, card) FROM deliveries INDEXED BY once
             WHERE subject = ? AND state <> 'dropped' ORDER BY id",
        )?;
        let mut rows = read.query(params![subject_key(&Subject::Call(call.clone()))])?;
        let mut earlier: Vec<(SinkName, CardOptions)> = Vec::new();
        while let Some(row) = rows.next_row()? {
            let (sink, card): (String, String) = (row.get(0)?, row.get(1)?);
            let Ok(sink) = SinkName::try_from(sink) else { continue };
            let OptionsOnly { options } = serde_json::from_str(&card).unwrap_or_default();
            match earlier.iter_mut().find(|(known, _)| *known == sink) {
                Some((_, last)) => *last = options,
                None => earlier.push((sink, options)),
            }
        }
        Ok(earlier)
    }
}

impl DatabaseOutbox {
    /// Returns the sinks with a delivery of the call, each with the options of its last card, ordered by their first
    /// delivery. Dropped deliveries do not count.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn previous_sinks(&self, call: ConversationSpaceId) -> Result<Vec<(SinkName, CardOptions)>, OutboxError> {
        self.run(false, move |store, _| store.previous_sinks(&call)).await
    }

    /// Plans the deliveries of an update and enqueues them, in one transaction and one step of the writer. Returns one
    /// result for each planned delivery, in order. `plan` receives the result of [`Self::previous_sinks`] if
    /// `reads_previous`, else nothing, and may run twice. A final update without deliveries is recorded, so that the next
    /// run does not take it for a hidden one. A return call is recorded, too. `pending`: see
    /// [`Outbox::enqueue`](crate::model::delivery::Outbox::enqueue). `keeps_history`: the update and its sinks are recorded
    /// in the history, too.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn enqueue_update<P>(
        &self,
        pending: Option<(ConversationSpaceId, StatusKind)>,
        update: CallUpdate,
        keeps_history: bool,
        reads_previous: bool,
        mut plan: P,
    ) -> Result<Vec<EnqueueResult>, OutboxError>
    where
        P: FnMut(Vec<(SinkName, CardOptions)>) -> Vec<NewDelivery> + Send + 'static,
    {
        self.run(true, move |store, now| {
            let status = update.status.kind();
            let previous = if reads_previous { store.previous_sinks(&update.call.id)? } else { Vec::new() };
            let deliveries = plan(previous);
            if deliveries.is_empty() {
                if status.is_final() {
                    store.record_silent_call(&update, now)?;
                } else {
                    store.record_return_call(&update, now)?;
                }
            }
            if keeps_history {
                let sinks = deliveries.iter().map(|delivery| delivery.key.sink.clone()).collect();
                CallEntry::of(&update, sinks).map_or(Ok(()), |entry| store.record_history(&entry))?;
            }
            store.enqueue(pending.as_ref(), &deliveries, now)
        })
        .await
    }
}
