//! Values of the keys with a fixed set of values. The published schema lists them.

use crate::model::call::MissedReason;

/// Returns the value of `missed_reason`.
pub(super) const fn reason_name(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::NobodyAnswered => "no_answer",
        MissedReason::LeftQueue => "left_queue",
        MissedReason::LeftMenu => "left_menu",
        MissedReason::Unknown => "unknown",
    }
}

#[cfg(test)]
pub(super) use lists::*;

#[cfg(test)]
mod lists {
    use super::reason_name;
    use crate::model::call::{CallDirection, MissedReason, ReturnKind, StatusKind};

    /// Values of `direction`.
    pub(in super::super) const DIRECTIONS: [&str; 3] =
        [CallDirection::Inbound.as_str(), CallDirection::Outbound.as_str(), CallDirection::Internal.as_str()];
    /// Values of `status`.
    pub(in super::super) const STATUSES: [&str; 5] = [
        StatusKind::Ringing.as_str(),
        StatusKind::Answered.as_str(),
        StatusKind::Missed.as_str(),
        StatusKind::Voicemail.as_str(),
        StatusKind::Ended.as_str(),
    ];
    /// Values of `missed_reason`.
    pub(in super::super) const MISSED_REASONS: [Option<&str>; 5] = [
        Some(reason_name(MissedReason::NobodyAnswered)),
        Some(reason_name(MissedReason::LeftQueue)),
        Some(reason_name(MissedReason::LeftMenu)),
        Some(reason_name(MissedReason::Unknown)),
        None,
    ];
    /// Values of the `kind` of a callback.
    pub(in super::super) const CALLBACK_KINDS: [&str; 3] =
        [ReturnKind::Tried.as_str(), ReturnKind::CalledBack.as_str(), ReturnKind::GotThrough.as_str()];
    /// Values of `matched`.
    pub(in super::super) const MATCHES: [&str; 4] = ["one", "several", "none", "not_looked_up"];

    /// Returns the values of `type`.
    pub(in super::super) fn event_types() -> Vec<String> {
        let calls =
            STATUSES.into_iter().chain([StatusKind::CalledBack.as_str()]).map(|status| format!("call.{status}"));
        calls.chain(["summary.gap", "summary.recap", "alert.firing", "alert.resolved"].map(str::to_owned)).collect()
    }
}
