//! Reads a new config for a running daemon (SIGHUP), validated whole as at a start. Keys that need a restart are
//! listed. Starts and stops no task.

use crate::{
    config::{self, Config, ConfigError, DatabaseConfig, MetricsListen},
    daemon::{
        settings::{MessageMode, Settings, SinkSettings},
        startup,
        system::logging::LogHandle,
    },
    deliver::slack_users::UserDirectory,
    enrich::Enricher,
    runtime::{
        http::{HttpSettings, HttpStack},
        metrics::Metrics,
    },
};
use std::{mem, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Reload requests to a running daemon.
pub struct ReloadRequests {
    /// One message per request; requests during a reload are merged.
    pub requests: mpsc::Receiver<()>,
    /// Handle for the config's log level; `None` if the command line set it.
    pub log: Option<LogHandle>,
}

impl ReloadRequests {
    /// Creates requests that never arrive.
    #[must_use]
    pub fn never() -> Self {
        Self { requests: mpsc::channel(1).1, log: None }
    }
}

/// Settings that only a restart changes.
#[derive(Debug, Clone)]
pub struct RestartOnly {
    path: PathBuf,
    state_dir: PathBuf,
    power_loss_safe: bool,
    retention: Duration,
    database: Option<DatabaseConfig>,
    http: HttpSettings,
    metrics_listen: Option<MetricsListen>,
}

/// A validated config, ready to apply.
pub struct ReloadedConfig {
    /// The config as read, with the old state directory.
    pub config: Config,
    /// Enricher of the config. Unchanged sources keep their contents.
    pub enricher: Enricher,
    /// Keys whose change takes effect at a restart.
    pub restart_keys: Vec<&'static str>,
}

impl RestartOnly {
    /// Copies the settings from the config of the start.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        Self {
            path: config.path.clone(),
            state_dir: config.state_dir.clone(),
            power_loss_safe: config.power_loss_safe,
            retention: config.retention,
            database: config.database.clone(),
            http: config.http.clone(),
            metrics_listen: config.metrics_listen.clone(),
        }
    }

    /// Reads the config again. Blocks: contacts files are read too.
    ///
    /// # Errors
    /// Problems of the config, as at a start. Nothing has changed then.
    pub fn read(
        &self,
        network: &HttpStack,
        previous: &Enricher,
        metrics: &Metrics,
    ) -> Result<ReloadedConfig, ConfigError> {
        let mut config = config::load(&self.path)?;
        let restart = self.changed_keys(&config);
        config.state_dir.clone_from(&self.state_dir);
        for warning in mem::take(&mut config.warnings) {
            tracing::warn!(key = warning.key, line = warning.line, error = warning.text, "config warning");
        }
        let enricher = startup::rebuild_enricher(previous, &config, network)?.with_metrics(metrics);
        Ok(ReloadedConfig { config, enricher, restart_keys: restart })
    }

    fn changed_keys(&self, config: &Config) -> Vec<&'static str> {
        let keys = [
            ("state.dir", self.state_dir != config.state_dir),
            ("state.durability", self.power_loss_safe != config.power_loss_safe),
            ("state.retention", self.retention != config.retention),
            ("state.database", self.database != config.database),
            ("network", self.http != config.http),
            ("metrics.listen", self.metrics_listen != config.metrics_listen),
        ];
        keys.into_iter().filter(|(_, is_changed)| *is_changed).map(|(key, _)| key).collect()
    }
}

/// Returns the directory that has the names of users who press buttons of a sink.
fn users(sink: &config::SinkConfig) -> Option<UserDirectory> {
    let app = sink.app.as_ref().filter(|app| app.app_token.is_some())?;
    Some(UserDirectory { api_url: sink.url.clone(), token: app.token.clone() })
}

impl Settings {
    /// Builds the settings of a config.
    #[must_use]
    pub fn from_config(config: &Config, enricher: Enricher) -> Self {
        let sink_settings = |sink: &config::SinkConfig| {
            let style = sink.style(&config.style);
            (
                sink.name.clone(),
                SinkSettings {
                    outcomes: sink.outcomes.clone(),
                    ring_at: sink.ring_at,
                    menu_only: sink.menu_only,
                    style,
                    mode: MessageMode::from_config(sink),
                    recap: sink.recap.clone(),
                    recap_latency: sink.recap_latency,
                    claim_reminder: sink.claim_reminder,
                    users: users(sink),
                },
            )
        };
        Self {
            enricher: Arc::new(enricher),
            routes: config.routes.clone(),
            sinks: config.sinks.iter().map(sink_settings).collect(),
            people: config.people.clone(),
            operator: config.operator.clone(),
            numbers: config.numbers.clone(),
            directions: config.connections.iter().map(|it| (it.name.clone(), it.directions)).collect(),
            record: config.record,
            style: config.style.clone(),
        }
    }
}
