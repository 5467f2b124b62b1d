//! Lays out cards as Slack messages: Block Kit with a `text` fallback, or `text` alone. Does not choose words.
//! Links are mrkdwn in a section, never buttons: a webhook cannot acknowledge a click, and Slack then shows a warning
//! beside the button. Only cards of an app whose presses are received have buttons.

use super::{
    Layout, claim_row,
    content::{CardContent, Detail, Item, Line, Link, MAX_TITLE_UNITS},
    text::{break_links, escape_mrkdwn, has_mrkdwn, strip_mentions, truncate, utf16_len},
};
use crate::model::claim::{Button, Claim};
use serde_json::{Value, json};

/// Blocks and text. Slack allows 50 blocks a message; title and mentions take one each. Slack rejected a message of
/// 13,200 characters (`msg_blocks_too_long`); a batch stays far below.
pub(super) const FULL_LAYOUT: Layout = Layout { max_blocks: 48, max_size: 9000, cost, one, many };
/// Text alone. `chat.update` accepts 4,000 characters, posting more. The link at the end may have 1,100.
pub(super) const PLAIN_LAYOUT: Layout =
    Layout { max_blocks: 60, max_size: 2800, cost: plain_cost, one: plain_one, many: plain_many };

/// UTF-16 units of the fallback text; a phone notification shows less.
const MAX_FALLBACK_UNITS: usize = 300;

fn message(fallback: &str, blocks: Vec<Value>) -> Value {
    json!({
        "text": escape_mrkdwn(&truncate(fallback, MAX_FALLBACK_UNITS)),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn one(content: &CardContent) -> Value {
    if content.compact {
        let blocks = mentions([content]).into_iter().chain(entry(content)).chain(claim_blocks(content));
        return message(&content.one_line(), blocks.collect());
    }
    let mut blocks = vec![header(&content.title)];
    blocks.extend(mentions([content]));
    let lines: Vec<Vec<TextRun<'_>>> = content.lines.iter().map(line).collect();
    blocks.extend(section(&lines));
    let details: Vec<Vec<TextRun<'_>>> = content.details.iter().map(detail).collect();
    blocks.extend(section(&details));
    blocks.extend(content.notes.iter().map(|notes| json!({ "type": "section", "text": plain_text_object(notes) })));
    blocks.extend(items(&content.items));
    blocks.extend(content.link.iter().map(link));
    if !content.footnotes.is_empty() {
        blocks.push(json!({ "type": "context", "elements": [plain_text_object(&content.footnotes.join(" · "))] }));
    }
    blocks.extend(claim_blocks(content));
    message(&content.one_line(), blocks)
}

/// Renders the claim of a missed call and its buttons.
fn claim_blocks(content: &CardContent) -> Vec<Value> {
    let Some(row) = &content.claim_row else { return Vec::new() };
    let claim =
        row.claim.as_ref().map(|claim| json!({ "type": "context", "elements": [mrkdwn_object(&claim_markup(claim))] }));
    let buttons: Vec<Value> = row.buttons.iter().map(|one| button(*one, row.call.as_str())).collect();
    let actions = (!buttons.is_empty()).then(|| json!({ "type": "actions", "elements": buttons }));
    claim.into_iter().chain(actions).collect()
}

/// Renders who claims a call. An edit notifies no one, so that the mention only shows the name; a reminder notifies.
fn claim_markup(claim: &Claim) -> String {
    claim_row::claim_text(claim, &format!("<@{}>", claim.by.as_str()))
}

fn button(button: Button, call: &str) -> Value {
    let mut element = json!({
        "type": "button",
        "action_id": button.action_id(),
        "value": call,
        "text": plain_text_object(claim_row::label(button)),
    });
    if let (Button::CallBack, Some(fields)) = (button, element.as_object_mut()) {
        fields.insert("style".to_owned(), json!("primary"));
    }
    element
}

fn many(title: &str, contents: &[CardContent]) -> Value {
    let mut blocks = vec![header(title)];
    blocks.extend(mentions(contents));
    blocks.extend(contents.iter().flat_map(entry));
    message(title, blocks)
}

/// Renders a batch entry: title, summary line, link.
fn entry(content: &CardContent) -> Vec<Value> {
    let title = vec![TextRun { text: &content.title, strong: true }];
    let brief = vec![TextRun { text: &content.summary, strong: false }];
    linked(&[title, brief], content.link.as_ref())
}

fn cost(content: &CardContent) -> (usize, usize) {
    let blocks = entry(content);
    let size =
        blocks.iter().filter_map(|block| block.pointer("/text/text").and_then(Value::as_str)).map(utf16_len).sum();
    (blocks.len(), size)
}

/// Part of a line.
struct TextRun<'a> {
    text: &'a str,
    strong: bool,
}

fn line(line: &Line) -> Vec<TextRun<'_>> {
    vec![TextRun { text: &line.text, strong: line.strong }]
}

fn detail(detail: &Detail) -> Vec<TextRun<'_>> {
    vec![TextRun { text: &detail.label, strong: true }, TextRun { text: &detail.value, strong: false }]
}

