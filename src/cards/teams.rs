//! Lays out cards as Teams messages: an Adaptive Card 1.4 in the envelope of Workflows. Does not choose words.
//!
//! # Invariants
//! - Text from outside goes into `TextRun`s, which read no Markdown. Facts and plain text are Markdown and get escaped.
//! - `entities` contains only mentions of the config. The plain layout mentions no one.
//!
//! # Rejected
//! `Table`: needs Adaptive Cards 1.5; an older client then shows only `fallbackText`.

use super::{
    Layout,
    content::{CardContent, Item, Line, Link, Tone},
    text::{break_links, escape_markdown, strip_functions},
};
use serde_json::{Value, json};

/// An Adaptive Card. Teams allows 28 KB including its own additions and once rejected 24,453 bytes. A message stays
/// under 20,000 bytes; envelope and title take up to 2,000, mentions up to another 2,000.
pub(super) const FULL_LAYOUT: Layout = Layout { max_blocks: 60, max_size: 16_000, cost, one, many };
/// An Adaptive Card with one text block.
pub(super) const PLAIN_LAYOUT: Layout =
    Layout { max_blocks: 60, max_size: 8_000, cost: plain_cost, one: plain_one, many: plain_many };

/// Bytes of all mentions of a message, about ten people; the rest is dropped.
const MAX_MENTION_BYTES: usize = 2_000;

/// Wraps a card in the envelope. The trigger rejects a message without `contentUrl`, so the key is present and null.
fn message(fallback: &str, body: Vec<Value>, actions: Vec<Value>) -> Value {
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": strip_functions(fallback),
        "msteams": { "width": "Full" },
        "body": body,
    });
    if let (false, Some(card)) = (actions.is_empty(), card.as_object_mut()) {
        card.insert("actions".to_owned(), Value::Array(actions));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// Adds a line with the mentions of all cards, each once, below the title. Teams reads `<at>NAME</at>` as a mention if
/// an entity has the same text; `strip_functions` removes this markup from text from outside.
fn with_mentions<'a>(mut message: Value, contents: impl IntoIterator<Item = &'a CardContent>) -> Value {
    let (mut texts, mut entities, mut size) = (Vec::new(), Vec::new(), 0_usize);
    for mention in contents.into_iter().flat_map(|content| &content.teams_mentions) {
        let text = format!("<at>{}</at>", mention.name());
        let entity =
            json!({ "type": "mention", "text": text, "mentioned": { "id": mention.id(), "name": mention.name() } });
        size = size.saturating_add(entity.to_string().len()).saturating_add(text.len());
        // Two people of one name have the same text; only the first is mentioned.
        if !texts.contains(&text) && size <= MAX_MENTION_BYTES {
            texts.push(text);
            entities.push(entity);
        }
    }
    let Some(card) = message.pointer_mut("/attachments/0/content").filter(|_| !texts.is_empty()) else {
        return message;
    };
    if let Some(body) = card.pointer_mut("/body").and_then(Value::as_array_mut) {
        body.insert(body.len().min(1), json!({ "type": "TextBlock", "wrap": true, "text": texts.join(" ") }));
    }
    if let Some(msteams) = card.pointer_mut("/msteams").and_then(Value::as_object_mut) {
        msteams.insert("entities".to_owned(), Value::Array(entities));
    }
    message
}

fn one(content: &CardContent) -> Value {
    with_mentions(without_mentions(content), [content])
}

