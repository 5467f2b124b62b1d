//! A past call as another system reports it. The calls that the daemon recorded are in
//! [`call_history`](super::call_history).

use super::time::Timestamp;

/// A past call between the account and a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Direction: `true` if the account called the number, `false` if the number called.
    pub outbound: bool,
    /// Start of the call.
    pub started_at: Timestamp,
    /// Time of the answer; `None` if the call was not answered.
    pub answered_at: Option<Timestamp>,
    /// End of the call, if reported.
    pub ended_at: Option<Timestamp>,
    /// Name of the colleague on the call, if reported.
    pub colleague: Option<String>,
}
