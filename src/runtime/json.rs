//! JSON as peers send it. A strict parser refuses a whole text for one part without meaning here. Such a part is half of a
//! surrogate pair in a name, a number that no float can hold, or deep nesting. Such a text is repaired and parsed again.

use serde::de::DeserializeOwned;
use serde_json::Error;

/// A JSON value that borrows its strings.
pub type Value<'a> = serde_json_borrow::Value<'a>;

/// Levels of nesting that are kept. The limit of the parser is 128.
const MAX_DEPTH: usize = 100;

/// Parses JSON into an owned type.
///
/// # Errors
/// The error of the parser if even the repaired text is no JSON.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).or_else(|_| serde_json::from_str(&repaired(bytes)))
}

/// Parses JSON and passes the value to `read`.
///
/// # Errors
/// The error of the parser if even the repaired text is no JSON.
pub fn with_value<T>(bytes: &[u8], read: impl FnOnce(&Value<'_>) -> T) -> Result<T, Error> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(read(&value)),
        Err(_) => serde_json::from_str(&repaired(bytes)).map(|value| read(&value)),
    }
}

/// Returns the text with replacements. U+FFFD replaces invalid UTF-8 and half of a surrogate pair; an escape replaces a
/// control character in a string. `null` replaces a number beyond the range of a float and each value below [`MAX_DEPTH`]
/// levels.
fn repaired(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut out = String::with_capacity(rest.len());
    let mut depth = 0_usize;
    while let Some((first, token, after)) = split(rest, token_length) {
        rest = after;
        if matches!(first, '{' | '[') {
            depth = depth.saturating_add(1);
            if depth == MAX_DEPTH + 1 {
                out.push_str("null");
            }
        }
        if depth <= MAX_DEPTH {
            match first {
                '"' => push_string(token, &mut out),
                '-' | '0'..='9' if token.parse().is_ok_and(f64::is_infinite) => out.push_str("null"),
                _ => out.push_str(token),
            }
        }
        if matches!(first, '}' | ']') {
            depth = depth.saturating_sub(1);
        }
    }
    out
}

/// Splits the first part off, with its first character. `length`: the length of that part in bytes.
fn split(text: &str, length: impl FnOnce(char, &str) -> usize) -> Option<(char, &str, &str)> {
    let first = text.chars().next()?;
    let (part, rest) = text.split_at_checked(length(first, text))?;
    Some((first, part, rest))
}

/// Returns the length of the token at the start of `text`. Everything but a string and a number is one character.
fn token_length(first: char, text: &str) -> usize {
    match first {
        '"' => {
            let mut is_escaped = false;
            let is_end = |byte| {
                let is_end = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                is_end
            };
            text.bytes().skip(1).position(is_end).map_or(text.len(), |at| at + 2)
        }
        '-' | '0'..='9' => number_length(text),
        other => other.len_utf8(),
    }
}

/// Returns the length of the number at the start of `text`. It ends where the parser ends it: `1e91e9` is two numbers.
fn number_length(text: &str) -> usize {
    let after_digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
    };
    let is_at = |at: usize, characters: &[u8]| text.as_bytes().get(at).is_some_and(|byte| characters.contains(byte));
    let mut end = after_digits(1);
    if is_at(end, b".") {
        end = after_digits(end + 1);
    }
    if is_at(end, b"eE") {
        end = after_digits(end + 1 + usize::from(is_at(end + 1, b"+-")));
    }
    end
}

