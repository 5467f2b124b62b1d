//! What a card says, in no chat's form: clean, cut text in the order it is read. `words` fills it; each chat's module lays
//! it out and decides nothing of it.

use super::text::cut;
use crate::model::{
    card::Manner,
    mention::{Mention, TeamsMention},
};

/// Longest title in UTF-16 units: Slack's header takes 150.
pub(super) const TITLE: usize = 150;

/// The state, as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It rings: look now.
    Now,
    /// It went well.
    Good,
    /// Somebody should call back, or a fault stands.
    Bad,
    /// It waits to be heard.
    Waiting,
    /// It is told for the record.
    Past,
}

/// One card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sheet {
    /// Its colour.
    pub(super) tone: Tone,
    /// State and caller, with the state's emoji in front.
    pub(super) title: String,
    /// What is read next, one line each.
    pub(super) lines: Vec<Line>,
    /// What is known beside, each with its label.
    pub(super) details: Vec<Detail>,
    /// Free text of the contact.
    pub(super) notes: Option<String>,
    /// Callers it may be, or calls of a recap.
    pub(super) items: Vec<Item>,
    /// The record.
    pub(super) link: Option<Link>,
    /// When, and where it is known from.
    pub(super) small: Vec<String>,
    /// The whole card in one line beside its title, for a message of many.
    pub(super) brief: String,
    /// Whom it mentions in Slack.
    pub(super) mention: Vec<Mention>,
    /// Whom it mentions in Teams.
    pub(super) teams: Vec<TeamsMention>,
    /// It is laid out as one of many even if it is alone.
    pub(super) quiet: bool,
    /// The same facts apart, for a form that is laid out elsewhere.
    pub(super) parts: Parts,
}

/// Facts of a call, each alone; empty where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parts {
    /// Name and tier, or what stands in their place.
    pub(super) caller: String,
    /// The caller's number.
    pub(super) number: String,
    /// Our number.
    pub(super) called: String,
    /// The queues.
    pub(super) queue: String,
    /// Whom it rings or rang.
    pub(super) people: String,
    /// What happened, in words.
    pub(super) state: String,
}

/// A line of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What it says.
    pub(super) text: String,
    /// It stands out.
    pub(super) strong: bool,
}

/// A fact with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detail {
    /// What it is.
    pub(super) label: String,
    /// What it says.
    pub(super) value: String,
}

/// One of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// What it says.
    pub(super) text: String,
    /// Where its record is.
    pub(super) link: Option<Link>,
}

/// A link to a record: `https:`, safe inside `<url|label>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Where.
    pub(super) url: String,
    /// What it is called.
    pub(super) label: String,
}

impl Sheet {
    /// A card that has a title so far.
    pub(super) fn new(tone: Tone, title: &str) -> Self {
        Self {
            tone,
            title: cut(title, TITLE),
            lines: Vec::new(),
            details: Vec::new(),
            notes: None,
            items: Vec::new(),
            link: None,
            small: Vec::new(),
            brief: String::new(),
            mention: Vec::new(),
            teams: Vec::new(),
            quiet: false,
            parts: Parts::default(),
        }
    }

    /// One more line, if it says anything.
    pub(super) fn line(&mut self, text: impl Into<Option<String>>, strong: bool) {
        if let Some(text) = text.into().filter(|text| !text.is_empty()) {
            self.lines.push(Line { text, strong });
        }
    }

    /// Takes on the manner that its route asks for.
    pub(super) fn drawn(mut self, manner: &Manner) -> Self {
        self.mention.clone_from(&manner.mention);
        self.teams.clone_from(&manner.teams);
        if manner.quiet {
            self.lines = vec![Line { text: self.brief.clone(), strong: false }];
            (self.details, self.notes, self.items, self.small) = (Vec::new(), None, Vec::new(), Vec::new());
            self.quiet = true;
        }
        self
    }

    /// Everything but the link, a line each.
    pub(super) fn rows(&self) -> Vec<String> {
        let mut rows = vec![self.title.clone()];
        rows.extend(self.lines.iter().map(|line| line.text.clone()));
        rows.extend(self.details.iter().map(|detail| format!("{}: {}", detail.label, detail.value)));
        rows.extend(self.notes.clone());
        rows.extend(self.items.iter().map(|item| item.text.clone()));
        if !self.small.is_empty() {
            rows.push(self.small.join(" · "));
        }
        rows
    }

    /// Title and the one line beside it.
    pub(super) fn short(&self) -> String {
        if self.brief.is_empty() { self.title.clone() } else { format!("{} · {}", self.title, self.brief) }
    }
}

/// `parts` with a middle dot between those that say anything.
pub(super) fn dotted<I: IntoIterator<Item = Option<String>>>(parts: I) -> String {
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}
