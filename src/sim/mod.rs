//! A simulated GoTo and simulated chats for `demo`, `simulate` and the tests. The wire formats are implemented here a
//! second time, without the stages, so that a misunderstanding does not appear on both sides.
//!
//! Stores (`grants`, `channels`, `calls`, `messages`) hold data. Handlers (`oauth`, `*_api`, `webhooks`, `control`) serve
//! HTTP over them. `player` and `socket` are the loops. `faults` has the fault switches.

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

/// A running simulator. Dropping ends it; [`World::stop`] also waits until the port is free.
#[derive(Debug)]
pub struct World {
    state: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

/// A way to end open sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The connection is dropped without a close frame.
    Dropped,
    /// The connection is closed with a close frame.
    Closed,
    /// `WEBSOCKET_TO_BE_CLOSED`, and 2 s later the close.
    Announced,
}

impl World {
    /// Starts a simulator.
    ///
    /// # Errors
    /// If the listen address cannot be bound.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let state = Shared::new(settings, listener.local_addr()?);
        let serving = tokio::spawn(serve::serve(Arc::clone(&state), listener));
        let disturbing = tokio::spawn(play::disturb(Arc::clone(&state)));
        Ok(Self { state, tasks: [serving.abort_handle(), disturbing.abort_handle()] })
    }

    /// Returns the listen address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.state.address
    }

    /// Returns the base URL of API and login, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.state.address)
    }

    /// Returns the URL of a webhook. Every name is valid.
    #[must_use]
    pub fn webhook(&self, service: Service, name: &str) -> String {
        let path = match service {
            Service::Slack => "slack",
            Service::Teams => "teams",
        };
        format!("{}/{path}/{name}", self.url())
    }

    /// Returns the base URL of Slack's Web API.
    #[must_use]
    pub fn slack_api(&self) -> String {
        format!("{}/api/", self.url())
    }

    /// Returns all messages of Slack apps with every edit, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.state.messages().from(0, usize::MAX)
    }

    /// Deletes an app message on behalf of a user. Returns false if the message does not exist.
    pub fn delete_message(&self, channel: &str, ts: &str) -> bool {
        self.state.messages().delete(channel, ts)
    }

    /// Places a call and plays it. Returns the conversation space id.
    pub fn place(&self, plan: CallPlan) -> String {
        play::place(&self.state, plan)
    }

    /// Adds a reported call that started `ago`. No frame is sent for it. Returns the conversation space id.
    pub fn remember(&self, plan: CallPlan, ago: Duration) -> String {
        let started = jiff::Timestamp::now().checked_sub(ago).unwrap_or(jiff::Timestamp::MIN);
        self.state.calls().place_over(plan, started)
    }

    /// Sends a text as a frame to every open socket. Returns false if no socket is open.
    pub fn say(&self, frame: &str) -> bool {
        self.state.say("", Topic::Everybody, frame, None)
    }

    /// Returns the webhook requests that a channel shows, oldest first.
    #[must_use]
    pub fn posts(&self) -> Vec<Posted> {
        self.attempts().into_iter().filter(|post| post.shown).collect()
    }

    /// Returns every webhook request, including rejected ones, oldest first.
    #[must_use]
    pub fn attempts(&self) -> Vec<Posted> {
        self.state.chat().from(0, usize::MAX)
    }

    /// Returns [`Self::attempts`] from the given number on.
    #[must_use]
    pub fn attempts_from(&self, number: u64) -> Vec<Posted> {
        self.state.chat().from(number, usize::MAX)
    }

    /// Returns every placed call, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Made> {
        self.state.calls().made(0, usize::MAX)
    }

    /// Returns the channels as `/sim/channels` lists them, newest first.
    #[must_use]
    pub fn channels(&self) -> Vec<serde_json::Value> {
        control::listed(&self.state)
    }

    /// Returns request counts by method, route and status.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.state.requests().clone()
    }

    /// Returns the current fault switches.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.state.faults().as_ref().clone()
    }

    /// Changes fault switches.
    pub fn set_faults(&self, set: impl FnOnce(&mut Faults)) {
        let mut faults = self.faults();
        set(&mut faults);
        self.state.set_faults(faults);
    }

    /// Ends all open sockets.
    pub fn cut(&self, how: Cut) {
        let command = match how {
            Cut::Dropped => Order::Cut,
            Cut::Closed => Order::Close,
            Cut::Announced => Order::Announce,
        };
        self.state.channels().order_all(&command);
    }

    /// Makes every issued access token invalid.
    pub fn expire_tokens(&self) {
        self.state.grants().forget_access();
    }

    /// Subscribes to simulator events. Each is one JSON object as `/sim/events` sends it.
    #[must_use]
    pub fn news(&self) -> tokio::sync::broadcast::Receiver<Arc<str>> {
        self.state.news.subscribe()
    }

    /// Stops the simulator: drops all connections and frees the port.
    pub async fn stop(self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.state.end().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.state.abandon();
    }
}
