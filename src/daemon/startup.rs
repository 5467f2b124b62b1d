//! Start-up: opens the outbox and builds the enricher. Warnings are logged and stop nothing; errors are
//! [`DaemonError`].

use crate::{
    config::{Config, ConfigError, DatabaseConfig, Diagnostic},
    daemon::system::state_dir::StateError,
    enrich::{self, Enricher, SecretReader},
    model::{call_history::CallHistory, ids::SinkName, phone::Region, secret::SecretRef, time::Timestamp},
    outbox::{self, DatabaseOutbox, Durability, OpenError, Retention, SharedDatabase, SinkBacklog},
    runtime::{
        http::{HttpError, HttpStack},
        metrics::Metrics,
    },
};
use std::sync::Arc;

/// Reason for which the daemon failed to start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state directory is unusable.
    #[error(transparent)]
    State(#[from] StateError),
    /// The outbox cannot be opened.
    #[error(transparent)]
    Outbox(#[from] OpenError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Network(#[from] HttpError),
    /// A look-up source is invalid.
    #[error(transparent)]
    Sources(#[from] ConfigError),
    /// A task exited unexpectedly.
    #[error("{0} exited unexpectedly, shutting down for a restart")]
    TaskExited(String),
}

/// Opens the outbox in the state directory, and the database that it shares with other daemons. `daemon` is the id of this one
/// among them.
///
/// # Errors
/// An outbox file or a database that must not be modified.
pub fn open_outbox(config: &Config, daemon: &str, metrics: &Metrics) -> Result<DatabaseOutbox, DaemonError> {
    let durability = if config.power_loss_safe { Durability::PowerLoss } else { Durability::Crash };
    let retention = Retention { age: config.retention, ..Retention::default() };
    let commit_duration = metrics.commit_duration();
    let settings = outbox::OutboxSettings { dir: config.state_dir.clone(), durability, retention, commit_duration };
    let (queue, opened) = match &config.database {
        None => outbox::open(settings, Timestamp::now())?,
        Some(DatabaseConfig { server, schema }) => {
            let (server, schema, daemon) = (server.clone(), schema.clone(), daemon.to_owned());
            outbox::open_shared(settings, SharedDatabase { server, schema, daemon }, Timestamp::now())?
        }
    };
    tracing::info!(waiting = opened.waiting, health = opened.health.as_str(), "outbox open");
    Ok(queue)
}

/// Warns of waiting cards for sinks missing in the config. The cards are kept until the sink is configured again.
pub async fn warn_orphaned_sinks(outbox: &DatabaseOutbox, is_configured: impl Fn(&SinkName) -> bool) {
    for SinkBacklog { sink, cards, .. } in outbox.backlog().await.unwrap_or_default() {
        if !is_configured(&sink) {
            tracing::warn!(%sink, waiting = cards, "waiting cards for a sink missing in the config");
        }
    }
}

/// Builds the enricher over the calls of `history`, and reads the secrets of its headers. Incomplete sources are logged.
///
/// # Errors
/// Invalid tables, by file, line and key.
pub fn build_enricher(
    config: &Config,
    network: &HttpStack,
    history: Arc<dyn CallHistory>,
) -> Result<Enricher, ConfigError> {
    rebuild_enricher(&Enricher::default(), config, network, history)
}

/// Builds the enricher for a reloaded config. Unchanged sources keep their contents.
///
/// # Errors
/// As [`build_enricher`].
pub fn rebuild_enricher(
    previous: &Enricher,
    config: &Config,
    network: &HttpStack,
    history: Arc<dyn CallHistory>,
) -> Result<Enricher, ConfigError> {
    let (enricher, warnings) = resolve_sources(previous, config, network, Some(history))?;
    for warning in warnings {
        tracing::warn!(key = warning.key, line = warning.line, error = warning.text, "enrichment source is incomplete");
    }
    Ok(enricher)
}

/// Checks the sources without the history. Returns the warnings.
///
/// # Errors
/// As [`build_enricher`].
pub fn check_sources(config: &Config, network: &HttpStack) -> Result<Vec<Diagnostic>, ConfigError> {
    resolve_sources(&Enricher::default(), config, network, None).map(|(_, warnings)| warnings)
}

fn resolve_sources(
    previous: &Enricher,
    config: &Config,
    network: &HttpStack,
    history: Option<Arc<dyn CallHistory>>,
) -> Result<(Enricher, Vec<Diagnostic>), ConfigError> {
    let credentials = config.credentials.clone();
    let read_secret: SecretReader =
        Arc::new(move |secret: &SecretRef| secret.read(Some(&credentials)).map_err(|error| error.to_string()));
    let region = config.connections.first().map_or(Region::US, |connection| connection.region);
    let diagnostic = |problem: enrich::SourceProblem| config.diagnostic(&problem.key, problem.reason);
    match previous.rebuild(&config.enrich, config.deadline, &read_secret, network, history, region) {
        Ok((enricher, warnings)) => Ok((enricher, warnings.into_iter().map(diagnostic).collect())),
        Err(invalid) => Err(ConfigError::Invalid {
            path: config.path.clone(),
            problems: invalid.0.into_iter().map(diagnostic).collect(),
        }),
    }
}
