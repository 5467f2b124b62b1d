//! GoTo's clock, by the `Date` of its answers. The times of event gaps are GoTo's: they are compared with the times of its
//! reports, and the clock of this machine may be wrong.

use super::ConnectionEvent;
use crate::model::time::{Now, ServerClock, Timestamp};
use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};

/// Difference of the clocks above which the offset is measured again. A `Date` header has whole seconds.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// GoTo's clock as last measured. Before the first measurement it is the local clock.
#[derive(Debug, Clone)]
pub(super) struct GotoClock(watch::Receiver<Option<ServerClock>>);

impl GotoClock {
    /// Creates the clock and the sender of its measurements.
    pub(super) fn channel() -> (watch::Sender<Option<ServerClock>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// Returns whether the clock is measured: GoTo has answered.
    pub(super) fn is_known(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Returns GoTo's time at a local time; the earlier one in doubt. For the start of a gap: a gap that is too long costs
    /// a query, one that is too short hides calls.
    pub(super) fn earliest(&self, at: Now) -> Timestamp {
        self.bounds(at).0
    }

    /// Returns GoTo's time at a local time; the later one in doubt. For the end of a gap.
    pub(super) fn latest(&self, at: Now) -> Timestamp {
        self.bounds(at).1
    }

    fn bounds(&self, at: Now) -> (Timestamp, Timestamp) {
        self.0.borrow().map_or((at.timestamp, at.timestamp), |clock| clock.bounds(at))
    }
}

/// Publishes and emits GoTo's clock at its first measurement, and when the local clock has moved against it.
pub(super) async fn watch_clock(
    mut learned: watch::Receiver<Option<ServerClock>>,
    known: watch::Sender<Option<ServerClock>>,
    events: mpsc::Sender<ConnectionEvent>,
) {
    let mut emitted = None;
    while learned.changed().await.is_ok() {
        let Some(mut clock) = *learned.borrow_and_update() else { continue };
        if emitted.is_none_or(|last| has_moved(&last, &clock)) {
            if clock.offset.abs() <= CLOCK_TOLERANCE {
                clock.offset = SignedDuration::ZERO;
            }
            emitted = Some(clock);
            known.send_replace(Some(clock));
            // The receiver closes only at shutdown.
            let _ = events.send(ConnectionEvent::ClockOffset { clock }).await;
        }
    }
}

/// Returns whether the local clock was set, or the machine slept, since the measurement of `known`. Monotonic time stands
/// still during sleep.
fn has_moved(known: &ServerClock, new: &ServerClock) -> bool {
    let expected = known.time(new.learned.instant);
    let drift = new.time(new.learned.instant).duration_since(expected);
    drift.abs() > CLOCK_TOLERANCE || (new.offset - known.offset).abs() > CLOCK_TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::after;
    use std::time::Duration;

    #[test]
    fn clock_has_moved_after_a_step_and_after_a_sleep() {
        let learned = Now::current();
        let known = ServerClock { offset: SignedDuration::ZERO, learned };
        // An answer after a minute of monotonic time: GoTo's clock went `server`, the local one `local`.
        let moved = |server: u64, local: u64| {
            let minute = Duration::from_secs(60);
            let instant = learned.instant.checked_add(minute).unwrap_or(learned.instant);
            let local = after(learned.timestamp, Duration::from_secs(local));
            let offset = after(learned.timestamp, Duration::from_secs(server)).duration_since(local);
            has_moved(&known, &ServerClock { offset, learned: Now { instant, timestamp: local } })
        };
        assert!(!moved(60, 60) && !moved(59, 60));
        assert!(moved(60, 3_660), "the local clock was set ahead");
        assert!(moved(3_660, 3_660), "the machine slept for an hour");
    }
}
