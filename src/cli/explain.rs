//! `poprelay explain`: what was decided of a call, by what, what was sent of it when, and what was answered: from the
//! outbox, which keeps with each card when and by what it was routed. Beside it what the config of now would decide of the
//! same card at the same time; where the two differ, the config has changed since, and that is said.

use super::{
    Failure, Outcome,
    outbox::{attempt_line, failure, printable},
    trial::{by, hours, manner, rules},
};
use crate::{
    daemon::config::Config,
    model::{
        call::MomentKind,
        card::{CallCard, Card, RoutedBy},
        delivery::{Attempt, Subject},
        phone::Mask,
        time::Timestamp,
    },
    outbox::{self, Letter, State},
    route::{Asked, Routes},
};
use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use std::{collections::BTreeSet, io::Write};

/// Shortest beginning of an id that is looked for.
const SHORTEST: usize = 4;

/// `poprelay explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The call's id, as the journal has it, or its beginning
    #[arg(value_name = "CALL")]
    pub call: String,
    /// For scripts
    #[arg(long)]
    pub json: bool,
}

type Kept = (Letter, Vec<Attempt>);

/// Says what became of a call.
///
/// # Errors
/// 65 if nothing is kept of it or several calls begin so, 69 no outbox, 74 if `out` is gone, 77 permission.
pub fn run(args: &ExplainArgs, config: &Config, out: &mut impl Write) -> Outcome {
    if args.call.len() < SHORTEST {
        return Err(Failure::usage(format!("at least {SHORTEST} characters of a call's id are needed")));
    }
    let kept = outbox::of_call(&config.state_dir, &args.call).map_err(failure)?;
    let calls: BTreeSet<&str> = kept.iter().filter_map(|(letter, _)| call(letter)).collect();
    match calls.into_iter().collect::<Vec<_>>().as_slice() {
        [] => Err(Failure::data(anyhow!(
            "the outbox has nothing of such a call: no rule led to a sink, it was forgotten after {} days, or its id is \
             another",
            config.retention.as_secs() / 86_400
        ))),
        [_] => {
            let text = if args.json { as_json(&kept, config) } else { as_text(&kept, config) };
            out.write_all(text.as_bytes()).map_err(|error| Failure::new(74, error))
        }
        several => {
            let first = several.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            Err(Failure::data(anyhow!("{} calls begin so: {}", several.len(), printable(&first))))
        }
    }
}

fn call(letter: &Letter) -> Option<&str> {
    match &letter.subject {
        Some(Subject::Call(call)) => Some(call.as_str()),
        Some(Subject::Other(_)) | None => None,
    }
}

fn card(letter: &Letter) -> Option<&CallCard> {
    match &letter.card {
        Some(Card::Call(card)) => Some(card),
        _ => None,
    }
}

/// When a card was routed; of one that an earlier version kept, when it was admitted.
fn decided(letter: &Letter) -> Option<Timestamp> {
    card(letter).and_then(|card| card.routed.as_ref()).map(|routed| routed.at).or(letter.admitted)
}

fn as_text(kept: &[Kept], config: &Config) -> String {
    let mut lines = Vec::new();
    if let Some(first) = kept.iter().find_map(|(letter, _)| card(letter)) {
        let call = &first.telling.call;
        let number = call.caller.number.shown(call.region, Mask::Last2).unwrap_or_else(|| "a hidden number".to_owned());
        lines.push(format!(
            "call {}, {} {}, began {:.0}",
            call.id,
            call.bound.as_str(),
            printable(&number),
            call.started
        ));
    }
    let mut shown: Option<(Option<MomentKind>, Option<Timestamp>)> = None;
    for (letter, attempts) in kept {
        let now = (letter.moment, decided(letter));
        if shown != Some(now) {
            shown = Some(now);
            lines.extend(decision(letter, config));
        }
        lines.push(delivery(letter));
        lines.extend(attempts.iter().enumerate().map(|(n, attempt)| format!("    {}", attempt_line(n, attempt))));
        lines.extend(changed(letter, &config.routes).map(|text| format!("    {text}")));
    }
    lines.push(format!("rules and hours are those of {} as it is now", config.path.display()));
    lines.join("\n") + "\n"
}

/// What the config makes of a moment, as of the time when it was decided.
fn decision(letter: &Letter, config: &Config) -> Vec<String> {
    let moment = letter.moment.map_or("unknown", MomentKind::as_str);
    let (Some(card), Some(at)) = (card(letter), decided(letter)) else {
        return vec![format!("{moment}: its card cannot be read")];
    };
    let mut lines = vec![format!("{moment}, decided at {at}")];
    lines.extend(hours(&config.routes, at).map(|line| format!("  {line}")));
    let explained = config.routes.explain(&Asked { telling: &card.telling, found: &card.found, at });
    lines.extend(rules(&explained).map(|line| format!("  {line}")));
    lines
}

fn delivery(letter: &Letter) -> String {
    let state = letter.state.map_or("unknown", State::as_str);
    let why = letter.why.as_deref().map(|why| format!(" ({})", printable(why))).unwrap_or_default();
    let routed = card(letter).and_then(|card| card.routed.as_ref());
    let because = routed.map_or_else(|| "not recorded".to_owned(), |routed| by(routed.by));
    let manner = card(letter).map(|card| manner(&card.manner)).unwrap_or_default();
    let when = |at: Option<Timestamp>| at.map_or_else(|| "?".to_owned(), |at| format!("{at:.3}"));
    let settled = letter.settled.map(|at| format!(", settled {}", when(Some(at)))).unwrap_or_default();
    let (id, sink, admitted) = (letter.id.0, printable(&letter.sink), when(letter.admitted));
    format!("  → {sink}{manner}, why: {because}; delivery {id} {state}{why}, admitted {admitted}{settled}")
}

/// What the config of now would do otherwise. Where a ring went is not the rules' to say.
fn changed(letter: &Letter, routes: &Routes) -> Option<String> {
    let card = card(letter)?;
    let routed = card.routed.as_ref().filter(|routed| routed.by != RoutedBy::Earlier)?;
    let asked = Asked { telling: &card.telling, found: &card.found, at: routed.at };
    let now = routes.decide(&asked).into_iter().find(|it| it.sink.as_str() == letter.sink);
    match now {
        Some(now) if now.by == routed.by => None,
        Some(now) => Some(format!("the config has changed since: now it would go there by {}", by(now.by))),
        None => Some("the config has changed since: now it would not go there".to_owned()),
    }
}

fn as_json(kept: &[Kept], config: &Config) -> String {
    let one = |(letter, attempts): &Kept| {
        let asked = card(letter).zip(decided(letter));
        let asked = asked.map(|(card, at)| Asked { telling: &card.telling, found: &card.found, at });
        json!({
            "id": letter.id, "call": call(letter), "moment": letter.moment, "sink": letter.sink,
            "state": letter.state, "why": letter.why, "admitted": letter.admitted, "settled": letter.settled,
            "routed": card(letter).and_then(|card| card.routed.clone()),
            "manner": card(letter).map(|card| card.manner.clone()),
            "hours": decided(letter).map(|at| config.routes.schedules().at(at)),
            "rules": asked.map(|asked| config.routes.explain(&asked)),
            "changed": changed(letter, &config.routes).is_some(),
            "tried": attempts,
        })
    };
    let kept: Vec<Value> = kept.iter().map(one).collect();
    format!("{:#}\n", json!({ "config": config.path, "deliveries": kept }))
}
