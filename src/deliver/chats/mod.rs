//! The chats beside Slack and Teams. Each has one file here and one in `cards::chats`: keys of its config, rate limits,
//! requests, responses and response rules here, the layout there. [`ALL`] is the list of them; `.github/CONTRIBUTING.md`
//! explains how to add one. Pure: [`sink`](super::sink) sends the requests.

pub mod chat;
mod discord;
mod google_chat;
mod mattermost;
mod ntfy;
mod signature;
pub mod teams_app;
mod webhook;

pub use chat::{Chat, ChatOptions, Endpoint, Message, OptionKey, Problem, Request};
pub use signature::SigningKey;

use crate::model::delivery::SinkKind;

/// All chats that have a file here.
pub static ALL: [&Chat; 6] =
    [&webhook::CHAT, &ntfy::CHAT, &discord::CHAT, &mattermost::CHAT, &google_chat::CHAT, &teams_app::CHAT];

/// Returns the chat of a kind; `None` for Slack and Teams.
#[must_use]
pub fn find(kind: SinkKind) -> Option<&'static Chat> {
    ALL.into_iter().find(|chat| chat.kind == kind)
}

#[cfg(test)]
pub(super) mod tests;
