//! Who is calling: asks every source of the config at once, under one deadline, and says honestly what came of it. A source
//! that is slow, down or wrong costs its own facts, never the card. What a caller says (number, name) chooses no host and
//! no path: it goes into its encoded place or nowhere.

mod config;
mod contacts;
mod history;
mod http;
mod late;
mod merge;
#[cfg(test)]
mod tests;

pub use config::{BadSources, Pick, Problem, SourceConfig, SourceKind, ThenConfig};
pub use history::{HistoryError, forget};
pub use late::Later;
pub use merge::Said;

use crate::model::{
    call::{Call, Telling},
    card::{Findings, History, Match},
    phone::{E164, Region},
    secret::{Secret, SecretRef},
    time::Now,
};
use contacts::Contacts;
use futures_util::{FutureExt, future::join_all};
use history::{Rules, Shelf};
use http::Http;
use late::{Past, Pending};
use std::{
    cell::RefCell,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout_at};

/// How often contacts files are looked at; a change is read at the second look that sees it.
const LOOK: Duration = Duration::from_secs(2);

/// All sources. The default one has none.
#[derive(Default)]
pub struct Enricher {
    sources: Vec<Source>,
    history: Option<Shelf>,
    deadline: Duration,
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
    /// The sources of the config. Contacts files are read here, so this blocks; the second half of the answer is what the
    /// operator should know but what stops nothing (a missing file, bad rows, a history that cannot be opened). `deadline`
    /// is for the whole card; `resolve` finds secrets; `http` must not follow redirects; `region` is how numbers without
    /// a country in files and records are read. Without a `state_dir` the history stays closed: for a mere check.
    ///
    /// # Errors
    /// Everything that is wrong in the tables, by key.
    pub fn build(
        configs: &[SourceConfig],
        deadline: Duration,
        resolve: &dyn Fn(&SecretRef) -> Result<Secret, String>,
        http: &reqwest::Client,
        state_dir: Option<&Path>,
        region: Region,
    ) -> Result<(Self, Vec<Problem>), BadSources> {
        Self::default().rebuild(configs, deadline, resolve, http, state_dir, region)
    }

    /// As [`Enricher::build`], for a config that takes this one's place: a source whose table and secrets did not change
    /// keeps its contacts, its cache and its standing, and a history with the same rules its thread.
    ///
    /// # Errors
    /// As [`Enricher::build`]. This one is then as it was.
    pub fn rebuild(
        &self,
        configs: &[SourceConfig],
        deadline: Duration,
        resolve: &dyn Fn(&SecretRef) -> Result<Secret, String>,
        http: &reqwest::Client,
        state_dir: Option<&Path>,
        region: Region,
    ) -> Result<(Self, Vec<Problem>), BadSources> {
        let mut enricher = Self { sources: Vec::new(), history: None, deadline };
        let (mut bad, mut notes) = (Vec::new(), Vec::new());
        let mut rules = Some(Rules::default());
        for (at, config) in configs.iter().enumerate() {
            let key = |key: &str| format!("enrich[{at}].{key}");
            bad.extend(config.strangers().into_iter().map(|stranger| Problem {
                key: key(stranger),
                reason: format!("it belongs to another type of source than {}", config.kind),
            }));
            let name = config.called();
            if enricher.sources.iter().any(|source| source.name == name) {
                bad.push(Problem {
                    key: key("name"),
                    reason: format!("another source is called {name:?}: cards say who said what"),
                });
            }
            let read = RefCell::new(Vec::new());
            let resolve = |secret: &SecretRef| resolve(secret).inspect(|it| read.borrow_mut().push(it.clone()));
            let origin = |secrets| Origin { config: config.clone(), secrets, region };
            match (config.kind, &config.path) {
                (SourceKind::Contacts, Some(path)) => {
                    let origin = origin(Vec::new());
                    let kind = self.kept(&origin).unwrap_or_else(|| {
                        let contacts = Contacts::new(path.clone(), config.columns.clone(), region);
                        notes.extend(first_load(&contacts, &name).map(|reason| Problem { key: key("path"), reason }));
                        Kind::Contacts(Arc::new(contacts))
                    });
                    enricher.sources.push(Source { name, kind, origin });
                }
                (SourceKind::Contacts, None) => {
                    bad.push(Problem { key: key("path"), reason: "it is missing".to_owned() })
                }
                (SourceKind::Http, _) => match Http::build(config, &resolve, http.clone(), region) {
                    Ok(http) => {
                        let origin = origin(read.take());
                        // A file of authorities may say something else today.
                        let kept = self.kept(&origin).filter(|_| config.ca.is_none());
                        let kind = kept.unwrap_or(Kind::Http(http));
                        enricher.sources.push(Source { name, kind, origin });
                    }
                    Err(wrong) => {
                        bad.extend(wrong.into_iter().map(|it| Problem { key: key(&it.key), reason: it.reason }))
                    }
                },
                (SourceKind::History, _) => rules = config.enabled.unwrap_or(true).then(|| Rules::read(config)),
            }
        }
        if !bad.is_empty() {
            return Err(BadSources(bad));
        }
        let shelf = |(rules, dir)| match &self.history {
            Some(shelf) if shelf.rules() == rules => Ok(shelf.clone()),
            Some(_) | None => Shelf::open(dir, rules),
        };
        match rules.zip(state_dir).map(shelf).transpose() {
            Ok(shelf) => enricher.history = shelf,
            Err(error) => {
                notes.push(Problem { key: "enrich".to_owned(), reason: format!("there is no history: {error}") })
            }
        }
        Ok((enricher, notes))
    }

