//! poprelay.toml(5): the example config, which has every key with its default, laid out as a manual page. Nothing is said
//! here of any key: what the page says is what the example says, and a test of the config holds that one to the code.

use clap_mangen::roff::{Roff, bold, italic, roman};

/// The example as it is shipped.
const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// One line of the example.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// `# ── … ──`
    Section(&'a str),
    /// `[cards]`, `[[routes]]`, and what is said of it.
    Table(&'a str, &'a str),
    /// A key, its value, and what is said of it.
    Key(&'a str, &'a str, &'a str),
    /// A sentence or part of one.
    Said(&'a str),
    /// Nothing.
    Blank,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        // Commented out or not is the example's affair: the page shows what can be written.
        let open = line.strip_prefix('#').map_or(line, str::trim);
        if let Some(title) = line.strip_prefix("# ── ") {
            return Self::Section(title.trim_end_matches('─').trim());
        }
        if open.is_empty() {
            return Self::Blank;
        }
        let (text, said) = commented(open);
        if text.starts_with('[') && text.ends_with(']') {
            return Self::Table(text, said);
        }
        match text.split_once(" = ") {
            Some((key, value)) if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                Self::Key(key, value, said)
            }
            _ => Self::Said(open),
        }
    }
}

/// What stands before a comment, and the comment. A `#` in quotes is none.
fn commented(line: &str) -> (&str, &str) {
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

/// The page.
pub(super) fn page() -> Roff {
    let mut roff = Roff::new();
    roff.control("TH", ["poprelay.toml", "5", "", "", "poprelay"]);
    roff.control("SH", ["NAME"]).text([roman("poprelay.toml - the config of poprelay, /etc/poprelay/config.toml")]);
    roff.control("SH", ["DESCRIPTION"]);
    for line in EXAMPLE.lines() {
        match Line::read(line) {
            Line::Section(title) => roff.control("SH", [title]),
            Line::Table(name, said) => {
                roff.control("SS", [name]);
                if said.is_empty() { &mut roff } else { roff.text([roman(said)]) }
            }
            Line::Key(key, value, said) => {
                roff.control("TP", []).text([bold(key), roman(" = "), italic(value)]);
                roff.text([roman(said)])
            }
            Line::Said(words) => roff.text([roman(words)]),
            Line::Blank => roff.control("PP", []),
        };
    }
    roff.control("SH", ["SEE ALSO"]).text([roman("poprelay(1), poprelay-check(1), systemd-creds(1)")]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::KEYS;
    use std::collections::BTreeSet;

    #[test]
    fn a_line_of_the_example_is_read_as_what_it_is() {
        assert_eq!(Line::read("# ── GoTo: one login ────"), Line::Section("GoTo: one login"));
        assert_eq!(Line::read("[cards]"), Line::Table("[cards]", ""));
        assert_eq!(Line::read("# [[enrich]]   # a file"), Line::Table("[[enrich]]", "a file"));
        assert_eq!(Line::read("lanes = 2   # 1 to 4"), Line::Key("lanes", "2", "1 to 4"));
        assert_eq!(Line::read("# name = \"a # b\""), Line::Key("name", "\"a # b\"", ""));
        assert_eq!(Line::read("# There are: sign, moment"), Line::Said("There are: sign, moment"));
        assert_eq!(Line::read(""), Line::Blank);
    }

    #[test]
    fn every_key_that_the_config_knows_is_on_the_page() {
        let words: BTreeSet<&str> = EXAMPLE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let named = KEYS.iter().flat_map(|(_, keys)| keys.iter().copied());
        let fields = include_str!("../../daemon/config/file.rs").lines().filter_map(|line| {
            let (field, _) = line.strip_prefix("    pub ")?.split_once(": ")?;
            // Written `type`, which is a word of the language.
            Some(if field == "kind" { "type" } else { field })
        });
        for key in named.chain(fields) {
            assert!(words.contains(key), "{key} is not in config.example.toml");
        }
        let page = page().render();
        for key in ["client_id", "durability", "outcomes", "why"] {
            assert!(page.contains(&format!("\\fB{key}\\fR = ")), "{key}");
        }
    }
}
