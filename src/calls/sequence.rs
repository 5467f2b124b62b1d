//! The received sequence numbers of one conversation: the highest one, and the holes below it. Reads no content.

/// Most recorded holes. With more, the oldest is dropped and the sequence stays incomplete.
const HOLES: usize = 8;

/// The received sequence numbers of one conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Sequence {
    highest: Option<u64>,
    /// Inclusive ranges, ascending, never touching.
    missing: Vec<(u64, u64)>,
    torn: bool,
}

/// Relation of a sequence number to the numbers received before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receipt {
    /// Higher than all, with the hole that remains below it.
    Newest { hole: Option<(u64, u64)> },
    /// Lower than the highest, and not received before.
    Late,
    /// Received before.
    Known,
}

impl Sequence {
    /// Records `number`. The first snapshot of a conversation is 1.
    pub(super) fn record(&mut self, number: u64) -> Receipt {
        let next = self.highest.map_or(1, |highest| highest.saturating_add(1));
        if self.highest.is_none_or(|highest| number > highest) {
            self.highest = Some(number);
            let hole = (number > next).then(|| (next, number.saturating_sub(1)));
            self.missing.extend(hole);
            self.reset_holes();
            return Receipt::Newest { hole };
        }
        let Some(at) = self.missing.iter().position(|(from, to)| (*from..=*to).contains(&number)) else {
            return Receipt::Known;
        };
        let (from, to) = self.missing.remove(at);
        let below = (from < number).then(|| (from, number.saturating_sub(1)));
        let above = (number < to).then(|| (number.saturating_add(1), to));
        self.missing.splice(at..at, below.into_iter().chain(above));
        self.reset_holes();
        Receipt::Late
    }

    fn reset_holes(&mut self) {
        while self.missing.len() > HOLES {
            self.missing.remove(0);
            self.torn = true;
        }
    }

    /// Returns whether every number up to the highest was received.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty() && !self.torn
    }

    /// Returns whether the number just below `number` was received, so that `number` is the time of a change.
    pub(super) fn follows(&self, number: u64) -> bool {
        !self.torn && !self.missing.iter().any(|(_, to)| to.saturating_add(1) == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn record_above_the_next_number_leaves_a_hole() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.record(1), Receipt::Newest { hole: None });
        assert_eq!(sequence.record(5), Receipt::Newest { hole: Some((2, 4)) });
        assert!(!sequence.follows(5) && sequence.follows(2));
        assert_eq!(sequence.record(3), Receipt::Late);
        assert_eq!(sequence.record(3), Receipt::Known);
        assert_eq!(sequence.record(2), Receipt::Late);
        assert!(!sequence.is_complete());
        assert_eq!(sequence.record(4), Receipt::Late);
        assert!(sequence.is_complete() && sequence.follows(5));
    }

    #[test]
    fn record_takes_numbers_at_the_edges_of_their_type() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.record(0), Receipt::Newest { hole: None });
        assert_eq!(sequence.record(u64::MAX), Receipt::Newest { hole: Some((1, u64::MAX - 1)) });
        assert_eq!(sequence.record(u64::MAX), Receipt::Known);
        assert_eq!(sequence.record(u64::MAX - 1), Receipt::Late);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn record_reports_each_number_as_new_once(numbers in prop::collection::vec(1_u64..40, 0..80)) {
            let mut sequence = Sequence::default();
            let mut seen = BTreeSet::new();
            for number in numbers {
                let known = sequence.record(number) == Receipt::Known;
                prop_assert!(sequence.missing.len() <= HOLES);
                prop_assert!(known || seen.insert(number));
                prop_assert!(!known || sequence.torn || seen.contains(&number));
            }
            let top = seen.last().copied().unwrap_or(0);
            prop_assert_eq!(sequence.is_complete(), !sequence.torn && seen.len() as u64 == top);
        }
    }
}
