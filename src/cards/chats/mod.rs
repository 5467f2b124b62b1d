//! The layouts of all chats. [`format()`] is the list of them: a chat is one file here and one in `deliver::chats`;
//! `.github/CONTRIBUTING.md` explains how to add one.

mod discord;
mod escape;
mod google_chat;
mod mattermost;
mod ntfy;
#[cfg(test)]
pub(super) mod tests;
mod webhook;

pub use webhook::{EVENT_VERSION, FormatError, WebhookFormat};

use super::{Layout, RenderOptions, slack, slack_workflow, teams};
use crate::model::{
    card::Card,
    delivery::{RenderedMessage, SinkKind},
    time::Timestamp,
};

/// Way in which cards become a message.
pub(super) enum Format {
    /// A layout of card contents, several in one message if they fit.
    Layout(Layout),
    /// One card per message, as data. The last argument is `plain`.
    Data(fn(&Card, &RenderOptions, Timestamp, bool) -> RenderedMessage),
}

/// Returns the format of a chat. `plain` is for a chat that rejected the full layout.
pub(super) const fn format(kind: SinkKind, plain: bool) -> Format {
    Format::Layout(match (kind, plain) {
        (SinkKind::Slack | SinkKind::SlackApp, false) => slack::FULL_LAYOUT,
        (SinkKind::Slack | SinkKind::SlackApp, true) => slack::PLAIN_LAYOUT,
        (SinkKind::SlackTrigger, _) => slack_workflow::FLAT_LAYOUT,
        (SinkKind::Teams | SinkKind::TeamsApp, false) => teams::FULL_LAYOUT,
        (SinkKind::Teams | SinkKind::TeamsApp, true) => teams::PLAIN_LAYOUT,
        (SinkKind::Ntfy, false) => ntfy::FULL_LAYOUT,
        (SinkKind::Ntfy, true) => ntfy::PLAIN_LAYOUT,
        (SinkKind::Discord, false) => discord::FULL_LAYOUT,
        (SinkKind::Discord, true) => discord::PLAIN_LAYOUT,
        (SinkKind::Mattermost, false) => mattermost::FULL_LAYOUT,
        (SinkKind::Mattermost, true) => mattermost::PLAIN_LAYOUT,
        (SinkKind::GoogleChat, false) => google_chat::FULL_LAYOUT,
        (SinkKind::GoogleChat, true) => google_chat::PLAIN_LAYOUT,
        (SinkKind::Webhook, _) => return Format::Data(webhook::render),
    })
}
