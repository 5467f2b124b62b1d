//! What the sources say of a caller after the card's deadline: it goes onto the messages that live and the cards that still
//! wait. It routes nothing anew: the call's next moment asks the sources again, and is routed by what they say then. Thin:
//! what is new in it `enrich` says, what becomes of a card the outbox.

use super::rooms::Rooms;
use crate::{enrich::Later, model::call::Telling};
use std::sync::Arc;

/// A telling whose card went out before all sources had answered.
pub struct Late {
    /// What was told.
    pub telling: Telling,
    /// What is still to come.
    pub later: Later,
}

impl Late {
    /// Brings the card up to date with each answer, until all have come or given up, which they do within their timeouts.
    pub async fn follow(mut self, rooms: Arc<Rooms>) {
        while let Some(found) = self.later.next().await {
            rooms.learned(&self.telling, found).await;
        }
    }
}
