//! Drives one lane: carries out what the machine decides and tells it what came of it. Decides nothing. Every request and
//! every socket is a task of its own, so that nothing slow keeps a ping or a renewal waiting.

use super::{
    Heard,
    api::{Api, Error, Nickname},
    grant::Access,
    lifecycle::{Accepted, Class, Effect, Input, Lane, Tell, Ticket, Trouble},
    socket::{self, Ears, Order},
    wire::Reader,
};
use crate::model::{
    ids::{AccountKey, ChannelId},
    pulse::Pulses,
    secret::Secret,
    time::Now,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{OnceCell, mpsc, watch},
    task::JoinSet,
};

/// Inputs that wait for the machine; it takes them in microseconds.
const MAILBOX: usize = 64;

/// The accounts of a login: as configured, or as GoTo names them, asked once.
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

/// What a lane's tasks share.
pub(super) struct Session {
    pub(super) name: Nickname,
    pub(super) api: Api,
    pub(super) accounts: Arc<Accounts>,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) reader: Reader,
    pub(super) heard: mpsc::Sender<Heard>,
    /// Unbounded, because a lane must not wait for whoever reads; the machine's own waits bound it.
    pub(super) said: mpsc::UnboundedSender<(u8, Tell)>,
    pub(super) pulses: Pulses,
}

impl Session {
    /// Runs the lane until `stop`, and then until its channels are deleted.
    pub(super) async fn run(self, mut access: watch::Receiver<Access>, mut stop: watch::Receiver<bool>) {
        let session = Arc::new(self);
        let name = format!("lane {} of {}", session.name.lane, session.name.base);
        let pulse = session.pulses.join(name, Now::read().tick);
        let (mailbox, mut inputs) = mpsc::channel(MAILBOX);
        let mut hands = Hands { session, mailbox, work: JoinSet::new(), sockets: HashMap::new() };
        let mut lane = Lane::new(hands.session.name.lane);
        let mut had_token = matches!(*access.borrow_and_update(), Access::Given(..));
        let mut input = Input::Start;
        loop {
            let now = Now::read();
            pulse.busy(now.tick);
            let stopping = matches!(input, Input::Stop);
            if let Input::Ended(ticket, _) = &input {
                hands.sockets.remove(ticket);
            }
            for effect in lane.on(input, now, &mut fastrand::f64) {
                hands.carry_out(effect);
            }
            if stopping {
                break;
            }
            let due = lane.deadline().map_or_else(|| tokio::time::Instant::now() + Duration::from_secs(60), Into::into);
            pulse.rest(Some(due.into_std()));
            input = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Input::Stop,
                Some(input) = inputs.recv() => input,
                Ok(()) = access.changed() => {
                    let has_token = matches!(*access.borrow_and_update(), Access::Given(..));
                    let is_new = has_token && !had_token;
                    had_token = has_token;
                    if is_new { Input::Wake } else { Input::Tick }
                }
                Some(_) = hands.work.join_next() => Input::Tick,
                () = tokio::time::sleep_until(due) => Input::Tick,
            };
        }
        drop(pulse);
        hands.finish(&mut lane, inputs).await;
    }
}

/// A lane's tasks.
struct Hands {
    session: Arc<Session>,
    mailbox: mpsc::Sender<Input>,
    work: JoinSet<()>,
    sockets: HashMap<Ticket, mpsc::Sender<Order>>,
}

