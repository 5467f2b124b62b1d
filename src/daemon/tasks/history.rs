//! Deletes calls older than the retention of the history, in small steps.

use crate::daemon::pipeline::Pipeline;
use crate::model::time::Timestamp;
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Time between two deletions: a retention has days.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Deletes old calls every hour, forever. A reload can change the retention.
pub async fn run(pipeline: Arc<Pipeline>) -> Infallible {
    let heartbeat = pipeline.tasks.register("call history".to_owned(), Instant::now());
    loop {
        heartbeat.busy(Instant::now());
        prune(&pipeline, Timestamp::now()).await;
        heartbeat.idle_until(Instant::now().checked_add(INTERVAL));
        sleep(INTERVAL).await;
    }
}

async fn prune(pipeline: &Pipeline, now: Timestamp) {
    let Some(oldest) = pipeline.settings.load().enricher.oldest_kept_call(now) else { return };
    loop {
        match pipeline.outbox.prune_history(oldest).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "old calls not deleted"),
        }
    }
}
