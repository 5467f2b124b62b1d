//! Lays out cards as ntfy notifications: title, text, link and priority. ntfy has no markup and no mentions.

use super::escape::{json_len, plain, take_rows, within};
use crate::cards::{
    Layout,
    content::{CardContent, Tone},
};
use serde_json::{Value, json};

/// A notification. ntfy turns a text of more than 4,096 bytes into an attached file, and accepts 8,192 bytes of JSON.
pub(in crate::cards) const FULL_LAYOUT: Layout = Layout { max_blocks: 20, max_size: MAX_TEXT_BYTES, cost, one, many };
/// A notification without a link.
pub(in crate::cards) const PLAIN_LAYOUT: Layout =
    Layout { max_blocks: 20, max_size: MAX_TEXT_BYTES, cost, one: plain_one, many };

/// Text of a notification as JSON, which is longer than the text itself.
const MAX_TEXT_BYTES: usize = 3800;
const MAX_TITLE_UNITS: usize = 150;
const MAX_ROW_UNITS: usize = 400;

/// Returns the priority from 1 to 5: ringing and missed calls sound (4, urgent callers 5), the rest is silent (2).
const fn priority(content: &CardContent) -> u8 {
    match content.tone {
        Tone::Now | Tone::Bad if content.urgent => 5,
        Tone::Now | Tone::Bad => 4,
        Tone::Waiting => 3,
        Tone::Good | Tone::Past => 2,
    }
}

fn row(text: &str) -> String {
    within(text, MAX_ROW_UNITS, plain)
}

fn message(title: &str, rows: &[String], priority: u8) -> Value {
    // A notification without a text shows "triggered".
    let text = if rows.is_empty() { "·".to_owned() } else { rows.join("\n") };
    json!({ "title": within(title, MAX_TITLE_UNITS, plain), "message": text, "priority": priority })
}

fn plain_one(content: &CardContent) -> Value {
    let rows =
        if content.compact { vec![content.summary.clone()] } else { content.rows().into_iter().skip(1).collect() };
    let rows = take_rows(rows.iter().map(|text| row(text)), MAX_TEXT_BYTES, json_len);
    message(&content.title, &rows, priority(content))
}

fn one(content: &CardContent) -> Value {
    let mut message = plain_one(content);
    if let (Some(link), Some(object)) = (&content.link, message.as_object_mut()) {
        object.insert("click".to_owned(), json!(link.url));
        object
            .insert("actions".to_owned(), json!([{ "action": "view", "label": plain(&link.label), "url": link.url }]));
    }
    message
}

fn many(title: &str, contents: &[CardContent]) -> Value {
    let rows: Vec<String> = contents.iter().map(entry).collect();
    message(title, &rows, contents.iter().map(priority).max().unwrap_or(2))
}

fn entry(content: &CardContent) -> String {
    row(&content.one_line())
}

fn cost(content: &CardContent) -> (usize, usize) {
    (1, json_len(&entry(content)).saturating_add(2))
}
