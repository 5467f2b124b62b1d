//! Mentions of a rule: the config table, and which updates mention someone.

use super::{Asked, any_of::AnyOf};
use crate::model::{
    call::MomentKind,
    card::Manner,
    mention::{Mention, TeamsMention},
};
use serde::Deserialize;

/// The `mention` table of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mentions {
    /// Users and groups in Slack.
    #[serde(default)]
    pub slack: AnyOf<Mention>,
    /// People in Teams.
    #[serde(default)]
    pub teams: AnyOf<TeamsMention>,
    /// Calls that mention them.
    #[serde(default)]
    pub when: When,
}

/// Calls for which a card mentions someone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Calls of callers who were missed or called minutes ago.
    #[default]
    Urgent,
    /// All calls.
    Always,
}

impl Mentions {
    /// Returns whether the card of this update mentions someone. Only updates that need action do: a ring or a missed
    /// call, not an answer.
    pub(super) fn apply(&self, input: &Asked<'_>) -> bool {
        let is_actionable = needs_action(input.telling.moment.kind());
        let urgent = input.found.history.as_ref().is_some_and(|history| history.urgent);
        is_actionable && (urgent || self.when == When::Always)
    }
}

/// Returns the options of an earlier card for a later status: without mentions unless the status needs action.
pub(super) fn carried(earlier: &Manner, status: MomentKind) -> Manner {
    let mut options = earlier.clone();
    if !needs_action(status) {
        (options.mention, options.teams) = (Vec::new(), Vec::new());
    }
    options
}

const fn needs_action(status: MomentKind) -> bool {
    match status {
        MomentKind::Ringing | MomentKind::Missed | MomentKind::Voicemail => true,
        MomentKind::Answered | MomentKind::Ended => false,
    }
}
