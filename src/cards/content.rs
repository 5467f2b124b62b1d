//! Content of a card, independent of the chat: sanitized, truncated texts in reading order.

use super::text::truncate;
use crate::model::{
    card::CardOptions,
    claim::{Button, Claim},
    ids::ConversationSpaceId,
    mention::{SlackMention, TeamsMention},
};

/// UTF-16 units of a title: a Slack header allows 150.
pub(super) const MAX_TITLE_UNITS: usize = 150;

/// Status as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Ringing.
    Now,
    /// Answered, or an alert that is resolved.
    Good,
    /// Missed, or an alert that fires.
    Bad,
    /// A voicemail to listen to.
    Waiting,
    /// For the record.
    Past,
}

/// Content of one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CardContent {
    /// Colour.
    pub(super) tone: Tone,
    /// Emoji, status and caller.
    pub(super) title: String,
    /// Lines below the title.
    pub(super) lines: Vec<Line>,
    /// Labelled rows.
    pub(super) details: Vec<Detail>,
    /// Free text of the contact.
    pub(super) notes: Option<String>,
    /// Possible contacts, calls of a gap summary, or callers of a recap.
    pub(super) items: Vec<Item>,
    /// Link to the record of the contact.
    pub(super) link: Option<Link>,
    /// Start of the call and sources of the contact.
    pub(super) footnotes: Vec<String>,
    /// The card in one line beside its title, for a batch.
    pub(super) summary: String,
    /// Mentions in Slack.
    pub(super) slack_mentions: Vec<SlackMention>,
    /// Mentions in Teams.
    pub(super) teams_mentions: Vec<TeamsMention>,
    /// Whether the card is laid out as a batch entry even if alone.
    pub(super) compact: bool,
    /// Whether the caller was missed or called minutes ago.
    pub(super) urgent: bool,
    /// Single fields for a Slack workflow, which lays them out.
    pub(super) fields: CardFields,
    /// Claim and buttons of a missed call, for a chat with buttons.
    pub(super) claim_row: Option<ClaimRow>,
}

/// Claim and buttons of a missed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClaimRow {
    /// The call, returned by the chat with each press. An opaque id: no number, no name.
    pub(super) call: ConversationSpaceId,
    /// The claim in force.
    pub(super) claim: Option<Claim>,
    /// Buttons, in order.
    pub(super) buttons: Vec<Button>,
}

/// Single fields of a call card; empty without data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CardFields {
    /// Name and tier, or a substitute.
    pub(super) caller: String,
    /// The caller's number.
    pub(super) number: String,
    /// Account number.
    pub(super) dialed: String,
    /// Queues.
    pub(super) queue: String,
    /// People whose phones ring or rang.
    pub(super) people: String,
    /// Status line.
    pub(super) state: String,
}

/// Line of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Sanitized text.
    pub(super) text: String,
    /// Whether the line is bold.
    pub(super) strong: bool,
}

/// Labelled row of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detail {
    /// Sanitized label.
    pub(super) label: String,
    /// Sanitized value.
    pub(super) value: String,
}

/// Entry of a list on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Sanitized text.
    pub(super) text: String,
    /// Link to the record.
    pub(super) link: Option<Link>,
}

/// A link to a record: `https:`, safe inside `<url|label>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Target.
    pub(super) url: String,
    /// Visible text.
    pub(super) label: String,
}

impl CardContent {
    /// Creates content with a title only.
    pub(super) fn new(tone: Tone, title: &str) -> Self {
        Self {
            tone,
            title: truncate(title, MAX_TITLE_UNITS),
            lines: Vec::new(),
            details: Vec::new(),
            notes: None,
            items: Vec::new(),
            link: None,
            footnotes: Vec::new(),
            summary: String::new(),
            slack_mentions: Vec::new(),
            teams_mentions: Vec::new(),
            compact: false,
            urgent: false,
            fields: CardFields::default(),
            claim_row: None,
        }
    }

    /// Adds a line, unless it is empty.
    pub(super) fn push_line(&mut self, text: impl Into<Option<String>>, strong: bool) {
        if let Some(text) = text.into().filter(|text| !text.is_empty()) {
            self.lines.push(Line { text, strong });
        }
    }

    /// Applies the options of the route: mentions and compact layout.
    pub(super) fn with_options(mut self, options: &CardOptions) -> Self {
        self.slack_mentions.clone_from(&options.slack_mentions);
        self.teams_mentions.clone_from(&options.teams_mentions);
        if options.compact {
            self.lines = vec![Line { text: self.summary.clone(), strong: false }];
            (self.details, self.notes, self.items, self.footnotes) = (Vec::new(), None, Vec::new(), Vec::new());
            self.compact = true;
        }
        self
    }

    /// Returns everything but the link as lines.
    pub(super) fn rows(&self) -> Vec<String> {
        let mut rows = vec![self.title.clone()];
        rows.extend(self.lines.iter().map(|line| line.text.clone()));
        rows.extend(self.details.iter().map(|detail| format!("{}: {}", detail.label, detail.value)));
        rows.extend(self.notes.clone());
        rows.extend(self.items.iter().map(|item| item.text.clone()));
        if !self.footnotes.is_empty() {
            rows.push(self.footnotes.join(" · "));
        }
        rows
    }

    /// Returns title and summary in one line.
    pub(super) fn one_line(&self) -> String {
        if self.summary.is_empty() { self.title.clone() } else { format!("{} · {}", self.title, self.summary) }
    }
}

/// Joins the non-empty parts with a middle dot.
pub(super) fn join_dots<I: IntoIterator<Item = Option<String>>>(parts: I) -> String {
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}
