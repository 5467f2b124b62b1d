//! Formats deliveries as text lines or JSON. Numbers are masked by default; control characters of foreign text never reach
//! the terminal.

use crate::{
    model::{
        card::Card,
        delivery::Attempt,
        phone::Mask,
        time::{Timestamp, elapsed},
    },
    outbox::{DeliveryState, StoredDelivery},
    runtime::text::{is_direction_mark, printable, printable_start},
};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// Output options.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputOptions {
    /// Print JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Show full phone numbers instead of the last two digits.
    #[arg(long)]
    pub(in crate::cli) show_numbers: bool,
}

pub(in crate::cli) fn mask(form: OutputOptions) -> Mask {
    if form.show_numbers { Mask::None } else { Mask::Last2 }
}

pub(super) fn state_name(letter: &StoredDelivery) -> &'static str {
    letter.state.map_or("unknown", DeliveryState::as_str)
}

/// Returns a short title of a card, up to 40 characters.
fn card_title(letter: &StoredDelivery, form: OutputOptions) -> String {
    let text = match &letter.card {
        None => "(not readable)".to_owned(),
        Some(Card::GapSummary(recap)) => format!("gap summary of {} calls", recap.calls.len()),
        Some(Card::Recap(recap)) => format!("recap of {} calls", recap.calls),
        Some(Card::Alert(notice)) => notice.title.clone(),
        Some(Card::Call(card)) => {
            let call = &card.update.call;
            let number = call.caller.number.format(call.region, mask(form));
            let parts = [call.caller.name.as_deref().map(|name| mask_free_text(name, form)), number];
            let known: Vec<String> = parts.into_iter().flatten().collect();
            if known.is_empty() { "withheld".to_owned() } else { known.join(" ") }
        }
    };
    printable_start(&text, 40)
}

/// Masks free text with seven or more digits, the shortest length of a phone number.
pub(in crate::cli) fn mask_free_text(text: &str, form: OutputOptions) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits >= 7 { mask(form).apply(text) } else { text.to_owned() }
}

pub(super) fn format_table(letters: &[StoredDelivery], form: OutputOptions, now: Timestamp) -> String {
    let mut rows = vec![["ID", "STATE", "SINK", "STATUS", "ABOUT", "AGE", "TRIES", "NEXT / REASON"].map(str::to_owned)];
    rows.extend(letters.iter().map(|letter| {
        [
            letter.id.0.to_string(),
            state_name(letter).to_owned(),
            printable(&letter.sink),
            letter.status.map_or("unknown", |status| status.as_str()).to_owned(),
            card_title(letter, form),
            letter.enqueued_at.map_or_else(String::new, |at| format_duration(elapsed(at, now))),
            letter.attempts.to_string(),
            next_or_reason(letter, now),
        ]
    }));
    align(&rows)
}

/// Writes rows as a table.
pub(in crate::cli) fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn next_or_reason(letter: &StoredDelivery, now: Timestamp) -> String {
    match (letter.state, letter.due, &letter.reason) {
        (Some(DeliveryState::Waiting), Some(due), _) if due > now => {
            format!("in {}", format_duration(elapsed(now, due)))
        }
        (Some(DeliveryState::Waiting), ..) => "now".to_owned(),
        (_, _, Some(why)) => printable(why),
        (_, _, None) => String::new(),
    }
}

pub(in crate::cli) fn format_duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

pub(super) fn format_delivery(
    letter: &StoredDelivery,
    attempts: &[Attempt],
    form: OutputOptions,
    now: Timestamp,
) -> String {
    let mut page = format_table(std::slice::from_ref(letter), form, now);
    for (n, attempt) in attempts.iter().enumerate() {
        page.push_str(&format_attempt(n, attempt));
        page.push('\n');
    }
    page.push_str(&to_pretty_json(&card_json(letter, form)));
    page
}

/// Formats one attempt as a line; `n` is the number of attempts before it.
pub(in crate::cli) fn format_attempt(n: usize, attempt: &Attempt) -> String {
    let status = attempt.status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
    let (at, took) = (attempt.at.strftime("%Y-%m-%d %H:%M:%SZ"), attempt.took.as_millis());
    format!("attempt {}: {at}, {took} ms, {status}: {}", n + 1, printable(&attempt.response))
}

pub(super) fn list_json(letters: &[StoredDelivery], form: OutputOptions) -> String {
    to_pretty_json(&Value::Array(letters.iter().map(|letter| as_json(letter, form)).collect()))
}

fn as_json(letter: &StoredDelivery, form: OutputOptions) -> Value {
    json!({
        "id": letter.id, "state": state_name(letter), "subject": letter.subject, "status": letter.status,
        "sink": letter.sink, "about": card_title(letter, form), "enqueued": letter.enqueued_at, "due": letter.due,
        "settled": letter.settled, "attempts": letter.attempts, "plain": letter.plain, "reason": letter.reason,
        "form": letter.mode, "place": letter.message_ref, "revision": letter.revision,
    })
}

pub(super) fn delivery_json(letter: &StoredDelivery, attempts: &[Attempt], form: OutputOptions) -> String {
    let mut whole = as_json(letter, form);
    if let Value::Object(fields) = &mut whole {
        fields.insert("card".to_owned(), card_json(letter, form));
        fields.insert("tried".to_owned(), json!(attempts));
    }
    to_pretty_json(&whole)
}

fn card_json(letter: &StoredDelivery, form: OutputOptions) -> Value {
    let mut card = serde_json::to_value(&letter.card).unwrap_or_default();
    mask_card(&mut card, form);
    card
}

/// Masks phone numbers in a card: number fields, and free text written by people. IDs and times have as many digits and
/// stay unchanged.
fn mask_card(value: &mut Value, form: OutputOptions) {
    const NUMBER_FIELDS: [&str; 3] = ["known", "short", "unreadable"];
    const TEXT_FIELDS: [&str; 7] = ["name", "notes", "value", "company", "link", "label", "title"];
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| mask_card(item, form)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if NUMBER_FIELDS.contains(&name.as_str()) => *text = mask(form).apply(text),
                    Value::String(text) if TEXT_FIELDS.contains(&name.as_str()) => *text = mask_free_text(text, form),
                    other => mask_card(other, form),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn to_pretty_json(value: &Value) -> String {
    // Serialization cannot fail: keys are strings and numbers are finite.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let escaped =
        text.chars().map(|c| if is_direction_mark(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() });
    format!("{}\n", escaped.collect::<String>())
}
