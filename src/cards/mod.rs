//! Renders a card for each chat (Slack blocks, a Teams Adaptive Card, Discord embeds, …) or as plain text, within the chats'
//! limits by construction. Pure; does not decide where a card goes.
//!
//! `text` sanitizes text from outside. `call_card`, `gap_summary` and `recap` build the `CardContent`; `templates` replaces
//! single lines of it. `slack`, `teams`, `slack_workflow` and the files of `chats` lay it out. A batch has one entry per
//! card, newest first.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod call_card;
mod callback_line;
mod caller;
mod caller_number;
mod caller_sources;
mod chats;
mod claim_reminder;
mod claim_row;
mod content;
mod duration;
mod facts;
mod gap_summary;
mod names;
mod recap;
mod slack;
mod slack_workflow;
mod status_line;
mod teams;
mod template_context;
mod templates;
#[cfg(test)]
mod tests;
mod text;

pub use chats::{EVENT_VERSION, FormatError, WebhookFormat};
pub use facts::MAX_CHOSEN_FACTS;
pub use gap_summary::MAX_LISTED_CALLS as MAX_GAP_SUMMARY_CALLS;
pub use recap::MAX_LISTED_CALLERS as MAX_RECAP_CALLERS;
pub use templates::{CardTemplates, TemplateError, TemplateLine};

use crate::model::{
    card::Card,
    delivery::{RenderedMessage, SinkKind},
    phone::Mask,
    time::Timestamp,
};
use chats::Format;
use content::CardContent;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::borrow::Cow;

/// Rendering options of one sink.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// Time zone of printed times.
    pub time_zone: TimeZone,
    /// Visible part of a phone number.
    pub mask: Mask,
    /// Labels of the contact's facts to show, in this order, "Owner" and "Tags" included, at most [`MAX_CHOSEN_FACTS`].
    /// `None` shows the first eight facts, then owner and tags.
    pub facts: Option<Vec<String>>,
    /// Whether the card of a known caller names the sources that matched the number.
    pub show_sources: bool,
    /// The operator's templates for lines of a call card.
    pub templates: CardTemplates,
    /// Body and headers of a webhook message.
    pub webhook: WebhookFormat,
    /// Whether cards of missed calls have buttons: the chat returns their presses.
    pub buttons: bool,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            time_zone: TimeZone::system(),
            mask: Mask::None,
            facts: None,
            show_sources: true,
            templates: CardTemplates::default(),
            webhook: WebhookFormat::default(),
            buttons: false,
        }
    }
}

/// Layout of one chat and the capacity of one message.
struct Layout {
    /// Maximum blocks of a batch, without its title.
    max_blocks: usize,
    /// Maximum size of a batch, without title and envelope, in the unit of `cost`.
    max_size: usize,
    /// Blocks and size of one entry.
    cost: fn(&CardContent) -> (usize, usize),
    /// Renders the message of one card.
    one: fn(&CardContent) -> Value,
    /// Renders a batch: a title and its entries.
    many: fn(&str, &[CardContent]) -> Value,
}

/// Renders one message from the first `cards` that fit ([`RenderedMessage::cards_included`], at least one), newest on
/// top. `plain` renders text alone, for a chat that rejected the full layout. Without cards the body is empty.
#[must_use]
pub fn render(
    kind: SinkKind,
    cards: &[&Card],
    options: &RenderOptions,
    now: Timestamp,
    plain: bool,
) -> RenderedMessage {
    let Some(first) = cards.first() else { return RenderedMessage::default() };
    let layout = match chats::format(kind, plain) {
        Format::Layout(layout) => layout,
        Format::Data(render) => return render(first, options, now, plain),
    };
    let mut included = take_fitting(&layout, cards, options, now);
    let used = included.len().max(1);
    let body = if used == 1 {
        let alone = included.pop().map_or_else(|| content(first, options, now), |(_, content)| content);
        (layout.one)(&alone)
    } else {
        let title = gap_summary::batch_title(cards.get(..used).unwrap_or(cards), now);
        // Newest first. An alert has no time and sorts as `now`.
        included.sort_by_key(|(card, _)| std::cmp::Reverse(card.occurred_at().unwrap_or(now)));
        let contents: Vec<CardContent> = included.into_iter().map(|(_, content)| content).collect();
        (layout.many)(&title, &contents)
    };
    RenderedMessage { body: body.to_string(), cards_included: used, ..RenderedMessage::default() }
}

/// Takes cards from the front until a batch is full.
fn take_fitting<'a>(
    layout: &Layout,
    cards: &[&'a Card],
    options: &RenderOptions,
    now: Timestamp,
) -> Vec<(&'a Card, CardContent)> {
    let (mut blocks, mut size) = (0_usize, 0_usize);
    let mut included = Vec::new();
    for card in cards {
        // A batch entry has room for three calls: a gap summary or recap goes alone, so that all are listed.
        let alone = matches!(card, Card::GapSummary(_) | Card::Recap(_));
        if alone && !included.is_empty() {
            break;
        }
        let content = content(card, options, now);
        let (more_blocks, more_size) = (layout.cost)(&content);
        blocks = blocks.saturating_add(more_blocks);
        size = size.saturating_add(more_size);
        if blocks > layout.max_blocks || size > layout.max_size {
            break;
        }
        included.push((*card, content));
        if alone {
            break;
        }
    }
    included
}

/// Renders a card as one line for a terminal or a log, without control characters.
#[must_use]
pub fn text(card: &Card, options: &RenderOptions, now: Timestamp) -> String {
    lines(card, options, now).join(" · ")
}

/// Renders a card as lines for a terminal, title first, without control characters.
#[must_use]
pub fn lines(card: &Card, options: &RenderOptions, now: Timestamp) -> Vec<String> {
    let content = content(card, options, now);
    let mut lines = content.rows();
    lines.extend(content.link.map(|link| format!("{}: {}", link.label, link.url)));
    lines
}

fn content(card: &Card, options: &RenderOptions, now: Timestamp) -> CardContent {
    match card {
        Card::Call(card) => {
            let options = with_mask(options, card.options.mask);
            let content = match &card.reminder {
                Some(reminder) => claim_reminder::reminder_content(card, reminder, &options, now),
                None => call_card::call_content(card, &options, now),
            };
            content.with_options(&card.options)
        }
        Card::GapSummary(recap) => gap_summary::gap_content(recap, &with_mask(options, recap.mask), now),
        Card::Recap(recap) => recap::recap_content(recap, options, now),
        Card::Alert(alert) => gap_summary::alert_content(alert),
    }
}

/// Replaces the sink's mask by the mask of a route rule, if any.
fn with_mask(options: &RenderOptions, mask: Option<Mask>) -> Cow<'_, RenderOptions> {
    mask.map_or(Cow::Borrowed(options), |mask| Cow::Owned(RenderOptions { mask, ..options.clone() }))
}
