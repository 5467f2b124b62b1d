//! Validates the cards of the daemon against the rules of Slack and Teams. `builders`, `callers` and `cards` make them,
//! `gallery` selects those for the browser; `slack` and `teams` return every fault of a payload.

pub mod builders;
pub mod callers;
pub mod cards;
pub mod gallery;
pub mod slack;
pub mod teams;

use serde_json::Value;

/// Returns every object inside `value`, with `value` itself first.
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

/// Returns every text inside `value`.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(object) => object.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Returns faults for hidden characters: controls other than line breaks, zero-width and bidirectional characters.
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
