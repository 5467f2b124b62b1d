//! Opening the rooms: the outbox, the sources of enrichment. Thin; what is odd is told and stops
//! nothing, what is wrong is a [`Fault`].

use super::{
    config::{Config, ConfigError, Problem},
    network::{Network, NetworkError},
    state::StateError,
};
use crate::{
    enrich::{self, Enricher},
    model::{event, ids::SinkName, phone::Region, secret::SecretRef, time::Timestamp},
    outbox::{self, Durability, OpenError, Queue, Retention},
};
use std::path::Path;

/// Why the daemon could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OpenError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The sources of enrichment.
    #[error(transparent)]
    Sources(#[from] ConfigError),
    /// A loop ended unasked.
    #[error("{0} ended unasked: stopped in order, to be started again")]
    Ended(String),
}

/// The outbox of the state directory.
///
/// # Errors
/// A file that must not be touched.
pub fn outbox(config: &Config) -> Result<Queue, Fault> {
    let durability = if config.power_loss_safe { Durability::PowerLoss } else { Durability::Crash };
    let retention = Retention { age: config.retention, ..Retention::default() };
    let settings = outbox::Settings { dir: config.state_dir.clone(), durability, retention };
    let (queue, opened) = outbox::open(settings, Timestamp::now())?;
    if let Some(aside) = &opened.set_aside {
        let path = aside.path.display();
        let message_id = event::STORE_SET_ASIDE;
        tracing::error!(%path, rescued = aside.rescued, message_id, "the store was damaged and set aside");
    }
    tracing::info!(waiting = opened.waiting, health = ?opened.health, "outbox open");
    Ok(queue)
}

/// Says whose cards wait although no sink of the config takes them: they are kept, and told when the sink is back.
pub async fn say_unclaimed(outbox: &Queue, claims: impl Fn(&SinkName) -> bool) {
    for (sink, waiting) in outbox.backlog().await.unwrap_or_default() {
        if !claims(&sink) {
            tracing::warn!(%sink, waiting, "cards wait for a sink that is not in the config");
        }
    }
}

/// The sources of enrichment. Secrets in their headers are read now; what is odd about a source is told and stops nothing.
///
/// # Errors
/// What is wrong in the tables, by file, line and key.
pub fn enricher(config: &Config, network: &Network) -> Result<Enricher, ConfigError> {
    enricher_after(&Enricher::default(), config, network)
}

/// The same for a config that takes another's place: what did not change keeps what it knows.
///
/// # Errors
/// As [`enricher`].
pub fn enricher_after(before: &Enricher, config: &Config, network: &Network) -> Result<Enricher, ConfigError> {
    let (enricher, notes) = sources(before, config, network, Some(&config.state_dir))?;
    for note in notes {
        tracing::warn!(key = note.key, line = note.line, error = note.text, "a source of enrichment is not all there");
    }
    Ok(enricher)
}

/// What would be odd about the sources of enrichment, without opening or writing anything of the daemon's own.
///
/// # Errors
/// As [`enricher`].
pub fn try_sources(config: &Config, network: &Network) -> Result<Vec<Problem>, ConfigError> {
    // Without a state directory the history stays closed: its file is not ours to make here.
    sources(&Enricher::default(), config, network, None).map(|(_, notes)| notes)
}

fn sources(
    before: &Enricher,
    config: &Config,
    network: &Network,
    state_dir: Option<&Path>,
) -> Result<(Enricher, Vec<Problem>), ConfigError> {
    let resolve = |secret: &SecretRef| secret.read(Some(&config.credentials)).map_err(|error| error.to_string());
    let region = config.connections.first().map_or(Region::US, |connection| connection.region);
    let place = |one: enrich::Problem| config.problem(&one.key, one.reason);
    match before.rebuild(&config.enrich, config.deadline, &resolve, &network.http, state_dir, region) {
        Ok((enricher, notes)) => Ok((enricher, notes.into_iter().map(place).collect())),
        Err(bad) => {
            Err(ConfigError::Wrong { path: config.path.clone(), problems: bad.0.into_iter().map(place).collect() })
        }
    }
}
