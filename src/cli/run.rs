//! `poprelay run`: the daemon, until a signal ends it.

use super::{Failure, Outcome};
use crate::daemon::{
    config::{self, Config},
    journal::Journal,
    opening::Fault,
    reload::Reloads,
    supervisor,
};
use std::{future::pending, path::PathBuf};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
};

/// Runs the daemon: SIGTERM or Ctrl-C stops it in order, a second one at once, SIGHUP reads the config
/// again. `journal`: whose level the config sets, unless the command line did.
///
/// # Errors
/// 69 if a loop ended unasked (systemd starts it again), 77 for a state directory that is not ours, 78 for the config.
pub async fn run(config: Config, journal: Option<Journal>) -> Outcome {
    if let Some(journal) = &journal {
        journal.turn(&config.journal);
    }
    for warning in &config.warnings {
        tracing::warn!(key = warning.key, line = warning.line, error = warning.text, "config is odd");
    }
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
    let (ask, asked) = mpsc::channel(1);
    let daemon = supervisor::run(config, stop, now, Reloads { asked, journal });
    tokio::select! {
        ended = daemon => ended.map_err(failure),
        never = pass_on(hang_up, ask) => never,
    }
}

/// The daemon of the demo: it lives until the demo tells it to stop.
///
/// # Errors
/// As [`run`].
pub async fn beside(path: PathBuf, mut stop: watch::Receiver<bool>) -> Outcome {
    let config = config::load(&path).map_err(Failure::config)?;
    let stop = async { drop(stop.wait_for(|stop| *stop).await) };
    supervisor::run(config, stop, pending(), Reloads::never()).await.map_err(failure)
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

/// A hang-up asks for the config to be read again; one that comes while another is carried out waits, and more are one.
async fn pass_on(mut hang_up: Signal, asked: mpsc::Sender<()>) -> Outcome {
    while hang_up.recv().await.is_some() {
        let _ = asked.try_send(());
    }
    pending().await
}
