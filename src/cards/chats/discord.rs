//! Lays out cards as Discord embeds. `allowed_mentions` is always empty, in edits too: without it an edit mentions the people
//! named in its text. Content and embeds are always present, because an edit keeps missing keys.

use super::escape::{markdown, markdown_link, plain, take_rows, within};
use crate::cards::{
    Layout,
    content::{CardContent, Detail, Link, Tone},
    text::utf16_len,
};
use serde_json::{Value, json};

/// Embeds: Discord allows 10 in a message, 6,000 characters in all of them together.
pub(in crate::cards) const FULL_LAYOUT: Layout = Layout { max_blocks: 10, max_size: 5800, cost, one, many };
/// Content alone: Discord allows 2,000 characters. The title has 150, a link up to 1,100.
pub(in crate::cards) const PLAIN_LAYOUT: Layout =
    Layout { max_blocks: 60, max_size: 1600, cost: plain_cost, one: plain_one, many: plain_many };

/// Discord's limit of a title.
const MAX_TITLE_UNITS: usize = 256;
/// Rows of a description, which has 4,096 with the link.
const MAX_ROWS_UNITS: usize = 2900;
/// All fields of an embed. Discord allows 25 fields, 256 and 1,024 characters each.
const MAX_FIELDS_UNITS: usize = 1200;
const MAX_FIELDS: usize = 25;
const MAX_LABEL_UNITS: usize = 256;
const MAX_VALUE_UNITS: usize = 1024;
/// Footnotes.
const MAX_FOOTER_UNITS: usize = 400;
/// Summary line of a batch entry.
const MAX_SUMMARY_UNITS: usize = 600;
/// A link with its label. A longer one, whose URL needs many escapes, is left out.
const MAX_LINK_UNITS: usize = 1100;
/// Content of a plain message without its link.
const MAX_PLAIN_UNITS: usize = 850;

fn message(content: &str, embeds: Vec<Value>) -> Value {
    json!({ "content": content, "embeds": embeds, "allowed_mentions": { "parse": [] } })
}

const fn color(tone: Tone) -> u32 {
    match tone {
        Tone::Now => 0x00_78_D4,
        Tone::Good => 0x2E_B6_7D,
        Tone::Bad => 0xE0_1E_5A,
        Tone::Waiting => 0xEC_B2_2E,
        Tone::Past => 0x80_84_8E,
    }
}

fn link(link: &Link) -> Option<String> {
    Some(markdown_link(&link.label, &link.url)).filter(|text| utf16_len(text) <= MAX_LINK_UNITS)
}

fn one(content: &CardContent) -> Value {
    if content.compact {
        return message("", vec![entry(content)]);
    }
    let lines = content.lines.iter().map(|line| strong(&markdown(&line.text), line.strong));
    let items = content.items.iter().map(|item| markdown(&item.text));
    let rows = lines.chain(content.notes.iter().map(|notes| markdown(notes))).chain(items);
    let mut rows = take_rows(rows, MAX_ROWS_UNITS, utf16_len);
    rows.extend(content.link.as_ref().and_then(link));
    let mut embed = json!({
        "title": within(&content.title, MAX_TITLE_UNITS, markdown),
        "description": rows.join("\n"),
        "color": color(content.tone),
        "fields": fields(content),
    });
    // A footer reads no Markdown.
    let footer = within(&content.footnotes.join(" · "), MAX_FOOTER_UNITS, plain);
    if let (false, Some(embed)) = (footer.is_empty(), embed.as_object_mut()) {
        embed.insert("footer".to_owned(), json!({ "text": footer }));
    }
    message("", vec![embed])
}

fn strong(text: &str, is_strong: bool) -> String {
    if is_strong { format!("**{text}**") } else { text.to_owned() }
}

fn fields(content: &CardContent) -> Vec<Value> {
    let mut left = MAX_FIELDS_UNITS;
    let rows = content.details.iter().filter(|detail| !detail.label.is_empty() && !detail.value.is_empty());
    let field = |detail: &Detail| {
        let name = within(&detail.label, MAX_LABEL_UNITS, markdown);
        let value = within(&detail.value, MAX_VALUE_UNITS, markdown);
        left = left.checked_sub(utf16_len(&name).saturating_add(utf16_len(&value)))?;
        Some(json!({ "name": name, "value": value, "inline": true }))
    };
    rows.take(MAX_FIELDS).map_while(field).collect()
}

fn entry(content: &CardContent) -> Value {
    let mut rows = vec![within(&content.summary, MAX_SUMMARY_UNITS, markdown)];
    rows.extend(content.link.as_ref().and_then(link));
    rows.retain(|row| !row.is_empty());
    json!({
        "title": within(&content.title, MAX_TITLE_UNITS, markdown),
        "description": rows.join(" · "),
        "color": color(content.tone),
    })
}

fn cost(content: &CardContent) -> (usize, usize) {
    let entry = entry(content);
    let units = |key: &str| entry.get(key).and_then(Value::as_str).map_or(0, utf16_len);
    (1, units("title").saturating_add(units("description")))
}

fn many(title: &str, contents: &[CardContent]) -> Value {
    message(&strong(&markdown(title), true), contents.iter().map(entry).collect())
}

fn plain_one(content: &CardContent) -> Value {
    let rows = content.rows().into_iter().map(|row| within(&row, MAX_PLAIN_UNITS, markdown));
    let mut rows = take_rows(rows, MAX_PLAIN_UNITS.saturating_add(2), utf16_len);
    rows.extend(content.link.as_ref().and_then(link));
    message(&rows.join("\n"), Vec::new())
}

fn plain_many(title: &str, contents: &[CardContent]) -> Value {
    let rows: Vec<String> = std::iter::once(markdown(title)).chain(contents.iter().map(plain_row)).collect();
    message(&rows.join("\n"), Vec::new())
}

fn plain_row(content: &CardContent) -> String {
    within(&content.one_line(), MAX_SUMMARY_UNITS, markdown)
}

fn plain_cost(content: &CardContent) -> (usize, usize) {
    (1, utf16_len(&plain_row(content)).saturating_add(1))
}