/// Renders candidates with a link each as sections of their own; items without links share sections.
fn items(items: &[Item]) -> Vec<Value> {
    if items.iter().any(|item| item.link.is_some()) {
        let one = |item: &Item| linked(&[vec![TextRun { text: &item.text, strong: true }]], item.link.as_ref());
        return items.iter().flat_map(one).collect();
    }
    // 30 items of 150 characters exceed the 3,000 characters of one section.
    let rows: Vec<Vec<TextRun<'_>>> =
        items.iter().map(|item| vec![TextRun { text: &item.text, strong: false }]).collect();
    rows.chunks(10).filter_map(section).collect()
}

/// Renders lines as one section: mrkdwn with bold runs, or `plain_text` where mrkdwn would format the text.
fn section(lines: &[Vec<TextRun<'_>>]) -> Option<Value> {
    let text = mrkdwn(lines);
    let text =
        text.map_or_else(|| plain_text_object(&join(lines, |run| run.text.to_owned())), |text| mrkdwn_object(&text));
    (!lines.is_empty()).then(|| json!({ "type": "section", "text": text }))
}

/// Renders a [`section`] with a link at its end, or a section for the link where the text is `plain_text`.
fn linked(lines: &[Vec<TextRun<'_>>], target: Option<&Link>) -> Vec<Value> {
    match (target, mrkdwn(lines)) {
        (Some(target), Some(text)) => {
            vec![json!({ "type": "section", "text": mrkdwn_object(&format!("{text} · {}", anchor(target))) })]
        }
        (target, _) => section(lines).into_iter().chain(target.map(link)).collect(),
    }
}

fn mrkdwn(lines: &[Vec<TextRun<'_>>]) -> Option<String> {
    let formats = lines.iter().flatten().any(|run| has_mrkdwn(run.text));
    let bold = |run: &TextRun<'_>| match run.strong {
        true => format!("*{}*", escape_mrkdwn(run.text)),
        false => escape_mrkdwn(run.text),
    };
    (!formats).then(|| join(lines, bold))
}

fn join(lines: &[Vec<TextRun<'_>>], format: impl Fn(&TextRun<'_>) -> String) -> String {
    let row = |line: &Vec<TextRun<'_>>| {
        line.iter().map(&format).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("  ")
    };
    lines.iter().map(row).filter(|row| !row.is_empty()).collect::<Vec<_>>().join("\n")
}

fn header(title: &str) -> Value {
    json!({ "type": "header", "text": plain_text_object(&truncate(title, MAX_TITLE_UNITS)) })
}

/// Users and groups that one message mentions.
const MAX_MENTIONS: usize = 20;

/// Renders the mentions of all cards, each once. The ids come from the config; no other markup in a message pings.
fn mentions<'a>(contents: impl IntoIterator<Item = &'a CardContent>) -> Option<Value> {
    let text = mention_markup(contents);
    (!text.is_empty()).then(|| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }))
}

fn mention_markup<'a>(contents: impl IntoIterator<Item = &'a CardContent>) -> String {
    let mut markups: Vec<String> = Vec::new();
    for mention in contents.into_iter().flat_map(|content| &content.slack_mentions) {
        let id = mention.as_str();
        let markup = match id {
            "here" | "channel" => format!("<!{id}>"),
            group if group.starts_with('S') => format!("<!subteam^{group}>"),
            user => format!("<@{user}>"),
        };
        if markups.len() < MAX_MENTIONS && !markups.contains(&markup) {
            markups.push(markup);
        }
    }
    markups.join(" ")
}

fn link(target: &Link) -> Value {
    // Contains only our own link markup, so `verbatim` is not needed.
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": anchor(target) } })
}

fn anchor(target: &Link) -> String {
    format!("<{}|{}>", escape_mrkdwn(&target.url), escape_mrkdwn(&target.label.replace('|', " ")))
}

/// Returns a `plain_text` object: Slack interprets no markup in it.
fn plain_text_object(text: &str) -> Value {
    json!({ "type": "plain_text", "text": strip_mentions(text), "emoji": false })
}

/// Returns a `mrkdwn` object with our own markup; `verbatim` stops Slack from turning addresses into links.
fn mrkdwn_object(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn plain(rows: &[String]) -> Value {
    json!({ "text": rows.join("\n"), "unfurl_links": false, "unfurl_media": false })
}

fn plain_one(content: &CardContent) -> Value {
    let mut left = PLAIN_LAYOUT.max_size;
    let rows = content.rows().into_iter().map(|row| escape_mrkdwn(&break_links(&row)));
    let mut rows: Vec<String> = rows
        .take_while(|row| {
            let room = left.checked_sub(utf16_len(row));
            left = room.unwrap_or(0);
            room.is_some()
        })
        .collect();
    rows.extend(content.link.iter().map(anchor));
    rows.extend(content.claim_row.iter().filter_map(|row| row.claim.as_ref()).map(claim_markup));
    rows.extend(Some(mention_markup([content])).filter(|text| !text.is_empty()));
    plain(&rows)
}

fn plain_many(title: &str, contents: &[CardContent]) -> Value {
    let mut rows: Vec<String> = std::iter::once(escape_mrkdwn(title)).chain(contents.iter().map(plain_row)).collect();
    rows.extend(Some(mention_markup(contents)).filter(|text| !text.is_empty()));
    plain(&rows)
}

fn plain_row(content: &CardContent) -> String {
    escape_mrkdwn(&break_links(&content.one_line()))
}

fn plain_cost(content: &CardContent) -> (usize, usize) {
    (1, utf16_len(&plain_row(content)).saturating_add(1))
}
