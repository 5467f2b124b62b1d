//! Values of a CRM's JSON as text. Pure.

use serde_json::Value;
use std::borrow::Cow;

/// Returns a value as text; `None` for an empty one and for an object.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.into()),
        Value::Array(items) => {
            let texts: Vec<_> = items.iter().filter(|item| !item.is_array()).filter_map(item_text).collect();
            (!texts.is_empty()).then(|| texts.join(", ").into())
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// Returns an item of a list as text. CRMs write tags and choices as objects: `[{"id": "7", "name": "VIP"}]`.
fn item_text(item: &Value) -> Option<Cow<'_, str>> {
    let named = || ["name", "value", "label", "plain_text"].into_iter().find_map(|key| item.get(key).and_then(text));
    text(item).or_else(named)
}
