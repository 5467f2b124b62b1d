//! Task of one lane: executes the effects of the lane machine and returns the results as inputs. Contains no policy.
//! Every request and every socket is a separate task, so that a slow one never delays a ping or a renewal.

use super::{
    ConnectionEvent,
    api::{Api, Error, Nickname},
    lane::{Effect, FailureClass, Input, Lane, LaneEvent, RequestFailure, SubscribeResult, Ticket},
    socket::{self, SocketCommand, SocketOutput},
    token_task::AccessToken,
    wire::Reader,
};
use crate::{
    model::{
        ids::{AccountKey, ChannelId},
        secret::Secret,
        time::Now,
    },
    runtime::watchdog::TaskMonitor,
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{OnceCell, mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Capacity of the channel to the lane; the machine handles an input within microseconds.
const MAILBOX: usize = 64;

/// Accounts of a login: as configured, or fetched once from GoTo.
#[derive(Debug)]
pub(super) struct Accounts {
    configured: Vec<AccountKey>,
    found: OnceCell<Vec<AccountKey>>,
}

impl Accounts {
    pub(super) fn new(configured: Vec<AccountKey>) -> Self {
        Self { configured, found: OnceCell::new() }
    }

    pub(super) async fn get(&self, api: &Api) -> Result<&[AccountKey], Error> {
        if !self.configured.is_empty() {
            return Ok(&self.configured);
        }
        self.found.get_or_try_init(|| api.accounts()).await.map(Vec::as_slice)
    }
}

/// Task of one lane; shared by the tasks of its requests and sockets.
pub(super) struct LaneTask {
    pub(super) nickname: Nickname,
    pub(super) api: Api,
    pub(super) accounts: Arc<Accounts>,
    /// Client of the sockets' handshakes.
    pub(super) http: reqwest::Client,
    pub(super) context: Reader,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
    /// Unbounded, because a lane must not wait for its receiver; the machine's waits bound the rate.
    pub(super) lane_events: mpsc::Sender<(u8, LaneEvent)>,
    pub(super) task_monitor: TaskMonitor,
    /// Changes when a lane falls silent: the others test their connections.
    pub(super) probes: watch::Receiver<u64>,
    /// Number of channels of all lanes that a stop may leave: those being created, and those that it has not deleted yet.
    pub(super) left_channels: Arc<AtomicUsize>,
}

impl LaneTask {
    /// Runs the lane until `stop`, and then until its channels are deleted.
    pub(super) async fn run(self, mut access: watch::Receiver<AccessToken>, stop: CancellationToken) {
        let mut probes = self.probes.clone();
        let session = Arc::new(self);
        let name = format!("lane {} of {}", session.nickname.lane, session.nickname.base);
        let heartbeat = session.task_monitor.register(name, Now::current().instant);
        let (mailbox, mut inputs) = mpsc::channel(MAILBOX);
        let mut runner =
            EffectRunner { session, mailbox, tasks: JoinSet::new(), sockets: HashMap::new(), is_stopping: false };
        let mut lane = Lane::new(runner.session.nickname.lane);
        let mut token_until = access.borrow_and_update().valid_until();
        let mut input = Input::Start;
        loop {
            let now = Now::current();
            heartbeat.busy(now.instant);
            runner.is_stopping = matches!(input, Input::Stop);
            if let Input::Ended(ticket, _) = &input {
                runner.sockets.remove(ticket);
            }
            let effects = lane.handle(input, now, &mut fastrand::f64);
            for effect in effects {
                runner.run_effect(effect).await;
            }
            if runner.is_stopping {
                break;
            }
            let due = lane.deadline().map_or_else(|| tokio::time::Instant::now() + Duration::from_secs(60), Into::into);
            heartbeat.idle_until(Some(due.into_std()));
            input = tokio::select! {
                biased;
                () = stop.cancelled() => Input::Stop,
                Some(input) = inputs.recv() => input,
                Ok(()) = access.changed() => {
                    let until = access.borrow_and_update().valid_until();
                    let before = std::mem::replace(&mut token_until, until);
                    if ends_wait(before, until, Now::current().instant) { Input::Wake } else { Input::Tick }
                }
                Ok(()) = probes.changed() => Input::Probe,
                Some(_) = runner.tasks.join_next() => Input::Tick,
                () = tokio::time::sleep_until(due) => Input::Tick,
            };
        }
        drop(heartbeat);
        runner.finish(&mut lane, inputs).await;
    }
}

/// Executes the effects of a lane in tasks.
struct EffectRunner {
    session: Arc<LaneTask>,
    mailbox: mpsc::Sender<Input>,
    tasks: JoinSet<()>,
    sockets: HashMap<Ticket, mpsc::Sender<SocketCommand>>,
    is_stopping: bool,
}

impl EffectRunner {
    async fn run_effect(&mut self, effect: Effect) {
        let (session, mailbox) = (Arc::clone(&self.session), self.mailbox.clone());
        match effect {
            Effect::Create { ticket, sweep } => self.request(async move {
                session.left_channels.fetch_add(1, Ordering::Relaxed);
                let answer = session.api.create(&session.nickname, sweep).await;
                session.left_channels.fetch_sub(1, Ordering::Relaxed);
                Input::Created(ticket, answer.map_err(|error| error.failure()))
            }),
            Effect::Subscribe { ticket, channel, only } => {
                self.tasks.spawn(async move { session.subscribe(&mailbox, ticket, &channel, only).await });
            }
            Effect::Renew { ticket, channel, how } => self.request(async move {
                let answer = session.api.renew(&session.nickname, &channel, how).await;
                session.api.metrics.renewal(answer.is_ok());
                Input::Renewed(ticket, answer.map_err(|error| error.failure()))
            }),
            Effect::Open { ticket, url } => {
                let (commands, receiver) = mpsc::channel(8);
                self.sockets.insert(ticket, commands);
                self.tasks.spawn(async move { session.run_socket(&mailbox, ticket, &url, receiver).await });
            }
            Effect::Ping(ticket) => {
                if let Some(commands) = self.sockets.get(&ticket) {
                    // A socket with eight pings queued is about to count as silent.
                    let _ = commands.try_send(SocketCommand::Ping);
                }
            }
            Effect::Close(ticket) => drop(self.sockets.remove(&ticket)),
            Effect::Delete(channel) => {
                let undeleted = self.is_stopping.then(|| Arc::clone(&session.left_channels));
                if let Some(count) = &undeleted {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                self.tasks.spawn(async move {
                    if let Err(error) = session.api.delete(&session.nickname, &channel).await {
                        tracing::debug!(lane = session.nickname.lane, %error, "channel not deleted, left for a later sweep");
                    } else if let Some(count) = undeleted {
                        count.fetch_sub(1, Ordering::Relaxed);
                    }
                });
            }
            Effect::Emit(event) => {
                // The receiver closes only when the connection is dropped.
                let _ = session.lane_events.send((session.nickname.lane, event)).await;
            }
        }
    }

    fn request(&mut self, request: impl Future<Output = Input> + Send + 'static) {
        let mailbox = self.mailbox.clone();
        self.tasks.spawn(async move {
            let answer = request.await;
            let _ = mailbox.send(answer).await;
        });
    }

    /// Waits for the tasks after the stop: an answer in flight may still contain a channel to delete.
    async fn finish(mut self, lane: &mut Lane, mut inputs: mpsc::Receiver<Input>) {
        self.sockets.clear();
        while !self.tasks.is_empty() {
            tokio::select! {
                // A task sends its answer before it ends: inputs first, so that no new channel is left behind.
                biased;
                Some(input) = inputs.recv() => {
                    let effects = lane.handle(input, Now::current(), &mut fastrand::f64);
                    for effect in effects {
                        self.run_effect(effect).await;
                    }
                }
                Some(_) = self.tasks.join_next() => {}
                else => break,
            }
        }
    }
}

impl LaneTask {
    async fn subscribe(
        &self,
        mailbox: &mpsc::Sender<Input>,
        ticket: Ticket,
        channel: &ChannelId,
        only: Option<Vec<AccountKey>>,
    ) {
        let all = match only {
            Some(only) => Ok(only),
            None => self.accounts.get(&self.api).await.map(<[_]>::to_vec),
        };
        let answer = match &all {
            Ok(accounts) => self.api.subscribe(channel, accounts).await.map_err(|error| error.failure()),
            Err(error) => Err(match error.failure() {
                // A 404 of the account request, not of the channel.
                failure if failure.class == FailureClass::Gone => {
                    RequestFailure { class: FailureClass::Rejected, ..failure }
                }
                failure => failure,
            }),
        };
        let accepted = match (&all, &answer) {
            (Ok(accounts), Ok(accepted)) => accepted_accounts(accounts, accepted),
            (Err(_), _) | (_, Err(_)) => Vec::new(),
        };
        let _ = mailbox.send(Input::Subscribed(ticket, answer)).await;
        if accepted.is_empty() {
            return;
        }
        let lane = self.nickname.lane;
        match self.api.subscribe_reports(channel, &accepted).await {
            Ok(count) if count == accepted.len() => {}
            Ok(count) => {
                let refused = accepted.len() - count;
                tracing::info!(lane, refused, "report subscription refused, reports are queried when needed");
            }
            Err(error) => {
                tracing::info!(lane, %error, "report subscription failed, reports are queried when needed");
            }
        }
    }

    async fn run_socket(
        &self,
        mailbox: &mpsc::Sender<Input>,
        ticket: Ticket,
        url: &Secret,
        commands: mpsc::Receiver<SocketCommand>,
    ) {
        let stream = match socket::open(url, &self.http).await {
            Ok(stream) => stream,
            Err(failure) => return drop(mailbox.send(Input::Opened(ticket, Err(failure))).await),
        };
        let _ = mailbox.send(Input::Opened(ticket, Ok(()))).await;
        let output = SocketOutput {
            lane: self.nickname.lane,
            ticket,
            mailbox: mailbox.clone(),
            context: self.context.clone(),
            events: self.events.clone(),
        };
        let why = socket::run(stream, &output, commands).await;
        let _ = mailbox.send(Input::Ended(ticket, why)).await;
    }
}

/// Returns whether a new access token ends the wait of a lane: there was none, or it had expired. `before`, `until`: expiry of
/// the last and of the new one.
fn ends_wait(before: Option<Instant>, until: Option<Instant>, now: Instant) -> bool {
    until.is_some() && before.is_none_or(|before| before <= now)
}

/// Returns the accounts that were accepted.
fn accepted_accounts(requested: &[AccountKey], accepted: &SubscribeResult) -> Vec<AccountKey> {
    let out = |account: &AccountKey| {
        accepted.retry.contains(account) || accepted.rejected.iter().any(|one| one.account == *account)
    };
    requested.iter().filter(|account| !out(account)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_after_none_or_an_expired_one_ends_the_wait() {
        let now = Instant::now();
        let (past, later) = (Some(now), Some(now + Duration::from_secs(600)));
        assert!(ends_wait(None, later, now) && ends_wait(past, later, now));
        assert!(!ends_wait(later, later, now), "a renewal of a valid token changes nothing");
        assert!(!ends_wait(past, None, now), "a required login");
    }
}
