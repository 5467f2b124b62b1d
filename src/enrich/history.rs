//! The daemon's own call history as a source: its settings, and what the counted calls of a number mean.

use super::config::SourceConfig;
use crate::model::{
    call_history::{CallCounts, CallHistory, HistoryError, HistoryQuery},
    card::{CallerHistory, RepeatCalls},
    phone::E164,
    time::{HumanDuration, Timestamp},
};
use std::{sync::Arc, time::Duration};

/// Retention of calls, and limits from which a caller is urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistorySettings {
    /// Older calls are deleted.
    pub retention: Duration,
    /// A caller who was missed within this time and not answered since is urgent.
    pub missed_within: Duration,
    /// A caller with `calls` calls within this time is urgent.
    pub calls_within: Duration,
    /// See `calls_within`. The ringing call counts.
    pub calls: u32,
    /// Enables GoTo queries for calls that this daemon did not receive.
    pub goto: bool,
}

impl HistorySettings {
    /// Reads the config table, with defaults for missing keys.
    #[must_use]
    pub(super) fn from_config(config: &SourceConfig) -> Self {
        let defaults = Self::default();
        let span = |span: Option<HumanDuration>, default| span.map_or(default, |span| span.0);
        Self {
            retention: span(config.retention, defaults.retention),
            missed_within: span(config.missed_within, defaults.missed_within),
            calls_within: span(config.calls_within, defaults.calls_within),
            calls: config.calls.unwrap_or(defaults.calls),
            goto: config.goto.unwrap_or(defaults.goto),
        }
    }

    /// Decides what the counted calls before a call mean.
    fn judge(&self, counts: CallCounts) -> CallerHistory {
        let nth = counts.recent.saturating_add(1);
        CallerHistory {
            last_call: counts.last_call,
            calls_in_week: counts.in_week,
            calls_in_month: counts.in_month,
            missed_since: counts.missed_since,
            urgent: counts.missed_recently > 0 || nth >= self.calls.max(2),
            repeat_calls: (nth > 1).then_some(RepeatCalls { nth, within: self.calls_within }),
        }
    }
}

impl Default for HistorySettings {
    /// 90 days; missed within 15 minutes; two calls in 10 minutes; GoTo queries enabled.
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(90 * 86_400),
            missed_within: Duration::from_secs(15 * 60),
            calls_within: Duration::from_secs(10 * 60),
            calls: 2,
            goto: true,
        }
    }
}

/// The history and its settings.
#[derive(Clone)]
pub(super) struct HistorySource {
    pub(super) calls: Arc<dyn CallHistory>,
    pub(super) settings: HistorySettings,
}

impl HistorySource {
    /// Returns the recorded calls of the caller before `call` (see [`history_key`](crate::model::call_history::history_key)),
    /// as of `at`.
    ///
    /// # Errors
    /// If the query fails.
    pub(super) async fn find(
        &self,
        number: &E164,
        call: Option<String>,
        at: Timestamp,
    ) -> Result<CallerHistory, HistoryError> {
        let HistorySettings { missed_within, calls_within, .. } = self.settings;
        let query = HistoryQuery { number: number.clone(), call, at, missed_within, calls_within };
        Ok(self.settings.judge(self.calls.find(query).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(counts: CallCounts) -> (bool, Option<u32>) {
        let history = HistorySettings::default().judge(counts);
        (history.urgent, history.repeat_calls.map(|again| again.nth))
    }

    #[test]
    fn caller_is_urgent_if_missed_recently_or_calling_again() {
        assert_eq!(judged(CallCounts::default()), (false, None));
        assert_eq!(judged(CallCounts { missed_since: 3, in_week: 3, ..CallCounts::default() }), (false, None));
        assert_eq!(judged(CallCounts { missed_recently: 1, ..CallCounts::default() }), (true, None));
        assert_eq!(judged(CallCounts { recent: 1, ..CallCounts::default() }), (true, Some(2)));
    }

    #[test]
    fn one_call_is_never_a_repetition() {
        let settings = HistorySettings { calls: 0, ..HistorySettings::default() };
        assert!(!settings.judge(CallCounts::default()).urgent);
        let settings = HistorySettings { calls: 3, ..settings };
        assert!(!settings.judge(CallCounts { recent: 1, ..CallCounts::default() }).urgent);
    }
}
