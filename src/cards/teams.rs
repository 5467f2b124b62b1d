//! Cards as Teams messages: an Adaptive Card 1.4 in the envelope that Workflows takes (a retired connector takes the same).
//! Decides the layout; the words are the sheet's. Strangers' text stands in `TextRun`s, which read no Markdown; where only
//! Markdown text is possible (a fact, plain text) it is escaped. `entities` name whom the config mentions and nobody else;
//! the plain form, which is for what a chat refused, mentions nobody. No `Table`, which needs 1.5: an older client shows
//! nothing but `fallbackText` of a card that is too new for it.

use super::{
    Form,
    sheet::{Item, Line, Link, Sheet, Tone},
    text::{teams, unevaluated, unlinked},
};
use serde_json::{Value, json};

/// An Adaptive Card. The chat takes 28 KB, counted after it has added its own: 24,453 bytes were too many once, so a
/// message stays under 20,000, of which frame and title take up to 2,000 and the mentions as much.
pub(super) const FULL: Form = Form { blocks: 60, size: 16_000, cost, one, many };
/// A card with one text.
pub(super) const PLAIN: Form = Form { blocks: 60, size: 8_000, cost: plain_cost, one: plain_one, many: plain_many };

/// Bytes that the mentions of a message take: some ten people. Who comes after them is left out.
const MENTIONED: usize = 2_000;

/// `contentUrl` must be there, and null: left out, the trigger refuses the message.
fn message(fallback: &str, body: Vec<Value>, actions: Vec<Value>) -> Value {
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": unevaluated(fallback),
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

/// `card` with a line that mentions whom its sheets mention, each once, below its title. Teams takes `<at>NAME</at>` in a
/// text for a mention where an entity has the same text; strangers' text has no such markup (`unevaluated`).
fn mentioning<'a>(mut message: Value, sheets: impl IntoIterator<Item = &'a Sheet>) -> Value {
    let (mut texts, mut entities, mut size) = (Vec::new(), Vec::new(), 0_usize);
    for who in sheets.into_iter().flat_map(|sheet| &sheet.teams) {
        let text = format!("<at>{}</at>", who.name());
        let entity = json!({ "type": "mention", "text": text, "mentioned": { "id": who.id(), "name": who.name() } });
        size = size.saturating_add(entity.to_string().len()).saturating_add(text.len());
        // Of two who share a name the text can mean one.
        if !texts.contains(&text) && size <= MENTIONED {
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

fn one(sheet: &Sheet) -> Value {
    mentioning(unmentioning(sheet), [sheet])
}

fn unmentioning(sheet: &Sheet) -> Value {
    if sheet.quiet {
        return message(&sheet.short(), vec![entry(sheet)], Vec::new());
    }
    let mut head = vec![text(vec![title_run(&sheet.title)])];
    head.extend(sheet.lines.iter().map(line));
    let mut body = vec![json!({ "type": "Container", "style": style(sheet.tone), "bleed": true, "items": head })];
    if !sheet.details.is_empty() {
        let facts: Vec<Value> = sheet
            .details
            .iter()
            .map(|detail| json!({ "title": teams(&label(&detail.label)), "value": teams(&detail.value) }))
            .collect();
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    body.extend(sheet.notes.iter().map(|notes| text(vec![run(notes)])));
    body.extend(sheet.items.iter().map(item));
    if !sheet.small.is_empty() {
        body.push(text(vec![small_run(&sheet.small.join(" · "))]));
    }
    message(&sheet.short(), body, sheet.link.iter().map(open).collect())
}

/// A short label keeps its words on one line: Teams gives the column of labels what the values leave.
fn label(text: &str) -> String {
    if text.chars().count() > 14 { text.to_owned() } else { text.replace(' ', "\u{A0}") }
}

fn many(title: &str, sheets: &[Sheet]) -> Value {
    let mut body = vec![text(vec![title_run(title)])];
    body.extend(sheets.iter().map(entry));
    mentioning(message(title, body, Vec::new()), sheets)
}

/// An entry among many: its title, and below it the line beside it with its link.
fn entry(sheet: &Sheet) -> Value {
    let mut brief = vec![run(&sheet.brief)];
    brief.extend(sheet.link.iter().flat_map(|link| [run(" · "), link_run(link)]));
    json!({ "type": "Container", "separator": true, "spacing": "Small",
        "items": [text(vec![strong_run(&sheet.title)]), tight(brief)] })
}

fn cost(sheet: &Sheet) -> (usize, usize) {
    (1, entry(sheet).to_string().len().saturating_add(1))
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
    json!({ "type": "TextRun", "text": unevaluated(text) })
}

fn strong_run(text: &str) -> Value {
    json!({ "type": "TextRun", "weight": "Bolder", "text": unevaluated(text) })
}

fn title_run(text: &str) -> Value {
    json!({ "type": "TextRun", "weight": "Bolder", "size": "Large", "text": unevaluated(text) })
}

fn small_run(text: &str) -> Value {
    json!({ "type": "TextRun", "size": "Small", "isSubtle": true, "text": unevaluated(text) })
}

fn link_run(link: &Link) -> Value {
    json!({ "type": "TextRun", "text": unevaluated(&link.label),
        "selectAction": { "type": "Action.OpenUrl", "url": link.url } })
}

fn open(link: &Link) -> Value {
    json!({ "type": "Action.OpenUrl", "title": link.label, "url": link.url })
}

fn plain(fallback: &str, rows: &[String]) -> Value {
    let text = json!({ "type": "TextBlock", "wrap": true, "text": rows.join("\n\n") });
    message(fallback, vec![text], Vec::new())
}

fn plain_one(sheet: &Sheet) -> Value {
    let mut rows: Vec<String> = sheet.rows().iter().map(|row| teams(&unlinked(row))).collect();
    rows.extend(
        sheet
            .link
            .iter()
            .map(|link| format!("[{}]({})", teams(&link.label), link.url.replace('(', "%28").replace(')', "%29"))),
    );
    plain(&sheet.short(), &rows)
}

fn plain_many(title: &str, sheets: &[Sheet]) -> Value {
    let rows: Vec<String> = std::iter::once(teams(title)).chain(sheets.iter().map(plain_row)).collect();
    plain(title, &rows)
}

fn plain_row(sheet: &Sheet) -> String {
    teams(&unlinked(&sheet.short()))
}

fn plain_cost(sheet: &Sheet) -> (usize, usize) {
    // A backslash of Markdown is two bytes in JSON.
    (1, Value::from(plain_row(sheet)).to_string().len().saturating_add(4))
}
