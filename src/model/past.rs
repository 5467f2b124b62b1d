//! A call that is over, as somebody else's report has it: what the own history did not see.

use super::time::Timestamp;

/// One call between us and a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// We called; else we were called.
    pub outbound: bool,
    /// When it began.
    pub started: Timestamp,
    /// When somebody took it, if somebody did.
    pub answered: Option<Timestamp>,
    /// When it ended, if said.
    pub ended: Option<Timestamp>,
    /// The colleague, if named.
    pub with: Option<String>,
}
