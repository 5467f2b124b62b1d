//! Terminal output of the demo. Control characters are removed from card text.

use crate::sim::WebhookRequest;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::{
    io::{self, Write},
    time::Duration,
};

/// Maximum lines printed per message, after the first.
const MAX_LINES: usize = 12;

/// Prints the purpose of the demo, the page URL and how to stop.
pub(super) fn print_intro(url: &str, calls: Option<usize>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "poprelay demo: simulated calls, real daemon.")?;
    writeln!(out, "All traffic stays on this machine, and all files are deleted at the end.")?;
    writeln!(out)?;
    writeln!(out, "  channel page (Slack, Teams, and a Slack app with buttons):  {url}/")?;
    match calls {
        Some(calls) => writeln!(out, "  ends after {calls} calls; Ctrl-C stops it now")?,
        None => writeln!(out, "  Ctrl-C stops it")?,
    }
    writeln!(out)
}

/// Prints one message with its time.
pub(super) fn print_card(post: &WebhookRequest, out: &mut impl Write) -> io::Result<()> {
    let time = post.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
    let lines = message_lines(&post.payload);
    let mut lines = lines.iter();
    writeln!(out, "{time}  {}", lines.next().map_or("(an empty message)", String::as_str))?;
    for line in lines.by_ref().take(MAX_LINES) {
        writeln!(out, "          {line}")?;
    }
    match lines.count() {
        0 => {}
        more => writeln!(out, "          … {more} more lines")?,
    }
    writeln!(out)
}

/// Prints counts and latencies. The counts are of calls: those that get a card, those posted, and those in a menu only.
pub(super) fn print_summary(
    (calls, posted, menu_only): (usize, usize, usize),
    waits: &[Duration],
    posts: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    write!(out, "{posted} of {calls} calls posted, in {posts} messages to two channels")?;
    let at = |part: usize| waits.get(waits.len().saturating_sub(1) * part / 100).map(Duration::as_millis);
    if let (Some(median), Some(max)) = (at(50), at(100)) {
        write!(out, "; ring to card: {median} ms median, {max} ms maximum")?;
    }
    writeln!(out, ".")?;
    match menu_only {
        0 => Ok(()),
        count => writeln!(out, "Calls without a card because the caller hung up in the menu: {count}."),
    }
}

/// Prints the steps to a real installation.
pub(super) fn print_next_steps(out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    writeln!(
        out,
        "For real calls: create an OAuth client in GoTo's developer portal and a webhook in Slack or Teams, write both"
    )?;
    writeln!(
        out,
        "into a config (config.example.toml has every key), then: poprelay check, poprelay login, poprelay run."
    )
}

/// Returns the lines of a Slack message from its blocks, or from its fallback text if there are none.
fn message_lines(payload: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for block in payload.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        texts(block, &mut lines);
    }
    if lines.is_empty() {
        push(payload.get("text").and_then(Value::as_str).unwrap_or_default(), true, &mut lines);
    }
    lines
}

/// Appends every text object of a block, in order.
fn texts(value: &Value, lines: &mut Vec<String>) {
    let kind = value.get("type").and_then(Value::as_str);
    if let (Some("mrkdwn" | "plain_text" | "text"), Some(text)) = (kind, value.get("text").and_then(Value::as_str)) {
        return push(text, kind == Some("mrkdwn"), lines);
    }
    for key in ["text", "fields", "elements"] {
        match value.get(key) {
            Some(Value::Array(list)) => list.iter().for_each(|item| texts(item, lines)),
            Some(item @ Value::Object(_)) => texts(item, lines),
            _ => {}
        }
    }
}

fn push(text: &str, is_markup: bool, lines: &mut Vec<String>) {
    let text = if is_markup { strip_markup(text) } else { text.to_owned() };
    for line in text.lines() {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        let line = line.trim();
        if !line.is_empty() {
            lines.push(line.to_owned());
        }
    }
}

/// Converts Slack's markup to plain text: `<url|label>` to label and URL, entities to characters.
fn strip_markup(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(&before.replace('*', ""));
        let (inside, following) = after.split_once('>').unwrap_or((after, ""));
        match inside.split_once('|') {
            Some((date, fallback)) if date.starts_with("!date^") => plain.push_str(fallback),
            Some((url, label)) => {
                plain.push_str(label);
                plain.push_str(" → ");
                plain.push_str(url);
            }
            None => plain.push_str(inside),
        }
        rest = following;
    }
    plain.push_str(&rest.replace('*', ""));
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn message_lines_are_plain_text_without_control_characters() {
        let payload = json!({ "text": "fallback", "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "📞 Ann\u{1b}[2J" } },
            { "type": "section", "text": { "type": "mrkdwn", "text": "*Called* Main line\nR&amp;D &lt;x&gt;" } },
            { "type": "divider" },
            { "type": "section", "fields": [{ "type": "mrkdwn", "text": "<https://crm.example.com/1|Open>" }] },
            { "type": "context", "elements": [{ "type": "plain_text", "text": "14:03" }] },
        ] });
        assert_eq!(
            message_lines(&payload),
            ["📞 Ann[2J", "Called Main line", "R&D <x>", "Open → https://crm.example.com/1", "14:03"]
        );
        assert_eq!(message_lines(&json!({ "text": "only &amp; this" })), ["only & this"]);
    }
}
