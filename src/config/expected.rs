//! The expected form of a value in words, by its key. Values are never quoted, since any may be a secret.

use super::suggestion::nearest;
use crate::{enrich::SourceKind, model::delivery::SinkKind};
use config::ConfigError as Parse;

/// Places of a secret.
const SECRET_KEYS: [&str; 3] = ["file", "env", "credential"];

/// Describes the problem of the value at `key`.
pub(super) fn describe(key: &str, error: &Parse) -> String {
    match error {
        Parse::At { error, .. } => describe(key, error),
        Parse::NotFound(name) => missing(name),
        Parse::Message(text) if is_missing_field(text) => missing(text.trim_end_matches(['`', '"'])),
        Parse::Message(text) => misspelled_secret(text)
            .or_else(|| expected_at(key).map(|expected| format!("expected {expected}")))
            .unwrap_or_else(|| without_values(text)),
        Parse::Type { expected, .. } => {
            format!("expected {}", expected_at(key).unwrap_or_else(|| in_plain_words(expected)))
        }
        _ => expected_at(key).map_or_else(|| "invalid value".to_owned(), |expected| format!("expected {expected}")),
    }
}

fn is_missing_field(text: &str) -> bool {
    ["missing field", "missing configuration field"].iter().any(|start| text.starts_with(start))
}

/// Describes a missing key. The path before it is the key of the diagnostic.
fn missing(path: &str) -> String {
    let name = path.rsplit(['.', ']', '`', '"', ' ']).next().unwrap_or(path);
    format!("the key `{name}` is missing")
}

/// Returns the text for a secret whose place is misspelled.
fn misspelled_secret(text: &str) -> Option<String> {
    let (wrong, known) = text.strip_prefix("unknown field `")?.split_once('`')?;
    let near = nearest(SECRET_KEYS.into_iter(), wrong).filter(|_| known.contains("`credential`"))?;
    Some(format!("unknown key; did you mean `{near}`?"))
}

/// Removes values from serde's messages: what follows "expected" is known, quotes before it may contain a value.
fn without_values(text: &str) -> String {
    match text.split_once("expected ") {
        Some((_, rest)) => format!("expected {}", in_plain_words(rest)),
        None if text.contains(['`', '"']) || text.contains("variant") => "invalid value".to_owned(),
        None => text.to_owned(),
    }
}

/// Returns serde's name of a type in the words of a config file.
pub(super) fn in_plain_words(expected: &str) -> String {
    let number = ["integer", "u8", "u16", "u32", "u64", "usize", "i64", "i128", "u128"];
    match expected {
        "a boolean" => "true or false",
        "a string" | "a borrowed string" | "string or table" => "a text in quotes",
        "a sequence" | "an array" => "a list",
        "a map" => "a table",
        "a floating point" | "f32" | "f64" => "a number",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with("enum ") => "a text in quotes",
        other if number.iter().any(|word| other.ends_with(word)) => "a whole number",
        other => other,
    }
    .to_owned()
}

/// Returns the expected form of the value at a key, if the key has one of its own.
fn expected_at(key: &str) -> Option<String> {
    // An item of a list has the key of the list and a number.
    let named = key.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
    let (table, last) = named.rsplit_once('.').unwrap_or(("", named));
    let is_item = named.len() < key.len();
    match last {
        "type" if table.starts_with("enrich") => Some(any_of(SourceKind::ALL.map(|kind| kind.to_string()))),
        // A workflow trigger is known by its URL.
        "type" => {
            let kinds = SinkKind::ALL.into_iter().filter(|kind| *kind != SinkKind::SlackTrigger);
            Some(any_of(kinds.map(|kind| kind.as_str().to_owned())))
        }
        // A table of the file and a condition have one name.
        "network" if !table.starts_with("routes") => None,
        list if is_item => expected_item(list).map(str::to_owned),
        _ => expected_value(last).map(str::to_owned),
    }
}

fn any_of(words: impl IntoIterator<Item = String>) -> String {
    let mut words: Vec<String> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} or {last}", words.join(", ")) }
}

fn expected_item(list: &str) -> Option<&'static str> {
    Some(match list {
        "outcomes" => "\"answered\", \"missed\", \"voicemail\", \"ended\" or \"called_back\"",
        "account_keys" | "account" => "digits in quotes, as in \"2930718022414574861\"",
        "facts" => "a label in quotes, as in \"Owner\"",
        _ => return expected_word(list),
    })
}

