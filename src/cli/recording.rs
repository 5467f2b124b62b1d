//! Reads a recording (GoTo frames in a file) and replays it to the tracker with the recording's clock. Returns the call
//! updates. Sends nothing and does not query GoTo.

use super::CliError;
use crate::{
    calls::{self, Effect, Limits, Tracker},
    config::Config,
    goto::wire::{self, Frame, Reader},
    model::{
        call::CallUpdate,
        time::{Now, Timestamp, after, elapsed},
    },
};
use serde_json::value::RawValue;
use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
    time::{Duration, Instant},
};

/// Maximum size of a recording in bytes: about 8,000 frames of a busy queue.
const MAX_RECORDING_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum tracker deadlines processed between two frames. A call has a handful; the limit bounds gaps of years.
const MAX_TICKS: usize = 10_000;

/// Returns the call updates of a file: each status of a call once, a ring once for each stage and transfer. Filters by the
/// directions of the config's first connection.
///
/// # Errors
/// 65 for an invalid recording, 78 for a config without a connection.
pub fn updates(path: &Path, config: &Config) -> Result<Vec<CallUpdate>, CliError> {
    let Some(connection) = config.connections.first() else {
        return Err(CliError::config(anyhow::anyhow!("the config has no connection")));
    };
    let reader = Reader { connection: connection.name.clone(), region: connection.region };
    let text = read(path).map_err(|why| invalid_file(path, &why))?;
    let frames = frames(&text, &reader).map_err(|why| invalid_file(path, &why))?;
    let mut updates = replay_frames(frames, Now::current());
    updates.retain(|update| connection.directions.allows(update.call.direction));
    Ok(updates)
}

/// Creates an error for an invalid file: 65.
pub fn invalid_file(path: &Path, why: &str) -> CliError {
    CliError::data(anyhow::anyhow!("{}: {why}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let unreadable = |error: io::Error| format!("cannot read the recording: {error}");
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_RECORDING_BYTES.saturating_add(1)).read_to_string(&mut text).map_err(unreadable)?;
    let fits = u64::try_from(text.len()).is_ok_and(|size| size <= MAX_RECORDING_BYTES);
    if fits { Ok(text) } else { Err(format!("larger than {} MiB", MAX_RECORDING_BYTES / 1024 / 1024)) }
}

/// Parses the frames of a recording; line breaks between frames are optional.
fn frames(text: &str, reader: &Reader) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let number = frames.len() + 1;
        // The parser's message may quote the file.
        let value = value.map_err(|error| {
            format!("frame {number} is not JSON at line {} column {}", error.line(), error.column())
        })?;
        frames.push(wire::frame(value.get(), reader).map_err(|why| format!("frame {number}: {why}"))?);
    }
    Ok(frames)
}

/// Replays frames and returns the call updates, each status of a call once.
fn replay_frames(frames: Vec<Frame>, now: Now) -> Vec<CallUpdate> {
    let mut player =
        RecordingPlayer { tracker: Tracker::new(Limits::default()), at: now, started: false, updates: Vec::new() };
    for frame in frames {
        match frame {
            Frame::Call(event) => {
                player.advance(event.state.at.or(event.created_at));
                let effects = player.tracker.handle_snapshot(event, player.at);
                player.record(effects);
            }
            Frame::Report(report) if player.tracker.covers(&report) => {
                player.advance(report.ended_at);
                let effects = player.tracker.handle_report(&report, player.at);
                player.record(effects);
            }
            Frame::Report(report) => {
                player.advance(report.ended_at);
                let update = calls::update_from_report(&report, player.at.timestamp).map(Effect::Emit);
                player.record(update.into_iter().collect());
            }
            Frame::ReportReady(_) | Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign => {}
        }
    }
    player.let_graces_pass();
    let pending = player.tracker.flush(player.at);
    player.record(pending);
    player.updates
}

/// A tracker driven by the recording's clock.
struct RecordingPlayer {
    tracker: Tracker,
    at: Now,
    started: bool,
    updates: Vec<CallUpdate>,
}

impl RecordingPlayer {
    /// Advances the clock to `to` and processes due deadlines. Never moves back: frames may be out of order.
    fn advance(&mut self, to: Option<Timestamp>) {
        let Some(to) = to else { return };
        if !std::mem::replace(&mut self.started, true) {
            self.at.timestamp = to;
        }
        let target = self.at.instant.checked_add(elapsed(self.at.timestamp, to)).unwrap_or(self.at.instant);
        for _ in 0..MAX_TICKS {
            let Some(due) = self.tracker.next_deadline().filter(|due| *due <= target) else { break };
            self.set_time(due);
            let effects = self.tracker.tick(self.at);
            self.record(effects);
        }
        self.set_time(target);
    }

    /// Lets the time pass for which an end is held while a snapshot is missing: no report comes after the last frame.
    fn let_graces_pass(&mut self) {
        let limits = Limits::default();
        let graces = limits.end_grace.saturating_add(limits.outcome_grace).saturating_add(Duration::from_secs(1));
        self.advance(Some(after(self.at.timestamp, graces)));
    }

    fn set_time(&mut self, until: Instant) {
        let elapsed_time = until.saturating_duration_since(self.at.instant);
        self.at = Now { instant: self.at.instant.max(until), timestamp: after(self.at.timestamp, elapsed_time) };
    }

    fn record(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Emit(update) = effect else { continue };
            let key = |update: &CallUpdate| {
                let (call, course) = (&update.call, &update.call.course);
                let handed_on = course.handed_on.as_ref().map(|it| it.at);
                (call.id.clone(), update.status.kind(), course.stage, handed_on, call.transfers.len(), call.revision)
            };
            if !self.updates.iter().any(|seen| key(seen) == key(&update)) {
                self.updates.push(update);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{call::StatusKind, phone::Region};

    const RECORDINGS: [&str; 3] = [
        include_str!("../../tests/calls/real/direct-answered.jsonl"),
        include_str!("../../tests/calls/real/queue-abandon.jsonl"),
        include_str!("../../tests/calls/real/direct-voicemail.jsonl"),
    ];

    fn ends(text: &str, lost: Option<usize>) -> Vec<StatusKind> {
        let reader = Reader { connection: "main".try_into().unwrap(), region: Region::US };
        let mut frames = frames(text, &reader).unwrap();
        lost.map(|lost| frames.remove(lost));
        let updates = replay_frames(frames, Now::current());
        updates.iter().map(|update| update.status.kind()).filter(|kind| kind.is_final()).collect()
    }

    #[test]
    fn recording_without_one_frame_has_an_end_nevertheless() {
        for text in RECORDINGS {
            let whole = ends(text, None);
            assert_eq!(whole.len(), 1);
            for lost in 1..text.lines().count() {
                assert_eq!(ends(text, Some(lost)).len(), 1, "without frame {lost}");
            }
        }
    }
}
