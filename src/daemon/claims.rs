//! Reminders of claims without a call back, and the names of the claimants. The outbox finds both; this task queries it every
//! few seconds.

use crate::{
    daemon::pipeline::Pipeline,
    deliver::{REQUEST_TIMEOUT, slack_users::NoAnswer},
    model::ids::SinkName,
    runtime::watchdog::TaskHeartbeat,
};
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Poll interval: one query of an empty table costs microseconds, and a reminder may be seconds late. 5 s.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Age at which a name is queried again: people rarely change it. 1 day.
const NAME_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Wait after a query of a name without an answer. 10 min.
const NAME_RETRY_WAIT: Duration = Duration::from_secs(600);

/// Enqueues reminders and queries names, forever.
pub async fn run(pipeline: Arc<Pipeline>, http: reqwest::Client) -> Infallible {
    let heartbeat = pipeline.tasks.register("claims".to_owned(), Instant::now());
    let mut names_from = Instant::now();
    loop {
        heartbeat.idle_until(Instant::now().checked_add(POLL_INTERVAL));
        sleep(POLL_INTERVAL).await;
        remind(&pipeline, &heartbeat).await;
        if Instant::now() >= names_from && name_users(&pipeline, &http, &heartbeat).await.is_err() {
            names_from = Instant::now() + NAME_RETRY_WAIT;
        }
    }
}

/// Queries the names of users with claims.
async fn name_users(pipeline: &Pipeline, http: &reqwest::Client, heartbeat: &TaskHeartbeat) -> Result<(), NoAnswer> {
    let settings = pipeline.settings.load();
    if settings.sinks.values().all(|sink| sink.users.is_none()) {
        return Ok(());
    }
    let users = pipeline.outbox.unnamed_users(NAME_LIFETIME).await.map_err(|_| NoAnswer)?;
    for (user, sink) in users {
        heartbeat.idle_until(Instant::now().checked_add(REQUEST_TIMEOUT));
        let name = match settings.sinks.get(&sink).and_then(|sink| sink.users.as_ref()) {
            Some(directory) => directory.name(http, &user).await?,
            None => None,
        };
        tracing::debug!(%sink, known = name.is_some(), "name of a claimant queried");
        pipeline.outbox.name_user(user, name).await.map_err(|_| NoAnswer)?;
    }
    Ok(())
}

async fn remind(pipeline: &Pipeline, heartbeat: &TaskHeartbeat) {
    let waits: Vec<(SinkName, Duration)> = {
        let settings = pipeline.settings.load();
        settings.sinks.iter().filter_map(|(sink, settings)| Some((sink.clone(), settings.claim_reminder?))).collect()
    };
    if waits.is_empty() {
        return;
    }
    heartbeat.busy(Instant::now());
    match pipeline.outbox.remind(waits).await {
        Ok(reminded) => {
            for claim in reminded {
                tracing::info!(call = %claim.call, sink = %claim.sink, "claim without a call back, reminder enqueued");
            }
        }
        Err(error) => tracing::warn!(%error, "reading claims failed"),
    }
}
