//! What goes wrong again and again is said once, and then how often it came. Pure: time is an argument.

use std::{
    mem,
    time::{Duration, Instant},
};

/// The count of what came again is said after this. 10 min: a stream of broken frames is six lines an hour.
const QUIET: Duration = Duration::from_secs(600);

/// One thing that may come again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repeat {
    said: Option<Instant>,
    unsaid: u64,
}

impl Repeat {
    /// It came. `Some` if it is to be said now, with how often it came unsaid since it was said last.
    pub fn came(&mut self, now: Instant) -> Option<u64> {
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < QUIET) {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.said = Some(now);
        Some(mem::take(&mut self.unsaid))
    }

    /// When [`Self::count`] has something to say; `None` while all is said.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.said.filter(|_| self.unsaid > 0).map(|said| said + QUIET)
    }

    /// How often it came unsaid, if it is time to say that.
    pub fn count(&mut self, now: Instant) -> Option<u64> {
        self.due().filter(|due| *due <= now)?;
        self.said = Some(now);
        Some(mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_said_once_and_then_counted() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut repeat = Repeat::default();
        assert_eq!((repeat.came(at(0)), repeat.due()), (Some(0), None));
        assert_eq!((repeat.came(at(1)), repeat.came(at(599))), (None, None));
        assert_eq!((repeat.count(at(599)), repeat.due()), (None, Some(at(600))));
        assert_eq!((repeat.count(at(600)), repeat.due()), (Some(2), None));
        assert_eq!((repeat.came(at(601)), repeat.came(at(1300))), (None, Some(1)), "late is said with its count");
    }
}
