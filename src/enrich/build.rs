//! Builds the sources from the config and reloads changed contacts files. Reports all config problems together, by
//! key.

use super::{
    Enricher, InvalidSources, SecretReader, Source, SourceConfig, SourceFingerprint, SourceImpl, SourceKind,
    SourceProblem,
    contacts::{Contacts, LoadReport},
    history::{HistorySettings, HistorySource},
    http::Http,
    watched_file::WatchedFile,
};
use crate::{
    model::{call_history::CallHistory, phone::Region},
    runtime::{http::HttpStack, metrics::SourceMetrics},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

impl Enricher {
    /// Builds the sources of the config. Reads contacts files and blocks. The second half of the result lists
    /// warnings: a missing file, bad rows. `deadline` applies to the whole card,
    /// `read_secret` reads secrets, and `region` completes numbers without a country.
    /// Without a `history` look-ups have none, as a config check needs.
    ///
    /// # Errors
    /// All problems of the tables, by key.
    pub fn build(
        configs: &[SourceConfig],
        deadline: Duration,
        read_secret: &SecretReader,
        http: &HttpStack,
        history: Option<Arc<dyn CallHistory>>,
        region: Region,
    ) -> Result<(Self, Vec<SourceProblem>), InvalidSources> {
        Self::default().rebuild(configs, deadline, read_secret, http, history, region)
    }

    /// Builds the sources as [`Enricher::build`], for a reload: a source with unchanged config and secrets keeps its
    /// contacts, cache and circuit breaker.
    ///
    /// # Errors
    /// As [`Enricher::build`]. `self` is then unchanged.
    pub fn rebuild(
        &self,
        configs: &[SourceConfig],
        deadline: Duration,
        read_secret: &SecretReader,
        http: &HttpStack,
        history: Option<Arc<dyn CallHistory>>,
        region: Region,
    ) -> Result<(Self, Vec<SourceProblem>), InvalidSources> {
        let mut enricher = Self { deadline, region: Some(region), ..Self::default() };
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        let mut settings = Some(HistorySettings::default());
        for (at, config) in configs.iter().enumerate() {
            let key = |key: &str| format!("enrich[{at}].{key}");
            problems.extend(config.misplaced_keys().into_iter().map(|misplaced| SourceProblem {
                key: key(misplaced),
                reason: format!("not a key of source type {}", config.kind),
            }));
            let name = config.display_name();
            if enricher.sources.iter().any(|source| source.name == name) {
                problems.push(SourceProblem {
                    key: key("name"),
                    reason: format!("{name:?} is the name of another source. Give each source its own name"),
                });
            }
            let fingerprint = |secrets| SourceFingerprint { config: config.clone(), secrets, region };
            match (config.kind, &config.path) {
                (SourceKind::Contacts, Some(path)) => {
                    let current = fingerprint(Vec::new());
                    let kind = self.reusable_source(&current).unwrap_or_else(|| {
                        let contacts = Contacts::new(path.clone(), config.columns.clone(), region);
                        warnings.extend(
                            first_load(&contacts, &name).map(|reason| SourceProblem { key: key("path"), reason }),
                        );
                        SourceImpl::Contacts(Arc::new(contacts))
                    });
                    enricher.sources.push(Source {
                        name,
                        kind,
                        fingerprint: current,
                        metrics: SourceMetrics::default(),
                    });
                }
                (SourceKind::Contacts, None) => {
                    problems.push(SourceProblem { key: key("path"), reason: "missing".to_owned() })
                }
                (SourceKind::Http, _) => match Http::build(config, read_secret, http, region) {
                    Ok(http) => {
                        let current = fingerprint(http.secrets());
                        // The CA file may have changed.
                        let reused = self.reusable_source(&current).filter(|_| config.ca.is_none());
                        let kind = reused.unwrap_or(SourceImpl::Http(http));
                        enricher.sources.push(Source {
                            name,
                            kind,
                            fingerprint: current,
                            metrics: SourceMetrics::default(),
                        });
                    }
                    Err(found) => problems
                        .extend(found.into_iter().map(|it| SourceProblem { key: key(&it.key), reason: it.reason })),
                },
                (SourceKind::History, _) => {
                    settings = config.enabled.unwrap_or(true).then(|| HistorySettings::from_config(config))
                }
            }
        }
        if !problems.is_empty() {
            return Err(InvalidSources(problems));
        }
        let goto_queries = |settings: &HistorySettings| {
            let queries = self.goto_history.as_ref().map(|(queries, _)| Arc::clone(queries));
            settings.goto.then(|| (queries.unwrap_or_default(), settings.retention))
        };
        enricher.goto_history = settings.as_ref().and_then(goto_queries);
        enricher.history = settings.zip(history).map(|(settings, calls)| HistorySource { calls, settings });
        Ok((enricher, warnings))
    }

    /// Returns the source with an equal fingerprint.
    fn reusable_source(&self, fingerprint: &SourceFingerprint) -> Option<SourceImpl> {
        self.sources.iter().find(|source| source.fingerprint == *fingerprint).map(|source| source.kind.clone())
    }

    /// Polls contacts files and secrets forever and reloads changed ones, whole or not at all.
    pub async fn watch_files(&self) -> std::convert::Infallible {
        loop {
            sleep(WatchedFile::POLL_INTERVAL).await;
            for source in &self.sources {
                let contacts = match &source.kind {
                    SourceImpl::Contacts(contacts) => Arc::clone(contacts),
                    SourceImpl::Http(http) => {
                        http.refresh_secrets().await;
                        continue;
                    }
                };
                let loaded = tokio::task::spawn_blocking(move || contacts.refresh()).await;
                match loaded {
                    Ok(Some(Ok(report))) => {
                        log_load(&source.name, &report);
                        if let Some(error) = report.summary() {
                            tracing::warn!(source = source.name, error, "contacts partly loaded");
                        }
                    }
                    Ok(Some(Err(error))) => {
                        tracing::warn!(source = source.name, %error, "contacts reload failed, previous contacts kept");
                    }
                    Ok(None) => {}
                    Err(error) => tracing::error!(source = source.name, %error, "contacts reader panicked"),
                }
            }
        }
    }
}

/// Reads a contacts file for the first time and returns a warning for the operator.
fn first_load(contacts: &Contacts, name: &str) -> Option<String> {
    match contacts.load() {
        Ok(report) => {
            log_load(name, &report);
            report.summary().map(|summary| format!("{}: {summary}", contacts.path().display()))
        }
        Err(error) => {
            Some(format!("{}: {error}; the source is disabled until the file is readable", contacts.path().display()))
        }
    }
}

fn log_load(source: &str, report: &LoadReport) {
    let LoadReport { people, numbers, unreachable, bad, .. } = report;
    tracing::info!(source, people, numbers, unreachable, bad, "contacts loaded");
}
