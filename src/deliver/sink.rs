//! A sink as the worker and `test-card` use it: URL, credentials, and sending one message. Contains no policy about
//! timing or the meaning of a response.

use super::{
    answer::Answer,
    lane::{Lane, Lanes},
    pace::Pace,
    post,
    web_api::{self, App},
};
use crate::model::{
    delivery::{Form, Place, SinkKind},
    ids::SinkName,
    pulse::Pulses,
    secret::Secret,
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
    pub app: Option<App>,
    /// Rate limit of posts; `None` means unlimited.
    pub pace: Option<Pace>,
    /// Limiters shared by all sinks with the same token.
    pub lanes: Lanes,
    /// Wakes the worker: a disabled sink is probed immediately.
    pub enable: Arc<Notify>,
    /// Receives the heartbeats of the worker.
    pub pulses: Pulses,
}

impl Sink {
    /// Creates a sink with the default rate limit of its kind.
    #[must_use]
    pub fn new(name: SinkName, kind: SinkKind, url: Secret) -> Self {
        let pace = if kind == SinkKind::SlackTrigger { Pace::TRIGGER } else { Pace::default() };
        let (enable, pulses) = (Arc::new(Notify::new()), Pulses::default());
        Self { name, kind, url, app: None, pace: Some(pace), lanes: Lanes::default(), enable, pulses }
    }

    /// Returns the limiters of posts and of edits. Slack counts an app's edits by workspace and its posts by channel.
    #[must_use]
    pub fn ways(&self, now: Instant) -> [Lane; 2] {
        match (&self.app, self.pace) {
            (Some(app), Some(pace)) => {
                let limiter = |method, channel, pace| self.lanes.of(&app.token, &self.url, method, channel, pace, now);
                [limiter("chat.postMessage", &app.channel, pace), limiter("chat.update", "", Pace::EDITS)]
            }
            (_, pace) => [Lane::new(pace, now), Lane::new(pace.map(|_| Pace::EDITS), now)],
        }
    }

    /// Sends a rendered message in the requested mode. Returns the result, and the message reference if the response has
    /// one.
    pub async fn send(&self, http: &reqwest::Client, rendered: &str, form: &Form) -> (Answer, Option<Place>) {
        match (&self.app, self.kind) {
            (Some(app), SinkKind::SlackApp) => {
                let request = web_api::request(rendered, &app.channel, form);
                let base = self.url.expose().trim_end_matches('/');
                let url = Secret::new(format!("{base}/{}", request.method));
                web_api::read(post::ask(http, &url, &app.token, request.body).await)
            }
            (None, SinkKind::SlackApp) => (Answer::Unusable, None),
            _ => (post::post(http, &self.url, rendered.to_owned()).await, None),
        }
    }

    /// Returns an excerpt of the response that contains no part of the URL or the token.
    #[must_use]
    pub fn shown(&self, answer: &Answer) -> String {
        let token = self.app.as_ref().map_or("", |app| app.token.expose());
        answer.shown(&format!("{}/{token}", self.url.expose()))
    }
}
