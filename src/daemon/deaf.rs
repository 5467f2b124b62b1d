//! When it is worth a word in the chat that a login hears nothing. Pure: `now` is an argument.

use std::time::{Duration, Instant};

/// A broken link is back within a minute, the longest wait between two tries; what lasts twice that does not mend itself
/// unseen. 2 min.
const TELL_AFTER: Duration = Duration::from_secs(120);

/// Whether a login hears, and whether its silence was told.
#[derive(Debug)]
pub struct Deaf {
    since: Option<Instant>,
    told: bool,
}

impl Deaf {
    /// A login that does not hear yet.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { since: Some(now), told: false }
    }

    /// It hears nothing from now on.
    pub fn begin(&mut self, now: Instant) {
        self.since = self.since.or(Some(now));
    }

    /// It hears. `true`: that it did not was told, so this is news.
    pub fn end(&mut self) -> bool {
        self.since = None;
        std::mem::take(&mut self.told)
    }

    /// The silence was told for another reason, which tells its own end.
    pub fn explained(&mut self) {
        self.since = None;
    }

    /// When [`Deaf::tell`] is due; `None` while there is nothing to tell.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.since.filter(|_| !self.told).map(|since| since + TELL_AFTER)
    }

    /// Whether it is to be told now. Once.
    pub fn tell(&mut self, now: Instant) -> bool {
        let tell = self.due().is_some_and(|due| now >= due);
        self.told |= tell;
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_when_it_lasts_and_so_is_its_end() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deaf = Deaf::new(start);
        assert!(!deaf.tell(at(119)));
        assert!(deaf.tell(at(120)));
        assert!(!deaf.tell(at(500)) && deaf.due().is_none(), "once");
        deaf.begin(at(600));
        assert!(!deaf.tell(at(900)), "it is the same silence");
        assert!(deaf.end());
        assert!(!deaf.end() && deaf.due().is_none());
    }

    #[test]
    fn a_blip_and_what_was_told_otherwise_are_not_told() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deaf = Deaf::new(start);
        assert!(!deaf.end(), "the start of a daemon is no news");
        deaf.begin(at(10));
        assert!(!deaf.end() && !deaf.tell(at(500)));
        deaf.begin(at(600));
        deaf.explained();
        assert!(!deaf.tell(at(900)) && !deaf.end());
    }
}
