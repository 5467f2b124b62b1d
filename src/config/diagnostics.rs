//! Diagnostics of a config: file, line, key, and the expected form. Values never appear, since any may be a secret:
//! parser messages quote values, so only their kind is used.

use super::keys::known_keys;
use config::ConfigError as Parse;
use std::{fmt, path::PathBuf};
use toml::de::{DeTable, DeValue};

/// One problem with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Key, as in `sinks.front-desk.url`; empty if none.
    pub key: String,
    /// Line of the key, from 1; `None` if set by the environment or missing.
    pub line: Option<usize>,
    /// Diagnostic and expected form, in one sentence.
    pub text: String,
}

/// Reason for which the config cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config {}: {hint}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Hint for the operator.
        hint: &'static str,
        /// Cause reported by the system.
        #[source]
        source: std::io::Error,
    },
    /// The file has invalid contents.
    #[error("{}", DisplayProblems(path, problems))]
    Invalid {
        /// Path of the file.
        path: PathBuf,
        /// All problems found; never empty.
        problems: Vec<Diagnostic>,
    },
}

struct DisplayProblems<'a>(&'a PathBuf, &'a [Diagnostic]);

impl fmt::Display for DisplayProblems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.1.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", self.0.display())?;
            if let Some(line) = problem.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
            if !problem.key.is_empty() {
                write!(f, "{}: ", problem.key)?;
            }
            f.write_str(&problem.text)?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// Creates a diagnostic for `key`, with its line in `source`.
    pub fn at(source: &str, key: impl Into<String>, text: impl Into<String>) -> Self {
        let key = key.into();
        Self { line: line_of(source, &key), key, text: text.into() }
    }
}

/// Creates a diagnostic for an unknown key, with the closest known one.
pub(super) fn unknown_key(source: &str, key: &str) -> Diagnostic {
    let (table, last) = key.rsplit_once('.').unwrap_or(("", key));
    let nearest = known_keys()
        .into_iter()
        .find(|(pattern, _)| matches_table(pattern, table))
        .and_then(|(_, keys)| keys.iter().map(|k| (strsim::damerau_levenshtein(k, last), *k)).min());
    let text = match nearest {
        Some((distance, known)) if distance <= 1 + last.len() / 4 => format!("unknown key; did you mean `{known}`?"),
        _ => "unknown key, see config.example.toml for all keys".to_owned(),
    };
    Diagnostic::at(source, key, text)
}

fn matches_table(pattern: &str, table: &str) -> bool {
    let mut parts = table.split('.');
    pattern.split('.').all(|p| parts.next().is_some_and(|t| p == "*" || p == t)) && parts.next().is_none()
}

/// Creates a diagnostic for a value of the wrong type, without the value.
pub(super) fn type_error(source: &str, path: &str, error: &Parse) -> Diagnostic {
    let key = if path == "." { "" } else { path };
    // Tables with `deny_unknown_fields` list only the known keys.
    if let Some((table, last)) = key.rsplit_once('.')
        && known_keys().iter().any(|(pattern, keys)| matches_table(pattern, table) && !keys.contains(&last))
    {
        return unknown_key(source, key);
    }
    Diagnostic::at(source, key, describe(key, error))
}

fn describe(key: &str, error: &Parse) -> String {
    // List items share the expected form of their list.
    let named = key.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
    let last = named.rsplit('.').next().unwrap_or(named);
    if let Some(expected) = expected_value(last) {
        return format!("expected {expected}");
    }
    match error {
        Parse::At { error, .. } => describe(key, error),
        Parse::Type { expected, .. } => format!("expected {expected}, found something else"),
        Parse::NotFound(name) => format!("`{name}` is missing"),
        Parse::Message(text) => without_values(text),
        _ => "invalid value".to_owned(),
    }
}

/// Removes values from serde's messages. Missing fields and known words are kept; quotes may contain a value.
fn without_values(text: &str) -> String {
    if ["missing field", "missing configuration field"].iter().any(|start| text.starts_with(start)) {
        return text.to_owned();
    }
    match text.split_once("expected") {
        Some((_, rest)) => format!("expected{rest}"),
        None if text.contains(['`', '"']) || text.contains("variant") => "invalid value".to_owned(),
        None => text.to_owned(),
    }
}

