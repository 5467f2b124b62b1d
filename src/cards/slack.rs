//! Cards as Slack messages: Block Kit with a `text` fallback, or `text` alone. Decides the layout; the words are the
//! sheet's. Links are mrkdwn in a section, never buttons: a webhook has nobody to acknowledge a click, and Slack then
//! shows a warning beside the button.

use super::{
    Form,
    sheet::{Detail, Item, Line, Link, Sheet, TITLE},
    text::{cut, formats_in_slack, slack, unbracketed, units, unlinked},
};
use serde_json::{Value, json};

/// Blocks and text. 50 blocks a message, one of them the title and one the mentions; a message of 13,200 characters was refused
/// (`msg_blocks_too_long`), so a message of many stays far below.
pub(super) const FULL: Form = Form { blocks: 48, size: 9000, cost, one, many };
/// Text alone. 4,000 characters is what an update takes (posting takes more); a link after the rest may have 1,100.
pub(super) const PLAIN: Form = Form { blocks: 60, size: 2800, cost: plain_cost, one: plain_one, many: plain_many };

/// Longest fallback: a phone's notification shows less.
const FALLBACK: usize = 300;

fn message(fallback: &str, blocks: Vec<Value>) -> Value {
    json!({
        "text": slack(&cut(fallback, FALLBACK)),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn one(sheet: &Sheet) -> Value {
    if sheet.quiet {
        return message(&sheet.short(), mentions([sheet]).into_iter().chain(entry(sheet)).collect());
    }
    let mut blocks = vec![header(&sheet.title)];
    blocks.extend(mentions([sheet]));
    let lines: Vec<Vec<Piece<'_>>> = sheet.lines.iter().map(line).collect();
    blocks.extend(section(&lines));
    let details: Vec<Vec<Piece<'_>>> = sheet.details.iter().map(detail).collect();
    blocks.extend(section(&details));
    blocks.extend(sheet.notes.iter().map(|notes| json!({ "type": "section", "text": literal(notes) })));
    blocks.extend(items(&sheet.items));
    blocks.extend(sheet.link.iter().map(link));
    if !sheet.small.is_empty() {
        blocks.push(json!({ "type": "context", "elements": [literal(&sheet.small.join(" · "))] }));
    }
    message(&sheet.short(), blocks)
}

fn many(title: &str, sheets: &[Sheet]) -> Value {
    let mut blocks = vec![header(title)];
    blocks.extend(mentions(sheets));
    blocks.extend(sheets.iter().flat_map(entry));
    message(title, blocks)
}

/// An entry among many: its title, the one line beside it, its link.
fn entry(sheet: &Sheet) -> Vec<Value> {
    let title = vec![Piece { text: &sheet.title, strong: true }];
    let brief = vec![Piece { text: &sheet.brief, strong: false }];
    linked(&[title, brief], sheet.link.as_ref())
}

fn cost(sheet: &Sheet) -> (usize, usize) {
    let blocks = entry(sheet);
    let size = blocks.iter().filter_map(|block| block.pointer("/text/text").and_then(Value::as_str)).map(units).sum();
    (blocks.len(), size)
}

/// Part of a line.
struct Piece<'a> {
    text: &'a str,
    strong: bool,
}

fn line(line: &Line) -> Vec<Piece<'_>> {
    vec![Piece { text: &line.text, strong: line.strong }]
}

fn detail(detail: &Detail) -> Vec<Piece<'_>> {
    vec![Piece { text: &detail.label, strong: true }, Piece { text: &detail.value, strong: false }]
}

/// Several candidates with a record each; a recap's calls, which have none, share a section.
fn items(items: &[Item]) -> Vec<Value> {
    if items.iter().any(|item| item.link.is_some()) {
        let one = |item: &Item| linked(&[vec![Piece { text: &item.text, strong: true }]], item.link.as_ref());
        return items.iter().flat_map(one).collect();
    }
    // 30 calls of 150 characters do not fit the 3,000 of one section.
    let rows: Vec<Vec<Piece<'_>>> = items.iter().map(|item| vec![Piece { text: &item.text, strong: false }]).collect();
    rows.chunks(10).filter_map(section).collect()
}

