//! Cards about several calls: the summary of an event gap and the daily recap.

use crate::model::{
    call::{CallUpdate, Callback},
    ids::ConnectionName,
    phone::{Mask, PhoneNumber, Region},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Calls that ended in an event gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapSummary {
    /// The connection with the gap.
    pub connection: ConnectionName,
    /// Start of the gap.
    pub from: Timestamp,
    /// End of the gap.
    pub to: Timestamp,
    /// Final update of each call that ended in the gap, by the start of the call.
    pub calls: Vec<CallUpdate>,
    /// Mask of phone numbers from a rule; overrides the sink's mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

/// Recap: counts of a sink's inbound calls in a period, and the missed callers who still wait for a callback.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Recap {
    /// Start of the period.
    pub from: Timestamp,
    /// End of the period, at which the recap is due.
    pub to: Timestamp,
    /// Whether the daemon was off at the end of the period.
    pub late: bool,
    /// Calls in the period: answered, missed, or with an unknown end.
    pub calls: u32,
    /// Answered calls.
    pub answered: u32,
    /// Missed calls.
    pub missed: u32,
    /// Missed calls with a voicemail message.
    pub voicemails: u32,
    /// Missed calls with a withheld number.
    pub withheld: u32,
    /// Longest wait of a caller until the call was answered or ended.
    pub longest_wait: Option<Duration>,
    /// Missed callers without a callback, latest first, up to the list limit.
    pub pending: Vec<PendingCallback>,
    /// Number of further missed callers beyond the list limit.
    pub pending_omitted: u32,
    /// Region for formatting the numbers; `None`: US.
    pub region: Option<Region>,
    /// Times from call to card of the last day, if the sink shows them.
    pub latency: Option<CardLatency>,
}

/// Times from a ring at GoTo to the acceptance of its card, of one sink in one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardLatency {
    /// Median.
    pub median: Duration,
    /// 95th percentile.
    pub p95: Duration,
}

/// A missed caller who was not reached since, and whom no person has marked as done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingCallback {
    /// Number to call back.
    pub number: PhoneNumber,
    /// Name, if exactly one contact matches. Untrusted text.
    #[serde(default)]
    pub name: Option<String>,
    /// Missed calls of the caller in the period.
    pub missed_calls: u32,
    /// Start of the latest missed call.
    pub last_missed: Timestamp,
    /// Whether the caller left a voicemail message.
    #[serde(default)]
    pub voicemail: bool,
    /// End of the first open call, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_since: Option<Timestamp>,
    /// The person who calls back, and the time of the claim: a name, or the id in the chat. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<(String, Timestamp)>,
    /// The last try without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Callback>,
}

impl PendingCallback {
    /// Creates a caller who was missed at `last_missed`, without any counted call.
    #[must_use]
    pub const fn new(number: PhoneNumber, last_missed: Timestamp) -> Self {
        Self {
            number,
            name: None,
            missed_calls: 0,
            last_missed,
            voicemail: false,
            waits_since: None,
            claimed: None,
            tried: None,
        }
    }
}
