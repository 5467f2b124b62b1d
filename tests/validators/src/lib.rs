//! Draws the cards that the daemon can make and holds them against the rules of Slack and Teams. `people` and `cards` make
//! them, `slack` and `teams` judge a payload and name every fault in it.

pub mod cards;
pub mod slack;
pub mod teams;

use serde_json::Value;

/// Every object inside `value`, itself first.
pub fn objects(value: &Value) -> Vec<&serde_json::Map<String, Value>> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => {
                found.push(object);
                open.extend(object.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    found
}

/// Every text inside `value`.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(object) => object.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// What no text on a card may have: controls other than our own line breaks, and characters that turn the writing round.
pub fn hidden(value: &Value) -> Vec<String> {
    let bad = |c: char| {
        c.is_control() && c != '\n' || matches!(c, '\u{200B}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    texts(value)
        .into_iter()
        .filter(|text| text.contains(bad))
        .map(|text| format!("hidden character in {text:?}"))
        .collect()
}
