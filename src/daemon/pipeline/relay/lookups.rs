//! The relay's look-ups: one update of a call at a time, and the look-ups that are still running.

use super::{Processed, Relay};
use crate::{
    daemon::settings::Settings,
    model::{call::CallUpdate, time::Now},
};
use std::sync::Arc;
use tokio::task::{self, JoinError};

impl Relay {
    pub(super) fn start_lookup(&mut self, settings: Arc<Settings>, update: CallUpdate) {
        self.pipeline.request_history(&settings, &update.call, &self.queries);
        let pipeline = Arc::clone(&self.pipeline);
        let call = update.call.id.clone();
        let task = self.lookups.spawn(async move {
            let late = pipeline.process(&settings, &update, Now::current()).await;
            (update, late)
        });
        self.lookup_calls.insert(task.id(), call);
    }

    /// Completes an update: starts the call's next one, which does not wait for late caller info.
    pub(super) fn on_processed(&mut self, done: Result<(task::Id, Processed), JoinError>) {
        while self.late_info.try_join_next().is_some() {}
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let call = self.lookup_calls.remove(&id);
        match done {
            Ok((_, (update, late))) => {
                if self.awaited.posted(&update.call.id) {
                    self.publish_unposted();
                }
                if let Some(late) = late {
                    let pipeline = Arc::clone(&self.pipeline);
                    self.late_info.spawn(async move { pipeline.apply_late_info(update, late).await });
                }
            }
            // The update stays pending in the store, and the next run posts it. The call's later ones are posted now.
            Err(error) => tracing::error!(connection = %self.connection, %error, "look-up task failed"),
        }
        if let Some(next) = call.and_then(|call| self.order.complete(&call)) {
            self.start_lookup(self.pipeline.settings.load(), next);
        }
    }
}
