//! A simulated GoTo and simulated chats for `demo`, `simulate` and the tests. The wire formats are implemented here a
//! second time, without the stages, so that a misunderstanding does not appear on both sides.
//!
//! Stores (`grants`, `channels`, `calls`, `messages`) hold data. Handlers (`oauth`, `*_api`, `webhooks`, `control`) serve
//! HTTP over them. `player` and `socket` are the loops. `faults` has the fault switches.

mod activity;
mod app_socket;
mod app_sockets;
mod call_api;
mod calls;
mod channel_api;
mod channels;
mod chats;
mod control;
mod envelope;
mod errors;
mod faults;
mod grants;
mod hang_up;
mod identity_api;
mod incoming;
mod messages;
mod oauth;
mod people;
mod player;
mod presets;
mod report;
mod request_checks;
mod scenario;
mod scene;
mod scheduled_call;
mod server;
mod slack_api;
mod slack_queries;
mod slack_rules;
mod socket;
mod socket_mode;
mod state;
mod subscription_api;
mod teams_app;
mod teams_rules;
#[cfg(test)]
mod tests;
mod traffic;
mod voice_admin_api;
mod voicemail;
mod voicemail_api;
mod webhook_log;
mod webhooks;

pub use calls::CallSummary;
pub use faults::{
    AppFaults, ChannelFaults, ChatFaults, Faults, RestFaults, SocketFaults, SocketModeFaults, TokenFaults,
};
pub use grants::{ALL_SCOPES, FIRST_REFRESH_TOKEN, PERSONAL_ACCESS_TOKEN, PRINCIPAL};
pub use messages::{AppMessage, MessageVersion};
pub use presets::PRESETS;
pub use scenario::{ACCOUNT, CallPlan, CalledNumber, Extension, Party, ScenarioStep, TimedStep};
pub use socket_mode::ButtonPress;
pub use state::{RequestCounts, SimulatorSettings};
pub use teams_app::faults::TeamsAppFaults;
pub use traffic::TrafficGenerator;
pub use webhook_log::{ChatKind, SignedParts, WebhookRequest};

use channels::ChannelCommand;
use state::SimState;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::AbortHandle};

/// A running simulator. A drop ends the simulator; [`Simulator::stop`] also waits until the port is free.
#[derive(Debug)]
pub struct Simulator {
    state: Arc<SimState>,
    tasks: [AbortHandle; 2],
}

/// A way to end open sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// The connection is dropped without a close frame.
    Dropped,
    /// The connection is closed with a close frame.
    Closed,
    /// `WEBSOCKET_TO_BE_CLOSED`, and 2 s later the close.
    Announced,
}

impl Simulator {
    /// Starts a simulator.
    ///
    /// # Errors
    /// If the listen address cannot be bound.
    pub async fn start(settings: SimulatorSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let state = SimState::new(settings, listener.local_addr()?);
        let serving = tokio::spawn(server::serve(Arc::clone(&state), listener));
        let disturbing = tokio::spawn(player::disturb(Arc::clone(&state)));
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
    pub fn webhook_url(&self, service: ChatKind, name: &str) -> String {
        format!("{}{}", self.url(), service.path(name))
    }

    /// Returns the base URL of Slack's Web API.
    #[must_use]
    pub fn slack_api_url(&self) -> String {
        format!("{}/api/", self.url())
    }

    /// Returns the base URL of Microsoft's login.
    #[must_use]
    pub fn teams_login_url(&self) -> String {
        format!("{}/teams-login/", self.url())
    }

    /// Returns the base URL of the Bot Connector.
    #[must_use]
    pub fn teams_api_url(&self) -> String {
        format!("{}/teams-api/", self.url())
    }

    /// Makes every token of a Teams app invalid.
    pub fn revoke_teams_tokens(&self) {
        self.state.teams().revoke_tokens();
    }

    /// Returns all messages of apps and of chats with ids, with every edit, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<AppMessage> {
        self.state.messages().since(0, usize::MAX)
    }

    /// Presses a button of a message for a person. Returns the id of the envelope; `None` if no socket of the app is open.
    #[must_use]
    pub fn press(&self, press: &ButtonPress) -> Option<String> {
        socket_mode::press(&self.state, press)
    }

