//! A sink as the worker and `test-card` use it: URL, credentials, and sending one message. Contains no policy about
//! timing or the meaning of a response.

use super::{
    limiter::{LimiterRegistry, SharedLimiter},
    post,
    rate_limit::RateLimit,
    response::PostResult,
    slack_api::{self, SlackApp},
    teams_flow::FlowShape,
};
use crate::{
    model::{
        delivery::{MessageRef, PostMode, SinkKind},
        ids::SinkName,
        secret::Secret,
    },
    runtime::{metrics::SinkMetrics, watchdog::TaskMonitor},
};
use std::{sync::Arc, time::Instant};
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
    /// Rate limit of posts; `None` means unlimited.
    pub rate_limit: Option<RateLimit>,
    /// Limiters shared by all sinks with the same token.
    pub limiter_registry: LimiterRegistry,
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
        let pace = if kind == SinkKind::SlackTrigger { RateLimit::TRIGGER } else { RateLimit::default() };
        let (enable, pulses) = (Arc::new(Notify::new()), TaskMonitor::default());
        Self {
            name,
            kind,
            url,
            app: None,
            shape: FlowShape::default(),
            rate_limit: Some(pace),
            limiter_registry: LimiterRegistry::default(),
            enable,
            task_monitor: pulses,
            metrics: SinkMetrics::default(),
        }
    }

    /// Returns the limiters of posts and of edits. Slack counts an app's edits by workspace and its posts by channel.
    #[must_use]
    pub fn limiters(&self, now: Instant) -> [SharedLimiter; 2] {
        match (&self.app, self.rate_limit) {
            (Some(app), Some(pace)) => {
                let limiter = |method, channel, pace| {
                    self.limiter_registry.get(&app.token, &self.url, method, channel, pace, now)
                };
                [limiter("chat.postMessage", &app.channel, pace), limiter("chat.update", "", RateLimit::EDITS)]
            }
            (_, pace) => [SharedLimiter::new(pace, now), SharedLimiter::new(pace.map(|_| RateLimit::EDITS), now)],
        }
    }

    /// Sends a rendered message in the requested mode. Returns the result, and the message reference if the response has
    /// one.
    pub async fn send(
        &self,
        http: &reqwest::Client,
        rendered: &str,
        form: &PostMode,
    ) -> (PostResult, Option<MessageRef>) {
        match (&self.app, self.kind) {
            (Some(app), SinkKind::SlackApp) => {
                let request = slack_api::request(rendered, &app.channel, form);
                let base = self.url.expose().trim_end_matches('/');
                let url = Secret::new(format!("{base}/{}", request.method));
                slack_api::parse_response(post::post_with_token(http, &url, &app.token, request.body).await)
            }
            (None, SinkKind::SlackApp) => (PostResult::InvalidUrl, None),
            (_, SinkKind::Teams) => (post::post(http, &self.url, self.shape.apply(rendered).into_owned()).await, None),
            _ => (post::post(http, &self.url, rendered.to_owned()).await, None),
        }
    }

    /// Returns an excerpt of the response that contains no part of the URL or the token.
    #[must_use]
    pub fn redacted(&self, answer: &PostResult) -> String {
        let token = self.app.as_ref().map_or("", |app| app.token.expose());
        answer.redacted(&format!("{}/{token}", self.url.expose()))
    }
}
