//! Looks up the caller: queries all configured sources in parallel under one deadline and merges their answers. A slow
//! or failing source costs its own facts, never the card. Caller data (number, name) selects no host and no path of a
//! request: each value is encoded into its placeholder.

mod build;
mod config;
mod contacts;
mod followed;
mod history;
mod http;
mod late;
mod merge;
mod past;
#[doc(hidden)]
pub mod raw;
mod shift;
#[cfg(test)]
mod tests;

pub use config::{BadSources, Pick, Problem, SourceConfig, SourceKind, ThenConfig};
pub use followed::Followed;
pub use history::{HistoryError, forget};
pub use late::Later;
pub use merge::Said;

use crate::model::{
    call::{Call, Telling},
    card::{Findings, Match},
    ids::SinkName,
    phone::{E164, Region},
    secret::Secret,
    time::Now,
};
use contacts::Contacts;
use futures_util::future::join_all;
use history::{Elsewhere, Shelf};
use http::Http;
use late::Pending;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Look-up over all configured sources. The default has none.
#[derive(Default)]
pub struct Enricher {
    sources: Vec<Source>,
    history: Option<Shelf>,
    /// Queries to GoTo's call history, if enabled, with their look-back time.
    elsewhere: Option<(Arc<Elsewhere>, Duration)>,
    deadline: Duration,
    region: Option<Region>,
}

struct Source {
    name: String,
    kind: Kind,
    origin: Origin,
}

/// Config, secrets and region of a source. A reload keeps a source with an equal fingerprint, and its state.
#[derive(PartialEq)]
struct Origin {
    config: SourceConfig,
    secrets: Vec<Secret>,
    region: Region,
}

#[derive(Clone)]
enum Kind {
    Contacts(Arc<Contacts>),
    Http(Http),
}

/// Answer and duration of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Display name from the config.
    pub source: String,
    /// Contacts, or the reason for none.
    pub said: Said,
    /// Time from query to answer.
    pub took: Duration,
}

/// Result of one look-up, with a report of each source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp {
    /// One report per source, in config order.
    pub answers: Vec<Answer>,
    /// Duration of the history query, if history is enabled.
    pub history_took: Option<Duration>,
    /// Merged caller info, as a card shows it.
    pub found: Findings,
}

impl Enricher {
    /// Looks up the caller, at the latest by the deadline. A withheld number or one without a country is not looked
    /// up.
    pub async fn find(&self, call: &Call, now: Now) -> Findings {
        self.find_so_far(call, now).await.0
    }

    /// As [`Self::lookup`], with the pending answers if a source missed the deadline.
    pub async fn find_so_far(&self, call: &Call, now: Now) -> (Findings, Option<Later>) {
        let Some(number) = call.caller.number.known() else { return (Findings::default(), None) };
        let (lookup, _) = self.query_all(number, Some(history::key(call)), now).await;
        let info = lookup.findings();
        let (found, source) = match &info.who {
            Match::NotAsked => ("not looked up", ""),
            Match::Nobody => ("no match", ""),
            Match::One { contact } => ("one", contact.source.as_str()),
            Match::Several { .. } => ("several", ""),
        };
        let took_ms = u64::try_from(now.tick.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(call = %call.id, caller = %number, found, source, took_ms, "caller looked up");
        (info, (!lookup.is_over()).then_some(lookup))
    }

    /// Looks up a bare number and reports each source. `call` is excluded from the history.
    pub async fn look_up(&self, number: &E164, call: Option<String>, now: Now) -> LookUp {
        let (lookup, history_took) = self.query_all(number, call, now).await;
        LookUp { found: lookup.findings(), answers: lookup.answers, history_took }
    }

    /// Queries all sources in parallel until the deadline.
    async fn query_all(&self, number: &E164, call: Option<String>, now: Now) -> (Later, Option<Duration>) {
        let deadline = now.tick.checked_add(self.deadline).unwrap_or(now.tick);
        let queries = join_all(self.sources.iter().map(|source| source.query(number, deadline)));
        let (reports, (history, late_history, history_took)) = tokio::join!(queries, self.past(number, call, now, deadline));
        let (reports, late): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
        let mut lookup = Later::new(reports, history);
        for (index, pending) in late.into_iter().enumerate() {
            pending.into_iter().for_each(|pending| lookup.wait_for(index, pending));
        }
        late_history.into_iter().for_each(|pending| lookup.wait_for_past(pending));
        (lookup, history_took)
    }

    /// Records a call update and its sinks, for later look-ups and recaps.
    pub fn saw(&self, update: &Telling, sinks: Vec<SinkName>) {
        if let Some(history) = &self.history {
            history.saw(update, sinks);
        }
    }

    /// Returns whether all answers are in memory. If so, the look-up needs no pending update.
    #[must_use]
    pub fn is_instant(&self, call: &Call) -> bool {
        let is_pending =
            |number| self.elsewhere.as_ref().is_some_and(|(queries, _)| queries.awaited(number).is_some());
        self.sources.iter().all(|source| matches!(source.kind, Kind::Contacts(_)))
            && !call.caller.number.known().is_some_and(is_pending)
    }
}

impl Source {
    async fn query(&self, number: &E164, deadline: Instant) -> (Answer, Option<Pending<Said>>) {
        let start = Instant::now();
        let (answer, late) = match &self.kind {
            Kind::Contacts(contacts) => (contacts.find(number, &self.name), None),
            Kind::Http(http) => http.find(number, deadline).await,
        };
        (Answer::new(&self.name, answer, start.elapsed()), late)
    }
}

/// Returns at most `max_bytes` of `text`, cut between characters.
fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.get(..end).unwrap_or(text)
}
