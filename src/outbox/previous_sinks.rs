//! Sinks of the earlier updates of a call. Routing queries them for every update after the ring.

use super::{disk_error::StoreError, row::subject_key, sqlite::SqliteOutbox, store::Store};
use crate::model::{
    card::CardOptions,
    delivery::{OutboxError, Subject},
    ids::{ConversationSpaceId, SinkName},
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
        let mut read = self.db.prepare_cached(
            "SELECT sink, coalesce(newer, card) FROM deliveries INDEXED BY once
             WHERE subject = ? AND state <> 'dropped' ORDER BY id",
        )?;
        let mut rows = read.query([subject_key(&Subject::Call(call.clone()))])?;
        let mut earlier: Vec<(SinkName, CardOptions)> = Vec::new();
        while let Some(row) = rows.next()? {
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

impl SqliteOutbox {
    /// Returns the sinks with a delivery of the call, each with the options of its last card, ordered by their first
    /// delivery. Dropped deliveries do not count.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn previous_sinks(&self, call: ConversationSpaceId) -> Result<Vec<(SinkName, CardOptions)>, OutboxError> {
        self.run(false, move |store, _| store.previous_sinks(&call)).await
    }
}
