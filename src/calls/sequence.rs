//! Which snapshots of one conversation were heard: the highest number, and the holes below it. Says nothing of content.

/// Holes kept at most; with more, the oldest are given up and the sequence stays incomplete.
const HOLES: usize = 8;

/// The sequence numbers heard of one conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Sequence {
    highest: Option<u64>,
    /// Inclusive ranges, ascending, never touching.
    missing: Vec<(u64, u64)>,
    torn: bool,
}

/// What a sequence number is to what was heard before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Newer than everything, with the hole it leaves below itself.
    Newest { hole: Option<(u64, u64)> },
    /// Older than the newest, and not heard before.
    Late,
    /// Heard before.
    Known,
}

impl Sequence {
    /// Takes note of `number`. The first snapshot of a conversation is 1.
    pub(super) fn hear(&mut self, number: u64) -> Heard {
        let next = self.highest.map_or(1, |highest| highest.saturating_add(1));
        if self.highest.is_none_or(|highest| number > highest) {
            self.highest = Some(number);
            let hole = (number > next).then(|| (next, number.saturating_sub(1)));
            self.missing.extend(hole);
            self.tear();
            return Heard::Newest { hole };
        }
        let Some(at) = self.missing.iter().position(|(from, to)| (*from..=*to).contains(&number)) else {
            return Heard::Known;
        };
        let (from, to) = self.missing.remove(at);
        let below = (from < number).then(|| (from, number.saturating_sub(1)));
        let above = (number < to).then(|| (number.saturating_add(1), to));
        self.missing.splice(at..at, below.into_iter().chain(above));
        self.tear();
        Heard::Late
    }

    fn tear(&mut self) {
        while self.missing.len() > HOLES {
            self.missing.remove(0);
            self.torn = true;
        }
    }

    /// Whether everything up to the newest was heard.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty() && !self.torn
    }

    /// Whether the snapshot just before `number` was heard, so that `number` shows when something happened.
    pub(super) fn follows(&self, number: u64) -> bool {
        !self.missing.iter().any(|(_, to)| to.saturating_add(1) == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_number_above_the_next_leaves_a_hole_that_late_numbers_fill() {
        let mut heard = Sequence::default();
        assert_eq!(heard.hear(1), Heard::Newest { hole: None });
        assert_eq!(heard.hear(5), Heard::Newest { hole: Some((2, 4)) });
        assert!(!heard.follows(5) && heard.follows(2));
        assert_eq!(heard.hear(3), Heard::Late);
        assert_eq!(heard.hear(3), Heard::Known);
        assert_eq!(heard.hear(2), Heard::Late);
        assert!(!heard.is_complete());
        assert_eq!(heard.hear(4), Heard::Late);
        assert!(heard.is_complete() && heard.follows(5));
    }

    #[test]
    fn numbers_at_the_edges_of_their_type_are_numbers() {
        let mut heard = Sequence::default();
        assert_eq!(heard.hear(0), Heard::Newest { hole: None });
        assert_eq!(heard.hear(u64::MAX), Heard::Newest { hole: Some((1, u64::MAX - 1)) });
        assert_eq!(heard.hear(u64::MAX), Heard::Known);
        assert_eq!(heard.hear(u64::MAX - 1), Heard::Late);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn every_number_is_new_once_unless_too_many_holes_were_torn(numbers in prop::collection::vec(1_u64..40, 0..80)) {
            let mut heard = Sequence::default();
            let mut seen = BTreeSet::new();
            for number in numbers {
                let known = heard.hear(number) == Heard::Known;
                prop_assert!(heard.missing.len() <= HOLES);
                prop_assert!(known || seen.insert(number));
                prop_assert!(!known || heard.torn || seen.contains(&number));
            }
            let top = seen.last().copied().unwrap_or(0);
            prop_assert_eq!(heard.is_complete(), !heard.torn && seen.len() as u64 == top);
        }
    }
}