fn without_mentions(content: &CardContent) -> Value {
    if content.compact {
        return message(&content.one_line(), vec![entry(content)], Vec::new());
    }
    let mut head = vec![text(vec![title_run(&content.title)])];
    head.extend(content.lines.iter().map(line));
    let mut body = vec![json!({ "type": "Container", "style": style(content.tone), "bleed": true, "items": head })];
    if !content.details.is_empty() {
        let facts: Vec<Value> = content
            .details
            .iter()
            .map(|detail| json!({ "title": escape_markdown(&label(&detail.label)), "value": escape_markdown(&detail.value) }))
            .collect();
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    body.extend(content.notes.iter().map(|notes| text(vec![run(notes)])));
    body.extend(content.items.iter().map(item));
    if !content.footnotes.is_empty() {
        body.push(text(vec![small_run(&content.footnotes.join(" · "))]));
    }
    message(&content.one_line(), body, content.link.iter().map(open).collect())
}

/// Joins the words of a short label with no-break spaces: Teams narrows the label column and would wrap them.
fn label(text: &str) -> String {
    if text.chars().count() > 14 { text.to_owned() } else { text.replace(' ', "\u{A0}") }
}

fn many(title: &str, contents: &[CardContent]) -> Value {
    let mut body = vec![text(vec![title_run(title)])];
    body.extend(contents.iter().map(entry));
    with_mentions(message(title, body, Vec::new()), contents)
}

/// Renders a batch entry: the title, and below it the summary line with the link.
fn entry(content: &CardContent) -> Value {
    let mut brief = vec![run(&content.summary)];
    brief.extend(content.link.iter().flat_map(|link| [run(" · "), link_run(link)]));
    json!({ "type": "Container", "separator": true, "spacing": "Small",
        "items": [text(vec![strong_run(&content.title)]), tight(brief)] })
}

fn cost(content: &CardContent) -> (usize, usize) {
    (1, entry(content).to_string().len().saturating_add(1))
}

const fn style(tone: Tone) -> &'static str {
    match tone {
        Tone::Now => "accent",
        Tone::Good => "good",
        Tone::Bad => "attention",
        Tone::Waiting => "warning",
        Tone::Past => "emphasis",
    }
}

fn line(line: &Line) -> Value {
    tight(vec![if line.strong { strong_run(&line.text) } else { run(&line.text) }])
}

fn item(item: &Item) -> Value {
    let mut inlines = vec![if item.link.is_some() { strong_run(&item.text) } else { run(&item.text) }];
    inlines.extend(item.link.iter().flat_map(|link| [run(" · "), link_run(link)]));
    text(inlines)
}

fn text(inlines: Vec<Value>) -> Value {
    json!({ "type": "RichTextBlock", "inlines": inlines })
}

fn tight(inlines: Vec<Value>) -> Value {
    json!({ "type": "RichTextBlock", "spacing": "None", "inlines": inlines })
}

fn run(text: &str) -> Value {
    json!({ "type": "TextRun", "text": strip_functions(text) })
}

fn strong_run(text: &str) -> Value {
    json!({ "type": "TextRun", "weight": "Bolder", "text": strip_functions(text) })
}

fn title_run(text: &str) -> Value {
    json!({ "type": "TextRun", "weight": "Bolder", "size": "Large", "text": strip_functions(text) })
}

fn small_run(text: &str) -> Value {
    json!({ "type": "TextRun", "size": "Small", "isSubtle": true, "text": strip_functions(text) })
}

fn link_run(link: &Link) -> Value {
    json!({ "type": "TextRun", "text": strip_functions(&link.label),
        "selectAction": { "type": "Action.OpenUrl", "url": link.url } })
}

fn open(link: &Link) -> Value {
    json!({ "type": "Action.OpenUrl", "title": link.label, "url": link.url })
}

fn plain(fallback: &str, rows: &[String]) -> Value {
    let text = json!({ "type": "TextBlock", "wrap": true, "text": rows.join("\n\n") });
    message(fallback, vec![text], Vec::new())
}

fn plain_one(content: &CardContent) -> Value {
    let mut rows: Vec<String> = content.rows().iter().map(|row| escape_markdown(&break_links(row))).collect();
    rows.extend(content.link.iter().map(|link| {
        format!("[{}]({})", escape_markdown(&link.label), link.url.replace('(', "%28").replace(')', "%29"))
    }));
    plain(&content.one_line(), &rows)
}

fn plain_many(title: &str, contents: &[CardContent]) -> Value {
    let rows: Vec<String> = std::iter::once(escape_markdown(title)).chain(contents.iter().map(plain_row)).collect();
    plain(title, &rows)
}

fn plain_row(content: &CardContent) -> String {
    escape_markdown(&break_links(&content.one_line()))
}

fn plain_cost(content: &CardContent) -> (usize, usize) {
    // A Markdown backslash is two bytes in JSON.
    (1, Value::from(plain_row(content)).to_string().len().saturating_add(4))
}
