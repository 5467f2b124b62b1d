//! REST fallback: while no lane is live and REST answers, active calls are polled. A blocked WebSocket thus costs seconds,
//! not calls. The fallback ends when a lane is live.

use super::{ConnectionEvent, api::Error, backfill::Backfill, lane::FailureClass};
use crate::runtime::backoff::{Backoff, BackoffPolicy};
use std::{collections::HashSet, time::Duration};
use tokio::time::{sleep, timeout};

/// Interval between polls, and wait before the first one: lanes are usually live again within a second.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Wait after a refusal: a missing scope needs a new login.
const REFUSED_INTERVAL: Duration = Duration::from_secs(300);

/// Polls until the task is aborted.
pub(super) async fn run(backfill: Backfill) {
    let mut live = backfill.live.clone();
    // The sender is dropped only with the connection.
    while live.wait_for(|live| !live).await.is_ok() {
        if timeout(POLL_INTERVAL, live.wait_for(|live| *live)).await.is_err() {
            Box::pin(poll_until_live(&backfill)).await;
        }
    }
}

async fn poll_until_live(backfill: &Backfill) {
    let mut live = backfill.live.clone();
    let mut backoff = Backoff::new(BackoffPolicy::UPSTREAM);
    let (mut is_polling, mut known) = (false, HashSet::new());
    while !*live.borrow_and_update() {
        let wait = match backfill.poll_active(&mut known).await {
            Ok(()) => {
                backoff.reset();
                if !std::mem::replace(&mut is_polling, true) {
                    backfill.emit(ConnectionEvent::FallbackStarted).await;
                }
                POLL_INTERVAL
            }
            Err(error) => wait_after(&error, &mut backoff),
        };
        // A live lane ends the wait.
        tokio::select! {
            () = sleep(wait) => {}
            _ = live.wait_for(|live| *live) => {}
        }
    }
    if is_polling {
        backfill.emit(ConnectionEvent::FallbackEnded).await;
    }
}

fn wait_after(error: &Error, backoff: &mut Backoff) -> Duration {
    let failure = error.failure();
    match failure.class {
        FailureClass::Rejected | FailureClass::NoAccounts => REFUSED_INTERVAL,
        FailureClass::Unreachable(fault) if fault.is_unreached() => {
            backoff.next_within(fastrand::f64(), BackoffPolicy::UNREACHED_MAX).max(POLL_INTERVAL)
        }
        FailureClass::Transient
        | FailureClass::Unreachable(_)
        | FailureClass::Gone
        | FailureClass::TooManyChannels
        | FailureClass::NoToken => backoff.next(fastrand::f64(), failure.retry_after).max(POLL_INTERVAL),
    }
}
