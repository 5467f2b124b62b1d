//! Looks up the caller: queries all configured sources in parallel under one deadline and merges their answers. A slow
//! or failing source costs its own facts, never the card. Caller data (number, name) selects no host and no path of a
//! request: each value is encoded into its placeholder.

mod build;
mod caller_history;
mod config;
mod contacts;
mod history;
mod http;
mod merge;
mod pending;
#[doc(hidden)]
pub mod raw;
mod recap;
#[cfg(test)]
mod tests;
mod watched_file;

pub use config::{
    FieldPath, InvalidSources, OauthConfig, SearchConfig, SourceConfig, SourceKind, SourceProblem, ThenConfig,
};
pub use contacts::{ContactsError, ContactsPreview, LoadReport, preview as preview_contacts};
pub use history::{HistoryError, forget};
pub use merge::SourceAnswer;
pub use pending::PendingLookup;
pub use watched_file::WatchedFile;

use crate::{
    model::{
        call::{Call, CallUpdate},
        card::{CallerInfo, Match},
        ids::SinkName,
        phone::{E164, Region},
        secret::{Secret, SecretRef},
        time::Now,
    },
    runtime::metrics::{LookupResult, Metrics, SourceMetrics},
};
use contacts::Contacts;
use futures_util::future::join_all;
use history::{GotoQueries, HistoryHandle};
use http::Http;
use pending::{AnswerFuture, HistoryState};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Reader of a secret of the config. The reason for a failure quotes no secret.
pub type SecretReader = Arc<dyn Fn(&SecretRef) -> Result<Secret, String> + Send + Sync>;

/// Look-up over all configured sources. The default has none.
#[derive(Default)]
pub struct Enricher {
    sources: Vec<Source>,
    history: Option<HistoryHandle>,
    /// Queries to GoTo's call history, if enabled, with their look-back time.
    goto_history: Option<(Arc<GotoQueries>, Duration)>,
    deadline: Duration,
    region: Option<Region>,
    /// Counts the look-ups in the own history.
    history_metrics: SourceMetrics,
}

struct Source {
    name: String,
    kind: SourceImpl,
    fingerprint: SourceFingerprint,
    metrics: SourceMetrics,
}

/// Config, secrets and region of a source. A reload keeps a source with an equal fingerprint, and its state.
#[derive(PartialEq)]
struct SourceFingerprint {
    config: SourceConfig,
    secrets: Vec<Secret>,
    region: Region,
}

#[derive(Clone)]
enum SourceImpl {
    Contacts(Arc<Contacts>),
    Http(Http),
}

/// Answer and duration of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// Display name from the config.
    pub source: String,
    /// Contacts, or the reason for none.
    pub answer: SourceAnswer,
    /// Time from query to answer.
    pub took: Duration,
}

/// Result of one look-up, with a report of each source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupReport {
    /// One report per source, in config order.
    pub reports: Vec<SourceReport>,
    /// Duration of the history query, if history is enabled.
    pub history_took: Option<Duration>,
    /// Merged caller info, as a card shows it.
    pub info: CallerInfo,
}

impl Enricher {
    /// Looks up the caller, at the latest by the deadline. A withheld number or one without a country is not looked
    /// up.
    pub async fn lookup(&self, call: &Call, now: Now) -> CallerInfo {
        self.lookup_with_pending(call, now).await.0
    }