/// Appends a string with its quotes.
fn push_string(token: &str, out: &mut String) {
    let mut rest = token;
    while let Some((first, part, after)) = split(rest, part_length) {
        rest = after;
        match first {
            '\\' if part.len() == ESCAPE_LENGTH && unit(part).is_some_and(is_surrogate) => out.push_str("\\ufffd"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            _ => out.push_str(part),
        }
    }
}

/// Length of `\uXXXX`.
const ESCAPE_LENGTH: usize = 6;

/// Returns the length of the character or escape at the start of `text`; a surrogate pair is one.
fn part_length(first: char, text: &str) -> usize {
    let low = || text.get(ESCAPE_LENGTH..).and_then(unit);
    match (first, unit(text)) {
        ('\\', Some(0xD800..=0xDBFF)) if matches!(low(), Some(0xDC00..=0xDFFF)) => 2 * ESCAPE_LENGTH,
        ('\\', Some(_)) => ESCAPE_LENGTH,
        ('\\', None) => 1 + text.chars().nth(1).map_or(0, char::len_utf8),
        _ => first.len_utf8(),
    }
}

/// Returns the code unit of the escape at the start of `text`.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

const fn is_surrogate(unit: u16) -> bool {
    matches!(unit, 0xD800..=0xDFFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(text: &str) -> Option<serde_json::Value> {
        from_slice(text.as_bytes()).ok()
    }

    #[test]
    fn half_of_a_surrogate_pair_is_replaced_and_a_pair_stays() {
        let parsed = |name: &str| parsed(&format!("{{\"name\": \"{name}\", \"n\": 7}}"));
        for (name, expected) in [
            (r"Ann \ud83d", "Ann \u{fffd}"),
            (r"\ude00 Ann", "\u{fffd} Ann"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\ud83dA\\ud83d\ud83d\ude00", "\u{fffd}A\\ud83d\u{1f600}"),
            ("a\tb\n\\ud83d", "a\tb\n\u{fffd}"),
        ] {
            assert_eq!(parsed(name), Some(json!({"name": expected, "n": 7})), "{name}");
        }
    }

    #[test]
    fn number_out_of_range_and_deep_value_become_null() {
        assert_eq!(parsed(r#"{"a": 1e400, "b": -1E999, "c": 1.5}"#), Some(json!({"a": null, "b": null, "c": 1.5})));
        assert_eq!(repaired(b"1e999-1.5 1E+999.5"), "null-1.5 null.5");
        let deep = format!(r#"{{"x": {}"}}]"{}, "n": 7}}"#, "[".repeat(10_000), "]".repeat(10_000));
        let found = parsed(&deep).unwrap();
        assert_eq!(found["n"], 7);
        assert!(with_value(deep.as_bytes(), |value| value.get("n").as_u64() == Some(7)).unwrap());
    }

    #[test]
    fn text_that_is_no_json_stays_an_error() {
        for text in ["", "<html>", "{", r#"{"a": "\ud83d"#, r#"{"a": \ud83d}"#, "1e400 1e400", "[1,]", "\"\\", "-"] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(parsed("\u{feff}[1]"), Some(json!([1])));
        assert_eq!(from_slice::<String>(b"\"a\xffb\"").unwrap(), "a\u{fffd}b");
    }

    /// Parts of JSON, those that a strict parser refuses among them.
    const PARTS: [&str; 15] = [
        "\"",
        "\"\\ud83d",
        "\\ude00\"",
        "\"\\ud83d\\ude00\"",
        "1e999",
        "-7.5",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"a\":",
        "\n",
        "x",
    ];

    proptest! {
        #[test]
        fn valid_json_is_not_changed(text in "[\\PC\"\\\\]{0,40}", number in any::<f64>(), list in prop::collection::vec(any::<i64>(), 0..4)) {
            let value = json!({ "text": text, "number": number, "list": [list, {"in": text}] }).to_string();
            prop_assert_eq!(repaired(value.as_bytes()), value);
        }

        #[test]
        fn repaired_text_is_refused_for_its_syntax_only(
            parts in prop::collection::vec(prop::sample::select(PARTS.to_vec()), 0..60),
            deep in 0_usize..300,
        ) {
            let once = repaired(format!("{}{}", "[".repeat(deep), parts.concat()).as_bytes());
            prop_assert_eq!(&repaired(once.as_bytes()), &once);
            let why = serde_json::from_str::<serde_json::Value>(&once).map_or_else(|error| error.to_string(), |_| String::new());
            for reason in ["recursion limit", "out of range", "surrogate", "control character", "hex escape"] {
                prop_assert!(!why.contains(reason), "{}: {:?}", why, once);
            }
        }
    }
}
