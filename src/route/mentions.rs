//! Mentions of a rule: the config table, and which updates mention someone.

use super::{RouteInput, one_or_many::OneOrMany};
use crate::model::{
    call::StatusKind,
    card::CardOptions,
    mention::{SlackMention, TeamsMention},
};
use serde::Deserialize;

/// The `mention` table of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mentions {
    /// Users and groups in Slack.
    #[serde(default)]
    pub slack: OneOrMany<SlackMention>,
    /// People in Teams.
    #[serde(default)]
    pub teams: OneOrMany<TeamsMention>,
    /// Calls that mention them.
    #[serde(default)]
    pub when: MentionWhen,
}

/// Calls for which a card mentions someone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MentionWhen {
    /// Calls of callers who were missed or called minutes ago.
    #[default]
    Urgent,
    /// All calls.
    Always,
}

impl Mentions {
    /// Returns whether the card of this update mentions someone. Only updates that need action do: a ring or a missed
    /// call, not an answer.
    pub(super) fn applies(&self, input: &RouteInput<'_>) -> bool {
        let is_actionable = needs_action(input.update.kind());
        let urgent = input.caller_info.history.as_ref().is_some_and(|history| history.urgent);
        is_actionable && (urgent || self.when == MentionWhen::Always)
    }
}

/// Returns the options of an earlier card for a later status: without mentions unless the status needs action.
pub(super) fn inherit(earlier: &CardOptions, status: StatusKind) -> CardOptions {
    let mut options = earlier.clone();
    if !needs_action(status) {
        (options.slack_mentions, options.teams_mentions) = (Vec::new(), Vec::new());
    }
    options
}

const fn needs_action(status: StatusKind) -> bool {
    match status {
        StatusKind::Ringing | StatusKind::Missed | StatusKind::Voicemail => true,
        StatusKind::Answered | StatusKind::Ended | StatusKind::CalledBack => false,
    }
}