fn expected_value(last: &str) -> Option<&'static str> {
    Some(match last {
        "recap" => "a time as in \"17:30\", a list of times, or { at = \"17:30\", days = \"mon-fri\", latency = true }",
        "client_secret" | "refresh_token" | "url" | "token" | "secret" | "proxy" => {
            "a string, or one of { file = \"…\" }, { env = \"…\" }, { credential = \"…\" }"
        }
        "type" => {
            "\"slack\", \"slack-app\", \"teams\" or \"teams-app\" for a sink, \"contacts\", \"http\" or \"history\" for a source"
        }
        "pace" => "{ per_second = 1, burst = 4 } or \"off\"",
        "outcomes" => "a list of \"answered\", \"missed\", \"voicemail\", \"ended\", \"called_back\"",
        "cloud" => "\"public\", \"gcc\" or \"gcc-high\"",
        "shape" => "\"message\" or \"card\"",
        "ring_at" => "\"phone\", \"queue\" or \"start\"",
        "mask" => "\"none\", \"last4\", \"last2\" or \"all\"",
        "durability" => "\"power-loss\" or \"crash\"",
        "account_keys" => "a list of digits in quotes, as in [\"2930718022414574861\"]",
        "lanes" => "a number from 1 to 4",
        "facts" => "a list of labels, as in [\"Open tickets\", \"Owner\"]",
        "directions" => "a list of \"inbound\", \"outbound\"",
        "internal" | "menu_only" | "voicemail" | "number_names" | "record" | "reply_in_thread" | "show_sources" => {
            "true or false"
        }
        _ => return None,
    })
}

/// Creates a diagnostic for a TOML syntax error, without the line the parser quotes.
pub(super) fn syntax_error(source: &str, error: &toml::de::Error) -> Diagnostic {
    let line = error.span().map(|span| line_at(source, span.start));
    Diagnostic { key: String::new(), line, text: format!("invalid TOML: {}", error.message()) }
}

fn line_at(source: &str, offset: usize) -> usize {
    source.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

/// Returns the line of a dotted key, or of the nearest existing table above it.
fn line_of(source: &str, key: &str) -> Option<usize> {
    let tree = DeTable::parse(source).ok()?;
    let mut parts = key.split('.');
    let top = parts.next()?;
    let (name, mut value) = tree.get_ref().iter().find(|(name, _)| *name.get_ref() == top)?;
    let mut offset = name.span().start;
    for part in parts {
        let below = match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().find(|(name, _)| name.get_ref() == part).map(|(name, value)| (name.span().start, value))
            }
            DeValue::Array(items) => {
                part.parse().ok().and_then(|i: usize| items.get(i)).map(|value| (value.span().start, value))
            }
            _ => None,
        };
        let Some(found) = below else { break };
        (offset, value) = found;
    }
    Some(line_at(source, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "[connections.main]\nclient_id = \"a\"\n\n[sinks.desk]\ntype = \"slack\"\nulr = \"https://x\"\n\n[[routes]]\nsinks = [\"desk\"]\n[[routes]]\nsink = [\"desk\"]\n";

    #[test]
    fn unknown_key_has_line_and_suggestion() {
        let problem = unknown_key(SOURCE, "sinks.desk.ulr");
        assert_eq!((problem.line, problem.text.as_str()), (Some(6), "unknown key; did you mean `url`?"));
        let problem = unknown_key(SOURCE, "routes.1.sink");
        assert_eq!((problem.line, problem.text.as_str()), (Some(11), "unknown key; did you mean `sinks`?"));
        assert!(unknown_key(SOURCE, "zzz").text.contains("config.example.toml"));
    }

    #[test]
    fn missing_key_is_placed_at_its_table() {
        assert_eq!(line_of(SOURCE, "sinks.desk.url"), Some(4));
        assert_eq!(line_of(SOURCE, "operator.sink"), None);
    }

    #[test]
    fn message_with_a_quoted_value_loses_it() {
        let error = Parse::Message("invalid value: string \"xoxb-secret\", expected a duration".into());
        assert_eq!(type_error(SOURCE, "cards.deadline", &error).text, "expected a duration");
        let error = Parse::Message("something `xoxb-secret` odd".into());
        assert_eq!(type_error(SOURCE, "cards.deadline", &error).text, "invalid value");
    }
}
