//! `poprelay card`: what a sink would be sent of a recorded call. The rooms are the daemon's, from the wire to the drawing;
//! the clock is the recording's. Nothing is sent, nothing is kept, and GoTo is asked nothing.

use super::{Failure, Outcome};
use crate::{
    calls::{self, Effect, Limits, Tracker},
    cards,
    daemon::{
        config::{Config, SinkConfig},
        network, opening,
    },
    goto::wire::{self, Frame, Reader},
    model::{
        call::{MomentKind, Telling},
        card::{CallCard, Card},
        phone::Region,
        time::{Now, Timestamp, after, elapsed},
    },
    route::{self, Asked},
};
use clap::Args;
use serde_json::value::RawValue;
use std::{
    fs::File,
    io::{Read as _, Write},
    path::{Path, PathBuf},
    time::Instant,
};

/// Largest recording: some 8,000 frames of a busy queue.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Deadlines of the tracker that are met between two frames; a call has a handful, a recording years apart has no more.
const TICKS: usize = 10_000;
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
    let connection = config.connections.first();
    let Some(name) = connection.map(|connection| connection.name.clone()) else {
        return Err(Failure::config(anyhow::anyhow!("the config has no connection")));
    };
    let reader = Reader { connection: name, region: connection.map_or(Region::US, |it| it.region) };
    let text = read(&args.event).map_err(|why| bad(&args.event, &why))?;
    let frames = frames(&text, &reader).map_err(|why| bad(&args.event, &why))?;
    let told = tell(frames, Now::read());
    let shown = chosen(&told, args.moment, sink).map_err(|why| bad(&args.event, &why))?;
    let network = network::open().map_err(Failure::unavailable)?;
    let enricher = opening::enricher(config, &network).map_err(Failure::config)?;
    for telling in shown {
        let at = telling.at;
        let found = enricher.find(&telling.call, Now { tick: Instant::now(), clock: at }).await;
        let decided = config.routes.decide(&Asked { telling, found: &found, at });
        let led = decided.into_iter().find(|routed| routed.sink == sink.name);
        let routed = led.is_some();
        let manner = led.map(|led| led.manner).unwrap_or_default();
        let card = Card::Call(Box::new(CallCard { manner, ..CallCard::new(telling.clone(), found) }));
        let style = cards::Style { mask: sink.mask, ..config.style.clone() };
        let body = cards::draw(sink.kind, &[&card], &style, at, false).body;
        let text = match args.json {
            true => format!("{body}\n"),
            false => for_people(telling, sink, routed, &cards::lines(&card, &style, at), &body),
        };
        out.write_all(text.as_bytes()).map_err(|error| Failure::new(74, error))?;
    }
    Ok(())
}

fn bad(path: &Path, why: &str) -> Failure {
    Failure::data(anyhow::anyhow!("{}: {why}", path.display()))
}

fn for_people(telling: &Telling, sink: &SinkConfig, routed: bool, lines: &[String], body: &str) -> String {
    let route = if routed { "" } else { ", but no route leads this call there" };
    let pretty = serde_json::from_str::<serde_json::Value>(body).map_or(body.to_owned(), |body| format!("{body:#}"));
    format!("{}, to {}{route}\n\n  {}\n\n{pretty}\n\n", telling.moment.kind().as_str(), sink.name, lines.join("\n  "))
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST.saturating_add(1)).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let fits = u64::try_from(text.len()).is_ok_and(|size| size <= LARGEST);
    if fits { Ok(text) } else { Err(format!("larger than {} MiB", LARGEST / 1024 / 1024)) }
}

/// The frames of a recording, which need not stand on a line each.
fn frames(text: &str, reader: &Reader) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let place = frames.len() + 1;
        // The parser's own words may quote the file.
        let value = value
            .map_err(|error| format!("frame {place} is not JSON at line {} column {}", error.line(), error.column()))?;
        frames.push(wire::frame(value.get(), reader).map_err(|why| format!("frame {place}: {why}"))?);
    }
    Ok(frames)
}

/// What the team would have been told, each moment of a call once, as each is admitted once.
fn tell(frames: Vec<Frame>, now: Now) -> Vec<Telling> {
    let mut replay = Replay { tracker: Tracker::new(Limits::default()), at: now, begun: false, told: Vec::new() };
    for frame in frames {
        match frame {
            Frame::Call(event) => {
                replay.forward(event.state.at.or(event.created));
                let effects = replay.tracker.hear(event, replay.at);
                replay.take(effects);
            }
            Frame::Report(report) if replay.tracker.knows(&report.call) => {
                replay.forward(report.ended);
                let effects = replay.tracker.report(report, replay.at);
                replay.take(effects);
            }
            Frame::Report(report) => {
                replay.forward(report.ended);
                let told = calls::reported(&report, replay.at.clock).map(Effect::Tell);
                replay.take(told.into_iter().collect());
            }
            Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign => {}
        }
    }
    let held_back = replay.tracker.flush(replay.at);
    replay.take(held_back);
    replay.told
}

/// A tracker whose clock stands where the recording does.
struct Replay {
    tracker: Tracker,
    at: Now,
    begun: bool,
    told: Vec<Telling>,
}

impl Replay {
    /// Lets the time until `to` pass, with all that falls due on the way. Never back: frames overtake each other.
    fn forward(&mut self, to: Option<Timestamp>) {
        let Some(to) = to else { return };
        if !std::mem::replace(&mut self.begun, true) {
            self.at.clock = to;
        }
        let target = self.at.tick.checked_add(elapsed(self.at.clock, to)).unwrap_or(self.at.tick);
        for _ in 0..TICKS {
            let Some(due) = self.tracker.next_deadline().filter(|due| *due <= target) else { break };
            self.pass(due);
            let effects = self.tracker.tick(self.at);
            self.take(effects);
        }
        self.pass(target);
    }

    fn pass(&mut self, until: Instant) {
        let passed = until.saturating_duration_since(self.at.tick);
        self.at = Now { tick: self.at.tick.max(until), clock: after(self.at.clock, passed) };
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Tell(telling) = effect else { continue };
            let is_same =
                |told: &Telling| told.call.id == telling.call.id && told.moment.kind() == telling.moment.kind();
            if !self.told.iter().any(is_same) {
                self.told.push(telling);
            }
        }
    }
}

/// The moments to show: those that the sink is told of, or the one that was asked for.
fn chosen<'a>(told: &'a [Telling], only: Option<MomentKind>, sink: &SinkConfig) -> Result<Vec<&'a Telling>, String> {
    let is_shown =
        |kind| only.map_or_else(|| sink.kind.edits() || route::tells(kind, &sink.outcomes), |only| only == kind);
    let shown: Vec<&Telling> = told.iter().filter(|telling| is_shown(telling.moment.kind())).collect();
    if !shown.is_empty() {
        return Ok(shown);
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
