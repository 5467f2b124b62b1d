//! Makes the sources from the config, and keeps contacts files read. Says all that is wrong at once, by key.

use super::{
    BadSources, Enricher, Kind, Problem, Source, SourceConfig, SourceKind,
    contacts::{Contacts, Tally},
    history::{Elsewhere, Rules, Shelf},
    http::Http,
};
use crate::model::{
    phone::Region,
    secret::{Secret, SecretRef},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::sleep;

/// How often contacts files are looked at; a change is read at the second look that sees it.
pub(super) const LOOK: Duration = Duration::from_secs(2);

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
        let mut enricher = Self { deadline, ..Self::default() };
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
            match (config.kind, &config.path) {
                (SourceKind::Contacts, Some(path)) => {
                    let contacts = Contacts::new(path.clone(), config.columns.clone(), region);
                    notes.extend(first_load(&contacts, &name).map(|reason| Problem { key: key("path"), reason }));
                    enricher.sources.push(Source { name, kind: Kind::Contacts(Arc::new(contacts)) });
                }
                (SourceKind::Contacts, None) => {
                    bad.push(Problem { key: key("path"), reason: "it is missing".to_owned() })
                }
                (SourceKind::Http, _) => match Http::build(config, resolve, http.clone(), region) {
                    Ok(http) => enricher.sources.push(Source { name, kind: Kind::Http(http) }),
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
        enricher.elsewhere = rules.filter(|rules| rules.goto).map(|rules| (Elsewhere::default(), rules.retention));
        match rules.zip(state_dir).map(|(rules, dir)| Shelf::open(dir, rules)).transpose() {
            Ok(shelf) => enricher.history = shelf,
            Err(error) => {
                notes.push(Problem { key: "enrich".to_owned(), reason: format!("there is no history: {error}") })
            }
        }
        Ok((enricher, notes))
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
