//! Manual page poprelay.toml(5), generated from the example config, which lists every key with its default. A test of the
//! config compares the example with the code.

use clap_mangen::roff::{Roff, bold, italic, roman};

/// Shipped example config.
const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// One line of the example config.
#[derive(Debug, PartialEq, Eq)]
enum ExampleLine<'a> {
    /// Section title: `# ── … ──`.
    Section(&'a str),
    /// Table header such as `[cards]` or `[[routes]]`, and its comment.
    Table(&'a str, &'a str),
    /// Key, value and comment.
    Key(&'a str, &'a str, &'a str),
    /// Text, possibly part of a sentence.
    Text(&'a str),
    /// Empty line.
    Blank,
}

impl<'a> ExampleLine<'a> {
    fn read(line: &'a str) -> Self {
        // The page lists commented-out keys like active ones.
        let uncommented = line.strip_prefix('#').map_or(line, str::trim);
        if let Some(title) = line.strip_prefix("# ── ") {
            return Self::Section(title.trim_end_matches('─').trim());
        }
        if uncommented.is_empty() {
            return Self::Blank;
        }
        let (text, comment) = split_comment(uncommented);
        if text.starts_with('[') && text.ends_with(']') {
            return Self::Table(text, comment);
        }
        match text.split_once(" = ") {
            Some((key, value)) if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                Self::Key(key, value, comment)
            }
            _ => Self::Text(uncommented),
        }
    }
}

/// Splits a line into content and comment. A `#` in quotes starts no comment.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let (text, comment) = line.split_at(at);
                return (text.trim(), comment.trim_start_matches('#').trim());
            }
            _ => {}
        }
    }
    (line.trim(), "")
}

/// Builds the page.
pub(super) fn page() -> Roff {
    let mut roff = Roff::new();
    roff.control("TH", ["poprelay.toml", "5", "", "", "poprelay"]);
    roff.control("SH", ["NAME"]).text([roman("poprelay.toml - config file of poprelay, /etc/poprelay/config.toml")]);
    roff.control("SH", ["DESCRIPTION"]);
    for line in EXAMPLE.lines() {
        match ExampleLine::read(line) {
            ExampleLine::Section(title) => roff.control("SH", [title]),
            ExampleLine::Table(name, comment) => {
                roff.control("SS", [name]);
                if comment.is_empty() { &mut roff } else { roff.text([roman(comment)]) }
            }
            ExampleLine::Key(key, value, comment) => {
                roff.control("TP", []).text([bold(key), roman(" = "), italic(value)]);
                roff.text([roman(comment)])
            }
            ExampleLine::Text(text) => roff.text([roman(text)]),
            ExampleLine::Blank => roff.control("PP", []),
        };
    }
    roff.control("SH", ["SEE ALSO"]).text([roman("poprelay(1), poprelay-check(1), systemd-creds(1)")]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::known_keys;
    use std::collections::BTreeSet;

    #[test]
    fn example_line_is_parsed_by_kind() {
        assert_eq!(ExampleLine::read("# ── GoTo: one login ────"), ExampleLine::Section("GoTo: one login"));
        assert_eq!(ExampleLine::read("[cards]"), ExampleLine::Table("[cards]", ""));
        assert_eq!(ExampleLine::read("# [[enrich]]   # a file"), ExampleLine::Table("[[enrich]]", "a file"));
        assert_eq!(ExampleLine::read("lanes = 2   # 1 to 4"), ExampleLine::Key("lanes", "2", "1 to 4"));
        assert_eq!(ExampleLine::read("# name = \"a # b\""), ExampleLine::Key("name", "\"a # b\"", ""));
        assert_eq!(ExampleLine::read("# Variables: sign, status"), ExampleLine::Text("Variables: sign, status"));
        assert_eq!(ExampleLine::read(""), ExampleLine::Blank);
    }

    #[test]
    fn page_contains_every_config_key() {
        let words: BTreeSet<&str> = EXAMPLE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for (table, keys) in known_keys() {
            for key in keys {
                assert!(words.contains(key), "{table}.{key} is not in config.example.toml");
            }
        }
        let page = page().render();
        for key in ["client_id", "durability", "outcomes", "show_sources"] {
            assert!(page.contains(&format!("\\fB{key}\\fR = ")), "{key}");
        }
    }
}
