//! `poprelay card`: what a sink would be sent of a recorded call. The rooms are the daemon's, from the wire to the drawing;
//! the clock is the recording's. Nothing is sent, nothing is kept, and GoTo is asked nothing.

mod page;

use super::{
    Failure, Outcome, recording,
    trial::{is_told, trials},
};
use crate::{
    cards,
    daemon::config::{Config, SinkConfig},
    model::{
        call::{MomentKind, Telling},
        card::{CallCard, Card},
    },
};
use clap::Args;
use std::{io::Write, path::PathBuf};

const MOMENTS: [MomentKind; 5] =
    [MomentKind::Ringing, MomentKind::Answered, MomentKind::Missed, MomentKind::Voicemail, MomentKind::Ended];

/// `poprelay card`
#[derive(Debug, Args)]
pub struct CardArgs {
    /// Frames as GoTo pushes them: JSON, one after the other, in `data` or bare
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// The sink whose cards they would be
    #[arg(long, value_name = "NAME")]
    pub sink: String,
    /// This moment alone, whether the sink is told of it or not: ringing, answered, missed, voicemail, ended
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub moment: Option<MomentKind>,
    /// The payloads alone, one a line, as they would be posted
    #[arg(long)]
    pub json: bool,
    /// One HTML page that shows the cards as the chat would; it loads nothing, and its links lead nowhere
    #[arg(long, conflicts_with = "json")]
    pub page: bool,
}

fn moment(word: &str) -> Result<MomentKind, String> {
    let known = || MOMENTS.map(MomentKind::as_str).join(", ");
    MOMENTS.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| format!("there are {}", known()))
}

/// Writes the cards of a recording to `out`, as the config would have them drawn for one sink.
///
/// # Errors
/// 64 for a sink that there is not, 65 for a file that is no recording or of which nothing is told, 78 for sources of
/// enrichment that are wrong, 74 if `out` is gone.
pub async fn card(args: &CardArgs, config: &Config, out: &mut impl Write) -> Outcome {
    let Some(sink) = config.sinks.iter().find(|sink| sink.name.as_str() == args.sink) else {
        let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
        return Err(Failure::usage(format!("no sink has this name; there are {}", names.join(", "))));
    };
    let told = recording::tellings(&args.event, config)?;
    chosen(&told, args.moment, sink).map_err(|why| recording::bad(&args.event, &why))?;
    let mut shown = Vec::new();
    for trial in trials(config, &told, None).await? {
        let (telling, at) = (trial.telling, trial.at);
        if !is_shown(telling, args.moment, sink) {
            continue;
        }
        let led = trial.routed.into_iter().find(|routed| routed.sink == sink.name);
        let routed = led.is_some();
        let manner = led.map(|led| led.manner).unwrap_or_default();
        let card = Card::Call(Box::new(CallCard { manner, ..CallCard::new(telling.clone(), trial.found) }));
        let style = cards::Style { mask: sink.mask, ..config.style.clone() };
        let body = cards::draw(sink.kind, &[&card], &style, at, false).body;
        if args.page {
            shown.push((telling.moment.kind(), at, body));
            continue;
        }
        let text = match args.json {
            true => format!("{body}\n"),
            false => for_people(telling, sink, routed, &cards::lines(&card, &style, at), &body),
        };
        out.write_all(text.as_bytes()).map_err(|error| Failure::new(74, error))?;
    }
    if args.page {
        let text = page::page(&sink.name, sink.kind, &shown);
        out.write_all(text.as_bytes()).map_err(|error| Failure::new(74, error))?;
    }
    Ok(())
}

fn for_people(telling: &Telling, sink: &SinkConfig, routed: bool, lines: &[String], body: &str) -> String {
    let route = if routed { "" } else { ", but no route leads this call there" };
    let pretty = serde_json::from_str::<serde_json::Value>(body).map_or(body.to_owned(), |body| format!("{body:#}"));
    format!("{}, to {}{route}\n\n  {}\n\n{pretty}\n\n", telling.moment.kind().as_str(), sink.name, lines.join("\n  "))
}

fn is_shown(telling: &Telling, only: Option<MomentKind>, sink: &SinkConfig) -> bool {
    only.map_or_else(|| is_told(sink, telling), |only| only == telling.moment.kind())
}

/// Refuses a recording of which the sink would be told nothing, or nothing of the moment that was asked for.
fn chosen(told: &[Telling], only: Option<MomentKind>, sink: &SinkConfig) -> Result<(), String> {
    if told.iter().any(|telling| is_shown(telling, only, sink)) {
        return Ok(());
    }
    let has: Vec<&str> = MOMENTS
        .into_iter()
        .filter(|kind| told.iter().any(|telling| telling.moment.kind() == *kind))
        .map(MomentKind::as_str)
        .collect();
    Err(match has.is_empty() {
        true => "nothing in it is told: no call from outside".to_owned(),
        false => format!("nothing to show for {}: the recording has {}", sink.name, has.join(", ")),
    })
}
