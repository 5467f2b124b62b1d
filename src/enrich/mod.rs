//! Who is calling: asks every source of the config at once, under one deadline, and says honestly what came of it. A source
//! that is slow, down or wrong costs its own facts, never the card. What a caller says (number, name) chooses no host and
//! no path: it goes into its encoded place or nowhere.

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

/// All sources. The default one has none.
#[derive(Default)]
pub struct Enricher {
    sources: Vec<Source>,
    history: Option<Shelf>,
    /// What GoTo remembers, if it is asked; with how far back.
    elsewhere: Option<(Arc<Elsewhere>, Duration)>,
    deadline: Duration,
    region: Option<Region>,
}

struct Source {
    name: String,
    kind: Kind,
    origin: Origin,
}

/// What a source was made from: where nothing of it changed, a new config keeps the source with all it knows.
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

/// What one source said, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The source's name.
    pub source: String,
    /// What it said.
    pub said: Said,
    /// How long it took.
    pub took: Duration,
}

/// A look-up with all that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp {
    /// What each source said, in the order of the config.
    pub answers: Vec<Answer>,
    /// How long the history took, if there is one.
    pub history_took: Option<Duration>,
    /// What a card would say.
    pub found: Findings,
}

impl Enricher {
    /// Who calls, at the deadline at the latest. A hidden number is not looked up, nor one without a country.
    pub async fn find(&self, call: &Call, now: Now) -> Findings {
        self.find_so_far(call, now).await.0
    }

    /// As [`Self::find`], and beside it what is still to come, if a source was not done by the deadline.
    pub async fn find_so_far(&self, call: &Call, now: Now) -> (Findings, Option<Later>) {
        let Some(number) = call.caller.number.known() else { return (Findings::default(), None) };
        let (so_far, _) = self.ask(number, Some(history::key(call)), now).await;
        let findings = so_far.findings();
        let (found, source) = match &findings.who {
            Match::NotAsked => ("not asked", ""),
            Match::Nobody => ("nobody", ""),
            Match::One { contact } => ("one", contact.source.as_str()),
            Match::Several { .. } => ("several", ""),
        };
        let took_ms = u64::try_from(now.tick.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(call = %call.id, caller = %number, found, source, took_ms, "caller looked up");
        (findings, (!so_far.is_over()).then_some(so_far))
    }

    /// The same for a number alone, with what each source said. `call` is left out of the history.
    pub async fn look_up(&self, number: &E164, call: Option<String>, now: Now) -> LookUp {
        let (so_far, history_took) = self.ask(number, call, now).await;
        LookUp { found: so_far.findings(), answers: so_far.answers, history_took }
    }

    /// Asks all at once, until the deadline.
    async fn ask(&self, number: &E164, call: Option<String>, now: Now) -> (Later, Option<Duration>) {
        let deadline = now.tick.checked_add(self.deadline).unwrap_or(now.tick);
        let asked = join_all(self.sources.iter().map(|source| source.ask(number, deadline)));
        let (answers, (past, late_past, past_took)) = tokio::join!(asked, self.past(number, call, now, deadline));
        let (answers, late): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        let mut so_far = Later::new(answers, past);
        for (place, pending) in late.into_iter().enumerate() {
            pending.into_iter().for_each(|pending| so_far.wait_for(place, pending));
        }
        late_past.into_iter().for_each(|pending| so_far.wait_for_past(pending));
        (so_far, past_took)
    }

    /// Remembers what the team was told of a call, and in which sinks, for the caller's next one and for recaps.
    pub fn saw(&self, telling: &Telling, sinks: Vec<SinkName>) {
        if let Some(shelf) = &self.history {
            shelf.saw(telling, sinks);
        }
    }

    /// Whether every answer is at hand, so that a card need not be kept first while somebody is asked.
    #[must_use]
    pub fn is_instant(&self, call: &Call) -> bool {
        let awaited =
            |number| self.elsewhere.as_ref().is_some_and(|(elsewhere, _)| elsewhere.awaited(number).is_some());
        self.sources.iter().all(|source| matches!(source.kind, Kind::Contacts(_)))
            && !call.caller.number.known().is_some_and(awaited)
    }
}

impl Source {
    async fn ask(&self, number: &E164, deadline: Instant) -> (Answer, Option<Pending<Said>>) {
        let start = Instant::now();
        let (said, late) = match &self.kind {
            Kind::Contacts(contacts) => (contacts.find(number, &self.name), None),
            Kind::Http(http) => http.find(number, deadline).await,
        };
        (Answer::new(&self.name, said, start.elapsed()), late)
    }
}

/// At most so many bytes of `text`, cut between characters.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.get(..end).unwrap_or(text)
}
