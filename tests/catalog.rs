//! The journal's message catalog: each placeholder is a field that the code logs with the message.
#![expect(clippy::string_slice, reason = "a parser whose offsets come from the text itself")]

use std::{collections::BTreeSet, fs, path::Path};

const IDS: &str = include_str!("../src/runtime/message_id.rs");
/// Fields that journald adds.
const JOURNAL_FIELDS: [&str; 1] = ["message_id"];
/// The file that logs alerts: a firing one with more fields than a resolved one.
const ALERTS: &str = "alert.rs";

type Fields = BTreeSet<String>;

/// A logging macro: its offset in the file, its arguments and its fields.
struct LogCall<'a> {
    at: usize,
    arguments: &'a str,
    fields: Fields,
}

/// Returns the logging macros of a file.
fn log_calls(source: &str) -> Vec<LogCall<'_>> {
    let starts = ["error!(", "warn!(", "info!(", "debug!("].map(|level| format!("tracing::{level}"));
    let starts = starts.iter().flat_map(|start| source.match_indices(start.as_str()));
    let mut calls: Vec<_> = starts.map(|(at, start)| log_call(source, at, start)).collect();
    calls.sort_by_key(|call| call.at);
    calls
}

fn log_call<'a>(source: &'a str, at: usize, start: &str) -> LogCall<'a> {
    let rest = &source[at + start.len()..];
    let mut depth = 1_i32;
    let end = rest.char_indices().find(|(_, c)| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth == 0
    });
    let arguments = &rest[..end.map_or(rest.len(), |(end, _)| end)];
    // The text is the last argument; it may contain commas.
    let fields = arguments.split('"').next().unwrap_or_default();
    let name = |part: &str| part.trim().trim_start_matches(['%', '?']).split(' ').next().map(str::to_owned);
    LogCall { at, arguments, fields: fields.split(',').filter_map(name).filter(|name| !name.is_empty()).collect() }
}

/// Returns the fields that every message of an id has in a file; `None` if the file does not log it.
fn logged_fields(source: &str, file: &str, name: &str) -> Option<Fields> {
    let id = format!("message_id::{name}");
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    let uses: Vec<usize> =
        source.match_indices(&id).map(|(at, _)| at).filter(|at| is_end(&source[at + id.len()..])).collect();
    if uses.is_empty() {
        return None;
    }
    let calls = log_calls(source);
    if file.ends_with(ALERTS) {
        let alerts = calls.into_iter().filter(|call| call.fields.contains("message_id"));
        return alerts.map(|call| call.fields).reduce(|all, fields| &all | &fields);
    }
    let next_id = |at: usize| source[at + 1..].find("message_id::").map_or(source.len(), |next| at + 1 + next);
    let of_use = |at: usize| {
        let is_inside = |call: &&LogCall<'_>| (call.at..call.at + call.arguments.len() + 20).contains(&at);
        let direct = calls.iter().find(|call| is_inside(call) && call.arguments.contains(&id));
        let later = calls.iter().filter(move |call| {
            let is_own = !call.arguments.contains("message_id::");
            is_own && (at..next_id(at)).contains(&call.at) && call.fields.contains("message_id")
        });
        direct.into_iter().chain(later.filter(move |_| direct.is_none())).map(|call| call.fields.clone())
    };
    uses.into_iter().flat_map(of_use).reduce(|all, fields| &all & &fields)
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("message_id.rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Returns the placeholders of a text, in lower case.
fn placeholders(text: &str) -> Fields {
    let is_name = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    text.split('@').filter(is_name).map(str::to_lowercase).collect()
}

#[test]
fn catalog_placeholder_is_a_logged_field_of_its_message() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalog = fs::read_to_string(root.join("systemd/poprelay.catalog")).unwrap();
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let consts = IDS.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str = \""));
    let mut wrong = Vec::new();
    for (name, id) in consts {
        let entry = catalog.split("\n-- ").find(|entry| entry.starts_with(&id[..32])).unwrap_or_default();
        let mut logged: Vec<_> =
            files.iter().filter_map(|(file, source)| Some((file, logged_fields(source, file, name)?))).collect();
        // A sink's alert is not logged: the worker has logged it.
        if logged.len() > 1 {
            logged.retain(|(file, _)| !file.ends_with(ALERTS));
        }
        assert!(!logged.is_empty(), "{name} is never logged");
        for (file, fields) in logged {
            let missing = placeholders(entry).into_iter().filter(|field| !fields.contains(field));
            let missing: Vec<_> = missing.filter(|field| !JOURNAL_FIELDS.contains(&field.as_str())).collect();
            if !missing.is_empty() {
                wrong.push(format!("{name}: {missing:?} is no field in {file}: {fields:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fields_of_a_message_are_those_that_all_its_lines_have() {
    let source = "let message_id = message_id::GAP;\ntracing::info!(%a, b = c(1, 2), message_id, \"x, y\");\n\
                  tracing::warn!(%a, message_id, \"x\");\ntracing::warn!(sink = %s, message_id = message_id::OTHER, \"o\");";
    let fields = |name| logged_fields(source, "x.rs", name).map(|all| all.into_iter().collect::<Vec<_>>().join(" "));
    assert_eq!(fields("GAP").unwrap(), "a message_id");
    assert_eq!(fields("OTHER").unwrap(), "message_id sink");
    assert_eq!(fields("GA"), None);
    assert_eq!(placeholders("after @GAP_MS@ ms, at a@b.example").into_iter().collect::<Vec<_>>(), ["gap_ms"]);
}
