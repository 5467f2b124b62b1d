//! The tasks that receive presses of buttons, one per app token: started, stopped and replaced as the config requires.
//! `task_set` decides the actions.

use crate::{
    config::SinkConfig,
    daemon::{
        health::{alert::AlertKind, button_status, shared_status::SharedDatabaseStatus},
        pipeline::Pipeline,
        tasks::task_set::{TaskAction, TaskExit, TaskSet},
    },
    deliver::socket_mode::{self, Change, SocketJournal, SocketModeApp},
    model::ids::SinkName,
};
use std::{collections::BTreeMap, future::pending, sync::Arc};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The tasks and their shared parts.
pub struct SlackSockets {
    pipeline: Arc<Pipeline>,
    http: reqwest::Client,
    /// Receives the alerts about rejected app tokens.
    alerts: mpsc::Sender<AlertKind>,
    tasks: TaskSet<SinkName, SocketModeApp>,
    /// Guards of the tasks: a dropped guard stops its task.
    stops: BTreeMap<SinkName, DropGuard>,
    running: JoinSet<SinkName>,
}

impl SlackSockets {
    /// Creates an empty set.
    #[must_use]
    pub fn new(pipeline: Arc<Pipeline>, http: reqwest::Client, alerts: mpsc::Sender<AlertKind>) -> Self {
        Self { pipeline, http, alerts, tasks: TaskSet::default(), stops: BTreeMap::new(), running: JoinSet::new() }
    }

    /// Reconciles the tasks with `sinks`. A task with an unchanged app keeps its socket.
    pub fn reconcile(&mut self, sinks: &[SinkConfig]) {
        let wanted = apps(sinks);
        let over = button_status::retain(&mut self.pipeline.status.lock().buttons, |name| wanted.contains_key(name));
        for name in over {
            send_alert(&self.alerts, &name, AlertKind::ButtonsRemoved(name.clone()));
        }
        let (actions, _) = self.tasks.reconcile(wanted);
        for action in actions {
            match action {
                TaskAction::Start(_, app) => self.start(app),
                TaskAction::Stop(name) => drop(self.stops.remove(&name)),
            }
        }
    }

    /// Restarts tasks after a requested exit. Completes with a description of an unexpected one.
    pub async fn next_failure(&mut self) -> String {
        loop {
            match self.running.join_next().await {
                None => return pending().await,
                Some(Err(error)) => return format!("slack socket ({error})"),
                Some(Ok(name)) => match self.tasks.on_exit(&name) {
                    TaskExit::Requested(Some(app)) => self.start(app),
                    TaskExit::Requested(None) => {}
                    TaskExit::Unexpected => return format!("slack socket of {name}"),
                },
            }
        }
    }

    /// Stops all tasks, until `until` at the latest. A press that is being stored is still acknowledged.
    pub async fn close(&mut self, until: Instant) {
        self.stops.clear();
        while let Ok(Some(_)) = timeout_at(until, self.running.join_next()).await {}
    }

    fn start(&mut self, app: SocketModeApp) {
        let (name, stop) = (app.name.clone(), CancellationToken::new());
        self.stops.insert(name.clone(), stop.clone().drop_guard());
        let (pipeline, http, alerts) = (Arc::clone(&self.pipeline), self.http.clone(), self.alerts.clone());
        let metrics = pipeline.metrics.socket_mode(name.as_str());
        pipeline.status.lock().buttons.entry(name.clone()).or_default();
        let journal = SocketJournal::new(name.clone(), metrics.clone());
        self.running.spawn(async move {
            let (outbox, monitor) = (pipeline.outbox.clone(), pipeline.tasks.clone());
            let on_change = |change: &Change| {
                let alert = {
                    let mut status = pipeline.status.lock();
                    let others = other_daemons(pipeline.sharing_host.is_some(), status.shared_database.as_ref());
                    journal.record(change, others);
                    status.buttons.entry(app.name.clone()).or_default().record(&app.name, change, others)
                };
                if let Some(alert) = alert {
                    send_alert(&alerts, &app.name, alert);
                }
            };
            socket_mode::run(app.clone(), outbox, http, metrics, monitor, on_change, stop).await;
            name
        });
    }
}

/// Returns the number of the other daemons with a socket of an app. At the start of a daemon they are not known yet: no socket
/// counts as foreign then.
fn other_daemons(is_sharing: bool, shared_database: Option<&SharedDatabaseStatus>) -> u32 {
    let unknown = if is_sharing { u32::MAX } else { 0 };
    shared_database.map_or(unknown, SharedDatabaseStatus::others)
}

/// Sends an alert. The supervisor empties the channel, and a machine reports a few changes in minutes.
fn send_alert(alerts: &mpsc::Sender<AlertKind>, sink: &SinkName, alert: AlertKind) {
    if alerts.try_send(alert).is_err() {
        tracing::warn!(%sink, "alert about buttons dropped");
    }
}

/// Returns the apps of the sinks. Sinks with one app token share a task: Slack sends each press to one socket only.
fn apps(sinks: &[SinkConfig]) -> BTreeMap<SinkName, SocketModeApp> {
    let mut apps: Vec<SocketModeApp> = Vec::new();
    for sink in sinks {
        if let Some(app_token) = sink.app.as_ref().and_then(|app| app.app_token.clone())
            && !apps.iter().any(|app| app.app_token == app_token)
        {
            apps.push(SocketModeApp { name: sink.name.clone(), api_url: sink.url.clone(), app_token });
        }
    }
    apps.into_iter().map(|app| (app.name.clone(), app)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_daemons_are_those_of_the_shared_database() {
        let hosts = ["alpha", "beta", "gamma"].map(str::to_owned).to_vec();
        let shared = SharedDatabaseStatus { hosts, ..SharedDatabaseStatus::default() };
        assert_eq!((other_daemons(true, Some(&shared)), other_daemons(true, None)), (2, u32::MAX));
        assert_eq!(other_daemons(false, None), 0);
    }
}
