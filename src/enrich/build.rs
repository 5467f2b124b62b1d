//! Makes the sources from the config, and keeps contacts files read. Says all that is wrong at once, by key.

use super::{
    BadSources, Enricher, Kind, Origin, Problem, Source, SourceConfig, SourceKind,
    contacts::{Contacts, Tally},
    followed::Followed,
    history::{Rules, Shelf},
    http::Http,
};
use crate::model::{
    phone::Region,
    secret::{Secret, SecretRef},
};
use std::{cell::RefCell, path::Path, sync::Arc, time::Duration};
use tokio::time::sleep;

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
        let mut enricher = Self { deadline, region: Some(region), ..Self::default() };
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
        let asked = |rules: &Rules| {
            let elsewhere = self.elsewhere.as_ref().map(|(elsewhere, _)| Arc::clone(elsewhere));
            rules.goto.then(|| (elsewhere.unwrap_or_default(), rules.retention))
        };
        enricher.elsewhere = rules.as_ref().and_then(asked);
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

    /// Follows contacts files for good: a changed one is read again, whole or not at all.
    pub async fn follow(&self) -> std::convert::Infallible {
        loop {
            sleep(Followed::LOOK).await;
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

fn tell(source: &str, tally: &Tally) {
    let Tally { people, numbers, unreachable, bad, .. } = tally;
    tracing::info!(source, people, numbers, unreachable, bad, "contacts read");
}
