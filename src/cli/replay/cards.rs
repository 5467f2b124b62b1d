//! The cards of a recording as text or JSON, and the differences between those of two configs.

use crate::{
    cards,
    cli::dry_run::{DryRun, describe_because, describe_options},
    config::Config,
    model::{
        call::StatusKind,
        card::{Card, CardOptions, RouteReason},
        ids::{ConversationSpaceId, SinkName},
        time::Timestamp,
    },
};
use serde::Serialize;

/// Text of a card for one sink.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RenderedCard {
    call: ConversationSpaceId,
    status: StatusKind,
    at: Timestamp,
    pub(super) sink: SinkName,
    by: RouteReason,
    options: CardOptions,
    card: Vec<String>,
}

/// Renders the posted cards of all updates.
pub(super) fn render(config: &Config, runs: Vec<DryRun<'_>>) -> Vec<RenderedCard> {
    let mut all = Vec::new();
    for run in runs {
        for planned in run.cards.into_iter().filter(|card| card.is_posted) {
            let Some(sink) = config.sinks.iter().find(|sink| sink.name == planned.sink) else { continue };
            let style = sink.style(&config.style);
            let options = planned.card.options.clone();
            let card = Card::Call(Box::new(planned.card));
            all.push(RenderedCard {
                call: run.update.call.id.clone(),
                status: run.update.status.kind(),
                at: run.at,
                sink: planned.sink,
                by: planned.reason,
                options,
                // Rendered for the time of its status; otherwise every recorded card would be marked late.
                card: cards::lines(&card, &style, run.update.at),
            });
        }
    }
    all
}

/// Prints all cards.
pub(super) fn text(cards: &[RenderedCard], json: bool) -> String {
    match cards {
        cards if json => lines_of_json(cards.iter().map(|card| serde_json::json!(card))),
        [] => "no sink receives a card\n".to_owned(),
        cards => cards.iter().map(|card| block(card) + "\n").collect(),
    }
}

/// Prints the differences between two configs.
pub(super) fn differences(before: &[RenderedCard], now: &[RenderedCard], json: bool) -> String {
    let changes = changes(before, now);
    match json {
        true => lines_of_json(changes.iter().map(|(sign, card)| serde_json::json!({ "change": sign, "card": card }))),
        false if changes.is_empty() => "no difference\n".to_owned(),
        false => changes.iter().map(|(sign, card)| with_sign(sign, &block(card))).collect(),
    }
}

fn block(card: &RenderedCard) -> String {
    let (status, sink, options) = (card.status.as_str(), &card.sink, describe_options(&card.options));
    let head = format!(
        "{status} of call {} at {:.0}, to {sink}{options}, because {}",
        card.call,
        card.at,
        describe_because(card.by)
    );
    format!("{head}\n  {}\n", card.card.join("\n  "))
}

fn with_sign(sign: &str, block: &str) -> String {
    block.lines().map(|line| format!("{sign} {line}\n")).collect::<String>() + "\n"
}

/// Returns removed and added cards in the order of the calls. A different rule number alone is no difference: the card is
/// the same.
fn changes<'a>(before: &'a [RenderedCard], now: &'a [RenderedCard]) -> Vec<(&'static str, &'a RenderedCard)> {
    let key = |card: &RenderedCard| (card.call.clone(), card.status, card.sink.clone());
    let is_same = |one: &RenderedCard, other: &RenderedCard| {
        key(one) == key(other) && one.card == other.card && one.options == other.options
    };
    let removed = before.iter().filter(|old| !now.iter().any(|new| is_same(old, new)));
    let added = now.iter().filter(|new| !before.iter().any(|old| is_same(old, new)));
    let order = |card: &RenderedCard| {
        let position =
            |all: &[RenderedCard]| all.iter().position(|it| it.call == card.call && it.status == card.status);
        position(before).or_else(|| position(now))
    };
    let mut changes: Vec<_> = removed.map(|card| ("-", card)).chain(added.map(|card| ("+", card))).collect();
    changes.sort_by_key(|(sign, card)| (order(card), card.sink.clone(), *sign == "+"));
    changes
}

fn lines_of_json(values: impl Iterator<Item = serde_json::Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}
