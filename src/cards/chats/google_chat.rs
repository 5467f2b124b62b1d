//! Lays out cards as Google Chat's `cardsV2`. Their texts are a subset of HTML. A plain message has no escape for its markup;
//! its angle brackets become look-alikes, so that nothing mentions (`<users/all>`) or links.

use super::escape::{html, json_len, plain, take_rows, within};
use crate::cards::{
    Layout,
    content::{CardContent, Detail, Link, Tone},
    text::strip_mentions,
};
use serde_json::{Value, json};

/// A card with one section per call. Google allows 32,000 bytes in a message and 100 widgets in a card. The parts of a message
/// below stay under 20,000 bytes together.
pub(in crate::cards) const FULL_LAYOUT: Layout = Layout { max_blocks: 40, max_size: 16_000, cost, one, many };
/// Text alone: Google allows 4,096 characters.
pub(in crate::cards) const PLAIN_LAYOUT: Layout =
    Layout { max_blocks: 60, max_size: 3500, cost: plain_cost, one: plain_one, many: plain_many };

/// Title and lines of one card, its labelled rows, and its notes and items, each as JSON.
const MAX_ROWS_BYTES: usize = 5000;
/// Labelled rows of one card.
const MAX_DETAILS: usize = 20;
/// Label and value of a row, each.
const MAX_DETAIL_UNITS: usize = 300;
/// Rows of one plain card.
const MAX_PLAIN_BYTES: usize = 2400;
const MAX_ROW_UNITS: usize = 600;

const fn color(tone: Tone) -> &'static str {
    match tone {
        Tone::Now => "#0078D4",
        Tone::Good => "#1E8E3E",
        Tone::Bad => "#D93025",
        Tone::Waiting => "#E37400",
        Tone::Past => "#5F6368",
    }
}

fn message(fallback: &str, sections: Vec<Value>) -> Value {
    json!({
        "fallbackText": within(fallback, MAX_ROW_UNITS, plain),
        "cardsV2": [{ "cardId": "poprelay", "card": { "sections": sections } }],
    })
}

fn paragraph(text: &str) -> Value {
    json!({ "textParagraph": { "text": text } })
}

fn title(content: &CardContent) -> String {
    format!("<b><font color=\"{}\">{}</font></b>", color(content.tone), html(&content.title))
}

fn button(link: &Link) -> Value {
    // The label of a button is plain text.
    json!({ "buttonList": { "buttons": [{ "text": strip_mentions(&link.label), "onClick": { "openLink": { "url": link.url } } }] } })
}

fn one(content: &CardContent) -> Value {
    if content.compact {
        return message(&content.one_line(), vec![entry(content)]);
    }
    let lines = content.lines.iter().map(|line| {
        let text = within(&line.text, MAX_ROW_UNITS, html);
        if line.strong { format!("<b>{text}</b>") } else { text }
    });
    let head = take_rows(std::iter::once(title(content)).chain(lines), MAX_ROWS_BYTES, json_len);
    let mut widgets = vec![paragraph(&head.join("<br>"))];
    widgets.extend(details(content));
    let notes = content.notes.iter().map(|notes| within(notes, MAX_ROW_UNITS, html));
    let items = content.items.iter().map(|item| within(&item.text, MAX_ROW_UNITS, html));
    let foot = content.footnotes.join(" · ");
    let foot = Some(within(&foot, MAX_ROW_UNITS, html)).filter(|foot| !foot.is_empty());
    let foot = foot.map(|foot| format!("<font color=\"#5F6368\">{foot}</font>"));
    let rows = take_rows(notes.chain(items), MAX_ROWS_BYTES, json_len);
    widgets.extend(Some(rows.join("<br>")).filter(|rows| !rows.is_empty()).as_deref().map(paragraph));
    widgets.extend(content.link.as_ref().map(button));
    widgets.extend(foot.as_deref().map(paragraph));
    message(&content.one_line(), vec![json!({ "widgets": widgets })])
}

fn details(content: &CardContent) -> Vec<Value> {
    let mut left = MAX_ROWS_BYTES;
    let row = |detail: &Detail| {
        let label = within(&detail.label, MAX_DETAIL_UNITS, html);
        let text = within(&detail.value, MAX_DETAIL_UNITS, html);
        let widget = json!({ "decoratedText": { "topLabel": label, "text": text, "wrapText": true } });
        left = left.checked_sub(widget.to_string().len())?;
        Some(widget)
    };
    content.details.iter().take(MAX_DETAILS).map_while(row).collect()
}

/// Renders a batch entry as a section: title and summary, then the link.
fn entry(content: &CardContent) -> Value {
    let rows = [title(content), within(&content.summary, MAX_ROW_UNITS, html)];
    let rows: Vec<&str> = rows.iter().map(String::as_str).filter(|row| !row.is_empty()).collect();
    let mut widgets = vec![paragraph(&rows.join("<br>"))];
    widgets.extend(content.link.as_ref().map(button));
    json!({ "widgets": widgets })
}

fn cost(content: &CardContent) -> (usize, usize) {
    (1, entry(content).to_string().len().saturating_add(1))
}

fn many(title: &str, contents: &[CardContent]) -> Value {
    let head = json!({ "widgets": [paragraph(&format!("<b>{}</b>", html(title)))] });
    message(title, std::iter::once(head).chain(contents.iter().map(entry)).collect())
}

fn plain_one(content: &CardContent) -> Value {
    let rows = content.rows().into_iter().map(|row| within(&row, MAX_ROW_UNITS, plain));
    let mut rows = take_rows(rows, MAX_PLAIN_BYTES, str::len);
    // Google turns the address into a link by itself.
    rows.extend(content.link.as_ref().map(|link| link.url.clone()));
    json!({ "text": rows.join("\n") })
}

fn plain_many(title: &str, contents: &[CardContent]) -> Value {
    let rows: Vec<String> = std::iter::once(plain(title)).chain(contents.iter().map(plain_row)).collect();
    json!({ "text": rows.join("\n") })
}

fn plain_row(content: &CardContent) -> String {
    within(&content.one_line(), MAX_ROW_UNITS, plain)
}

fn plain_cost(content: &CardContent) -> (usize, usize) {
    (1, plain_row(content).len().saturating_add(1))
}
