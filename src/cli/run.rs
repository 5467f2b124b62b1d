//! `poprelay run`: runs the daemon until a signal ends it.

use super::{CliError, CliResult};
use crate::{
    config::{self, Config},
    daemon::{reload::ReloadRequests, startup::DaemonError, supervisor, system::logging::LogHandle},
};
use std::{future::pending, path::PathBuf};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

/// Starts to receive SIGHUP. One that comes before the daemon runs is a reload after its start.
///
/// # Errors
/// 70 if the signal cannot be received.
pub fn listen_for_hangups() -> Result<Signal, CliError> {
    signal(SignalKind::hangup()).map_err(|error| CliError::new(70, error))
}

/// Runs the daemon. SIGTERM or Ctrl-C stops it cleanly, a second one immediately; SIGHUP reloads the config. `journal` is
/// the handle for the config's log level; `None` if the command line sets the level. `hangup`: see [`listen_for_hangups`].
///
/// # Errors
/// 69 if a task exited unexpectedly (systemd restarts the daemon), 77 for a foreign state directory, 78 for the config.
pub async fn run(config: Config, journal: Option<LogHandle>, hangup: Signal) -> CliResult {
    if let Some(journal) = &journal {
        journal.set_level(&config.journal);
    }
    for warning in &config.warnings {
        tracing::warn!(key = warning.key, line = warning.line, error = warning.text, "config warning");
    }
    let mut first = StopSignals::listen()?;
    let mut second = StopSignals::listen()?;
    let stopping = CancellationToken::new();
    let stop = async {
        first.recv().await;
        stopping.cancel();
    };
    let now = async {
        stopping.cancelled().await;
        second.recv().await;
        second.recv().await;
    };
    let (ask, asked) = mpsc::channel(1);
    let daemon = supervisor::run(config, stop, now, ReloadRequests { requests: asked, log: journal });
    tokio::select! {
        ended = daemon => ended.map_err(cli_error),
        never = forward_hangups(hangup, ask) => never,
    }
}

/// Runs the daemon of the demo until `stop`.
///
/// # Errors
/// Same as [`run`].
pub async fn run_for_demo(path: PathBuf, stop: CancellationToken) -> CliResult {
    let config = config::load(&path).map_err(CliError::config)?;
    supervisor::run(config, stop.cancelled(), pending(), ReloadRequests::never()).await.map_err(cli_error)
}

fn cli_error(fault: DaemonError) -> CliError {
    let code = match &fault {
        DaemonError::State(_) | DaemonError::Outbox(_) => 77,
        DaemonError::Sources(_) => 78,
        DaemonError::Network(_) | DaemonError::TaskExited(_) => 69,
    };
    CliError::new(code, fault)
}

/// Listener for SIGTERM and Ctrl-C.
struct StopSignals(Signal, Signal);

impl StopSignals {
    fn listen() -> Result<Self, CliError> {
        let on = |kind| signal(kind).map_err(|error| CliError::new(70, error));
        Ok(Self(on(SignalKind::terminate())?, on(SignalKind::interrupt())?))
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Requests a reload for each SIGHUP. A signal during a reload is queued; further ones are merged.
async fn forward_hangups(mut hangup: Signal, asked: mpsc::Sender<()>) -> CliResult {
    while hangup.recv().await.is_some() {
        let _ = asked.try_send(());
    }
    pending().await
}
