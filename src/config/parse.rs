//! Parses a config file together with the environment, and finds unknown keys and wrong types. Does not validate values.

use super::{
    diagnostics::{self, Diagnostic},
    schema::File,
};

/// Parses the text of a file. Environment variables replace its values.
pub(super) fn parse(source: &str) -> Result<File, Vec<Diagnostic>> {
    if let Err(error) = toml::from_str::<toml::Table>(source) {
        return Err(vec![diagnostics::syntax_error(source, &error)]);
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
