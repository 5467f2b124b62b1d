//! A recording: frames as GoTo pushes them, in a file. Reads it and plays it to the tracker, whose clock stands where the
//! recording does, for the moments that the team would have been told. Nothing is sent, and GoTo is asked nothing.

use super::Failure;
use crate::{
    calls::{self, Effect, Limits, Tracker},
    daemon::config::Config,
    goto::wire::{self, Frame, Reader},
    model::{
        call::Telling,
        time::{Now, Timestamp, after, elapsed},
    },
};
use serde_json::value::RawValue;
use std::{fs::File, io::Read as _, path::Path, time::Instant};

/// Largest recording: some 8,000 frames of a busy queue.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Deadlines of the tracker that are met between two frames; a call has a handful, a recording years apart has no more.
const TICKS: usize = 10_000;

/// What the team would have been told of a file's calls, each moment of a call once. The calls are those of the config's
/// first login, in the directions that it tells.
///
/// # Errors
/// 65 for a file that is no recording, 78 for a config without a login.
pub fn tellings(path: &Path, config: &Config) -> Result<Vec<Telling>, Failure> {
    let Some(connection) = config.connections.first() else {
        return Err(Failure::config(anyhow::anyhow!("the config has no connection")));
    };
    let reader = Reader { connection: connection.name.clone(), region: connection.region };
    let text = read(path).map_err(|why| bad(path, &why))?;
    let frames = frames(&text, &reader).map_err(|why| bad(path, &why))?;
    let mut told = tell(frames, Now::read());
    told.retain(|telling| connection.directions.tell(telling.call.bound));
    Ok(told)
}

/// A file of which something cannot be done, and why: 65.
pub fn bad(path: &Path, why: &str) -> Failure {
    Failure::data(anyhow::anyhow!("{}: {why}", path.display()))
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
                let effects = replay.tracker.handle_snapshot(event, replay.at);
                replay.take(effects);
            }
            Frame::Report(report) if replay.tracker.knows(&report.call) => {
                replay.forward(report.ended);
                let effects = replay.tracker.handle_report(&report, replay.at);
                replay.take(effects);
            }
            Frame::Report(report) => {
                replay.forward(report.ended);
                let told = calls::update_from_report(&report, replay.at.clock).map(Effect::Emit);
                replay.take(told.into_iter().collect());
            }
            Frame::ReportReady(_) | Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign => {}
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
            let Effect::Emit(telling) = effect else { continue };
            let is_same =
                |told: &Telling| told.call.id == telling.call.id && told.moment.kind() == telling.moment.kind();
            if !self.told.iter().any(is_same) {
                self.told.push(telling);
            }
        }
    }
}
