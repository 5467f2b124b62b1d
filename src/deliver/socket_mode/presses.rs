//! Handles the envelopes of an app: stores presses, and sends private answers. The socket sends the acknowledgement in
//! between.

use super::{
    answer,
    frame::{Content, PressedButton, Reply},
};
use crate::{
    deliver::post,
    model::{
        claim::PressResult,
        delivery::{Outbox, OutboxError},
        ids::SinkName,
        secret::Secret,
    },
    runtime::{message_id, metrics::SocketModeMetrics},
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;
use url::Url;

/// Longest wait for the store: Slack waits 3 s for the acknowledgement.
const STORE_TIMEOUT: Duration = Duration::from_millis(2500);
/// Names of foreign envelopes that are logged.
const MAX_FOREIGN_NAMES: usize = 16;

/// Actions that remain after the handling of an envelope.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Handled {
    /// Whether to acknowledge the envelope.
    pub(super) acknowledge: bool,
    /// Private answer to send afterwards.
    pub(super) answer: Option<(Url, String)>,
}

/// Handler of the envelopes of one app, shared by its sockets.
pub(super) struct Handler<O> {
    pub(super) app: SinkName,
    pub(super) api: Url,
    pub(super) outbox: O,
    pub(super) http: reqwest::Client,
    pub(super) metrics: SocketModeMetrics,
    /// Names of foreign envelopes that were logged.
    foreign: Mutex<BTreeSet<String>>,
}

impl<O: Outbox> Handler<O> {
    pub(super) fn new(app: SinkName, api: Url, outbox: O, http: reqwest::Client, metrics: SocketModeMetrics) -> Self {
        Self { app, api, outbox, http, metrics, foreign: Mutex::default() }
    }

    /// Handles the content of an envelope. A press is stored on return.
    pub(super) async fn handle(&self, content: Content) -> Handled {
        let app = &self.app;
        match content {
            Content::Press(pressed, reply) => self.press(*pressed, &reply).await,
            Content::Link => Handled { acknowledge: true, answer: None },
            Content::UnknownButton(reply) => {
                self.metrics.press("unknown_button");
                tracing::warn!(sink = %app, "press of an unknown button: the card belongs to another version");
                self.answered(&reply, Some(answer::UNKNOWN_BUTTON.to_owned()))
            }
            Content::Foreign(name) => {
                if self.is_new(&name) {
                    tracing::info!(sink = %app, name, "slack sends a payload that is not used");
                }
                Handled { acknowledge: true, answer: None }
            }
        }
    }

    async fn press(&self, pressed: PressedButton, reply: &Reply) -> Handled {
        let PressedButton { call, message, press } = pressed;
        let (app, button, by) = (&self.app, press.button.action_id(), press.by.clone());
        let stored = timeout(STORE_TIMEOUT, self.outbox.press(call.clone(), message, press)).await;
        let result = match stored.unwrap_or(Err(OutboxError::Stopped)) {
            Ok(result) => result,
            Err(error) => {
                self.metrics.press("not_stored");
                tracing::error!(sink = %app, %call, button, %error, message_id = message_id::PRESS_NOT_STORED, "press not stored");
                return Handled::default();
            }
        };
        let word = result.as_str();
        self.metrics.press(word);
        match result {
            PressResult::UnknownCard | PressResult::NotOpen => {
                tracing::warn!(sink = %app, %call, button, result = word, "press without effect");
            }
            _ => tracing::info!(sink = %app, %call, button, result = word, person = by.as_str(), "press stored"),
        }
        self.answered(reply, answer::text(&result))
    }

    fn answered(&self, reply: &Reply, text: Option<String>) -> Handled {
        Handled { acknowledge: true, answer: answer::address(reply, &self.api).zip(text) }
    }

    /// Sends a private answer. Its loss costs only the answer.
    pub(super) async fn send_answer(&self, (url, text): (Url, String)) {
        let answer = post::post(&self.http, &Secret::new(url.as_str()), answer::body(&text)).await;
        if answer.status() != Some(200) {
            tracing::debug!(sink = %self.app, status = answer.status(), "private answer not delivered");
        }
    }

    fn is_new(&self, name: &str) -> bool {
        let mut names = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        names.len() < MAX_FOREIGN_NAMES && names.insert(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::metrics::PRESS_RESULTS;

    #[test]
    fn every_result_of_a_press_is_counted() {
        for word in PressResult::WORDS.into_iter().chain(["unknown_button", "not_stored"]) {
            assert!(PRESS_RESULTS.contains(&word), "{word}");
        }
    }
}
