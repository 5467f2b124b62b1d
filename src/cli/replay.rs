//! `poprelay replay`: prints the cards that a config makes of recorded calls, or the difference between two configs. Sends
//! and stores nothing.

use super::{
    CliError, CliResult,
    dry_run::{self, describe_options, describe_reason, dry_run},
    recording,
};
use crate::{
    cards,
    config::{self, Config},
    model::{
        call::{CallUpdate, StatusKind},
        card::{Card, CardOptions, RouteReason},
        ids::{ConversationSpaceId, SinkName},
        time::Timestamp,
    },
};
use clap::Args;
use serde::Serialize;
use std::{io::Write, path::PathBuf};

/// Arguments of `poprelay replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Recording: GoTo's JSON frames one after the other, bare or inside `data`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Evaluate the rules at this time [default: the time of the recording]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print only the differences from this older config: - before, + with --config
    #[arg(long, value_name = "CONFIG")]
    pub against: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Text of a card for one sink.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct RenderedCard {
    call: ConversationSpaceId,
    moment: StatusKind,
    at: Timestamp,
    sink: SinkName,
    by: RouteReason,
    manner: CardOptions,
    card: Vec<String>,
}

/// Writes the cards of a recording, or the difference from another config.
///
/// # Errors
/// 64 for an invalid time, 65 for an invalid recording or one without call updates, 78 for an invalid config, 74 if `out`
/// cannot be written.
pub async fn run(args: &ReplayArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let at = args.at.as_deref().map(|at| dry_run::parse_time(at, config)).transpose()?;
    let told = recording::updates(&args.file, config)?;
    if told.is_empty() {
        return Err(recording::invalid_file(&args.file, "no call update in this recording: no external call"));
    }
    let cards = render_cards(config, &told, at).await?;
    let text = match &args.against {
        None if args.json => lines_of_json(cards.iter().map(|card| serde_json::json!(card))),
        None => as_text(&cards),
        Some(path) => {
            let other = config::load(path).map_err(CliError::config)?;
            let told = recording::updates(&args.file, &other)?;
            let before = render_cards(&other, &told, at).await?;
            let changes = changes(&before, &cards);
            match args.json {
                true => lines_of_json(
                    changes.iter().map(|(sign, card)| serde_json::json!({ "change": sign, "card": card })),
                ),
                false if changes.is_empty() => "no difference\n".to_owned(),
                false => changes.iter().map(|(sign, card)| with_sign(sign, &block(card))).collect(),
            }
        }
    };
    out.write_all(text.as_bytes()).map_err(|error| CliError::new(74, error))
}

async fn render_cards(
    config: &Config,
    told: &[CallUpdate],
    at: Option<Timestamp>,
) -> Result<Vec<RenderedCard>, CliError> {
    let mut all = Vec::new();
    for trial in dry_run(config, told, at).await? {
        let moment = trial.update.status.kind();
        for routed in trial.cards.into_iter().filter(|card| card.is_posted) {
            let Some(sink) = config.sinks.iter().find(|sink| sink.name == routed.sink) else { continue };
            let style = cards::RenderOptions { mask: sink.mask, ..config.style.clone() };
            let options = routed.card.options.clone();
            let card = Card::Call(Box::new(routed.card));
            all.push(RenderedCard {
                call: trial.update.call.id.clone(),
                moment,
                at: trial.at,
                sink: routed.sink,
                by: routed.reason,
                manner: options,
                // Rendered for the time of its status; otherwise every recorded card would be marked late.
                card: cards::lines(&card, &style, trial.update.at),
            });
        }
    }
    Ok(all)
}

fn as_text(cards: &[RenderedCard]) -> String {
    match cards {
        [] => "no sink receives a card\n".to_owned(),
        cards => cards.iter().map(|card| block(card) + "\n").collect(),
    }
}

fn block(card: &RenderedCard) -> String {
    let (moment, sink, manner) = (card.moment.as_str(), &card.sink, describe_options(&card.manner));
    let head =
        format!("{moment} of call {} at {:.0}, to {sink}, by {}{manner}", card.call, card.at, describe_reason(card.by));
    format!("{head}\n  {}\n", card.card.join("\n  "))
}

fn with_sign(sign: &str, block: &str) -> String {
    block.lines().map(|line| format!("{sign} {line}\n")).collect::<String>() + "\n"
}

/// Returns removed and added cards in the order of the calls. A different rule number alone is no difference: the card is
/// the same.
fn changes<'a>(before: &'a [RenderedCard], now: &'a [RenderedCard]) -> Vec<(&'static str, &'a RenderedCard)> {
    let key = |card: &RenderedCard| (card.call.clone(), card.moment, card.sink.clone());
    let is_same = |one: &RenderedCard, other: &RenderedCard| {
        key(one) == key(other) && one.card == other.card && one.manner == other.manner
    };
    let removed = before.iter().filter(|old| !now.iter().any(|new| is_same(old, new)));
    let added = now.iter().filter(|new| !before.iter().any(|old| is_same(old, new)));
    let order = |card: &RenderedCard| {
        let position =
            |all: &[RenderedCard]| all.iter().position(|it| it.call == card.call && it.moment == card.moment);
        position(before).or_else(|| position(now))
    };
    let mut changes: Vec<_> = removed.map(|card| ("-", card)).chain(added.map(|card| ("+", card))).collect();
    changes.sort_by_key(|(sign, card)| (order(card), card.sink.clone(), *sign == "+"));
    changes
}

fn lines_of_json(values: impl Iterator<Item = serde_json::Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}
