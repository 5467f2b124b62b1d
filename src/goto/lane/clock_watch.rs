//! Detects that the process was paused (suspend, paused VM, SIGSTOP) or that the wall clock jumped. Pure.

use crate::model::time::Now;
use std::time::{Duration, Instant};

/// Difference between the clocks, or delay of a tick, that counts as a jump. NTP slews by 0.5 ms a second, and a loaded
/// machine delays a tick by less.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Compares the wall clock with the monotonic clock, which stands still while the machine sleeps.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    last: Option<Now>,
}

impl ClockWatch {
    /// Records `now` and returns whether time is missing since the last call. `due`: time at which a tick is due, or was.
    pub(super) fn jumped(&mut self, now: Now, due: Option<Instant>) -> bool {
        let Some(last) = self.last.replace(now) else { return false };
        // An input handled since then proves that the process ran: the tick only waits behind others.
        let late = due.is_some_and(|due| now.instant.saturating_duration_since(due.max(last.instant)) > TOLERANCE);
        let wall = now.timestamp.duration_since(last.timestamp).as_secs_f64();
        let monotonic = now.instant.saturating_duration_since(last.instant).as_secs_f64();
        late || (wall - monotonic).abs() > TOLERANCE.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn clock_jump_is_a_late_tick_or_a_difference_of_the_clocks() {
        let start = Instant::now();
        let at = |monotonic: u64, wall: i64| Now {
            instant: start + Duration::from_secs(monotonic),
            timestamp: Timestamp::from_second(1_800_000_000 + wall).unwrap(),
        };
        let jumped = |to: Now, due: Option<u64>| {
            let mut clock = ClockWatch::default();
            assert!(!clock.jumped(at(100, 100), None), "the first reading compares with nothing");
            clock.jumped(to, due.map(|second| start + Duration::from_secs(second)))
        };
        assert!(!jumped(at(160, 160), Some(158)));
        assert!(jumped(at(160, 160), Some(150)), "late tick: the VM was paused with its clocks");
        let mut busy = ClockWatch::default();
        busy.jumped(at(100, 100), None);
        let due = start + Duration::from_secs(102);
        assert!(busy.jumped(at(140, 140), Some(due)) && !busy.jumped(at(141, 141), Some(due)), "one pause, one jump");
        assert!(jumped(at(101, 3_700), None), "suspend: the monotonic clock stood still");
        assert!(jumped(at(110, 40), None), "the wall clock was set back");
        assert!(!jumped(at(110, 107), None), "small differences are corrections of NTP");
    }
}
