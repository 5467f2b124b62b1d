//! Payload rules of Slack: the documented limits of Block Kit and the webhook's error texts. Pure.

use serde_json::Value;
use std::collections::HashSet;

/// Checks a body. The error is Slack's answer with status 400.
pub(super) fn check(body: &[u8]) -> Result<Value, &'static str> {
    let payload: Value = serde_json::from_slice(body).map_err(|_| "invalid_payload")?;
    if !payload.is_object() {
        return Err("invalid_payload");
    }
    let text = payload.get("text").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    let filled = |key: &str| payload.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if payload.get("attachments").is_some_and(|list| list.as_array().is_none_or(|list| list.len() > 100)) {
        return Err("invalid_attachments");
    }
    match payload.get("blocks") {
        None => {}
        Some(Value::Array(blocks)) if blocks.len() <= 50 && blocks.iter().all(block) && ids_differ(blocks) => {}
        Some(Value::Array(_)) => return Err("invalid_blocks"),
        Some(_) => return Err("invalid_blocks_format"),
    }
    if text || filled("blocks") || filled("attachments") { Ok(payload) } else { Err("no_text") }
}

fn ids_differ(blocks: &[Value]) -> bool {
    let mut seen = HashSet::new();
    blocks.iter().filter_map(|block| block.get("block_id")).all(|id| seen.insert(id))
}

fn block(block: &Value) -> bool {
    let id_fits = block.get("block_id").is_none_or(|id| string(id, 0..=255));
    id_fits
        && match block.get("type").and_then(Value::as_str) {
            Some("divider") => true,
            Some("header") => text_object(block.get("text"), 150, &["plain_text"]),
            Some("section") => section(block),
            Some("context") => list(block.get("elements"), 1..=10, |one| {
                one.get("type").and_then(Value::as_str) == Some("image") && image(one) || text(Some(one), 3000)
            }),
            Some("actions") => list(block.get("elements"), 1..=25, element),
            Some("image") => image(block),
            Some("rich_text") => list(block.get("elements"), 0..=usize::MAX, Value::is_object),
            Some("markdown") => block.get("text").is_some_and(|text| string(text, 1..=12_000)),
            _ => false,
        }
}

fn section(block: &Value) -> bool {
    let (words, fields) = (block.get("text"), block.get("fields"));
    (words.is_some() || fields.is_some())
        && (words.is_none() || text(words, 3000))
        && (fields.is_none() || list(fields, 1..=10, |field| text(Some(field), 2000)))
        && block.get("accessory").is_none_or(|one| element(one) || image(one))
}

fn element(element: &Value) -> bool {
    match element.get("type").and_then(Value::as_str) {
        Some("button") => {
            text_object(element.get("text"), 75, &["plain_text"])
                && element.get("url").is_none_or(|url| string(url, 1..=3000))
                && element.get("value").is_none_or(|value| string(value, 0..=2000))
                && element.get("action_id").is_none_or(|id| string(id, 0..=255))
        }
        Some(_) => true,
        None => false,
    }
}

fn image(image: &Value) -> bool {
    image.get("image_url").is_some_and(|url| string(url, 1..=3000))
        && image.get("alt_text").is_some_and(|text| string(text, 0..=2000))
}

fn list(value: Option<&Value>, size: std::ops::RangeInclusive<usize>, fits: impl Fn(&Value) -> bool) -> bool {
    value.and_then(Value::as_array).is_some_and(|list| size.contains(&list.len()) && list.iter().all(fits))
}

fn text(value: Option<&Value>, longest: usize) -> bool {
    text_object(value, longest, &["plain_text", "mrkdwn"])
}

fn text_object(value: Option<&Value>, longest: usize, types: &[&str]) -> bool {
    let Some(value) = value else { return false };
    value.get("type").and_then(Value::as_str).is_some_and(|kind| types.contains(&kind))
        && value.get("text").is_some_and(|text| string(text, 1..=longest))
}

/// Returns whether a value is a string with a length in the given range, in code points.
fn string(value: &Value, length: std::ops::RangeInclusive<usize>) -> bool {
    value.as_str().is_some_and(|text| length.contains(&text.chars().count()))
}

/// Returns the body of Slack's answer with an injected status.
pub(super) const fn error_text(status: u16) -> &'static str {
    match status {
        400 => "invalid_payload",
        403 => "invalid_token",
        404 => "no_service",
        410 => "channel_is_archived",
        429 => r#"{"retry_after":1,"ok":false,"error":"rate_limited"}"#,
        500 => "rollup_error",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(payload: &Value) -> &'static str {
        check(payload.to_string().as_bytes()).err().unwrap_or("ok")
    }

    fn header(length: usize) -> Value {
        json!({ "type": "header", "text": { "type": "plain_text", "text": "📞".repeat(length) } })
    }

    #[test]
    fn invalid_payload_gets_slack_error_text() {
        assert_eq!(check(b"{").err(), Some("invalid_payload"));
        assert_eq!(answer(&json!([])), "invalid_payload");
        assert_eq!(answer(&json!({ "text": "" })), "no_text");
        assert_eq!(answer(&json!({ "text": "x", "blocks": {} })), "invalid_blocks_format");
        assert_eq!(answer(&json!({ "blocks": [header(151)] })), "invalid_blocks");
        assert_eq!(answer(&json!({ "blocks": vec![json!({ "type": "divider" }); 51] })), "invalid_blocks");
        let twin = json!({ "type": "divider", "block_id": "a" });
        assert_eq!(answer(&json!({ "blocks": [twin, twin] })), "invalid_blocks");
        let long = json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x".repeat(3001) } });
        assert_eq!(answer(&json!({ "blocks": [long] })), "invalid_blocks");
        let markup = json!({ "type": "header", "text": { "type": "mrkdwn", "text": "x" } });
        assert_eq!(answer(&json!({ "blocks": [markup] })), "invalid_blocks");
    }

    #[test]
    fn payload_within_limits_is_accepted() {
        assert_eq!(answer(&json!({ "text": "x" })), "ok");
        let field = json!({ "type": "mrkdwn", "text": "x".repeat(2000) });
        let fields = json!({ "type": "section", "fields": vec![field; 10] });
        let context = json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": "x" }] });
        assert_eq!(answer(&json!({ "blocks": [header(150), fields, context, { "type": "divider" }] })), "ok");
    }
}
