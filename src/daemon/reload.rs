//! A new config for a daemon that runs (SIGHUP): read and judged whole as at a start, beside the loops, and only then put
//! in the old one's place. What a running daemon cannot change is named, never guessed. It stops and starts nothing.

use super::{
    book::{Book, Life, Manner},
    config::{self, Config, ConfigError},
    journal::Journal,
    network::Network,
    opening,
};
use crate::{cards::Style, enrich::Enricher};
use std::{mem, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How a running daemon is asked to read its config again.
pub struct Reloads {
    /// One word for each wish; wishes that come while one is carried out are one.
    pub asked: mpsc::Receiver<()>,
    /// Where the config's level of the journal goes; `None` if the command line fixed it.
    pub journal: Option<Journal>,
}

impl Reloads {
    /// Nobody asks.
    #[must_use]
    pub fn never() -> Self {
        Self { asked: mpsc::channel(1).1, journal: None }
    }
}

/// What only a restart changes.
#[derive(Debug, Clone)]
pub struct Fixed {
    path: PathBuf,
    state_dir: PathBuf,
    power_loss_safe: bool,
    retention: Duration,
}

/// A config that can be put in the old one's place.
pub struct Fresh {
    /// As read, but with the old state directory.
    pub config: Config,
    /// Its sources, with what the old ones know where they did not change.
    pub enricher: Enricher,
    /// Keys whose change waits for a restart.
    pub restart: Vec<&'static str>,
}

impl Fixed {
    /// Of the config that the daemon was started with.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            path: config.path.clone(),
            state_dir: config.state_dir.clone(),
            power_loss_safe: config.power_loss_safe,
            retention: config.retention,
        }
    }

    /// Reads the config again. Blocks: contacts files are read for it.
    ///
    /// # Errors
    /// What is wrong with it, as at a start; nothing has changed then.
    pub fn read(&self, network: &Network, before: &Enricher) -> Result<Fresh, ConfigError> {
        let mut config = config::load(&self.path)?;
        let restart = self.differs(&config);
        config.state_dir.clone_from(&self.state_dir);
        for warning in mem::take(&mut config.warnings) {
            tracing::warn!(key = warning.key, line = warning.line, error = warning.text, "config is odd");
        }
        let enricher = opening::enricher_after(before, &config, network)?;
        Ok(Fresh { config, enricher, restart })
    }

    fn differs(&self, config: &Config) -> Vec<&'static str> {
        let keys = [
            ("state.dir", self.state_dir != config.state_dir),
            ("state.durability", self.power_loss_safe != config.power_loss_safe),
            ("state.retention", self.retention != config.retention),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

impl Book {
    /// What a config says of who is asked and told.
    #[must_use]
    pub fn of(config: &Config, enricher: Enricher) -> Self {
        let manner = |sink: &config::SinkConfig| {
            let style = Style { mask: sink.mask, ..config.style.clone() };
            (
                sink.name.clone(),
                Manner { outcomes: sink.outcomes.clone(), style, life: Life::of(sink), recap: sink.recap.clone() },
            )
        };
        Self {
            enricher: Arc::new(enricher),
            routes: config.routes.clone(),
            sinks: config.sinks.iter().map(manner).collect(),
            operator: config.operator.clone(),
            directions: config.connections.iter().map(|it| (it.name.clone(), it.directions)).collect(),
            record: config.record,
            style: config.style.clone(),
        }
    }
}
