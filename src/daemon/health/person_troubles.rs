//! Troubles of direct messages. Each is alerted once: a revoked token disables the sinks of all people.

use crate::model::ids::SinkName;
use std::collections::BTreeMap;

/// Troubles by the sink of a person's direct messages.
#[derive(Debug, Default)]
pub struct PersonTroubles {
    /// Troubles that hold the cards.
    by_sink: BTreeMap<SinkName, String>,
    /// People whom the chat does not reach: their cards are given up.
    not_reached: BTreeMap<SinkName, String>,
}

impl PersonTroubles {
    /// Records the trouble of a person. Returns whether no other person has it.
    pub fn begin(&mut self, sink: SinkName, why: &str) -> bool {
        let is_new = !self.by_sink.iter().any(|(other, known)| *other != sink && known == why);
        self.by_sink.insert(sink, why.to_owned());
        is_new
    }

    /// Records that the chat does not reach a person. Returns whether this is new: each card of the person finds it again.
    pub fn lose(&mut self, sink: SinkName, why: &str) -> bool {
        self.not_reached.insert(sink, why.to_owned()).is_none_or(|known| known != why)
    }

    /// Records a delivery to a person.
    pub fn reach(&mut self, sink: &SinkName) {
        self.not_reached.remove(sink);
    }

    /// Keeps the troubles of configured people only. Otherwise a removed person's trouble would hide that of another.
    pub fn retain(&mut self, is_configured: impl Fn(&SinkName) -> bool) {
        self.by_sink.retain(|sink, _| is_configured(sink));
        self.not_reached.retain(|sink, _| is_configured(sink));
    }

    /// Records the end of a person's trouble. Returns whether no other person has it any more.
    pub fn end(&mut self, sink: &SinkName) -> bool {
        let why = self.by_sink.remove(sink);
        why.is_none_or(|why| !self.by_sink.values().any(|other| *other == why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_who_is_not_reached_is_reported_once_until_a_delivery() {
        let mut troubles = PersonTroubles::default();
        let sink = |name: &str| SinkName::try_from(name).unwrap();
        let lost = ["a", "a", "b", "a"].map(|name| troubles.lose(sink(name), "no such member"));
        assert_eq!(lost, [true, false, true, false], "each person needs a remedy of their own");
        assert!(troubles.lose(sink("a"), "the member is a bot"), "another reason");
        troubles.reach(&sink("a"));
        troubles.retain(|sink| sink.as_str() != "b");
        assert!(troubles.lose(sink("a"), "no such member") && troubles.lose(sink("b"), "no such member"));
    }

    #[test]
    fn trouble_of_all_people_begins_once_and_ends_with_the_last() {
        let mut troubles = PersonTroubles::default();
        let sink = |name: &str| SinkName::try_from(name).unwrap();
        let begun = ["a", "b", "a"].map(|name| troubles.begin(sink(name), "token revoked"));
        assert_eq!(begun, [true, false, false]);
        assert!(troubles.begin(sink("c"), "no such member"));
        troubles.retain(|sink| sink.as_str() != "c");
        assert!(troubles.begin(sink("d"), "no such member"), "the person with this trouble was removed");
        assert_eq!(["a", "b", "c", "d"].map(|name| troubles.end(&sink(name))), [false, true, true, true]);
    }
}
