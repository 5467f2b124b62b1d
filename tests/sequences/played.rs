//! Plays a recorded call into a tracker with a test clock.

use poprelay::{
    calls::{Effect, Limits, Tracker},
    goto::wire::{Frame, Reader, frame},
    model::{
        call::{CallDirection, CallStatus, CallUpdate},
        phone::Region,
        time::{Now, Timestamp, after},
    },
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Result of a played recording.
pub struct Played {
    /// Arrival of the first frame.
    pub start: Timestamp,
    /// Call updates, or fetch requests as text, with the time since `start`.
    pub said: Vec<(Duration, Result<CallUpdate, String>)>,
}

/// A recorded call.
pub struct Recording {
    /// File of the recording.
    pub path: PathBuf,
    /// Arrival of the first frame.
    pub start: Timestamp,
    /// Frames with their arrival since `start`.
    pub frames: Vec<(Duration, Frame)>,
}

/// Returns all recordings.
pub fn corpus() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls/real");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    paths.into_iter().map(recording).collect()
}

fn recording(path: PathBuf) -> Recording {
    let text = fs::read_to_string(&path).unwrap();
    let reader = Reader { connection: "main".try_into().unwrap(), region: Region::US };
    let arrival = |line: &str| -> Timestamp {
        let value: Value = serde_json::from_str(line).unwrap();
        // A control frame has no time in `data`.
        let times = ["/data/timestamp", "/timestamp"];
        times.into_iter().find_map(|at| value.pointer(at).and_then(Value::as_str)).unwrap().parse().unwrap()
    };
    let start = text.lines().map(arrival).min().unwrap();
    let since = |line: &str| poprelay::model::time::elapsed(start, arrival(line));
    let frames = text.lines().map(|line| (since(line), frame(line, &reader).unwrap())).collect();
    Recording { path, start, frames }
}

/// Plays frames in order of arrival since `start`, then advances the clock by `rest`.
pub fn play(start: Timestamp, frames: Vec<(Duration, Frame)>, rest: Duration) -> Played {
    let origin = Instant::now();
    let now = |since: Duration| Now { instant: origin + since, timestamp: after(start, since) };
    let mut tracker = Tracker::new(Limits::default());
    let mut said = Vec::new();
    let last = frames.iter().map(|(at, _)| *at).max().unwrap_or_default();
    // A frame that arrives at a deadline is handled before the deadline, as in the relay.
    let run_to = |tracker: &mut Tracker, to: Duration, said: &mut Vec<(Duration, Result<CallUpdate, String>)>| {
        while let Some(due) = tracker.next_deadline().map(|due| due - origin).filter(|due| *due < to) {
            said.extend(tracker.tick(now(due)).into_iter().map(|effect| (due, words(effect))));
        }
    };
    for (at, frame) in frames {
        run_to(&mut tracker, at, &mut said);
        let effects = match frame {
            Frame::Call(event) => tracker.handle_snapshot(event, now(at)),
            Frame::Report(report) => tracker.handle_report(&report, now(at)),
            // Frames of other subscriptions belong to no call.
            Frame::ReportReady(id) => tracker.report_ready(&id, now(at)),
            Frame::Foreign | Frame::RefreshRequired | Frame::ToBeClosed => Vec::new(),
        };
        said.extend(effects.into_iter().map(|effect| (at, words(effect))));
    }
    run_to(&mut tracker, last + rest, &mut said);
    Played { start, said }
}

fn words(effect: Effect) -> Result<CallUpdate, String> {
    match effect {
        Effect::Emit(update) => Ok(update),
        Effect::FetchStates(missing) => Err(format!("asks for {missing:?}")),
        Effect::FetchReport { call, .. } => Err(format!("asks for the report of {call}")),
    }
}

/// Formats a call update as one line: the input of the stages after the tracker.
pub fn update_words(update: &CallUpdate) -> String {
    let call = &update.call;
    let mut words = vec![update.status.kind().as_str().to_owned(), format!("call {}", call.id)];
    if call.direction != CallDirection::Inbound {
        words.push(call.direction.as_str().to_owned());
    }
    if let CallStatus::Missed { reason: why, .. } = &update.status {
        words.push(format!("{why:?}"));
    }
    words.extend(call.first_seen_late.then(|| "late".to_owned()));
    words.extend(call.end_unknown.then(|| "lost".to_owned()));
    if update.status == CallStatus::Ringing {
        words.push(format!("{:?}", call.course.stage).to_lowercase());
    }
    words.extend(call.revision.map(|revised| format!("{revised:?}").to_lowercase()));
    words.join(" ")
}