/// Returns the expected form of one word, for keys with one and for items of a list.
fn expected_word(key: &str) -> Option<&'static str> {
    Some(match key {
        "region" => "two letters of ISO 3166-1, as in \"US\" or \"DE\"",
        "directions" | "direction" => "\"inbound\" or \"outbound\"",
        "status" => "\"ringing\", \"answered\", \"missed\", \"voicemail\", \"ended\" or \"called_back\"",
        "network" => "\"verified\", \"not_verified\" or \"spam\"",
        _ => return None,
    })
}

fn expected_value(key: &str) -> Option<&'static str> {
    Some(match key {
        "recap" => "a time as in \"17:30\", a list of times, or { at = \"17:30\", days = \"mon-fri\", latency = true }",
        "client_secret" | "refresh_token" | "url" | "token" | "secret" | "proxy" | "pat" | "app_token" => {
            "a string, or one of { file = \"…\" }, { env = \"…\" }, { credential = \"…\" }"
        }
        "pace" => "{ per_second = 1, burst = 4 } or \"off\"",
        "outcomes" => "a list of \"answered\", \"missed\", \"voicemail\", \"ended\", \"called_back\"",
        "cloud" => "\"public\", \"gcc\" or \"gcc-high\"",
        "shape" => "\"message\" or \"card\"",
        "when" => "\"urgent\" or \"always\"",
        "ring_at" => "\"phone\", \"queue\" or \"start\"",
        "mask" => "\"none\", \"last4\", \"last2\" or \"all\"",
        "durability" => "\"power-loss\" or \"crash\"",
        "account_keys" => "a list of digits in quotes, as in [\"2930718022414574861\"]",
        "lanes" => "a number from 1 to 4",
        "facts" => "a list of labels, as in [\"Open tickets\", \"Owner\"]",
        "directions" => "a list of \"inbound\", \"outbound\"",
        _ => return expected_word(key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Parse {
        Parse::Message(text.to_owned())
    }

    #[test]
    fn serde_types_become_words_of_a_config_file() {
        for (key, error, text) in [
            ("state.database", "invalid type: string \"x\", expected struct DatabaseTable", "expected a table"),
            ("routes", "invalid type: map, expected a sequence", "expected a list"),
            ("state.record", "invalid type: string \"x\", expected a boolean", "expected true or false"),
            ("routes.0", "missing field `sinks`", "the key `sinks` is missing"),
            ("state.database", "missing configuration field \"state.database.url\"", "the key `url` is missing"),
            ("sinks.a.pace.burst", "invalid value: x, expected u32", "expected { per_second"),
        ] {
            let key = key.replace(".burst", "");
            let described = describe(&key, &message(error));
            assert!(described.starts_with(text), "{key}: {described}");
        }
        let not_found = Parse::NotFound("routes[0]sinks".to_owned());
        assert_eq!(describe("routes.0", &not_found), "the key `sinks` is missing");
    }

    #[test]
    fn item_of_a_list_has_the_form_of_an_item() {
        let of = |key| describe(key, &message("unknown variant `x`, expected one of `a`"));
        assert!(of("sinks.desk.outcomes").starts_with("expected a list of"));
        assert!(of("sinks.desk.outcomes.0").starts_with("expected \"answered\""));
        assert!(of("routes.0.match.region").starts_with("expected two letters"));
        assert_eq!(of("routes.0"), "expected one of `a`");
    }

    #[test]
    fn type_lists_the_kinds_of_its_own_table() {
        let of = |key| describe(key, &message("unknown variant `slak`, expected one of `a`"));
        let (sink, source) = (of("sinks.desk.type"), of("enrich.0.type"));
        for kind in SinkKind::ALL {
            let is_listed = sink.contains(&format!("\"{}\"", kind.as_str()));
            assert_eq!(is_listed, kind != SinkKind::SlackTrigger, "{sink}");
        }
        assert_eq!(source, "expected \"contacts\", \"http\" or \"history\"");
    }

    #[test]
    fn misspelled_place_of_a_secret_has_a_suggestion() {
        let error = message("unknown field `credentail`, expected one of `file`, `env`, `credential`");
        assert_eq!(describe("sinks.desk.url", &error), "unknown key; did you mean `credential`?");
        let far = message("unknown field `xoxb`, expected one of `file`, `env`, `credential`");
        assert!(describe("sinks.desk.url", &far).starts_with("expected a string, or one of"));
    }

    #[test]
    fn message_with_a_quoted_value_loses_it() {
        let of = |text: &str| describe("cards.deadline", &message(text));
        assert_eq!(of("invalid value: string \"xoxb-secret\", expected a duration"), "expected a duration");
        assert_eq!(of("something `xoxb-secret` odd"), "invalid value");
    }
}
