//! Faults of a Slack message: the official limits by `slackblocks`, and rules that `slackblocks` does not check.

use crate::{hidden, objects};
use serde_json::Value;
use std::collections::BTreeSet;

/// Returns every fault of a webhook payload.
pub fn faults(payload: &Value) -> Vec<String> {
    let mut faults = hidden(payload);
    if let Err(fault) = serde_json::from_value::<slackblocks::WebhookMessage>(payload.clone()) {
        faults.push(format!("slackblocks: {fault}"));
    }
    if payload["text"].as_str().is_none_or(str::is_empty) {
        faults.push("no fallback text".into());
    }
    for key in ["link_names", "parse", "username", "channel", "icon_url"] {
        if payload.get(key).is_some() {
            faults.push(format!("{key} is set"));
        }
    }
    for key in ["unfurl_links", "unfurl_media"] {
        if payload[key] != Value::Bool(false) {
            faults.push(format!("{key} is not off"));
        }
    }
    let mut ids = BTreeSet::new();
    let mut total = 0;
    for object in objects(payload) {
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(id) = object.get("block_id").and_then(Value::as_str)
            && !ids.insert(id)
        {
            faults.push(format!("block_id {id} twice"));
        }
        if matches!(kind, "input" | "actions" | "button") {
            faults.push(format!("{kind} in a webhook's message"));
        }
        if kind == "context" && object["elements"].as_array().is_none_or(Vec::is_empty) {
            faults.push("empty context".into());
        }
        if object.get("url").and_then(Value::as_str).is_some_and(|url| !url.starts_with("https://")) {
            faults.push("a url that is not https".into());
        }
        let text = object.get("text").and_then(Value::as_str).unwrap_or_default();
        total += if object.contains_key("blocks") { 0 } else { text.chars().count() };
        let bare = text.starts_with("<https://") && text.ends_with('>') && text.matches('<').count() == 1;
        if kind == "mrkdwn" && !bare && object.get("verbatim") != Some(&Value::Bool(true)) {
            faults.push("mrkdwn that is not verbatim".into());
        }
        // The text of a message is mrkdwn too.
        if kind == "mrkdwn" || kind.is_empty() {
            faults.extend(markup(text));
        }
    }
    if total > 13_000 {
        faults.push(format!("{total} characters of text"));
    }
    faults
}

/// Returns faults for angle brackets that are not our links: mentions, links or dates from external text.
fn markup(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for part in text.split('<').skip(1) {
        let inside = part.split_once('>').map(|(inside, _)| inside);
        match inside.and_then(|inside| inside.split_once('|')) {
            Some((url, label)) if url.starts_with("https://") && label.starts_with("Open") => {}
            _ => faults.push(format!("markup: <{part}")),
        }
    }
    faults
}
