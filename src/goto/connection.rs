//! One login: its token, its lanes, and its catch-up, held together and ended in order. Decides only what lanes mean
//! together (through `sight`).

use super::{
    Ask, Heard, Settings,
    activity::{self, Activity},
    api::{Api, Nickname},
    catch_up::{CatchUp, Window},
    grant::{Access, Driver},
    lifecycle::{Tell, Why},
    oauth::Client,
    session::{Accounts, Session},
    sight::{Change, Sight},
    voicemail::{self, Mailboxes},
    wire::Reader,
};
use crate::model::{ids::AccountKey, secret::Secret, time::Timestamp};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

/// A later lane starts when the first is live, or after this times its number: one bad start is not everybody's.
const STAGGER: Duration = Duration::from_secs(2);
/// A clean stop deletes channels within this, or leaves them to the next start.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// A refresh that is in flight at the stop may bring a rotated token: it is waited for, to be on disk.
const KEEP_WITHIN: Duration = Duration::from_secs(4);
/// Questions that wait; more are refused to the asker.
const ASKS: usize = 256;

/// A login that is held. Dropping it cuts everything off; [`Connection::close`] ends it cleanly.
#[derive(Debug)]
pub struct Connection {
    /// Questions about single calls; the answers are [`Heard`].
    pub ask: mpsc::Sender<Ask>,
    stop: watch::Sender<bool>,
    lanes: JoinSet<()>,
    others: JoinSet<()>,
    grant: Option<JoinHandle<()>>,
}

/// Holds a login from now on: what it hears comes through `heard`. Must be called inside a tokio runtime.
#[must_use]
pub fn open(
    settings: Settings,
    http: reqwest::Client,
    tls: Arc<rustls::ClientConfig>,
    heard: mpsc::Sender<Heard>,
) -> Connection {
    let (access_in, access) = watch::channel(Access::Awaited);
    let (rejected_in, rejected) = mpsc::channel::<Secret>(4);
    let (stop, stopped) = watch::channel(false);
    let (said_in, said) = mpsc::unbounded_channel();
    let (windows_in, windows) = mpsc::unbounded_channel();
    let (ask, asks) = mpsc::channel(ASKS);
    let (live_in, live) = watch::channel(false);

    let reader = Reader { connection: settings.name.clone(), region: settings.region };
    let accounts = Arc::new(Accounts::new(settings.account_keys));
    let api = Api::new(settings.name, http.clone(), settings.api_url, access.clone(), rejected_in);
    let driver = Driver {
        name: reader.connection.clone(),
        failures: 0,
        client: Client { id: settings.client_id, secret: settings.client_secret, auth_url: settings.auth_url },
        http,
        path: settings.token_file,
        first: settings.first_refresh_token,
        access: access_in,
        rejected,
        heard: heard.clone(),
    };
    let catch_up = CatchUp {
        api: api.clone(),
        accounts: Arc::clone(&accounts),
        reader: reader.clone(),
        heard: heard.clone(),
        live: live.clone(),
        look: settings.look,
    };

    let mut others = JoinSet::new();
    others.spawn(catch_up.clone().windows(windows));
    let (past, past_asks) = mpsc::channel(activity::WAITING);
    let activity = Activity { api: api.apart(), name: reader.connection.clone(), heard: heard.clone() };
    others.spawn(activity.run(past_asks));
    let (mail, mail_asks) = mpsc::channel(voicemail::WAITING);
    if settings.voicemail {
        let mailboxes = Mailboxes { api: api.apart(), reader: reader.clone(), heard: heard.clone() };
        others.spawn(mailboxes.run(mail_asks));
    }
    others.spawn(catch_up.asks(asks, past, mail));
    let judge = Judge { heard: heard.clone(), windows: windows_in, live: live_in, refused: HashSet::new() };
    others.spawn(judge.run(Sight::new(settings.deaf_since), said));

    let mut lanes = JoinSet::new();
    for lane in 0..settings.lanes.max(1) {
        let session = Session {
            name: Nickname { base: settings.nickname.clone(), lane, lanes: settings.lanes.max(1) },
            api: api.clone(),
            accounts: Arc::clone(&accounts),
            tls: Arc::clone(&tls),
            reader: reader.clone(),
            heard: heard.clone(),
            said: said_in.clone(),
            pulses: settings.pulses.clone(),
        };
        let (access, stopped, mut live) = (access.clone(), stopped.clone(), live.clone());
        lanes.spawn(async move {
            if lane > 0 {
                let _ = tokio::time::timeout(STAGGER * u32::from(lane), live.wait_for(|live| *live)).await;
            }
            session.run(access, stopped).await;
        });
    }
    Connection { ask, stop, lanes, others, grant: Some(tokio::spawn(driver.run())) }
}

impl Connection {
    /// Ends it: sockets closed, channels deleted, a rotated token on disk. Takes 3 s at most, and 4 more only while a
    /// refresh is in flight.
    pub async fn close(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.lanes.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, ended).await.is_err() {
            tracing::info!("channels left behind, the next start deletes them");
        }
        self.lanes.shutdown().await;
        self.others.shutdown().await;
        // With the lanes and the catch-up the last users of tokens are gone, which ends the grant's task.
        if let Some(mut grant) = self.grant.take()
            && tokio::time::timeout(KEEP_WITHIN, &mut grant).await.is_err()
        {
            grant.abort();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(grant) = &self.grant {
            grant.abort();
        }
    }
}

/// What the lanes say, made into what is heard of the connection.
struct Judge {
    heard: mpsc::Sender<Heard>,
    windows: mpsc::UnboundedSender<Window>,
    live: watch::Sender<bool>,
    refused: HashSet<(AccountKey, u16)>,
}

impl Judge {
    async fn run(mut self, mut sight: Sight, mut said: mpsc::UnboundedReceiver<(u8, Tell)>) {
        if let Some(since) = sight.blind_since() {
            self.tell(Heard::Blind { since }).await;
        }
        while let Some((lane, tell)) = said.recv().await {
            match tell {
                Tell::Live => {
                    let change = sight.live(lane, Timestamp::now());
                    self.change(change).await;
                    self.live.send_replace(true);
                    self.tell(Heard::Live { lane }).await;
                }
                // Asked for: nobody was cut off.
                Tell::Lost { why: Why::Stopped, .. } => {}
                Tell::Lost { why, heard } => {
                    let change = sight.lost(lane, heard.clock);
                    self.tell(Heard::Lost { lane, why }).await;
                    self.change(change).await;
                }
                Tell::Refused(why) => self.tell(Heard::Refused { lane, why }).await,
                Tell::Failing(why) => self.tell(Heard::Failing { lane, why }).await,
                Tell::Subscribed(accounts) => self.tell(Heard::Subscribed { accounts }).await,
                Tell::Account(one) => {
                    if self.refused.insert((one.account.clone(), one.status)) {
                        let (account, status, code) = (one.account, one.status, one.code);
                        self.tell(Heard::AccountRefused { account, status, code }).await;
                    }
                }
            }
        }
    }

    async fn change(&self, change: Option<Change>) {
        match change {
            Some(Change::Blind { since }) => {
                self.live.send_replace(false);
                self.tell(Heard::Blind { since }).await;
            }
            // The other end closes only when the connection is dropped.
            Some(Change::Sighted { from, to }) => drop(self.windows.send(Window { from, to })),
            None => {}
        }
    }

    async fn tell(&self, heard: Heard) {
        // The other end closes only when the daemon stops.
        let _ = self.heard.send(heard).await;
    }
}
