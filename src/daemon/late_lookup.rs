//! Merges look-up results that arrive after a card's deadline into live messages and pending cards. Late results do
//! not route: the call's next status is looked up and routed with them.

use super::pipeline::Pipeline;
use crate::{enrich::PendingLookup, model::call::CallUpdate};
use std::sync::Arc;

/// An update enqueued before all sources answered.
pub struct LateLookup {
    /// The update.
    pub update: CallUpdate,
    /// The look-ups still running.
    pub lookup: PendingLookup,
}

impl LateLookup {
    /// Merges each result, until all sources have answered or timed out.
    pub async fn apply(mut self, pipeline: Arc<Pipeline>) {
        while let Some(info) = self.lookup.next().await {
            pipeline.apply_late_info(&self.update, info).await;
        }
    }
}
