//! Parses a config file together with the environment, and finds unknown keys and wrong types. Does not validate values.

use super::{
    diagnostics::{self, Diagnostic},
    expected,
    schema::File,
};
use serde::Deserialize as _;
use toml::de::{DeTable, DeValue};

/// Tables of named tables, with an example of a name.
const NAMED_TABLES: [(&str, &str); 4] =
    [("connections", "main"), ("sinks", "front-desk"), ("people", "1015"), ("hours", "office")];
/// Lists of tables.
const TABLE_LISTS: [&str; 2] = ["routes", "enrich"];
/// Types whose value has no quotes, as the parser names them.
const UNQUOTED: [&str; 4] = ["a boolean", "u8", "u32", "f64"];

/// Parses the text of a file. Environment variables replace its values.
pub(super) fn parse(source: &str) -> Result<File, Vec<Diagnostic>> {
    if let Err(error) = toml::from_str::<toml::Table>(source) {
        return Err(vec![diagnostics::syntax_error(source, &error)]);
    }
    let misplaced: Vec<Diagnostic> = wrong_tables(source).into_iter().chain(quoted_value(source)).collect();
    if !misplaced.is_empty() {
        return Err(misplaced);
    }
    // `prefix_separator` is set too: versions of the crate differ in whether `separator` alone follows the prefix.
    let environment = config::Environment::with_prefix("POPRELAY").prefix_separator("__").separator("__");
    let merged = config::Config::builder()
        .add_source(config::File::from_str(source, config::FileFormat::Toml))
        .add_source(environment)
        .build()
        .map_err(|error| vec![diagnostics::type_error(source, "", &error)])?;
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(merged, &mut track);
    let file: Result<File, _> =
        serde_ignored::deserialize(tracked, |path| unknown.push(path.to_string().replace(".?", "")));
    let mut problems: Vec<Diagnostic> = unknown.iter().map(|key| diagnostics::unknown_key(source, key)).collect();
    match file {
        Ok(file) if problems.is_empty() => Ok(file),
        Ok(_) => Err(problems),
        Err(error) => {
            let path = track.path().to_string().replace('[', ".").replace(']', "");
            problems.push(diagnostics::type_error(source, &path, &error));
            Err(problems)
        }
    }
}

/// Finds tables without their name, and single tables where a list of them is expected.
fn wrong_tables(source: &str) -> Vec<Diagnostic> {
    let Ok(tree) = DeTable::parse(source) else { return Vec::new() };
    let value = |name: &str| tree.get_ref().get(name).map(|value| value.get_ref());
    let is_named = |value: &DeValue<'_>| match value {
        DeValue::Table(tables) => tables.values().all(|table| matches!(table.get_ref(), DeValue::Table(_))),
        _ => false,
    };
    let unnamed = NAMED_TABLES.into_iter().filter(|(name, _)| value(name).is_some_and(|value| !is_named(value)));
    let unnamed = unnamed.map(|(name, example)| {
        Diagnostic::at(source, name, format!("expected tables with a name, as in [{name}.{example}]"))
    });
    let single = TABLE_LISTS.into_iter().filter(|name| matches!(value(name), Some(DeValue::Table(_))));
    let single =
        single.map(|name| Diagnostic::at(source, name, format!("expected a list of tables: write [[{name}]]")));
    unnamed.chain(single).collect()
}

/// Finds a value in quotes where the schema has a boolean or a number. The environment has only texts, so that the merged
/// values are converted; the file is not.
fn quoted_value(source: &str) -> Option<Diagnostic> {
    let mut track = serde_path_to_error::Track::new();
    let file = toml::Deserializer::parse(source).ok()?;
    let error = File::deserialize(serde_path_to_error::Deserializer::new(file, &mut track)).err()?;
    let (found, expected) = error.message().rsplit_once(", expected ")?;
    if !found.starts_with("invalid type: string") || !UNQUOTED.contains(&expected) {
        return None;
    }
    let path = track.path().to_string().replace('[', ".").replace(']', "");
    let text = format!("expected {}, without quotes", expected::in_plain_words(expected));
    Some(Diagnostic::at(source, path, text))
}
