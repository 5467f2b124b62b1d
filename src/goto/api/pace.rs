//! How fast one login may ask: its lanes share one [`Pace`], since GoTo counts them together. Pure.

use std::time::{Duration, Instant};

/// GoTo allows 10 requests/s per API; half of it leaves room for another daemon of the same login.
const APART: Duration = Duration::from_millis(200);
/// What may be asked at once after a rest.
const BURST: u32 = 4;

/// When the next question may go out: one every 200 ms, 4 at once after a rest, none while GoTo wants none.
#[derive(Debug)]
pub(super) struct Pace {
    next: Instant,
    held: Option<Instant>,
}

impl Pace {
    /// A login that has asked nothing for a while; a start is one: the first lane is not to wait for its turns.
    pub(super) fn rested(now: Instant) -> Self {
        Self { next: burst(now), held: None }
    }

    /// Takes the next turn.
    ///
    /// # Errors
    /// GoTo has asked for a rest that is not over: how long it still lasts.
    pub(super) fn take(&mut self, now: Instant) -> Result<Duration, Duration> {
        if let Some(rest) = self.held.map(|until| until.saturating_duration_since(now)).filter(|rest| !rest.is_zero()) {
            return Err(rest);
        }
        self.held = None;
        let turn = self.next.max(burst(now));
        self.next = turn + APART;
        Ok(turn.saturating_duration_since(now))
    }

    /// GoTo has answered 429 with a wait: no question of this login goes out before it is over.
    pub(super) fn hold(&mut self, now: Instant, rest: Duration) {
        self.held = self.held.max(now.checked_add(rest));
    }
}

fn burst(now: Instant) -> Instant {
    now.checked_sub(APART * BURST.saturating_sub(1)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_go_at_once_and_then_one_every_200_ms() {
        let now = Instant::now();
        let mut pace = Pace::rested(now);
        let turns: Vec<u128> = (0..7).map(|_| pace.take(now).unwrap().as_millis()).collect();
        assert_eq!(turns, [0, 0, 0, 0, 200, 400, 600]);
        assert_eq!(pace.take(now + Duration::from_secs(60)), Ok(Duration::ZERO));
    }

    #[test]
    fn a_429_holds_every_question_of_the_login_until_its_wait_is_over() {
        let now = Instant::now();
        let mut pace = Pace::rested(now);
        pace.hold(now, Duration::from_secs(7));
        pace.hold(now, Duration::from_secs(3));
        assert_eq!(pace.take(now + Duration::from_secs(4)), Err(Duration::from_secs(3)));
        assert_eq!(pace.take(now + Duration::from_secs(7)), Ok(Duration::ZERO));
    }
}
