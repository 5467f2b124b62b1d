//! Diagnostics of a config: file, line, key, and the expected form. Values never appear, since any may be a secret:
//! parser messages quote values, so only their kind is used.

use super::{expected, keys::known_keys, suggestion::nearest};
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
    #[error("cannot read the config {}{hint}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Hint for the operator in parentheses; empty if the cause is enough.
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
                write!(f, "{}: ", problem.place())?;
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

    /// Returns the key for people. Rules count from 1, as in `explain` and `replay`.
    #[must_use]
    pub fn place(&self) -> String {
        let rule = self.key.strip_prefix("routes.").map(|rest| rest.split_once('.').unwrap_or((rest, "")));
        match rule.and_then(|(at, rest)| Some((at.parse::<usize>().ok()?.checked_add(1)?, rest))) {
            Some((number, "")) => format!("rule {number}"),
            Some((number, rest)) => format!("rule {number}, {rest}"),
            None => self.key.clone(),
        }
    }
}

/// Creates a diagnostic for an unknown key, with the closest known one.
pub(super) fn unknown_key(source: &str, key: &str) -> Diagnostic {
    let (table, last) = key.rsplit_once('.').unwrap_or(("", key));
    let known = known_keys().into_iter().find(|(pattern, _)| matches_table(pattern, table));
    let text = match known.and_then(|(_, keys)| nearest(keys.iter().copied(), last)) {
        Some(known) => format!("unknown key; did you mean `{known}`?"),
        None => "unknown key, see config.example.toml for all keys".to_owned(),
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
    Diagnostic::at(source, key, expected::describe(key, error))
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
        let problem = unknown_key(SOURCE, "routes.0.match.que");
        assert_eq!(problem.text, "unknown key; did you mean `queue`?");
    }

    #[test]
    fn missing_key_is_placed_at_its_table() {
        assert_eq!(line_of(SOURCE, "sinks.desk.url"), Some(4));
        assert_eq!(line_of(SOURCE, "operator.sink"), None);
    }

    #[test]
    fn place_of_a_rule_counts_from_one() {
        let place = |key: &str| Diagnostic::at(SOURCE, key, "").place();
        assert_eq!(place("routes.1.match.queue"), "rule 2, match.queue");
        assert_eq!(
            (place("routes.0"), place("routes"), place("sinks.desk.url")),
            ("rule 1".into(), "routes".into(), "sinks.desk.url".into())
        );
    }
}
