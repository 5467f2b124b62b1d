//! Troubles of direct messages. Each is alerted once: a revoked token disables the sinks of all people.

use crate::model::ids::SinkName;
use std::collections::BTreeMap;

/// Troubles by the sink of a person's direct messages.
#[derive(Debug, Default)]
pub struct PersonTroubles(BTreeMap<SinkName, String>);

impl PersonTroubles {
    /// Records the trouble of a person. Returns whether no other person has it.
    pub fn begin(&mut self, sink: SinkName, why: &str) -> bool {
        let is_new = !self.0.iter().any(|(other, known)| *other != sink && known == why);
        self.0.insert(sink, why.to_owned());
        is_new
    }

    /// Keeps the troubles of configured people only. Otherwise a removed person's trouble would hide that of another.
    pub fn retain(&mut self, is_configured: impl Fn(&SinkName) -> bool) {
        self.0.retain(|sink, _| is_configured(sink));
    }

    /// Records the end of a person's trouble. Returns whether no other person has it any more.
    pub fn end(&mut self, sink: &SinkName) -> bool {
        let why = self.0.remove(sink);
        why.is_none_or(|why| !self.0.values().any(|other| *other == why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
