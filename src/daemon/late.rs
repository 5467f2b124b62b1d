//! Merges look-up results that arrive after a card's deadline into live messages and pending cards. Late results do
//! not route: the call's next status is looked up and routed with them.

use super::rooms::Rooms;
use crate::{enrich::Later, model::call::Telling};
use std::sync::Arc;

/// An update enqueued before all sources answered.
pub struct Late {
    /// The update.
    pub telling: Telling,
    /// The look-ups still running.
    pub later: Later,
}

impl Late {
    /// Merges each result, until all sources have answered or timed out.
    pub async fn follow(mut self, pipeline: Arc<Rooms>) {
        while let Some(info) = self.later.next().await {
            pipeline.learned(&self.telling, info).await;
        }
    }
}
