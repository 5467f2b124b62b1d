//! A sink as the worker and `test-card` use it: URL, credentials, and sending one message. Contains no policy about
//! timing or the meaning of a response.

use super::{
    access_token::TokenRegistry,
    chats::{self, Chat, ChatOptions, Endpoint, Message, teams_app},
    limiter::{LimiterRegistry, SharedLimiter},
    ownership::Ownership,
    person_channel::{self, PersonChannel},
    post,
    rate_limit::RateLimit,
    response::PostResult,
    slack_api::{self, SlackApp},
    teams_bot::Bot,
    teams_flow::FlowShape,
};
use crate::{
    model::{
        delivery::{DeliveryKey, MessageRef, PostMode, RenderedMessage, SinkKind},
        ids::SinkName,
        secret::Secret,
        time::Timestamp,
    },
    runtime::{metrics::SinkMetrics, watchdog::TaskMonitor},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A chat channel that receives cards.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Name in the config.
    pub name: SinkName,
    /// Kind of chat behind the URL.
    pub kind: SinkKind,
    /// Webhook URL, or the base URL of the Web API. Secret: never parsed, never logged.
    pub url: Secret,
    /// Credentials of a Slack app; required for that kind, `None` for all others.
    pub app: Option<SlackApp>,
    /// Shape of the messages to a Teams flow; other kinds ignore it.
    pub shape: FlowShape,
    /// Options of the other chats.
    pub options: ChatOptions,
    /// Rate limit of posts; `None` means unlimited.
    pub rate_limit: Option<RateLimit>,
    /// Limiters shared by all sinks with the same token.
    pub limiter_registry: LimiterRegistry,
    /// Access tokens shared by all sinks with the same bot.
    pub token_registry: TokenRegistry,
    /// Whether this daemon may post to the sink.
    pub ownership: Ownership,
    /// Whether the sink is a person's direct messages.
    pub is_person: bool,
    /// Channel of a person's direct messages, if it was found by a request.
    pub person_channel: PersonChannel,
    /// Wakes the worker: a disabled sink is probed immediately.
    pub enable: Arc<Notify>,
    /// Receives the heartbeats of the worker.
    pub task_monitor: TaskMonitor,
    /// Counts posts and cards.
    pub metrics: SinkMetrics,
}

impl Sink {
    /// Creates a sink with the default rate limit of its kind.
    #[must_use]
    pub fn new(name: SinkName, kind: SinkKind, url: Secret) -> Self {
        let pace = match kind {
            SinkKind::SlackTrigger => RateLimit::TRIGGER,
            other => chats::find(other).map_or_else(RateLimit::default, |chat| chat.rate),
        };
        let (enable, pulses) = (Arc::new(Notify::new()), TaskMonitor::default());
        Self {
            name,
            kind,
            url,
            app: None,
            shape: FlowShape::default(),
            options: ChatOptions::default(),
            rate_limit: Some(pace),
            limiter_registry: LimiterRegistry::default(),
            token_registry: TokenRegistry::default(),
            ownership: Ownership::unshared(),
            is_person: false,
            person_channel: PersonChannel::default(),
            enable,
            task_monitor: pulses,
            metrics: SinkMetrics::default(),
        }
    }