    /// Looks up the caller as [`Self::lookup`] does, with the pending answers if a source missed the deadline.
    pub async fn lookup_with_pending(&self, call: &Call, now: Now) -> (CallerInfo, Option<PendingLookup>) {
        let Some(number) = call.caller.number.as_e164() else { return (CallerInfo::default(), None) };
        let (lookup, _) = self.query_all(number, Some(history::key(call)), now).await;
        let info = lookup.caller_info();
        let (found, source) = match &info.matched {
            Match::NotLookedUp => ("not looked up", ""),
            Match::NoMatch => ("no match", ""),
            Match::One { contact } => ("one", contact.source.as_str()),
            Match::Several { .. } => ("several", ""),
        };
        let took_ms = u64::try_from(now.instant.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(call = %call.id, caller = %number, found, source, took_ms, "caller looked up");
        (info, (!lookup.is_complete()).then_some(lookup))
    }

    /// Counts the look-ups of all sources in `metrics`.
    #[must_use]
    pub fn with_metrics(mut self, metrics: &Metrics) -> Self {
        for source in &mut self.sources {
            source.metrics = metrics.source(&source.name);
        }
        self.history_metrics = metrics.source("history");
        self
    }

    /// Looks up a bare number and reports each source. `call` is excluded from the history.
    pub async fn lookup_number(&self, number: &E164, call: Option<String>, now: Now) -> LookupReport {
        let (lookup, history_took) = self.query_all(number, call, now).await;
        LookupReport { info: lookup.caller_info(), reports: lookup.reports, history_took }
    }

    /// Queries all sources in parallel until the deadline.
    async fn query_all(&self, number: &E164, call: Option<String>, now: Now) -> (PendingLookup, Option<Duration>) {
        let deadline = now.instant.checked_add(self.deadline).unwrap_or(now.instant);
        let queries = join_all(self.sources.iter().map(|source| source.query(number, deadline)));
        let (reports, (history, late_history, history_took)) =
            tokio::join!(queries, self.caller_history(number, call, now, deadline));
        for (source, (report, late)) in self.sources.iter().zip(&reports) {
            source.metrics.lookup(lookup_result(&report.answer, late.is_some()), report.took);
        }
        if let Some(took) = history_took {
            self.history_metrics.lookup(history_result(&history, late_history.is_some()), took);
        }
        let (reports, late): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
        let mut lookup = PendingLookup::new(reports, history);
        for (index, pending) in late.into_iter().enumerate() {
            pending.into_iter().for_each(|pending| lookup.push(index, pending));
        }
        late_history.into_iter().for_each(|pending| lookup.push_history(pending));
        (lookup, history_took)
    }

    /// Records a call update and its sinks, for later look-ups and recaps.
    pub fn record(&self, update: &CallUpdate, sinks: Vec<SinkName>) {
        if let Some(history) = &self.history {
            history.record(update, sinks);
        }
    }

    /// Closes the history file. Later look-ups have no history.
    pub async fn close(&self) {
        if let Some(history) = &self.history {
            history.close().await;
        }
    }

    /// Returns whether all answers are in memory. If so, the look-up needs no pending update.
    #[must_use]
    pub fn answers_immediately(&self, call: &Call) -> bool {
        let is_pending =
            |number| self.goto_history.as_ref().is_some_and(|(queries, _)| queries.pending(number).is_some());
        self.sources.iter().all(|source| matches!(source.kind, SourceImpl::Contacts(_)))
            && !call.caller.number.as_e164().is_some_and(is_pending)
    }
}

impl Source {
    async fn query(&self, number: &E164, deadline: Instant) -> (SourceReport, Option<AnswerFuture<SourceAnswer>>) {
        let start = Instant::now();
        let (answer, late) = match &self.kind {
            SourceImpl::Contacts(contacts) => (contacts.find(number, &self.name), None),
            SourceImpl::Http(http) => http.find(number, deadline).await,
        };
        (SourceReport::new(&self.name, answer, start.elapsed()), late)
    }
}

const fn lookup_result(answer: &SourceAnswer, is_late: bool) -> LookupResult {
    match answer {
        _ if is_late => LookupResult::Late,
        SourceAnswer::Found(contacts) if !contacts.is_empty() => LookupResult::Found,
        SourceAnswer::Found(_) => LookupResult::NotFound,
        SourceAnswer::Failed(_) | SourceAnswer::Disabled => LookupResult::Failed,
    }
}

/// Returns the result of the history. A GoTo query that is still running leaves the result of the own history unchanged.
fn history_result(history: &HistoryState, is_late: bool) -> LookupResult {
    match history {
        HistoryState::Found(history) if history.last_call.is_some() => LookupResult::Found,
        HistoryState::Found(_) => LookupResult::NotFound,
        HistoryState::Failed if is_late => LookupResult::Late,
        HistoryState::Failed | HistoryState::Disabled => LookupResult::Failed,
    }
}

/// Returns at most `max_bytes` of `text`, cut between characters.
fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.get(..end).unwrap_or(text)
}
