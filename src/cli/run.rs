//! `poprelay run`: the daemon, until a signal ends it.

use super::{Failure, Outcome};
use crate::daemon::{
    config::{self, Config, ConfigError},
    network,
    opening::{self, Fault},
    supervisor,
};
use std::{
    future::pending,
    path::{Path, PathBuf},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Runs the daemon: SIGTERM or Ctrl-C stops it in order, a second one at once, SIGHUP checks the config.
///
/// # Errors
/// 69 if a loop ended unasked (systemd starts it again), 77 for a state directory that is not ours, 78 for the config.
pub async fn run(config: Config) -> Outcome {
    for warning in &config.warnings {
        tracing::warn!(key = warning.key, line = warning.line, error = warning.text, "config is odd");
    }
    let path = config.path.clone();
    let mut first = Stop::listen()?;
    let mut second = Stop::listen()?;
    let hang_up = signal(SignalKind::hangup()).map_err(|error| Failure::new(70, error))?;
    let (told, mut stopping) = watch::channel(false);
    let stop = async {
        first.come().await;
        told.send_replace(true);
    };
    let now = async {
        drop(stopping.wait_for(|stop| *stop).await);
        second.come().await;
        second.come().await;
    };
    let daemon = supervisor::run(config, stop, now);
    tokio::select! {
        ended = daemon => ended.map_err(failure),
        never = check_on(hang_up, path) => never,
    }
}

/// The daemon of the demo: it lives until the demo tells it to stop.
///
/// # Errors
/// As [`run`].
pub async fn beside(path: PathBuf, mut stop: watch::Receiver<bool>) -> Outcome {
    let config = config::load(&path).map_err(Failure::config)?;
    let stop = async { drop(stop.wait_for(|stop| *stop).await) };
    supervisor::run(config, stop, pending()).await.map_err(failure)
}

fn failure(fault: Fault) -> Failure {
    let code = match &fault {
        Fault::State(_) | Fault::Outbox(_) => 77,
        Fault::Sources(_) => 78,
        Fault::Network(_) | Fault::Ended(_) => 69,
    };
    Failure::new(code, fault)
}

/// SIGTERM and Ctrl-C.
struct Stop(Signal, Signal);

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|error| Failure::new(70, error));
        Ok(Self(on(SignalKind::terminate())?, on(SignalKind::interrupt())?))
    }

    async fn come(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// A hang-up asks whether the config on disk is good. The running one stays either way.
async fn check_on(mut hang_up: Signal, path: PathBuf) -> Outcome {
    loop {
        if hang_up.recv().await.is_none() {
            pending::<()>().await;
        }
        let path = path.clone();
        // Contacts files are read for it, which may take a while.
        let checked = tokio::task::spawn_blocking(move || is_good(&path)).await;
        let Ok(checked) = checked else { continue };
        match checked {
            Ok(()) => tracing::info!("config is good: restart to apply it"),
            Err(error) => tracing::error!(%error, "config refused: the running one stays"),
        }
    }
}

/// What a start would find wrong.
fn is_good(path: &Path) -> Result<(), ConfigError> {
    let config = config::load(path)?;
    match network::open() {
        Ok(network) => opening::try_sources(&config, &network).map(drop),
        // The running daemon has one: it is not the config's fault.
        Err(_) => Ok(()),
    }
}
