//! What the demo says on the terminal. Text of cards is cleaned of everything that a terminal would obey.

use crate::sim::Posted;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::{
    io::{self, Write},
    time::Duration,
};

/// Lines of one message that are shown.
const MOST_LINES: usize = 12;

/// What it is, where to look, how to stop it.
pub fn introduce(url: &str, calls: Option<usize>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "poprelay demo: a played GoTo calls a played office; the real daemon turns the calls into cards.")?;
    writeln!(out, "Nothing leaves this machine, and nothing stays on it.")?;
    writeln!(out)?;
    writeln!(out, "  see the team's channel, as Slack and as Teams:  {url}/")?;
    match calls {
        Some(calls) => writeln!(out, "  it ends by itself after {calls} calls; Ctrl-C ends it now")?,
        None => writeln!(out, "  Ctrl-C ends it")?,
    }
    writeln!(out)
}

/// A message as it arrives: when, and what it says.
pub fn card(post: &Posted, out: &mut impl Write) -> io::Result<()> {
    let time = post.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
    let lines = said(&post.payload);
    let mut lines = lines.iter();
    writeln!(out, "{time}  {}", lines.next().map_or("(an empty message)", String::as_str))?;
    for line in lines.by_ref().take(MOST_LINES) {
        writeln!(out, "          {line}")?;
    }
    match lines.count() {
        0 => {}
        more => writeln!(out, "          … {more} more lines")?,
    }
    writeln!(out)
}

/// How it went.
pub fn account(calls: usize, told: usize, waits: &[Duration], posts: usize, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{told} of {calls} calls were told, in {posts} messages to two channels")?;
    let at = |part: usize| waits.get(waits.len().saturating_sub(1) * part / 100).map(Duration::as_millis);
    if let (Some(middle), Some(worst)) = (at(50), at(100)) {
        write!(out, "; a ring became a card after {middle} ms (median), {worst} ms at worst")?;
    }
    writeln!(out, ".")
}

/// What to do next.
pub fn farewell(out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    writeln!(
        out,
        "To go real: make an OAuth client in GoTo's developer portal and a webhook in Slack or Teams, write both"
    )?;
    writeln!(
        out,
        "into a config (config.example.toml has every key), then: poprelay check, poprelay login, poprelay run."
    )
}

/// The lines of a Slack message, from its blocks, or from its fallback text where it has none.
fn said(payload: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for block in payload.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        texts(block, &mut lines);
    }
    if lines.is_empty() {
        push(payload.get("text").and_then(Value::as_str).unwrap_or_default(), true, &mut lines);
    }
    lines
}

/// Every text object in a block, in order.
fn texts(value: &Value, lines: &mut Vec<String>) {
    let kind = value.get("type").and_then(Value::as_str);
    if let (Some("mrkdwn" | "plain_text" | "text"), Some(text)) = (kind, value.get("text").and_then(Value::as_str)) {
        return push(text, kind == Some("mrkdwn"), lines);
    }
    for key in ["text", "fields", "elements"] {
        match value.get(key) {
            Some(Value::Array(list)) => list.iter().for_each(|one| texts(one, lines)),
            Some(one @ Value::Object(_)) => texts(one, lines),
            _ => {}
        }
    }
}

fn push(text: &str, markup: bool, lines: &mut Vec<String>) {
    let text = if markup { unmarked(text) } else { text.to_owned() };
    for line in text.lines() {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        let line = line.trim();
        if !line.is_empty() {
            lines.push(line.to_owned());
        }
    }
}

/// Slack's markup as plain text: `<url|label>` as the label and the URL, entities as their signs.
fn unmarked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(&before.replace('*', ""));
        let (inside, behind) = after.split_once('>').unwrap_or((after, ""));
        match inside.split_once('|') {
            Some((date, fallback)) if date.starts_with("!date^") => plain.push_str(fallback),
            Some((url, label)) => {
                plain.push_str(label);
                plain.push_str(" → ");
                plain.push_str(url);
            }
            None => plain.push_str(inside),
        }
        rest = behind;
    }
    plain.push_str(&rest.replace('*', ""));
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_card_reads_as_plain_lines_and_moves_no_cursor() {
        let payload = json!({ "text": "fallback", "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "📞 Ann\u{1b}[2J" } },
            { "type": "section", "text": { "type": "mrkdwn", "text": "*Called* Main line\nR&amp;D &lt;x&gt;" } },
            { "type": "divider" },
            { "type": "section", "fields": [{ "type": "mrkdwn", "text": "<https://crm.example.com/1|Open>" }] },
            { "type": "context", "elements": [{ "type": "plain_text", "text": "14:03" }] },
        ] });
        assert_eq!(
            said(&payload),
            ["📞 Ann[2J", "Called Main line", "R&D <x>", "Open → https://crm.example.com/1", "14:03"]
        );
        assert_eq!(said(&json!({ "text": "only &amp; this" })), ["only & this"]);
    }
}