    /// Returns the channel of an app; webhooks have none.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        let app = self.app.as_ref().map(|app| app.channel.as_str());
        app.or(self.options.bot.as_ref().map(|bot| bot.channel.as_str()))
    }

    /// Returns the longest time of [`Sink::send`]. With a bot, a message may take two requests, two of tokens and two of a
    /// conversation. With a Slack app it may take one more, of a member.
    #[must_use]
    pub const fn send_timeout(&self) -> Duration {
        let requests = match (&self.options.bot, &self.app) {
            (Some(_), _) => 6,
            (None, Some(_)) => 2,
            (None, None) => 1,
        };
        post::REQUEST_TIMEOUT.saturating_mul(requests)
    }

    /// Returns the limiters of posts and of edits. Slack counts an app's edits by workspace and its posts by channel. Teams
    /// counts both together by channel.
    #[must_use]
    pub fn limiters(&self, now: Instant) -> [SharedLimiter; 2] {
        let shared = chats::find(self.kind).and_then(|chat| chat.shared_limit);
        if let (Some(bot), Some(pace), Some(shared)) = (&self.options.bot, self.rate_limit, shared) {
            let secret = &bot.credentials.client_secret;
            let limiter = self.limiter_registry.get(secret, &self.url, "conversation", &bot.channel, pace, now);
            let limiter = limiter.with_long_term(shared, now);
            return [limiter.clone(), limiter];
        }
        match (&self.app, self.rate_limit) {
            (Some(app), Some(pace)) => {
                let limiter = |method, channel, pace| {
                    self.limiter_registry.get(&app.token, &self.url, method, channel, pace, now)
                };
                [limiter("chat.postMessage", &app.channel, pace), limiter("chat.update", "", RateLimit::EDITS)]
            }
            (_, pace) => {
                let edits = chats::find(self.kind).map_or(RateLimit::EDITS, |chat| chat.edit_rate);
                [SharedLimiter::new(pace, now), SharedLimiter::new(pace.map(|_| edits), now)]
            }
        }
    }

    /// Sends a rendered message in the requested mode. `key` is that of the message's only delivery. Returns the result, and
    /// the message reference if the response has one.
    pub async fn send(
        &self,
        http: &reqwest::Client,
        message: &RenderedMessage,
        form: &PostMode,
        key: Option<&DeliveryKey>,
    ) -> (PostResult, Option<MessageRef>) {
        let rendered = message.body.as_str();
        if let Some(chat) = chats::find(self.kind) {
            let headers = message.headers.as_slice();
            let message = Message { body: rendered, headers, mode: form, key, at: Timestamp::now() };
            return self.send_to_chat(chat, http, &message).await;
        }
        match (&self.app, self.kind) {
            (Some(app), SinkKind::SlackApp) => {
                let channel = match self.slack_channel(http, app, form).await {
                    Ok(channel) => channel,
                    Err(answer) => return (slack_api::parse_response(answer).0, None),
                };
                let request = slack_api::request(rendered, &channel, form);
                let base = self.url.expose().trim_end_matches('/');
                let url = Secret::new(format!("{base}/{}", request.method));
                let answer = post::post_with_token(http, &url, &app.token, request.body).await;
                self.person_channel.check(&answer);
                slack_api::parse_response(answer)
            }
            (None, SinkKind::SlackApp) => (PostResult::InvalidUrl, None),
            (_, SinkKind::Teams) => (post::post(http, &self.url, self.shape.apply(rendered).into_owned()).await, None),
            _ => (post::post(http, &self.url, rendered.to_owned()).await, None),
        }
    }

    /// Returns the channel for a new message of an app: that of the config, or the member with its e-mail address.
    async fn slack_channel(
        &self,
        http: &reqwest::Client,
        app: &SlackApp,
        form: &PostMode,
    ) -> Result<String, PostResult> {
        if !app.channel.contains('@') || form.message_ref().is_some() {
            return Ok(app.channel.clone());
        }
        if let Some(member) = self.person_channel.get(Instant::now()) {
            return Ok(member);
        }
        if let Some(answer) = self.person_channel.denial(Instant::now()) {
            return Err(answer);
        }
        let email = [("email", app.channel.as_str())];
        let answer = post::post_form(http, &self.url, "users.lookupByEmail", &app.token, &email).await;
        let member = person_channel::slack_member(answer);
        match &member {
            Ok(member) => self.person_channel.set(member.clone(), Instant::now()),
            Err(answer) => self.person_channel.deny(answer, Instant::now()),
        }
        member
    }

    /// Returns the conversation with the person that a bot writes to; `None` for a channel, and for an edit.
    async fn teams_conversation(
        &self,
        http: &reqwest::Client,
        bot: &Bot,
        token: &Secret,
        form: &PostMode,
    ) -> Result<Option<String>, PostResult> {
        if !bot.is_person || form.message_ref().is_some() {
            return Ok(None);
        }
        if let Some(conversation) = self.person_channel.get(Instant::now()) {
            return Ok(Some(conversation));
        }
        let answer = post::send_request(http, teams_app::new_conversation(&self.url, bot, token)).await;
        let conversation = person_channel::teams_conversation(answer)?;
        self.person_channel.set(conversation.clone(), Instant::now());
        Ok(Some(conversation))
    }

    /// Sends a message to a chat of [`chats`]. A bot's token that the chat rejects is renewed, once.
    async fn send_to_chat(
        &self,
        chat: &Chat,
        http: &reqwest::Client,
        message: &Message<'_>,
    ) -> (PostResult, Option<MessageRef>) {
        let send = async |access_token: Option<&Secret>| {
            let conversation = match (&self.options.bot, access_token) {
                (Some(bot), Some(token)) => self.teams_conversation(http, bot, token, message.mode).await,
                _ => Ok(None),
            };
            let conversation = match conversation {
                Ok(conversation) => conversation,
                Err(answer) => return (teams_app::reduce(answer), None),
            };
            let conversation = conversation.as_deref();
            let endpoint = Endpoint { url: &self.url, options: &self.options, access_token, conversation };
            let Some(request) = (chat.request)(&endpoint, message) else { return (PostResult::InvalidUrl, None) };
            let answer = post::send_request(http, request).await;
            self.person_channel.check(&answer);
            (chat.parse)(&endpoint, message, answer)
        };
        let Some(bot) = &self.options.bot else { return send(None).await };
        let tokens = self.token_registry.get(&bot.credentials);
        let token = match tokens.token(http, &bot.credentials, None).await {
            Ok(token) => token,
            Err(result) => return (result, None),
        };
        let sent = send(Some(&token)).await;
        if sent.0.status() != Some(401) {
            return sent;
        }
        match tokens.token(http, &bot.credentials, Some(&token)).await {
            Ok(token) => send(Some(&token)).await,
            Err(result) => (result, None),
        }
    }

    /// Returns an excerpt of the response that contains no part of the URL or the token.
    #[must_use]
    pub fn redacted(&self, answer: &PostResult) -> String {
        let tokens = self.app.iter().map(|app| &app.token).chain(self.options.secrets());
        let tokens: Vec<&str> = tokens.map(Secret::expose).collect();
        answer.redacted(&format!("{}/{}", self.url.expose(), tokens.join("/")))
    }
}