/// Lines in one section. Bold where mrkdwn shows the text as it is; where it would format it, no markup is read at all.
fn section(lines: &[Vec<Piece<'_>>]) -> Option<Value> {
    let text = mrkdwn(lines);
    let text = text.map_or_else(|| literal(&join(lines, |piece| piece.text.to_owned())), |text| marked(&text));
    (!lines.is_empty()).then(|| json!({ "type": "section", "text": text }))
}

/// [`section`] with a link at its end, or after it where the section takes no markup.
fn linked(lines: &[Vec<Piece<'_>>], target: Option<&Link>) -> Vec<Value> {
    match (target, mrkdwn(lines)) {
        (Some(target), Some(text)) => {
            vec![json!({ "type": "section", "text": marked(&format!("{text} · {}", anchor(target))) })]
        }
        (target, _) => section(lines).into_iter().chain(target.map(link)).collect(),
    }
}

fn mrkdwn(lines: &[Vec<Piece<'_>>]) -> Option<String> {
    let formats = lines.iter().flatten().any(|piece| formats_in_slack(piece.text));
    let bold = |piece: &Piece<'_>| match piece.strong {
        true => format!("*{}*", slack(piece.text)),
        false => slack(piece.text),
    };
    (!formats).then(|| join(lines, bold))
}

fn join(lines: &[Vec<Piece<'_>>], show: impl Fn(&Piece<'_>) -> String) -> String {
    let row =
        |line: &Vec<Piece<'_>>| line.iter().map(&show).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("  ");
    lines.iter().map(row).filter(|row| !row.is_empty()).collect::<Vec<_>>().join("\n")
}

fn header(title: &str) -> Value {
    json!({ "type": "header", "text": literal(&cut(title, TITLE)) })
}

/// Most people and groups that one message mentions.
const MENTIONS: usize = 20;

/// Whom the cards mention, each once. The ids are the config's: the one markup in a message that pings.
fn mentions<'a>(sheets: impl IntoIterator<Item = &'a Sheet>) -> Option<Value> {
    let text = mentioned(sheets);
    (!text.is_empty()).then(|| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }))
}

fn mentioned<'a>(sheets: impl IntoIterator<Item = &'a Sheet>) -> String {
    let mut said: Vec<String> = Vec::new();
    for mention in sheets.into_iter().flat_map(|sheet| &sheet.mention) {
        let id = mention.as_str();
        let markup = match id {
            "here" | "channel" => format!("<!{id}>"),
            group if group.starts_with('S') => format!("<!subteam^{group}>"),
            user => format!("<@{user}>"),
        };
        if said.len() < MENTIONS && !said.contains(&markup) {
            said.push(markup);
        }
    }
    said.join(" ")
}

fn link(target: &Link) -> Value {
    // Nothing but our own link: there is nothing in it that Slack could make more of.
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": anchor(target) } })
}

fn anchor(target: &Link) -> String {
    format!("<{}|{}>", slack(&target.url), slack(&target.label.replace('|', " ")))
}

/// Text in which nothing is read but text.
fn literal(text: &str) -> Value {
    json!({ "type": "plain_text", "text": unbracketed(text), "emoji": false })
}

/// Text with our own markup; `verbatim` keeps Slack from making links of what is inside.
fn marked(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn plain(rows: &[String]) -> Value {
    json!({ "text": rows.join("\n"), "unfurl_links": false, "unfurl_media": false })
}

fn plain_one(sheet: &Sheet) -> Value {
    let mut left = PLAIN.size;
    let rows = sheet.rows().into_iter().map(|row| slack(&unlinked(&row)));
    let mut rows: Vec<String> = rows
        .take_while(|row| {
            let room = left.checked_sub(units(row));
            left = room.unwrap_or(0);
            room.is_some()
        })
        .collect();
    rows.extend(sheet.link.iter().map(anchor));
    rows.extend(Some(mentioned([sheet])).filter(|text| !text.is_empty()));
    plain(&rows)
}

fn plain_many(title: &str, sheets: &[Sheet]) -> Value {
    let mut rows: Vec<String> = std::iter::once(slack(title)).chain(sheets.iter().map(plain_row)).collect();
    rows.extend(Some(mentioned(sheets)).filter(|text| !text.is_empty()));
    plain(&rows)
}

fn plain_row(sheet: &Sheet) -> String {
    slack(&unlinked(&sheet.short()))
}

fn plain_cost(sheet: &Sheet) -> (usize, usize) {
    (1, units(&plain_row(sheet)).saturating_add(1))
}
