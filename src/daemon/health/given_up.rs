//! Cards that became dead letters, until an alert about them is posted. A lost card must not be visible in the journal only:
//! the alert about a recovered sink lists the lost cards. An alert that became a dead letter itself is posted again as part
//! of a later one. Pure.

use crate::model::ids::SinkName;
use std::collections::{BTreeMap, BTreeSet};

/// Descriptions kept for each sink; the rest is counted.
const MAX_LISTED: usize = 5;

/// Cards of one sink that became dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LostCards {
    listed: Vec<String>,
    omitted: usize,
}

impl LostCards {
    fn add(&mut self, what: String) {
        if self.listed.len() < MAX_LISTED {
            self.listed.push(what);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    /// Returns whether nothing was lost.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Returns the list as text, as in `missed, 18:00 UTC; recap; and 3 more`.
    #[must_use]
    pub fn text(&self) -> String {
        let more = (self.omitted > 0).then(|| format!("and {} more", self.omitted));
        self.listed.iter().cloned().chain(more).collect::<Vec<_>>().join("; ")
    }
}

/// Cards that became dead letters since the last good state of their sinks.
#[derive(Debug, Default)]
pub struct GivenUp {
    by_sink: BTreeMap<SinkName, LostCards>,
    /// Sinks with a reported problem.
    in_trouble: BTreeSet<SinkName>,
    /// Alerts that became dead letters. No alert was posted about them.
    alerts: LostCards,
}

impl GivenUp {
    /// Records a problem of a sink: its list grows until the sink recovers.
    pub fn on_trouble(&mut self, sink: SinkName) {
        self.in_trouble.insert(sink);
    }

    /// Records a dead letter. `is_alert`: the card is itself an alert, and no alert is raised about it now.
    pub fn on_dead_letter(&mut self, sink: SinkName, what: String, is_alert: bool) {
        if is_alert {
            self.alerts.add(what.clone());
        }
        self.by_sink.entry(sink).or_default().add(what);
    }

    /// Records a delivery. Returns the alerts that became dead letters, for a new alert about them. A lost alert is listed
    /// once: if the new one becomes a dead letter as well, the chat rejects its content.
    pub fn on_delivered(&mut self, sink: &SinkName) -> Option<LostCards> {
        if !self.in_trouble.contains(sink) {
            self.by_sink.remove(sink);
        }
        let alerts = std::mem::take(&mut self.alerts);
        (!alerts.is_empty()).then_some(alerts)
    }

    /// Records the end of a problem and returns the cards that became dead letters in its time.
    pub fn on_recovered(&mut self, sink: &SinkName) -> LostCards {
        self.in_trouble.remove(sink);
        self.by_sink.remove(sink).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink() -> SinkName {
        SinkName::try_from("desk").unwrap()
    }

    #[test]
    fn recovery_lists_cards_given_up_since_the_sink_worked() {
        let mut given_up = GivenUp::default();
        given_up.on_dead_letter(sink(), "earlier".to_owned(), false);
        assert_eq!(given_up.on_delivered(&sink()), None);
        for n in 1..=7 {
            given_up.on_dead_letter(sink(), format!("missed {n}"), false);
        }
        given_up.on_trouble(sink());
        // The delivery that ends the problem is reported before the recovery.
        given_up.on_delivered(&sink());
        let lost = given_up.on_recovered(&sink()).text();
        assert_eq!(lost, "missed 1; missed 2; missed 3; missed 4; missed 5; and 2 more");
        assert!(given_up.on_recovered(&sink()).is_empty());
    }

    #[test]
    fn alert_that_was_given_up_is_reported_with_next_delivery_once() {
        let mut given_up = GivenUp::default();
        given_up.on_dead_letter(sink(), "alert: main is down".to_owned(), true);
        let lost = given_up.on_delivered(&sink()).unwrap();
        assert_eq!(lost.text(), "alert: main is down");
        assert_eq!(given_up.on_delivered(&sink()), None);
    }
}
