//! Words and identifiers that this project has dropped stay dropped: in source, tests, units, README, example config and
//! changelog. A type name is defined once, and a sentence is short. `src/lib.rs` has the glossary.

mod sentences;
mod type_names;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Dropped identifiers and their successors, as whole words.
const IDENTIFIERS: [(&str, &str); 40] = [
    ("Lectern", "SharedSettings"),
    ("Rooms", "Pipeline"),
    ("Crew", "TaskSet"),
    ("Telling", "CallUpdate"),
    ("Moment", "CallStatus"),
    ("MomentKind", "StatusKind"),
    ("MissedWhy", "MissedReason"),
    ("OurNumber", "AccountNumber"),
    ("Remembered", "CallRecord"),
    ("Findings", "CallerInfo"),
    ("NotAsked", "NotLookedUp"),
    ("Manner", "CardOptions"),
    ("Routed", "Destination"),
    ("RoutedBy", "RouteReason"),
    ("Drawn", "RenderedMessage"),
    ("Admission", "NewDelivery"),
    ("Admitted", "EnqueueResult"),
    ("Pulses", "TaskMonitor"),
    ("Pulse", "TaskHeartbeat"),
    ("Heard", "ConnectionEvent"),
    ("CaughtUp", "BackfillDone"),
    ("Sighted", "GapClosed"),
    ("CatchUp", "Backfill"),
    ("PastAsk", "CallerActivityQuery"),
    ("Ears", "SocketOutput"),
    ("Judge", "LaneMonitor"),
    ("ProofKey", "PkceVerifier"),
    ("StandIn", "Simulator"),
    ("Shelf", "HistoryHandle"),
    ("NoTable", "CsvError"),
    ("Wording", "CardTemplates"),
    ("Ground", "Storage"),
    ("Volatile", "InMemory"),
    ("SetAside", "Quarantined"),
    ("Ailing", "Outage"),
    ("Anew", "Repost"),
    ("Deaf", "OutageTimer"),
    ("Reel", "RotatingFile"),
    ("Trial", "DryRun"),
    ("DEAF", "CONNECTION_DOWN"),
];

/// Dropped words, in any case, as whole words.
const WORDS: [&str; 24] = [
    "lectern",
    "telling",
    "tellings",
    "wonder",
    "wonders",
    "whoever",
    "nobody",
    "somebody",
    "anew",
    "at once",
    "so many",
    "tries on",
    "of which",
    "hears",
    "told",
    "says",
    "deaf",
    "moment",
    "moments",
    "manner",
    "blind",
    "hears again",
    "wedged",
    "living message",
];

/// Dropped words of test names.
const NAME_WORDS: [&str; 8] =
    ["what is", "tells", "knows", "remember", "remembered", "remembers", "says", "takes away"];

/// Most characters of a test name.
const MAX_NAME_CHARS: usize = 70;

/// Texts that may stay: cards are read by people, not by engineers, and a blind transfer is a term of telephony.
const ALLOWED: [&str; 3] = ["nobody answered", "Nobody answered", "blind transfer"];

/// Returns the files to check. Recorded data is not prose.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = ["README.md", "config.example.toml", "CHANGELOG.md"].map(|name| root.join(name)).to_vec();
    let mut folders = ["src", "tests", "systemd", "deploy", ".github"].map(|name| root.join(name)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                // Build output and recordings.
                if !["target", "node_modules", "calls", "field"].contains(&name) {
                    folders.push(path);
                }
            } else if path.starts_with(root.join("systemd")) || name.ends_with(".rs") || name.ends_with(".md") {
                files.push(path);
            }
        }
    }
    // `src/calls` is code; `tests/calls` is data.
    let mut calls = vec![root.join("src/calls")];
    while let Some(folder) = calls.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { calls.push(path) } else { files.push(path) }
        }
    }
    files.retain(|path| !path.ends_with("tests/language.rs"));
    files
}

fn contains_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let (_, after) = rest.split_at(word.len());
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Returns what is wrong in a line.
fn problem(line: &str) -> Option<String> {
    let line = ALLOWED.iter().fold(line.to_owned(), |line, allowed| line.replace(allowed, ""));
    if let Some((old, new)) = IDENTIFIERS.iter().find(|(old, _)| contains_word(&line, old)) {
        return Some(format!("`{old}` is now `{new}`"));
    }
    let lower = line.to_lowercase();
    WORDS.iter().find(|word| contains_word(&lower, word)).map(|word| format!("dropped word \"{word}\""))
}

#[test]
fn text_contains_no_dropped_word_or_identifier() {
    let mut found = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let problems = text.lines().enumerate().filter_map(|(line, text)| Some((line + 1, problem(text)?)));
        found.extend(problems.map(|(line, problem)| format!("{}:{line}: {problem}", path.display())));
    }
    assert!(found.is_empty(), "{} lines:\n{}", found.len(), found.join("\n"));
}

/// Returns the names of the tests in a file.
fn test_names(text: &str) -> impl Iterator<Item = &str> {
    let after_attribute = text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1));
    after_attribute.filter_map(|rest| rest.split_once("fn ")?.1.split('(').next())
}

/// Returns what is wrong in the name of a test.
fn name_problem(name: &str) -> Option<String> {
    let words = name.replace('_', " ");
    if name.chars().count() > MAX_NAME_CHARS {
        return Some(format!("{name} has more than {MAX_NAME_CHARS} characters"));
    }
    let dropped = WORDS.iter().chain(&NAME_WORDS).find(|word| contains_word(&words, word));
    dropped.map(|word| format!("{name} has the dropped words \"{word}\""))
}

#[test]
fn test_names_are_short_and_without_dropped_words() {
    let mut found = Vec::new();
    for path in files().into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let text = fs::read_to_string(&path).unwrap();
        found
            .extend(test_names(&text).filter_map(name_problem).map(|problem| format!("{}: {problem}", path.display())));
    }
    assert!(found.is_empty(), "{} tests:\n{}", found.len(), found.join("\n"));
}

#[test]
fn name_problem_is_a_length_or_a_dropped_word() {
    assert!(name_problem(&"a".repeat(71)).is_some() && name_problem(&"a".repeat(70)).is_none());
    assert!(name_problem("call_of_nobody_is_kept").is_some() && name_problem("what_is_odd_is_kept").is_some());
    let text = "#[test]\nfn first_is_found() {}\n#[tokio::test(flavor = \"x\")]\nasync fn second_is_found() {}";
    assert_eq!(test_names(text).collect::<Vec<_>>(), ["first_is_found", "second_is_found"]);
}

#[test]
fn dropped_words_are_found_as_whole_words_only() {
    assert!(problem("// The lane hears nothing.").is_some() && problem("let x: Telling = y;").is_some());
    assert!(problem("Called at once, at 12:00").is_some());
    assert!(problem("let momentum = retold_story;").is_none() && problem("\"Waited 9 s, nobody answered\"").is_none());
}
