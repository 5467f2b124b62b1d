//! Where the earlier moments of a call went: asked when what follows a ring is routed. It reads, and decides nothing.

use super::{queue::Queue, row::subject, store::Store, trouble::StoreError};
use crate::model::{
    card::Manner,
    delivery::{QueueError, Subject},
    ids::{ConversationSpaceId, SinkName},
};
use serde::Deserialize;

/// What is read of a card.
#[derive(Default, Deserialize)]
struct Drawn {
    #[serde(default)]
    manner: Manner,
}

impl Store {
    fn earlier(&self, call: &ConversationSpaceId) -> Result<Vec<(SinkName, Manner)>, StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT sink, coalesce(newer, card) FROM deliveries INDEXED BY once
             WHERE subject = ? AND state <> 'dropped' ORDER BY id",
        )?;
        let mut rows = read.query([subject(&Subject::Call(call.clone()))])?;
        let mut earlier: Vec<(SinkName, Manner)> = Vec::new();
        while let Some(row) = rows.next()? {
            let (sink, card): (String, String) = (row.get(0)?, row.get(1)?);
            let Ok(sink) = SinkName::try_from(sink) else { continue };
            let Drawn { manner } = serde_json::from_str(&card).unwrap_or_default();
            match earlier.iter_mut().find(|(known, _)| *known == sink) {
                Some((_, last)) => *last = manner,
                None => earlier.push((sink, manner)),
            }
        }
        Ok(earlier)
    }
}

impl Queue {
    /// The sinks that have a delivery of a call, each with the manner of its last card, in the order they were first
    /// told. What an operator dropped does not count.
    ///
    /// # Errors
    /// As every method of the queue.
    pub async fn earlier(&self, call: ConversationSpaceId) -> Result<Vec<(SinkName, Manner)>, QueueError> {
        self.ask(false, move |store, _| store.earlier(&call)).await
    }
}
