//! `poprelay replay`: recorded calls through a config, as the cards that its sinks would get, so that a change of the config
//! can be read like a change of code. Nothing is sent, and nothing is remembered of the callers.

use super::{
    Failure, Outcome, recording,
    trial::{self, by, is_told, manner, trials},
};
use crate::{
    cards,
    daemon::config::{self, Config},
    model::{
        call::{MomentKind, Telling},
        card::{CallCard, Card, Manner, RoutedBy},
        ids::{ConversationSpaceId, SinkName},
        time::Timestamp,
    },
};
use clap::Args;
use serde::Serialize;
use std::{io::Write, path::PathBuf};

/// `poprelay replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A recording: frames as GoTo pushes them, JSON, one after the other, in `data` or bare
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Decide as if it were this time; default: the recording's own
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print only what this config would do otherwise: - before, + with --config
    #[arg(long, value_name = "CONFIG")]
    pub against: Option<PathBuf>,
    /// For scripts
    #[arg(long)]
    pub json: bool,
}

/// A card that a sink would get.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Said {
    call: ConversationSpaceId,
    moment: MomentKind,
    at: Timestamp,
    sink: SinkName,
    by: RoutedBy,
    manner: Manner,
    card: Vec<String>,
}

/// Writes the cards of a recording, or what another config would do otherwise.
///
/// # Errors
/// 64 for a time that is none, 65 for a file that is no recording or of which nothing is told, 78 for a config that is
/// wrong, 74 if `out` is gone.
pub async fn run(args: &ReplayArgs, config: &Config, out: &mut impl Write) -> Outcome {
    let at = args.at.as_deref().map(|at| trial::time(at, config)).transpose()?;
    let told = recording::tellings(&args.file, config)?;
    if told.is_empty() {
        return Err(recording::bad(&args.file, "nothing in it is told: no call from outside"));
    }
    let said = say(config, &told, at).await?;
    let text = match &args.against {
        None if args.json => lines_of_json(said.iter().map(|said| serde_json::json!(said))),
        None => as_text(&said),
        Some(path) => {
            let other = config::load(path).map_err(Failure::config)?;
            let told = recording::tellings(&args.file, &other)?;
            let before = say(&other, &told, at).await?;
            let changes = changes(&before, &said);
            match args.json {
                true => lines_of_json(
                    changes.iter().map(|(sign, said)| serde_json::json!({ "change": sign, "card": said })),
                ),
                false if changes.is_empty() => "no difference\n".to_owned(),
                false => changes.iter().map(|(sign, said)| marked(sign, &block(said))).collect(),
            }
        }
    };
    out.write_all(text.as_bytes()).map_err(|error| Failure::new(74, error))
}

async fn say(config: &Config, told: &[Telling], at: Option<Timestamp>) -> Result<Vec<Said>, Failure> {
    let mut all = Vec::new();
    for trial in trials(config, told, at).await? {
        let moment = trial.telling.moment.kind();
        for routed in trial.routed {
            let Some(sink) = config.sinks.iter().find(|sink| sink.name == routed.sink) else { continue };
            if !is_told(sink, trial.telling) {
                continue;
            }
            let style = cards::Style { mask: sink.mask, ..config.style.clone() };
            let whole = CallCard::new(trial.telling.clone(), trial.found.clone());
            let card = Card::Call(Box::new(CallCard { manner: routed.manner.clone(), ..whole }));
            all.push(Said {
                call: trial.telling.call.id.clone(),
                moment,
                at: trial.at,
                sink: routed.sink,
                by: routed.by,
                manner: routed.manner,
                // As of its own moment: a card of the past would only say that it is late.
                card: cards::lines(&card, &style, trial.telling.at),
            });
        }
    }
    Ok(all)
}

fn as_text(said: &[Said]) -> String {
    match said {
        [] => "no sink is told anything\n".to_owned(),
        said => said.iter().map(|said| block(said) + "\n").collect(),
    }
}

fn block(said: &Said) -> String {
    let (moment, sink, manner) = (said.moment.as_str(), &said.sink, manner(&said.manner));
    let head = format!("{moment} of call {} at {:.0}, to {sink}, by {}{manner}", said.call, said.at, by(said.by));
    format!("{head}\n  {}\n", said.card.join("\n  "))
}

fn marked(sign: &str, block: &str) -> String {
    block.lines().map(|line| format!("{sign} {line}\n")).collect::<String>() + "\n"
}

/// What was said before and is not any more, and what is said now and was not, in the order of the calls. The place of a
/// rule alone is no difference: nobody sees it.
fn changes<'a>(before: &'a [Said], now: &'a [Said]) -> Vec<(&'static str, &'a Said)> {
    let key = |said: &Said| (said.call.clone(), said.moment, said.sink.clone());
    let is_same =
        |one: &Said, other: &Said| key(one) == key(other) && one.card == other.card && one.manner == other.manner;
    let gone = before.iter().filter(|old| !now.iter().any(|new| is_same(old, new)));
    let come = now.iter().filter(|new| !before.iter().any(|old| is_same(old, new)));
    let order = |said: &Said| {
        let place = |all: &[Said]| all.iter().position(|it| it.call == said.call && it.moment == said.moment);
        place(before).or_else(|| place(now))
    };
    let mut changes: Vec<_> = gone.map(|said| ("-", said)).chain(come.map(|said| ("+", said))).collect();
    changes.sort_by_key(|(sign, said)| (order(said), said.sink.clone(), *sign == "+"));
    changes
}

fn lines_of_json(values: impl Iterator<Item = serde_json::Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}
