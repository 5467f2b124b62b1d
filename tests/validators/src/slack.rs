//! Faults of a Slack message: the official limits by `slackblocks`, and rules that `slackblocks` does not check.

use crate::{hidden, objects};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Returns every fault of a webhook payload.
pub fn faults(payload: &Value) -> Vec<String> {
    let mut faults = common_faults(payload);
    for object in objects(payload) {
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        if matches!(kind, "input" | "actions" | "button") {
            faults.push(format!("{kind} in a webhook's message"));
        }
        if texts_with_markup(object).is_some_and(|text| text.contains("<@")) {
            faults.push("a person in a webhook's message".into());
        }
    }
    faults
}

/// Returns every fault of the message of an app whose presses are received. Limits: Slack's reference of the block `actions` and
/// of the element `button`.
pub fn app_faults(payload: &Value) -> Vec<String> {
    let mut faults = common_faults(payload);
    let length = |object: &Map<String, Value>, pointer: &str| {
        let value = object.get(pointer).and_then(|value| value.as_str().or_else(|| value["text"].as_str()));
        value.map_or(0, |text| text.chars().count())
    };
    for object in objects(payload) {
        match object.get("type").and_then(Value::as_str).unwrap_or_default() {
            "input" => faults.push("input in a message".into()),
            "actions" => {
                let buttons = object["elements"].as_array().cloned().unwrap_or_default();
                let ids: BTreeSet<&str> = buttons.iter().filter_map(|button| button["action_id"].as_str()).collect();
                let primary = buttons.iter().filter(|button| button["style"] == "primary").count();
                if !(1..=25).contains(&buttons.len()) || ids.len() != buttons.len() || primary > 1 {
                    faults.push(format!("actions: {object:?}"));
                }
            }
            "button" => {
                let is_plain = object["text"]["type"] == "plain_text";
                let limits = [("text", 75), ("action_id", 255), ("value", 2000)];
                if !is_plain || limits.iter().any(|(key, most)| !(1..=*most).contains(&length(object, key))) {
                    faults.push(format!("button: {object:?}"));
                }
            }
            _ => {}
        }
    }
    faults
}

/// Returns the text of an object that Slack formats.
fn texts_with_markup(object: &Map<String, Value>) -> Option<&str> {
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    // The text of a message is mrkdwn too.
    object.get("text").and_then(Value::as_str).filter(|_| kind == "mrkdwn" || kind.is_empty())
}

fn common_faults(payload: &Value) -> Vec<String> {
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
        faults.extend(texts_with_markup(object).into_iter().flat_map(markup));
    }
    if total > 13_000 {
        faults.push(format!("{total} characters of text"));
    }
    faults
}

/// Returns faults for angle brackets that are neither our links nor the person of a claim: mentions, links or dates from external text.
fn markup(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for part in text.split('<').skip(1) {
        let inside = part.split_once('>').map(|(inside, _)| inside);
        if inside == Some("@U0DANA") {
            continue;
        }
        match inside.and_then(|inside| inside.split_once('|')) {
            Some((url, label)) if url.starts_with("https://") && label.starts_with("Open") => {}
            _ => faults.push(format!("markup: <{part}")),
        }
    }
    faults
}
