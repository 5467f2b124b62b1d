//! Task of one app in Socket Mode: executes the effects of the machine and returns the results as inputs. Contains no policy.

use super::{
    machine::Machine,
    presses::Handler,
    socket::{self, Controls, SocketContext},
    types::{Change, Effect, Generation, Input},
};
use crate::{
    model::{delivery::Outbox, ids::SinkName, secret::Secret, time::Now},
    runtime::{metrics::SocketModeMetrics, watchdog::TaskMonitor},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// Capacity of the mailbox; the machine handles an input within microseconds.
const MAILBOX: usize = 64;
/// Private answers that wait. More presses in a second would be no people.
const MAX_ANSWERS: usize = 64;
/// Wait for the sockets on a clean stop: the daemon has 10 s in total.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// An app whose presses are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketModeApp {
    /// The first sink of the app, which names it in journal, status and metrics.
    pub name: SinkName,
    /// Base URL of the Web API.
    pub api_url: Secret,
    /// App-level token.
    pub app_token: Secret,
}

/// Receives the presses of an app until `stop`, and stores them in `outbox`. `on_change` is called with each change of the
/// connection, and records it.
pub async fn run<O: Outbox>(
    app: SocketModeApp,
    outbox: O,
    http: reqwest::Client,
    metrics: SocketModeMetrics,
    task_monitor: TaskMonitor,
    on_change: impl Fn(&Change),
    stop: CancellationToken,
) {
    let SocketModeApp { name, api_url, app_token } = app;
    // The config has checked the URL.
    let Ok(api) = Url::parse(api_url.expose()) else { return stop.cancelled().await };
    let start = Now::current().instant;
    let heartbeat = task_monitor.register(format!("the slack socket of {name}"), start);
    let (inputs, mut mailbox) = mpsc::channel(MAILBOX);
    let (answers, mut waiting_answers) = mpsc::channel(MAX_ANSWERS);
    let handler = Handler::new(name.clone(), api, outbox, http, metrics.clone());
    let shared = Arc::new(SocketContext { handler, api_url, app_token, inputs, answers });
    let answering = Arc::clone(&shared);
    let mut sockets = Sockets { shared, stop: stop.clone(), tasks: JoinSet::new(), open: HashMap::new() };
    sockets.tasks.spawn(async move {
        while let Some(answer) = waiting_answers.recv().await {
            answering.handler.send_answer(answer).await;
        }
    });
    let mut machine = Machine::new(start);
    let mut input = Input::Tick;
    loop {
        let now = Now::current().instant;
        heartbeat.busy(now);
        if let Input::Ended(generation) | Input::OpenFailed(generation, _) = &input {
            sockets.open.remove(generation);
        }
        for effect in machine.handle(&input, now, &mut fastrand::f64) {
            match effect {
                Effect::Open(generation) => sockets.open(generation),
                Effect::Ping(generation) => sockets.ping(generation),
                Effect::Close(generation) => drop(sockets.open.remove(&generation)),
                Effect::Report(change) => on_change(&change),
            }
        }
        let due = machine.deadline();
        heartbeat.idle_until(due);
        let due = due.map_or_else(|| tokio::time::Instant::now() + Duration::from_secs(60), Into::into);
        input = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(input) = mailbox.recv() => input,
            Some(_) = sockets.tasks.join_next() => Input::Tick,
            () = tokio::time::sleep_until(due) => Input::Tick,
        };
    }
    drop(heartbeat);
    sockets.close(mailbox).await;
}

/// The sockets of an app and their tasks.
struct Sockets<O> {
    shared: Arc<SocketContext<O>>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    open: HashMap<Generation, SocketHandle>,
}

/// Controls of one socket. Dropping them closes it.
struct SocketHandle {
    pings: mpsc::Sender<()>,
    _close: DropGuard,
}

impl<O: Outbox> Sockets<O> {
    fn open(&mut self, generation: Generation) {
        let ((pings, receiver), close) = (mpsc::channel(1), CancellationToken::new());
        let controls = Controls { pings: receiver, close: close.clone(), stop: self.stop.clone() };
        self.open.insert(generation, SocketHandle { pings, _close: close.drop_guard() });
        self.tasks.spawn(socket::run(Arc::clone(&self.shared), generation, controls));
    }

    fn ping(&self, generation: Generation) {
        let sent = self.open.get(&generation).is_some_and(|socket| socket.pings.try_send(()).is_ok());
        if !sent {
            tracing::debug!(sink = %self.shared.handler.app, "ping not sent, the socket is busy or gone");
        }
    }

    /// Ends all sockets: a press that is being stored is still acknowledged.
    async fn close(mut self, mut mailbox: mpsc::Receiver<Input>) {
        self.open.clear();
        mailbox.close();
        let ended = async { while self.tasks.len() > 1 && self.tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(STOP_TIMEOUT, ended).await);
        self.tasks.abort_all();
    }
}
