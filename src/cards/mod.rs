//! A card as Slack blocks, as a Teams Adaptive Card, as plain text. Pure: decides what is said and how it looks, within the
//! chats' limits by construction; never where it goes or whether it arrives.
//!
//! `text` makes strangers' text safe; `words` (with `caller`, `facts`, `happened`, `recap`, `shift`, `spoken`) decides what a card says, as one
//! sheet; `wording` (with `values`) lets an operator say its lines otherwise; `slack`, `teams` and `trigger` lay it out. Several cards become one message: one entry a call, newest first, as many as
//! fit.

mod caller;
mod facts;
mod happened;
mod recap;
mod sheet;
mod shift;
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
pub use recap::LISTED as RECAP_LISTS;
pub use shift::LISTED as SHIFT_LISTS;
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

/// How cards are drawn for one sink.
#[derive(Debug, Clone)]
pub struct Style {
    /// The zone of times written out.
    pub time_zone: TimeZone,
    /// How much of a number is shown.
    pub mask: Mask,
    /// Labels of a contact's facts that are shown, in their order ("Owner" and "Tags" among them), at most [`CHOSEN`];
    /// `None`: all, the first eight of a source's own.
    pub facts: Option<Vec<String>>,
    /// Whether a known caller's card says which sources know the number.
    pub why: bool,
    /// The operator's own words for lines of a call's card.
    pub wording: Wording,
}

impl Default for Style {
    fn default() -> Self {
        Self { time_zone: TimeZone::system(), mask: Mask::None, facts: None, why: true, wording: Wording::default() }
    }
}

/// How one chat takes cards: its layout and how much one message of it holds.
struct Form {
    /// Blocks a message of many may have, its title not counted.
    blocks: usize,
    /// Size a message of many may have, its title and frame not counted, in the unit of `cost`.
    size: usize,
    /// What one entry takes: blocks and size.
    cost: fn(&Sheet) -> (usize, usize),
    /// The message of one card.
    one: fn(&Sheet) -> Value,
    /// The message of many: a title and its entries.
    many: fn(&str, &[Sheet]) -> Value,
}

/// Draws the message that says `cards`, as many of them from the first as fit one message ([`Drawn::used`]), newest on
/// top; at least one is always said. `plain` is the form of last resort: text alone. No cards, no message: an empty body.
#[must_use]
pub fn draw(kind: SinkKind, cards: &[&Card], style: &Style, now: Timestamp, plain: bool) -> Drawn {
    let form = match (kind, plain) {
        (SinkKind::Slack | SinkKind::SlackApp, false) => slack::FULL,
        (SinkKind::Slack | SinkKind::SlackApp, true) => slack::PLAIN,
        (SinkKind::SlackTrigger, _) => trigger::FLAT,
        (SinkKind::Teams | SinkKind::TeamsConnector, false) => teams::FULL,
        (SinkKind::Teams | SinkKind::TeamsConnector, true) => teams::PLAIN,
    };
    let Some(first) = cards.first() else { return Drawn { body: String::new(), used: 0 } };
    let mut taken = fitting(&form, cards, style, now);
    let used = taken.len().max(1);
    let body = if used == 1 {
        let alone = taken.pop().map_or_else(|| sheet(first, style, now), |(_, sheet)| sheet);
        (form.one)(&alone)
    } else {
        let title = recap::many(cards.get(..used).unwrap_or(cards), now);
        // Newest first; a notice, which has no time of its own, is of now.
        taken.sort_by_key(|(card, _)| std::cmp::Reverse(card.happened().unwrap_or(now)));
        let sheets: Vec<Sheet> = taken.into_iter().map(|(_, sheet)| sheet).collect();
        (form.many)(&title, &sheets)
    };
    Drawn { body: body.to_string(), used }
}

/// As many cards from the first as one message of many holds.
fn fitting<'a>(form: &Form, cards: &[&'a Card], style: &Style, now: Timestamp) -> Vec<(&'a Card, Sheet)> {
    let (mut blocks, mut size) = (0_usize, 0_usize);
    let mut taken = Vec::new();
    for card in cards {
        // An entry among many has room for three of a recap's callers: it goes alone, so that all are seen.
        let alone = matches!(card, Card::Recap(_) | Card::Shift(_));
        if alone && !taken.is_empty() {
            break;
        }
        let sheet = sheet(card, style, now);
        let (more_blocks, more_size) = (form.cost)(&sheet);
        blocks = blocks.saturating_add(more_blocks);
        size = size.saturating_add(more_size);
        if blocks > form.blocks || size > form.size {
            break;
        }
        taken.push((*card, sheet));
        if alone {
            break;
        }
    }
    taken
}

/// A card in one line, for a terminal or a log: no control characters.
#[must_use]
pub fn text(card: &Card, style: &Style, now: Timestamp) -> String {
    lines(card, style, now).join(" · ")
}

/// A card line by line, its title first, for a terminal: no control characters in any.
#[must_use]
pub fn lines(card: &Card, style: &Style, now: Timestamp) -> Vec<String> {
    let sheet = sheet(card, style, now);
    let mut lines = sheet.rows();
    lines.extend(sheet.link.map(|link| format!("{}: {}", link.label, link.url)));
    lines
}

fn sheet(card: &Card, style: &Style, now: Timestamp) -> Sheet {
    match card {
        Card::Call(card) => words::call(card, &masked(style, card.manner.mask), now).drawn(&card.manner),
        Card::Recap(recap) => recap::recap(recap, &masked(style, recap.mask), now),
        Card::Shift(shift) => shift::shift(shift, style, now),
        Card::Notice(notice) => recap::notice(notice),
    }
}

/// A style with a rule's mask in the place of its sink's.
fn masked(style: &Style, mask: Option<Mask>) -> Cow<'_, Style> {
    mask.map_or(Cow::Borrowed(style), |mask| Cow::Owned(Style { mask, ..style.clone() }))
}
