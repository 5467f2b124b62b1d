//! Pending answers after the deadline: unfinished sources go on within their own timeout, and each answer that changes
//! the caller info is returned. Merging is done in `merge`.

use super::{SourceAnswer, SourceReport, merge};
use crate::model::card::{CallerHistory, CallerInfo};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::time::Duration;

/// Future of a late answer. `None` if no answer came.
pub(super) type AnswerFuture<T> = BoxFuture<'static, Option<T>>;

/// State of the history query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HistoryState {
    /// History is disabled.
    Disabled,
    /// No answer yet, or the query failed.
    Failed,
    /// Caller history.
    Found(CallerHistory),
}

/// Late answer of a source (by index) or of the history.
enum PendingAnswer {
    Source(usize, Option<SourceAnswer>),
    History(Option<CallerHistory>),
}

/// Look-up result so far, with the pending answers. Dropping the value cancels no source: the answers still fill the
/// caches.
pub struct PendingLookup {
    pub(super) reports: Vec<SourceReport>,
    pub(super) history: HistoryState,
    pending: FuturesUnordered<BoxFuture<'static, PendingAnswer>>,
}

impl PendingLookup {
    pub(super) fn new(answers: Vec<SourceReport>, past: HistoryState) -> Self {
        Self { reports: answers, history: past, pending: FuturesUnordered::new() }
    }

    /// Adds the pending answer of the source at `index`.
    pub(super) fn push(&mut self, index: usize, pending: AnswerFuture<SourceAnswer>) {
        self.pending.push(Box::pin(async move { PendingAnswer::Source(index, pending.await) }));
    }

    /// Adds a pending history answer: the local query, or a running GoTo query.
    pub(super) fn push_history(&mut self, pending: AnswerFuture<CallerHistory>) {
        self.pending.push(Box::pin(async move { PendingAnswer::History(pending.await) }));
    }

    /// Returns whether no answer is pending.
    pub(super) fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    /// Merges the answers received so far.
    pub(super) fn caller_info(&self) -> CallerInfo {
        let (who, mut failed) = merge::merge(self.reports.iter().map(|it| (it.source.as_str(), it.answer.clone())));
        let history = match &self.history {
            HistoryState::Disabled => None,
            HistoryState::Failed => {
                failed.push("history".to_owned());
                None
            }
            HistoryState::Found(history) => Some(history.clone()),
        };
        CallerInfo { matched: who, history, failed_sources: failed }
    }

    /// Waits for the next answer that changes the caller info. `None` when all sources have answered or failed, at the
    /// latest after their timeouts. Cancel safe.
    pub async fn next(&mut self) -> Option<CallerInfo> {
        loop {
            let answer = self.pending.next().await?;
            let before = self.caller_info();
            self.apply(answer);
            let after = self.caller_info();
            if after != before {
                return Some(after);
            }
        }
    }

    fn apply(&mut self, answer: PendingAnswer) {
        match answer {
            PendingAnswer::Source(index, Some(answer)) => {
                if let Some(report) = self.reports.get_mut(index) {
                    report.answer = answer;
                }
            }
            PendingAnswer::History(Some(history)) => self.history = HistoryState::Found(history),
            PendingAnswer::Source(_, None) | PendingAnswer::History(None) => {}
        }
    }
}

impl SourceReport {
    pub(super) fn new(source: &str, said: SourceAnswer, took: Duration) -> Self {
        Self { source: source.to_owned(), answer: said, took }
    }
}
