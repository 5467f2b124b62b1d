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
            let scalars = items.iter().filter(|item| !item.is_array() && !item.is_object());
            let texts: Vec<_> = scalars.filter_map(text).collect();
            (!texts.is_empty()).then(|| texts.join(", ").into())
        }
        Value::Null | Value::Object(_) => None,
    }
}
