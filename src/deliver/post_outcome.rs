//! Result of one response for its sink and its deliveries, with the cause in words. Decides nothing.

use super::{outage::SinkTransition, table::ResponseRule, verdict::Verdict};
use crate::{model::delivery::Settlement, runtime::http::NetworkFault};
use std::time::Duration;

/// Result of one response for the sink and its deliveries.
#[derive(Debug, PartialEq, Eq)]
pub struct PostOutcome {
    /// Response rule that matched.
    pub rule: &'static ResponseRule,
    /// Verdict and settlement of each delivery, in the order of the message.
    pub settlements: Vec<(Verdict, Settlement)>,
    /// State transition, if any.
    pub transition: Option<SinkTransition>,
    /// Time until the sink may be used again.
    pub pause: Duration,
    /// Failed attempts before this success; 0 unless an outage ended.
    pub repeats: u32,
    /// The failed leg, if the network failed.
    pub fault: Option<NetworkFault>,
}

impl PostOutcome {
    /// Returns the cause for the operator: the failed leg is more precise than the rule.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.known_fault().map_or(self.rule.reason, NetworkFault::as_str)
    }

    /// Returns the remedy of the cause; empty if there is none.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.known_fault().map_or(self.rule.advice, NetworkFault::advice)
    }

    fn known_fault(&self) -> Option<NetworkFault> {
        self.fault.filter(|fault| *fault != NetworkFault::Other)
    }
}
