//! Recorded calls, frame by frame (`tests/calls/real/*.jsonl`), against reviewed results (`expected/*.txt` beside). A result
//! has each call update with its time, the sinks that post it, and its card as text for Slack and Teams. The envelope time
//! of a frame is its arrival time. `POPRELAY_REVIEW=1` rewrites the expected files; review every change.

mod played;

use played::{Played, Recording, corpus, update_words};
use poprelay::{
    cards::{self, RenderOptions},
    daemon::settings::Settings,
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallCard, CallerInfo, Card, CardOptions},
        delivery::{EnqueueMode, SinkKind},
        time::{Timestamp, after},
    },
};
use serde_json::Value;
use std::{collections::BTreeSet, env, fmt::Write as _, fs, time::Duration};

/// Renders a call update for each chat.
fn drawn(update: &CallUpdate, now: Timestamp) -> String {
    let style =
        RenderOptions { time_zone: jiff::tz::TimeZone::get("America/New_York").unwrap(), ..RenderOptions::default() };
    let card = Card::Call(Box::new(CallCard::new(update.clone(), CallerInfo::default())));
    let mut out = String::new();
    for row in cards::lines(&card, &style, now) {
        writeln!(out, "    {row}").unwrap();
    }
    for (name, kind) in [("slack", SinkKind::Slack), ("teams", SinkKind::Teams)] {
        let body: Value = serde_json::from_str(&cards::render(kind, &[&card], &style, now, false).body).unwrap();
        let mut marks = Vec::new();
        outline(&body, "", &mut marks);
        writeln!(out, "      {name}: {}", marks.join(" | ")).unwrap();
    }
    out
}

/// Collects the texts of a payload in order, each with its block or element, and colours and styles.
fn outline(value: &Value, within: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let kind = map.get("type").and_then(Value::as_str).unwrap_or(within);
            for (key, inner) in map {
                match inner {
                    Value::String(text) if ["text", "title", "value", "label"].contains(&key.as_str()) => {
                        out.push(format!("{kind} {}", text.replace('\n', " / ")));
                    }
                    Value::String(text) if ["color", "style"].contains(&key.as_str()) => out.push(format!("({text})")),
                    _ => outline(inner, kind, out),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| outline(inner, within, out)),
        _ => {}
    }
}

/// Returns how sinks use a call update: those that only post, and those with live messages.
fn usage(book: &Settings, update: &CallUpdate, posted: &mut BTreeSet<(String, StatusKind)>) -> &'static str {
    if !book.reports_call(&update.call) {
        return "only if chosen";
    }
    let key = (update.call.id.as_str().to_owned(), update.status.kind());
    let modes = book.enqueue_modes(&"desk".try_into().unwrap(), &CardOptions::default(), update);
    match modes.contains(&EnqueueMode::Insert) {
        _ if modes.is_empty() => "before the ring is due",
        true if posted.insert(key) => "posted",
        _ => "changes a card",
    }
}

fn expected(played: &Played) -> String {
    let (book, mut posted, mut out) = (Settings::default(), BTreeSet::new(), String::new());
    for (at, said) in &played.said {
        let time = format!("{}.{:03} s", at.as_secs(), at.subsec_millis());
        match said {
            Ok(update) => {
                let usage = usage(&book, update, &mut posted);
                writeln!(out, "{time}  {}  [{usage}]", update_words(update)).unwrap();
                out.push_str(&drawn(update, after(played.start, *at)));
            }
            Err(asked) => writeln!(out, "{time}  {asked}").unwrap(),
        }
    }
    out
}

#[test]
fn recorded_calls_match_reviewed_results() {
    let mut different = Vec::new();
    let review = env::var_os("POPRELAY_REVIEW").is_some();
    let corpus = corpus();
    assert!(corpus.len() >= 16, "recordings are missing: {}", corpus.len());
    for Recording { path, start, frames } in corpus {
        let is = expected(&played::play(start, frames, Duration::from_secs(6 * 3600)));
        let name = path.file_stem().unwrap().to_str().unwrap();
        let file = path.with_file_name("expected").join(format!("{name}.txt"));
        if review {
            fs::write(&file, is).unwrap();
        } else if fs::read_to_string(&file).ok().as_deref() != Some(&is) {
            different.push(format!("{name}:\n{is}"));
        }
    }
    assert!(different.is_empty(), "not as reviewed (POPRELAY_REVIEW=1 rewrites them):\n{}", different.join("\n"));
}
