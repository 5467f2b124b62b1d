//! A sentence has at most 25 words: in comments, docs, README, changelog, guides, units, catalog and example config. Code is no
//! sentence. Each list item and each cell of a table is one.

use std::fs;

/// Most words of a sentence, the rule of `src/lib.rs`.
const MAX_WORDS: usize = 25;

/// Punctuation that ends a sentence if a capital letter, code or a quotation follows.
const ENDS: [char; 5] = ['.', '!', '?', ':', ';'];

/// Kind of a file, which decides what its prose is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rust,
    Markdown,
    /// Comments after `#`: units and the example config, whose settings are comments too.
    Hash,
    Catalog,
}

/// Returns the kind of a file. The record of the measurements is data with notes.
fn kind(name: &str) -> Option<Kind> {
    match name.rsplit_once('.')?.1 {
        "rs" => Some(Kind::Rust),
        "md" if !name.ends_with("RESULTS.md") => Some(Kind::Markdown),
        "catalog" => Some(Kind::Catalog),
        "toml" | "conf" | "service" | "socket" | "sysusers" => Some(Kind::Hash),
        _ => None,
    }
}

/// Returns the prose of a line; `None` if it has none. The flag: whether the prose ends with the line.
fn prose(kind: Kind, line: &str) -> Option<(&str, bool)> {
    let text = line.trim_start();
    match kind {
        Kind::Markdown => Some((line, false)),
        Kind::Rust => match text.strip_prefix("//") {
            Some(comment) => Some((comment.strip_prefix(['/', '!']).unwrap_or(comment), false)),
            None => line.rsplit_once(" // ").filter(|(_, comment)| !comment.contains('"')).map(|(_, end)| (end, true)),
        },
        Kind::Hash => {
            let comment = text.strip_prefix("# ");
            // Of a setting only its remark, of a heading all.
            if let Some((_, remark)) = text.get(1..).and_then(|rest| rest.rsplit_once(" # ")) {
                return Some((remark, true));
            }
            let is_setting = |text: &&str| text.contains(" = ") && !text.contains('`') || text.starts_with(['[', ' ']);
            comment.filter(|text| !is_setting(text)).map(|text| (text, text.starts_with('─')))
        }
        Kind::Catalog => {
            let is_header =
                ["-- ", "Subject:", "Defined-By:", "Documentation:", "    "].iter().any(|it| line.starts_with(it));
            (!is_header).then(|| (line.strip_prefix("# ").unwrap_or(line), false))
        }
    }
}

/// Returns the text without the mark of a list item; `None` if it is no item.
fn item(text: &str) -> Option<&str> {
    let (mark, rest) = text.split_once(' ')?;
    let is_number = mark.strip_suffix('.').is_some_and(|number| number.parse::<u8>().is_ok());
    (is_number || matches!(mark, "-" | "*" | "+")).then_some(rest)
}

/// Returns the paragraphs, items and cells of a text, each with the number of its first line.
fn paragraphs(kind: Kind, text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    // Whether the next line continues the last paragraph, and whether it is code.
    let (mut continues, mut is_code) = (false, false);
    for (number, line) in (1..).zip(text.lines()) {
        let (line, ends) = prose(kind, line).unwrap_or(("", false));
        let text = line.trim();
        if text.starts_with("```") {
            (is_code, continues) = (!is_code, false);
        } else if is_code || text.is_empty() {
            continues = false;
        } else if let Some(cells) = text.strip_prefix('|') {
            found.extend(cells.split('|').map(|cell| (number, cell.trim().to_owned())));
            continues = false;
        } else if let (None, true, Some((_, last))) =
            (item(text), continues && !ends && !text.starts_with('#'), found.last_mut())
        {
            last.push(' ');
            last.push_str(text);
        } else {
            found.push((number, item(text).unwrap_or(text).to_owned()));
            continues = !text.starts_with('#') && !ends;
        }
    }
    found
}

/// Returns the sentences of a paragraph.
fn sentences(paragraph: &str) -> Vec<&str> {
    let is_start = |rest: &str| {
        let rest = rest.trim_start_matches([' ', '*', '_', '(', '[']);
        rest.starts_with(|c: char| c.is_uppercase() || matches!(c, '`' | '"' | '“' | '<'))
    };
    let mut found = Vec::new();
    let mut rest = paragraph;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|text| text.find(ENDS)).map(|at| from + at + 1) {
        let (sentence, next) = rest.split_at(at);
        // Bold or a parenthesis may end after the punctuation.
        let after = next.trim_start_matches(['*', '_', ')', '"']);
        if after.starts_with(' ') && is_start(after) {
            found.push(sentence);
            (rest, from) = (after, 0);
        } else {
            from = at;
        }
    }
    found.push(rest);
    found
}

/// Counts the words of a sentence. Code is one word.
fn words(sentence: &str) -> usize {
    let without_code: Vec<&str> =
        sentence.split('`').enumerate().map(|(index, part)| if index % 2 == 0 { part } else { "X" }).collect();
    without_code.concat().split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

#[test]
fn sentences_have_at_most_25_words() {
    let mut found = Vec::new();
    for path in super::files() {
        let Some(kind) = path.file_name().and_then(|name| kind(name.to_str()?)) else { continue };
        for (line, paragraph) in paragraphs(kind, &fs::read_to_string(&path).unwrap()) {
            let long = sentences(&paragraph).into_iter().filter(|sentence| words(sentence) > MAX_WORDS);
            found.extend(long.map(|text| format!("{}:{line}: {} words: {text}", path.display(), words(text))));
        }
    }
    assert!(found.is_empty(), "{} sentences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn sentences_end_before_a_capital_code_or_a_quotation() {
    let text = "One, e.g. this one. `Two`: **Three.** (Four; five!) \"Six?\" seven";
    assert_eq!(sentences(text).len(), 5, "{:?}", sentences(text));
    assert_eq!(words("Code `a b c` is one word – or three, at 1.5 ms."), 10);
}

#[test]
fn paragraphs_are_the_prose_of_a_file() {
    let read = |kind, text| paragraphs(kind, text).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    let rust = "/// A b\n/// c.\n///\n/// # Errors\n/// - D\n///   e\n/// ```\n/// code\n/// ```\nlet x = 1; // F";
    assert_eq!(read(Kind::Rust, rust), ["A b c.", "# Errors", "D e", "F"]);
    assert_eq!(read(Kind::Markdown, "| A | b c |\n\n1. D\n2. E"), ["A", "b c", "", "D", "E"]);
    assert_eq!(read(Kind::Hash, "# A\n# b.\n# c = 1 # D\n# e = 2\nf = 3 # G\n[h]\n#   code"), ["A b.", "D", "G"]);
    assert_eq!(read(Kind::Catalog, "-- 1\nSubject: A\n\nB\nc:\n    code\nD"), ["B c:", "D"]);
}