impl Hands {
    fn carry_out(&mut self, effect: Effect) {
        let (session, mailbox) = (Arc::clone(&self.session), self.mailbox.clone());
        match effect {
            Effect::Create { ticket, sweep } => self.ask(async move {
                let answer = session.api.create(&session.name, sweep).await;
                Input::Created(ticket, answer.map_err(|error| error.trouble()))
            }),
            Effect::Subscribe { ticket, channel, only } => {
                self.work.spawn(async move { session.subscribe(&mailbox, ticket, &channel, only).await });
            }
            Effect::Renew { ticket, channel, how } => self.ask(async move {
                let answer = session.api.renew(&session.name, &channel, how).await;
                Input::Renewed(ticket, answer.map_err(|error| error.trouble()))
            }),
            Effect::Open { ticket, url } => {
                let (orders, taken) = mpsc::channel(8);
                self.sockets.insert(ticket, orders);
                self.work.spawn(async move { session.socket(&mailbox, ticket, &url, taken).await });
            }
            Effect::Ping(ticket) => {
                if let Some(orders) = self.sockets.get(&ticket) {
                    // A socket that is too busy for eight pings counts as silent soon.
                    let _ = orders.try_send(Order::Ping);
                }
            }
            Effect::Close(ticket) => drop(self.sockets.remove(&ticket)),
            Effect::Delete(channel) => {
                self.work.spawn(async move {
                    if let Err(error) = session.api.delete(&session.name, &channel).await {
                        tracing::debug!(lane = session.name.lane, %error, "channel not deleted, left to a later sweep");
                    }
                });
            }
            Effect::Tell(tell) => {
                // The other end closes only when the connection is dropped.
                let _ = session.said.send((session.name.lane, tell));
            }
        }
    }

    fn ask(&mut self, question: impl Future<Output = Input> + Send + 'static) {
        let mailbox = self.mailbox.clone();
        self.work.spawn(async move {
            let answer = question.await;
            let _ = mailbox.send(answer).await;
        });
    }

    /// After the stop: answers that are on their way may still bring a channel to delete.
    async fn finish(mut self, lane: &mut Lane, mut inputs: mpsc::Receiver<Input>) {
        self.sockets.clear();
        while !self.work.is_empty() {
            tokio::select! {
                // A task sends its answer before it ends: taken the other way round, a channel just made would be left.
                biased;
                Some(input) = inputs.recv() => {
                    for effect in lane.on(input, Now::read(), &mut fastrand::f64) {
                        self.carry_out(effect);
                    }
                }
                Some(_) = self.work.join_next() => {}
                else => break,
            }
        }
    }
}

impl Session {
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
            // A login without accounts: as good as refused, until somebody gives it one.
            Ok(accounts) if accounts.is_empty() => Err(Trouble { class: Class::Refused, status: None, after: None }),
            Ok(accounts) => self.api.subscribe(channel, accounts).await.map_err(|error| error.trouble()),
            Err(error) => Err(match error.trouble() {
                // Of the account look-up, not of the channel.
                Trouble { class: Class::Gone, status, after } => Trouble { class: Class::Refused, status, after },
                other => other,
            }),
        };
        let accepted = match (&all, &answer) {
            (Ok(accounts), Ok(accepted)) => taken(accounts, accepted),
            (Err(_), _) | (_, Err(_)) => Vec::new(),
        };
        let _ = mailbox.send(Input::Subscribed(ticket, answer)).await;
        if !accepted.is_empty()
            && let Err(error) = self.api.subscribe_reports(channel, &accepted).await
        {
            tracing::debug!(lane = self.name.lane, %error, "reports are not pushed, they are asked for when needed");
        }
    }

    async fn socket(&self, mailbox: &mpsc::Sender<Input>, ticket: Ticket, url: &Secret, orders: mpsc::Receiver<Order>) {
        let stream = match socket::open(url, Arc::clone(&self.tls)).await {
            Ok(stream) => stream,
            Err(trouble) => return drop(mailbox.send(Input::Opened(ticket, Err(trouble))).await),
        };
        let _ = mailbox.send(Input::Opened(ticket, Ok(()))).await;
        let ears = Ears {
            lane: self.name.lane,
            ticket,
            mailbox: mailbox.clone(),
            reader: self.reader.clone(),
            heard: self.heard.clone(),
        };
        let why = socket::listen(stream, &ears, orders).await;
        let _ = mailbox.send(Input::Ended(ticket, why)).await;
    }
}

/// The accounts that accepted.
fn taken(asked: &[AccountKey], accepted: &Accepted) -> Vec<AccountKey> {
    let out = |account: &AccountKey| {
        accepted.later.contains(account) || accepted.refused.iter().any(|one| one.account == *account)
    };
    asked.iter().filter(|account| !out(account)).cloned().collect()
}
