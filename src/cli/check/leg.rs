//! One leg of `check --online` and the description of its faults.

use crate::runtime::http::{NetworkFault, root_cause};
use std::{error::Error, time::Duration};

/// Timeout of one leg: that of the daemon's requests.
pub(super) const LEG_TIMEOUT: Duration = Duration::from_secs(10);

/// One leg and its result: a description, or the fault with advice.
pub(super) struct CheckedLeg {
    pub(super) name: String,
    pub(super) result: Result<String, String>,
}

/// Describes a failed request with advice.
pub(super) fn fault_text(error: &(dyn Error + 'static)) -> String {
    let fault = NetworkFault::of(error);
    format!("{fault} ({}). {}", root_cause(error), fault.advice())
}
