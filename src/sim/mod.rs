//! A GoTo and a chat to play with: what `demo` and `simulate` serve and what the tests talk to. It speaks the wire formats
//! on its own, without the stages, so that a misunderstanding is not mirrored on both sides.
//!
//! Books (`grants`, `channels`, `calls`, `messages`) know what is; handlers (`oauth`, `*_api`, `chat`, `control`) speak HTTP over
//! them; `play` and `socket` are the loops. `faults` are its switches.

mod answer;
mod bucket;
mod call_api;
mod calls;
mod channel_api;
mod channels;
mod chat;
mod control;
mod day;
mod faults;
mod gate;
mod grants;
mod messages;
mod oauth;
mod people;
mod placed;
mod play;
mod report;
mod scenario;
mod serve;
mod shapes;
mod shared;
mod slack;
mod slack_api;
mod snapshot;
mod socket;
mod subscription_api;
mod teams;
#[cfg(test)]
mod tests;
mod voicemail_api;

pub use calls::Made;
pub use chat::{Posted, Service};
pub use day::Day;
pub use faults::{AppFaults, ChannelFaults, ChatFaults, Faults, RestFaults, SocketFaults, TokenFaults};
pub use grants::{ALL_SCOPES, FIRST_REFRESH_TOKEN, PRINCIPAL};
pub use messages::{Message, Said};
pub use scenario::{ACCOUNT, Beat, CallPlan, Face, Line, Ours, Party, Timed};
pub use shapes::SHAPES;
pub use shared::{Requests, Settings};

use channels::{Order, Topic};
use shared::Shared;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::AbortHandle};

/// A running world. It ends when it is dropped; [`World::stop`] also waits until its port is free.
#[derive(Debug)]
pub struct World {
    shared: Arc<Shared>,
    loops: [AbortHandle; 2],
}

/// What happens to open sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The connection drops without a word.
    Dropped,
    /// It is closed with a close frame.
    Closed,
    /// `WEBSOCKET_TO_BE_CLOSED`, and 2 s later the close.
    Announced,
}

impl World {
    /// Starts a world.
    ///
    /// # Errors
    /// If it cannot listen where it should.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let shared = Shared::new(settings, listener.local_addr()?);
        let serving = tokio::spawn(serve::serve(Arc::clone(&shared), listener));
        let disturbing = tokio::spawn(play::disturb(Arc::clone(&shared)));
        Ok(Self { shared, loops: [serving.abort_handle(), disturbing.abort_handle()] })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Its base URL, for API and login alike, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// A webhook's URL. Webhooks need not be made; any name will do.
    #[must_use]
    pub fn webhook(&self, service: Service, name: &str) -> String {
        let path = match service {
            Service::Slack => "slack",
            Service::Teams => "teams",
        };
        format!("{}/{path}/{name}", self.url())
    }

    /// The base of Slack's Web API.
    #[must_use]
    pub fn slack_api(&self) -> String {
        format!("{}/api/", self.url())
    }

    /// What Slack apps wrote, with every edit, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.messages().from(0, usize::MAX)
    }

    /// Deletes an app's message, as a person would. False if there is none.
    pub fn delete_message(&self, channel: &str, ts: &str) -> bool {
        self.shared.messages().delete(channel, ts)
    }

    /// Places a call, which plays by itself; the id of its conversation space.
    pub fn place(&self, plan: CallPlan) -> String {
        play::place(&self.shared, plan)
    }

    /// A call that began so long ago and is over and reported; nobody hears of it. The id of its conversation space.
    pub fn remember(&self, plan: CallPlan, ago: Duration) -> String {
        let started = jiff::Timestamp::now().checked_sub(ago).unwrap_or(jiff::Timestamp::MIN);
        self.shared.calls().place_over(plan, started)
    }

    /// Writes a text as a frame to every open socket, subscribed or not. False if there is none.
    pub fn say(&self, frame: &str) -> bool {
        self.shared.say("", Topic::Everybody, frame, None)
    }

    /// What was posted and shown so far, oldest first.
    #[must_use]
    pub fn posts(&self) -> Vec<Posted> {
        self.attempts().into_iter().filter(|post| post.shown).collect()
    }

    /// Every request to a webhook, the refused ones too, oldest first.
    #[must_use]
    pub fn attempts(&self) -> Vec<Posted> {
        self.shared.chat().from(0, usize::MAX)
    }

    /// [`Self::attempts`] from the given number on: for who reads on.
    #[must_use]
    pub fn attempts_from(&self, number: u64) -> Vec<Posted> {
        self.shared.chat().from(number, usize::MAX)
    }

    /// Every call placed, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Made> {
        self.shared.calls().made(0, usize::MAX)
    }

    /// The channels, newest first, as `/sim/channels` tells them.
    #[must_use]
    pub fn channels(&self) -> Vec<serde_json::Value> {
        control::listed(&self.shared)
    }

    /// How often each route was asked and answered how.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.shared.requests().clone()
    }

    /// The switches as they are now.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults().as_ref().clone()
    }

    /// Sets switches.
    pub fn set_faults(&self, set: impl FnOnce(&mut Faults)) {
        let mut faults = self.faults();
        set(&mut faults);
        self.shared.set_faults(faults);
    }

    /// Ends all open sockets.
    pub fn cut(&self, how: Cut) {
        let order = match how {
            Cut::Dropped => Order::Cut,
            Cut::Closed => Order::Close,
            Cut::Announced => Order::Announce,
        };
        self.shared.channels().order_all(&order);
    }

    /// Makes every access token handed out so far unknown.
    pub fn expire_tokens(&self) {
        self.shared.grants().forget_access();
    }

    /// Subscribes to what happens, each news one JSON object as `/sim/events` sends it.
    #[must_use]
    pub fn news(&self) -> tokio::sync::broadcast::Receiver<Arc<str>> {
        self.shared.news.subscribe()
    }

    /// Ends it: all connections drop, the port is free afterwards.
    pub async fn stop(self) {
        self.loops.iter().for_each(AbortHandle::abort);
        self.shared.end().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.loops.iter().for_each(AbortHandle::abort);
        self.shared.abandon();
    }
}
