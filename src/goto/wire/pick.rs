//! Reads facts from JSON that may lack them or have them in another form. A wrong form reads as absent.

use crate::{model::time::Timestamp, runtime::json::Value};

/// Longest name or open value that is kept, in characters. GoTo states no limit; a card shows far fewer.
const LONGEST_TEXT: usize = 512;

/// Returns the value under `name`.
pub(super) fn field<'a>(value: &'a Value<'a>, name: &str) -> Option<&'a Value<'a>> {
    value.as_object()?.get(name)
}

/// Returns the object under `name`.
pub(super) fn object<'a>(value: &'a Value<'a>, name: &str) -> Option<&'a Value<'a>> {
    field(value, name).filter(|inner| inner.is_object())
}

/// Returns the items of the array under `name`, at most `at_most`. Returns no items if there is no array.
pub(super) fn list<'a>(
    value: &'a Value<'a>,
    name: &str,
    at_most: usize,
) -> impl Iterator<Item = &'a Value<'a>> + use<'a> {
    field(value, name).and_then(Value::as_array).into_iter().flatten().take(at_most)
}

/// Returns the text under `name`. A number is read as its digits (one GoTo page shows a key as a number), an empty text as
/// absent.
pub(super) fn text(value: &Value<'_>, name: &str) -> Option<String> {
    match field(value, name)? {
        Value::Str(text) if text.trim().is_empty() => None,
        Value::Str(text) => Some(text.chars().take(LONGEST_TEXT).collect()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the whole number under `name`, also as text or with a zero fraction.
pub(super) fn whole(value: &Value<'_>, name: &str) -> Option<u64> {
    let value = field(value, name)?;
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
        .or_else(|| value.as_f64().filter(|f| f.fract() == 0.0 && (0.0..=9e15).contains(f)).map(|f| f as u64))
}

/// Returns the ISO 8601 time under `name`.
pub(super) fn time(value: &Value<'_>, name: &str) -> Option<Timestamp> {
    field(value, name)?.as_str()?.trim().parse().ok()
}

/// Returns the id under `name`, if it is valid.
pub(super) fn id<T: TryFrom<String>>(value: &Value<'_>, name: &str) -> Option<T> {
    as_id(field(value, name)?)
}

/// Returns `value` itself as an id.
pub(super) fn as_id<T: TryFrom<String>>(value: &Value<'_>) -> Option<T> {
    match value {
        Value::Str(text) => T::try_from(text.trim().to_owned()).ok(),
        Value::Number(number) => T::try_from(number.to_string()).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