    /// The source that was made from the same.
    fn kept(&self, origin: &Origin) -> Option<Kind> {
        self.sources.iter().find(|source| source.origin == *origin).map(|source| source.kind.clone())
    }

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

    async fn past(
        &self,
        number: &E164,
        call: Option<String>,
        now: Now,
        deadline: Instant,
    ) -> (Past, Option<Pending<History>>, Option<Duration>) {
        let Some(shelf) = &self.history else { return (Past::Off, None, None) };
        let (shelf, number) = (shelf.clone(), number.clone());
        let mut asked = async move {
            let answer = shelf.find(&number, call, now.clock).await;
            answer.inspect_err(|error| tracing::debug!(%error, "history is silent")).ok()
        }
        .boxed();
        let answer = timeout_at(deadline.into(), &mut asked).await;
        let took = Some(now.tick.elapsed());
        match answer {
            Ok(Some(history)) => (Past::Said(history), None, took),
            Ok(None) => (Past::Silent, None, took),
            Err(_) => (Past::Silent, Some(asked), took),
        }
    }

    /// Remembers what the team was told of a call, for the caller's next one.
    pub fn saw(&self, telling: &Telling) {
        if let Some(shelf) = &self.history {
            shelf.saw(telling);
        }
    }

    /// Whether every answer is at hand, so that a card need not be kept first while somebody is asked.
    #[must_use]
    pub fn is_instant(&self) -> bool {
        self.sources.iter().all(|source| matches!(source.kind, Kind::Contacts(_)))
    }

    /// Follows contacts files for good: a changed one is read again, whole or not at all.
    pub async fn follow(&self) -> std::convert::Infallible {
        loop {
            sleep(LOOK).await;
            for source in &self.sources {
                let Kind::Contacts(contacts) = &source.kind else { continue };
                let contacts = Arc::clone(contacts);
                let looked = tokio::task::spawn_blocking(move || contacts.refresh()).await;
                match looked {
                    Ok(Some(Ok(tally))) => {
                        tell(&source.name, &tally);
                        if let Some(error) = tally.complaint() {
                            tracing::warn!(source = source.name, error, "contacts are not all taken");
                        }
                    }
                    Ok(Some(Err(error))) => {
                        tracing::warn!(source = source.name, %error, "contacts file is not taken, what was known stays known");
                    }
                    Ok(None) => {}
                    Err(error) => tracing::error!(source = source.name, %error, "contacts file broke its reader"),
                }
            }
        }
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

/// Reads a contacts file for the first time: what the operator should know of it.
fn first_load(contacts: &Contacts, name: &str) -> Option<String> {
    match contacts.load() {
        Ok(tally) => {
            tell(name, &tally);
            tally.complaint().map(|complaint| format!("{}: {complaint}", contacts.path().display()))
        }
        Err(error) => Some(format!("{}: {error}; the source is off until it can be read", contacts.path().display())),
    }
}

fn tell(source: &str, tally: &contacts::Tally) {
    let contacts::Tally { people, numbers, unreachable, bad, .. } = tally;
    tracing::info!(source, people, numbers, unreachable, bad, "contacts read");
}
