//! A delivery as an operator reads it: lines for a person, JSON for a script. Numbers are masked unless asked for, and
//! callers' words never reach a terminal as control characters.

use crate::{
    model::{
        card::Card,
        delivery::Attempt,
        phone::Mask,
        time::{Timestamp, elapsed},
    },
    outbox::{Letter, State},
};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// How it is written.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Form {
    /// For scripts.
    #[arg(long)]
    pub(super) json: bool,
    /// Numbers in full; otherwise their last two digits.
    #[arg(long)]
    pub(super) show_numbers: bool,
}

fn mask(form: Form) -> Mask {
    if form.show_numbers { Mask::None } else { Mask::Last2 }
}

pub(super) fn state(letter: &Letter) -> &'static str {
    letter.state.map_or("unknown", State::as_str)
}

/// Who or what a card is about, in a few words.
fn about(letter: &Letter, form: Form) -> String {
    let text = match &letter.card {
        None => "(cannot be read)".to_owned(),
        Some(Card::Recap(recap)) => format!("recap of {} calls", recap.calls.len()),
        Some(Card::Shift(shift)) => format!("recap of a shift: {} calls", shift.calls),
        Some(Card::Notice(notice)) => notice.title.clone(),
        Some(Card::Call(card)) => {
            let call = &card.telling.call;
            let number = call.caller.number.shown(call.region, mask(form));
            let parts = [call.caller.name.as_deref().map(|name| free_text(name, form)), number];
            let known: Vec<String> = parts.into_iter().flatten().collect();
            if known.is_empty() { "withheld".to_owned() } else { known.join(" ") }
        }
    };
    printable(&text).chars().take(40).collect()
}

/// Without what could drive a terminal or turn its text around.
pub(in crate::cli) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect()
}

/// Unicode's signs that change the direction of what follows.
const fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Somebody's words, with numbers in them masked: seven digits are the shortest that reach a person.
fn free_text(text: &str, form: Form) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits >= 7 { mask(form).cover(text) } else { text.to_owned() }
}

pub(super) fn table(letters: &[Letter], form: Form, now: Timestamp) -> String {
    let mut rows = vec![["ID", "STATE", "SINK", "MOMENT", "ABOUT", "AGE", "TRIES", "NEXT / WHY"].map(str::to_owned)];
    rows.extend(letters.iter().map(|letter| {
        [
            letter.id.0.to_string(),
            state(letter).to_owned(),
            printable(&letter.sink),
            letter.moment.map_or("unknown", |moment| moment.as_str()).to_owned(),
            about(letter, form),
            letter.admitted.map_or_else(String::new, |at| span(elapsed(at, now))),
            letter.attempts.to_string(),
            next(letter, now),
        ]
    }));
    let widths: [usize; 8] = std::array::from_fn(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn next(letter: &Letter, now: Timestamp) -> String {
    match (letter.state, letter.due, &letter.why) {
        (Some(State::Waiting), Some(due), _) if due > now => format!("in {}", span(elapsed(now, due))),
        (Some(State::Waiting), ..) => "now".to_owned(),
        (_, _, Some(why)) => printable(why),
        (_, _, None) => String::new(),
    }
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

pub(super) fn page(letter: &Letter, attempts: &[Attempt], form: Form, now: Timestamp) -> String {
    let mut page = table(std::slice::from_ref(letter), form, now);
    for (n, attempt) in attempts.iter().enumerate() {
        page.push_str(&attempt_line(n, attempt));
        page.push('\n');
    }
    page.push_str(&pretty(&card_json(letter, form)));
    page
}

/// The attempt after `n` others, on one line.
pub(in crate::cli) fn attempt_line(n: usize, attempt: &Attempt) -> String {
    let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let (at, took) = (attempt.at.strftime("%Y-%m-%d %H:%M:%SZ"), attempt.took.as_millis());
    format!("attempt {}: {at}, {took} ms, {status}: {}", n + 1, printable(&attempt.answer))
}

pub(super) fn list_json(letters: &[Letter], form: Form) -> String {
    pretty(&Value::Array(letters.iter().map(|letter| as_json(letter, form)).collect()))
}

fn as_json(letter: &Letter, form: Form) -> Value {
    json!({
        "id": letter.id, "state": state(letter), "subject": letter.subject, "moment": letter.moment,
        "sink": letter.sink, "about": about(letter, form), "admitted": letter.admitted, "due": letter.due,
        "settled": letter.settled, "attempts": letter.attempts, "plain": letter.plain, "why": letter.why,
        "form": letter.form, "place": letter.place, "revision": letter.revision,
    })
}

pub(super) fn whole_json(letter: &Letter, attempts: &[Attempt], form: Form) -> String {
    let mut whole = as_json(letter, form);
    if let Value::Object(fields) = &mut whole {
        fields.insert("card".to_owned(), card_json(letter, form));
        fields.insert("tried".to_owned(), json!(attempts));
    }
    pretty(&whole)
}

fn card_json(letter: &Letter, form: Form) -> Value {
    let mut card = serde_json::to_value(&letter.card).unwrap_or_default();
    conceal(&mut card, form);
    card
}

/// Masks numbers in a card: where one stands by its type, and where people wrote one into their words. Ids and times have
/// as many digits and stay.
fn conceal(value: &mut Value, form: Form) {
    const NUMBERS: [&str; 3] = ["known", "short", "unreadable"];
    const WORDS: [&str; 7] = ["name", "notes", "value", "company", "link", "label", "title"];
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| conceal(item, form)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if NUMBERS.contains(&name.as_str()) => *text = mask(form).cover(text),
                    Value::String(text) if WORDS.contains(&name.as_str()) => *text = free_text(text, form),
                    other => conceal(other, form),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pretty(value: &Value) -> String {
    // Keys are texts and numbers finite: there is nothing that could not be written.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let escaped = text.chars().map(|c| if turns(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() });
    format!("{}\n", escaped.collect::<String>())
}
