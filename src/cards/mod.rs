//! Renders a card as Slack blocks, as a Teams Adaptive Card or as plain text, within the chats' limits by construction.
//! Pure; does not decide where a card goes.
//!
//! `text` sanitizes text from outside. `call_card`, `gap_summary` and `recap` build the `CardContent`; `templates`
//! replaces single lines of it. `slack`, `teams` and `slack_workflow` lay it out. A batch has one entry per card,
//! newest first.

mod caller;
mod facts;
mod happened;
mod gap_summary;
mod sheet;
mod recap;
mod slack;
mod spoken;
mod teams;
#[cfg(test)]
mod tests;
mod text;
mod trigger;
mod values;
mod wording;
mod words;

pub use facts::CHOSEN;
pub use gap_summary::LISTED as MAX_GAP_SUMMARY_CALLS;
pub use recap::LISTED as MAX_RECAP_CALLERS;
pub use wording::{BadLine, LineName, Wording};

use crate::model::{
    card::Card,
    delivery::{Drawn, SinkKind},
    phone::Mask,
    time::Timestamp,
};
use jiff::tz::TimeZone;
use serde_json::Value;
use sheet::Sheet;
use std::borrow::Cow;

/// Rendering options of one sink.
#[derive(Debug, Clone)]
pub struct Style {
    /// Time zone of printed times.
    pub time_zone: TimeZone,
    /// How much of a phone number is visible.
    pub mask: Mask,
    /// Labels of the contact's facts to show, in this order, "Owner" and "Tags" included, at most [`MAX_CHOSEN_FACTS`].
    /// `None` shows the first eight facts, then owner and tags.
    pub facts: Option<Vec<String>>,
    /// Whether the card of a known caller names the sources that matched the number.
    pub why: bool,
    /// The operator's templates for lines of a call card.
    pub wording: Wording,
}

impl Default for Style {
    fn default() -> Self {
        Self { time_zone: TimeZone::system(), mask: Mask::None, facts: None, why: true, wording: Wording::default() }
    }
}

/// Layout of one chat and the capacity of one message.
struct Form {
    /// Maximum blocks of a batch, without its title.
    blocks: usize,
    /// Maximum size of a batch, without title and envelope, in the unit of `cost`.
    size: usize,
    /// Blocks and size of one entry.
    cost: fn(&Sheet) -> (usize, usize),
    /// Renders the message of one card.
    one: fn(&Sheet) -> Value,
    /// Renders a batch: a title and its entries.
    many: fn(&str, &[Sheet]) -> Value,
}

/// Renders one message from the first `cards` that fit ([`RenderedMessage::cards_included`], at least one), newest on
/// top. `plain` renders text alone, for a chat that rejected the full layout. Without cards the body is empty.
#[must_use]
pub fn draw(kind: SinkKind, cards: &[&Card], options: &Style, now: Timestamp, plain: bool) -> Drawn {
    let layout = match (kind, plain) {
        (SinkKind::Slack | SinkKind::SlackApp, false) => slack::FULL,
        (SinkKind::Slack | SinkKind::SlackApp, true) => slack::PLAIN,
        (SinkKind::SlackTrigger, _) => trigger::FLAT,
        (SinkKind::Teams | SinkKind::TeamsConnector, false) => teams::FULL,
        (SinkKind::Teams | SinkKind::TeamsConnector, true) => teams::PLAIN,
    };
    let Some(first) = cards.first() else { return Drawn { body: String::new(), used: 0 } };
    let mut included = take_fitting(&layout, cards, options, now);
    let used = included.len().max(1);
    let body = if used == 1 {
        let alone = included.pop().map_or_else(|| content(first, options, now), |(_, content)| content);
        (layout.one)(&alone)
    } else {
        let title = gap_summary::many(cards.get(..used).unwrap_or(cards), now);
        // Newest first. An alert has no time and sorts as `now`.
        included.sort_by_key(|(card, _)| std::cmp::Reverse(card.happened().unwrap_or(now)));
        let contents: Vec<Sheet> = included.into_iter().map(|(_, content)| content).collect();
        (layout.many)(&title, &contents)
    };
    Drawn { body: body.to_string(), used }
}

/// Takes cards from the front until a batch is full.
fn take_fitting<'a>(layout: &Form, cards: &[&'a Card], options: &Style, now: Timestamp) -> Vec<(&'a Card, Sheet)> {
    let (mut blocks, mut size) = (0_usize, 0_usize);
    let mut included = Vec::new();
    for card in cards {
        // A batch entry has room for three calls: a gap summary or recap goes alone, so that all are listed.
        let alone = matches!(card, Card::GapSummary(_) | Card::Shift(_));
        if alone && !included.is_empty() {
            break;
        }
        let content = content(card, options, now);
        let (more_blocks, more_size) = (layout.cost)(&content);
        blocks = blocks.saturating_add(more_blocks);
        size = size.saturating_add(more_size);
        if blocks > layout.blocks || size > layout.size {
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
pub fn text(card: &Card, options: &Style, now: Timestamp) -> String {
    lines(card, options, now).join(" · ")
}

/// Renders a card as lines for a terminal, title first, without control characters.
#[must_use]
pub fn lines(card: &Card, options: &Style, now: Timestamp) -> Vec<String> {
    let content = content(card, options, now);
    let mut lines = content.rows();
    lines.extend(content.link.map(|link| format!("{}: {}", link.label, link.url)));
    lines
}

fn content(card: &Card, options: &Style, now: Timestamp) -> Sheet {
    match card {
        Card::Call(card) => words::call(card, &with_mask(options, card.manner.mask), now).drawn(&card.manner),
        Card::GapSummary(recap) => gap_summary::recap(recap, &with_mask(options, recap.mask), now),
        Card::Shift(shift) => recap::shift(shift, options, now),
        Card::Notice(notice) => gap_summary::notice(notice),
    }
}

/// Replaces the sink's mask by the mask of a route rule, if any.
fn with_mask(options: &Style, mask: Option<Mask>) -> Cow<'_, Style> {
    mask.map_or(Cow::Borrowed(options), |mask| Cow::Owned(Style { mask, ..options.clone() }))
}
