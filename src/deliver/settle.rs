//! Settles deliveries in the outbox after a post.

use crate::{
    model::delivery::{MessageRef, Outbox, OutboxError, PostMode, SettleRequest, Settlement},
    runtime::backoff::{Backoff, BackoffPolicy},
};
use std::time::Duration;
use tokio::time::sleep;

/// Attempts to settle before the delivery stays leased until the next restart.
const MAX_SETTLE_ATTEMPTS: u32 = 5;
/// Waits between the attempts.
const SETTLE_WAITS: BackoffPolicy = BackoffPolicy { initial: Duration::from_millis(100), max: Duration::from_secs(1) };

/// Settles deliveries, with retries: an unsettled delivery would be posted again.
///
/// # Errors
/// [`OutboxError::Stopped`], or [`OutboxError::Store`] after the last attempt.
pub(super) async fn settle<O: Outbox>(outbox: &O, settles: Vec<SettleRequest>) -> Result<(), OutboxError> {
    if settles.is_empty() {
        return Ok(());
    }
    let mut waits = Backoff::new(SETTLE_WAITS);
    loop {
        match outbox.settle(settles.clone()).await {
            Err(OutboxError::Store(_)) if waits.failures() < MAX_SETTLE_ATTEMPTS => {
                sleep(waits.next(1.0, None)).await;
            }
            result => return result,
        }
    }
}

/// Returns whether the delivery no longer waits.
pub(super) const fn is_final(settle: &SettleRequest) -> bool {
    matches!(settle.settlement, Settlement::Delivered | Settlement::Posted(_) | Settlement::Dead(_))
}

/// Adds the message reference to the first post of a live message: later updates edit that message.
#[must_use]
pub(super) fn with_message_ref(settlement: &Settlement, form: &PostMode, place: Option<&MessageRef>) -> Settlement {
    match (settlement, form, place) {
        (Settlement::Delivered, PostMode::Live { message: None, .. }, Some(place)) => Settlement::Posted(place.clone()),
        _ => settlement.clone(),
    }
}