    /// Sends a frame of Socket Mode to every socket of the app.
    pub fn send_to_app(&self, frame: &serde_json::Value) {
        self.state.app_sockets().command_all(&app_sockets::AppSocketCommand::Send(frame.to_string()));
    }

    /// Drops every socket of the app, without a close frame.
    pub fn drop_app_sockets(&self) {
        self.state.app_sockets().command_all(&app_sockets::AppSocketCommand::Drop);
    }

    /// Returns the number of open sockets of the app.
    #[must_use]
    pub fn app_sockets(&self) -> usize {
        self.state.app_sockets().count()
    }

    /// Returns the time from the send of an envelope to its acknowledgement; `None` until then.
    #[must_use]
    pub fn acknowledged_after(&self, envelope: &str) -> Option<Duration> {
        self.state.app_sockets().acknowledged_after(envelope)
    }

    /// Returns the ids of the envelopes that are not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> Vec<String> {
        self.state.app_sockets().unacknowledged()
    }

    /// Returns the private answers to presses: the id of the envelope, and the body.
    #[must_use]
    pub fn private_answers(&self) -> Vec<(String, serde_json::Value)> {
        self.state.app_sockets().answers()
    }

    /// Deletes an app message on behalf of a user. Returns false if the message does not exist.
    pub fn delete_message(&self, channel: &str, ts: &str) -> bool {
        self.state.messages().delete(channel, ts)
    }

    /// Places a call and plays it. Returns the conversation space id.
    pub fn place(&self, plan: CallPlan) -> String {
        player::place(&self.state, plan)
    }

    /// Adds a reported call that started `ago`. No frame is sent for it. Returns the conversation space id.
    pub fn seed_past_call(&self, plan: CallPlan, ago: Duration) -> String {
        let started = jiff::Timestamp::now().checked_sub(ago).unwrap_or(jiff::Timestamp::MIN);
        self.state.calls().place_ended(plan, started)
    }

    /// Sends a text as a frame to every open socket. Returns false if no socket is open.
    pub fn send_frame(&self, frame: &str) -> bool {
        self.state.send_text(frame)
    }

    /// Returns the webhook requests that a channel shows, oldest first.
    #[must_use]
    pub fn posts(&self) -> Vec<WebhookRequest> {
        self.webhook_requests().into_iter().filter(|post| post.shown).collect()
    }

    /// Returns every webhook request, including rejected ones, oldest first.
    #[must_use]
    pub fn webhook_requests(&self) -> Vec<WebhookRequest> {
        self.state.webhook_log().since(0, usize::MAX)
    }

    /// Returns the webhook requests from the given number on.
    #[must_use]
    pub fn webhook_requests_from(&self, number: u64) -> Vec<WebhookRequest> {
        self.state.webhook_log().since(number, usize::MAX)
    }

    /// Returns every placed call, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallSummary> {
        self.state.calls().summaries(0, usize::MAX)
    }

    /// Returns the channels as `/sim/channels` lists them, newest first.
    #[must_use]
    pub fn channels(&self) -> Vec<serde_json::Value> {
        control::channel_list(&self.state)
    }

    /// Returns request counts by method, route and status.
    #[must_use]
    pub fn request_counts(&self) -> RequestCounts {
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
    pub fn disconnect(&self, how: Disconnect) {
        let command = match how {
            Disconnect::Dropped => ChannelCommand::Drop,
            Disconnect::Closed => ChannelCommand::Close,
            Disconnect::Announced => ChannelCommand::AnnounceClose,
        };
        self.state.channels().command_all(&command);
    }

    /// Makes every issued access token invalid.
    pub fn expire_tokens(&self) {
        self.state.grants().revoke_access_tokens();
    }

    /// Subscribes to simulator events. Each is one JSON object as `/sim/events` sends it.
    #[must_use]
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<Arc<str>> {
        self.state.events.subscribe()
    }

    /// Stops the simulator: drops all connections and frees the port.
    pub async fn stop(self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.state.shutdown().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.state.abort_tasks();
    }
}
