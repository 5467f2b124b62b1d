//! Pending answers after the deadline: unfinished sources go on within their own timeout, and each answer that changes
//! the caller info is returned. Merging is done in `merge`.

use super::{Answer, Said, merge};
use crate::model::card::{Findings, History};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::time::Duration;

/// Future of a late answer. `None` if no answer came.
pub(super) type Pending<T> = BoxFuture<'static, Option<T>>;

/// State of the history query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Past {
    /// History is disabled.
    Off,
    /// No answer yet, or the query failed.
    Silent,
    /// Caller history.
    Said(History),
}

/// Late answer of a source (by index) or of the history.
enum PendingAnswer {
    Source(usize, Option<Said>),
    History(Option<History>),
}

/// Look-up result so far, with the pending answers. Dropping the value cancels no source: the answers still fill the
/// caches.
pub struct Later {
    pub(super) answers: Vec<Answer>,
    pub(super) past: Past,
    pending: FuturesUnordered<BoxFuture<'static, PendingAnswer>>,
}

impl Later {
    pub(super) fn new(answers: Vec<Answer>, past: Past) -> Self {
        Self { answers, past, pending: FuturesUnordered::new() }
    }

    /// Adds the pending answer of the source at `index`.
    pub(super) fn wait_for(&mut self, index: usize, pending: Pending<Said>) {
        self.pending.push(Box::pin(async move { PendingAnswer::Source(index, pending.await) }));
    }

    /// Adds a pending history answer: the local query, or a running GoTo query.
    pub(super) fn wait_for_past(&mut self, pending: Pending<History>) {
        self.pending.push(Box::pin(async move { PendingAnswer::History(pending.await) }));
    }

    /// Returns whether no answer is pending.
    pub(super) fn is_over(&self) -> bool {
        self.pending.is_empty()
    }

    /// Merges the answers received so far.
    pub(super) fn findings(&self) -> Findings {
        let (who, mut failed) = merge::merge(self.answers.iter().map(|it| (it.source.as_str(), it.said.clone())));
        let history = match &self.past {
            Past::Off => None,
            Past::Silent => {
                failed.push("history".to_owned());
                None
            }
            Past::Said(history) => Some(history.clone()),
        };
        Findings { who, history, silent: failed }
    }

    /// Waits for the next answer that changes the caller info. `None` when all sources have answered or failed, at the
    /// latest after their timeouts. Cancel safe.
    pub async fn next(&mut self) -> Option<Findings> {
        loop {
            let answer = self.pending.next().await?;
            let before = self.findings();
            self.apply(answer);
            let after = self.findings();
            if after != before {
                return Some(after);
            }
        }
    }

    fn apply(&mut self, answer: PendingAnswer) {
        match answer {
            PendingAnswer::Source(index, Some(answer)) => {
                if let Some(report) = self.answers.get_mut(index) {
                    report.said = answer;
                }
            }
            PendingAnswer::History(Some(history)) => self.past = Past::Said(history),
            PendingAnswer::Source(_, None) | PendingAnswer::History(None) => {}
        }
    }
}

impl Answer {
    pub(super) fn new(source: &str, said: Said, took: Duration) -> Self {
        Self { source: source.to_owned(), said, took }
    }
}
