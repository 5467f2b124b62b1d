//! Lays out cards as Mattermost attachments. Everything is in the attachment's `text`: title, fields and footer read Markdown
//! in some clients and not in others.

use super::escape::{json_len, markdown, markdown_link, plain, take_rows, within};
use crate::cards::{
    Layout,
    content::{CardContent, Tone},
};
use serde_json::{Value, json};

/// Attachments. Old servers accept 7,900 characters of all attachments as JSON, newer ones a hundred times that.
pub(in crate::cards) const FULL_LAYOUT: Layout = Layout { max_blocks: 20, max_size: 7000, cost, one, many };
/// Text alone: Mattermost allows 16,383 characters, old servers 4,000.
pub(in crate::cards) const PLAIN_LAYOUT: Layout =
    Layout { max_blocks: 60, max_size: 3500, cost: plain_cost, one: plain_one, many: plain_many };

/// Rows of one card as JSON; a link follows.
const MAX_ROWS_BYTES: usize = 5000;
/// Rows of one plain card.
const MAX_PLAIN_BYTES: usize = 2400;
/// Text of notifications.
const MAX_FALLBACK_UNITS: usize = 300;
/// One row; longer ones are shortened.
const MAX_ROW_UNITS: usize = 600;

const fn color(tone: Tone) -> &'static str {
    match tone {
        Tone::Now => "#0078D4",
        Tone::Good => "#2EB67D",
        Tone::Bad => "#E01E5A",
        Tone::Waiting => "#ECB22E",
        Tone::Past => "#80848E",
    }
}

fn attachment(content: &CardContent, rows: &[String]) -> Value {
    json!({
        "fallback": within(&content.one_line(), MAX_FALLBACK_UNITS, plain),
        "color": color(content.tone),
        "text": rows.join("\n"),
    })
}

fn strong(text: &str) -> String {
    format!("**{}**", within(text, MAX_ROW_UNITS, markdown))
}

fn row(text: &str) -> String {
    within(text, MAX_ROW_UNITS, markdown)
}

fn link(content: &CardContent) -> Option<String> {
    content.link.as_ref().map(|link| markdown_link(&link.label, &link.url))
}

fn one(content: &CardContent) -> Value {
    if content.compact {
        return json!({ "text": "", "attachments": [entry(content)] });
    }
    let title = std::iter::once(strong(&content.title));
    let lines = content.lines.iter().map(|line| if line.strong { strong(&line.text) } else { row(&line.text) });
    let details = content
        .details
        .iter()
        .map(|detail| format!("{} {}", strong(&format!("{}:", detail.label)), row(&detail.value)));
    let notes = content.notes.iter().map(|notes| row(notes));
    let items = content.items.iter().map(|item| row(&item.text));
    let rows = title.chain(lines).chain(details).chain(notes).chain(items);
    let mut rows = take_rows(rows, MAX_ROWS_BYTES, json_len);
    rows.extend(link(content));
    if !content.footnotes.is_empty() {
        rows.push(within(&content.footnotes.join(" · "), MAX_FALLBACK_UNITS, markdown));
    }
    json!({ "text": "", "attachments": [attachment(content, &rows)] })
}

fn entry(content: &CardContent) -> Value {
    let mut rows = vec![strong(&content.title), row(&content.summary)];
    rows.extend(link(content));
    rows.retain(|row| !row.is_empty());
    attachment(content, &rows)
}

fn cost(content: &CardContent) -> (usize, usize) {
    (1, entry(content).to_string().len().saturating_add(1))
}

fn many(title: &str, contents: &[CardContent]) -> Value {
    json!({ "text": strong(title), "attachments": contents.iter().map(entry).collect::<Vec<_>>() })
}

fn plain_one(content: &CardContent) -> Value {
    let rows = content.rows().into_iter().map(|text| row(&text));
    let mut rows = take_rows(rows, MAX_PLAIN_BYTES, str::len);
    rows.extend(link(content));
    json!({ "text": rows.join("\n") })
}

fn plain_many(title: &str, contents: &[CardContent]) -> Value {
    let rows: Vec<String> = std::iter::once(row(title)).chain(contents.iter().map(plain_row)).collect();
    json!({ "text": rows.join("\n") })
}

fn plain_row(content: &CardContent) -> String {
    row(&content.one_line())
}

fn plain_cost(content: &CardContent) -> (usize, usize) {
    (1, plain_row(content).len().saturating_add(1))
}
