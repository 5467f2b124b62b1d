//! How a rule wants the cards drawn that it sends: what it says in the config, and what of it holds for one moment.

use super::{Asked, any_of::AnyOf};
use crate::model::{
    call::MomentKind,
    card::Manner,
    mention::{Mention, TeamsMention},
};
use serde::Deserialize;

/// A rule's `mention`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mentions {
    /// Who, in Slack.
    #[serde(default)]
    pub slack: AnyOf<Mention>,
    /// Who, in Teams.
    #[serde(default)]
    pub teams: AnyOf<TeamsMention>,
    /// For which calls.
    #[serde(default)]
    pub when: When,
}

/// For which calls somebody is mentioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Of callers who were missed or called minutes ago.
    #[default]
    Urgent,
    /// All.
    Always,
}

impl Mentions {
    /// Whether a card of this moment mentions anybody: of what wants somebody to act, a ring and a call that nobody took.
    /// That a colleague answered pings nobody.
    pub(super) fn apply(&self, asked: &Asked<'_>) -> bool {
        let wants_somebody = is_for_somebody(asked.telling.moment.kind());
        let urgent = asked.found.history.as_ref().is_some_and(|history| history.urgent);
        wants_somebody && (urgent || self.when == When::Always)
    }
}

/// The manner of an earlier moment's card, for a later moment.
pub(super) fn carried(manner: &Manner, moment: MomentKind) -> Manner {
    let mut manner = manner.clone();
    if !is_for_somebody(moment) {
        (manner.mention, manner.teams) = (Vec::new(), Vec::new());
    }
    manner
}

const fn is_for_somebody(moment: MomentKind) -> bool {
    match moment {
        MomentKind::Ringing | MomentKind::Missed | MomentKind::Voicemail => true,
        MomentKind::Answered | MomentKind::Ended => false,
    }
}
