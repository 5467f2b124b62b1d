//! Whole calls, frame by frame (`tests/calls/*.jsonl`, an envelope's time being when it arrives), against what the team is
//! told of them (`tests/calls/expected/*.txt`): each telling with its time, to whom it is worth a message, and its card as
//! text, for Slack and for Teams. `POPRELAY_REVIEW=1` writes the expected files anew: read every change with your own eyes.

mod played;
mod shuffled;

use played::{Played, Recording, corpus, telling_words};
use poprelay::{
    cards::{self, Style},
    daemon::book::Book,
    model::{
        call::{MomentKind, Telling},
        card::{CallCard, Card, Findings},
        delivery::SinkKind,
        time::{Timestamp, after},
    },
};
use serde_json::Value;
use std::{collections::BTreeSet, env, fmt::Write as _, fs, time::Duration};

/// A telling as the chats would show it.
fn drawn(telling: &Telling, now: Timestamp) -> String {
    let style = Style { time_zone: jiff::tz::TimeZone::get("America/New_York").unwrap(), ..Style::default() };
    let card = Card::Call(Box::new(CallCard::new(telling.clone(), Findings::default())));
    let mut out = String::new();
    for row in cards::lines(&card, &style, now) {
        writeln!(out, "    {row}").unwrap();
    }
    for (name, kind) in [("slack", SinkKind::Slack), ("teams", SinkKind::Teams)] {
        let body: Value = serde_json::from_str(&cards::draw(kind, &[&card], &style, now, false).body).unwrap();
        let mut marks = Vec::new();
        outline(&body, "", &mut marks);
        writeln!(out, "      {name}: {}", marks.join(" | ")).unwrap();
    }
    out
}

/// The texts of a payload in their order, each with the block or element it stands in and its colour or weight.
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

/// What a telling is worth to the two kinds of sinks: one that can only post, and one whose card can change.
fn worth(book: &Book, telling: &Telling, posted: &mut BTreeSet<(String, MomentKind)>) -> &'static str {
    if !book.tells(&telling.call) {
        return "only if chosen";
    }
    let key = (telling.call.id.as_str().to_owned(), telling.moment.kind());
    match book.is_told(&"desk".try_into().unwrap(), telling) {
        true if posted.insert(key) => "posted",
        _ => "changes a card",
    }
}

fn expected(played: &Played) -> String {
    let (book, mut posted, mut out) = (Book::default(), BTreeSet::new(), String::new());
    for (at, said) in &played.said {
        let time = format!("{}.{:03} s", at.as_secs(), at.subsec_millis());
        match said {
            Ok(telling) => {
                let worth = worth(&book, telling, &mut posted);
                writeln!(out, "{time}  {}  [{worth}]", telling_words(telling)).unwrap();
                out.push_str(&drawn(telling, after(played.start, *at)));
            }
            Err(asked) => writeln!(out, "{time}  {asked}").unwrap(),
        }
    }
    out
}

#[test]
fn every_call_of_the_corpus_is_told_as_it_was_reviewed() {
    let mut odd = Vec::new();
    let review = env::var_os("POPRELAY_REVIEW").is_some();
    let corpus = corpus();
    assert!(corpus.len() >= 23, "the corpus is there: {}", corpus.len());
    for Recording { path, start, frames } in corpus {
        let is = expected(&played::play(start, frames, Duration::from_secs(6 * 3600)));
        let name = path.file_stem().unwrap().to_str().unwrap();
        let file = path.with_file_name("expected").join(format!("{name}.txt"));
        if review {
            fs::write(&file, is).unwrap();
        } else if fs::read_to_string(&file).ok().as_deref() != Some(&is) {
            odd.push(format!("{name}:\n{is}"));
        }
    }
    assert!(odd.is_empty(), "not as reviewed (POPRELAY_REVIEW=1 writes them anew):\n{}", odd.join("\n"));
}
