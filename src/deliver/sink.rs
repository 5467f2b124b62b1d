//! A sink as a worker and a test card know it: where it is, who speaks there, and one message to it. Decides nothing about
//! when, and nothing about what an answer means.

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

/// A place where cards are told.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Its name.
    pub name: SinkName,
    /// What answers there.
    pub kind: SinkKind,
    /// Where: a webhook, or the base of the Web API. Opaque: never taken apart, never shown.
    pub url: Secret,
    /// Who speaks there; only a Slack app has one, and has to.
    pub app: Option<App>,
    /// How fast it may be posted to; `None`: it takes all it gets.
    pub pace: Option<Pace>,
    /// The lanes that it shares with other sinks of its token.
    pub lanes: Lanes,
    /// Wakes it: a disabled sink is probed at once.
    pub enable: Arc<Notify>,
    /// Where its worker says whether it turns.
    pub pulses: Pulses,
}

impl Sink {
    /// A sink at its kind's own pace.
    #[must_use]
    pub fn new(name: SinkName, kind: SinkKind, url: Secret) -> Self {
        let pace = if kind == SinkKind::SlackTrigger { Pace::TRIGGER } else { Pace::default() };
        let (enable, pulses) = (Arc::new(Notify::new()), Pulses::default());
        Self { name, kind, url, app: None, pace: Some(pace), lanes: Lanes::default(), enable, pulses }
    }

    /// The lanes of its posts and of its edits: an app's edits are counted by the workspace, its posts by the channel.
    #[must_use]
    pub fn ways(&self, now: Instant) -> [Lane; 2] {
        match (&self.app, self.pace) {
            (Some(app), Some(pace)) => {
                let of = |method, channel, pace| self.lanes.of(&app.token, &self.url, method, channel, pace, now);
                [of("chat.postMessage", &app.channel, pace), of("chat.update", "", Pace::EDITS)]
            }
            (_, pace) => [Lane::new(pace, now), Lane::new(pace.map(|_| Pace::EDITS), now)],
        }
    }

    /// Sends a drawn message, in the form that is asked for. What was answered, and where the message stands if the chat
    /// says so.
    pub async fn send(&self, http: &reqwest::Client, drawn: &str, form: &Form) -> (Answer, Option<Place>) {
        match (&self.app, self.kind) {
            (Some(app), SinkKind::SlackApp) => {
                let request = web_api::request(drawn, &app.channel, form);
                let base = self.url.expose().trim_end_matches('/');
                let url = Secret::new(format!("{base}/{}", request.method));
                web_api::read(post::ask(http, &url, &app.token, request.body).await)
            }
            (None, SinkKind::SlackApp) => (Answer::Unusable, None),
            _ => (post::post(http, &self.url, drawn.to_owned()).await, None),
        }
    }

    /// What may be kept of an answer: nothing of the URL or the token is in it.
    #[must_use]
    pub fn shown(&self, answer: &Answer) -> String {
        let token = self.app.as_ref().map_or("", |app| app.token.expose());
        answer.shown(&format!("{}/{token}", self.url.expose()))
    }
}
