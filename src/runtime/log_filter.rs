//! Parses a log level or filter, of the command line and of the config.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// The text is neither a log level nor a filter.
#[derive(Debug, thiserror::Error)]
pub enum LogFilterError {
    /// The filter does not parse.
    #[error("--log takes error, warn, info, debug or a filter such as info,poprelay::goto=debug")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// A single word is not a level.
    #[error("--log takes error, warn, info, debug or a filter such as info,poprelay::goto=debug")]
    Level,
}

/// Parses `--log` or the config's level. A single word must be a level: as a filter it would name a missing module
/// and silence everything.
///
/// # Errors
/// Neither a level nor a filter.
pub fn parse(level: &str) -> Result<EnvFilter, LogFilterError> {
    let is_word = !level.contains(['=', ',', ':', '[']);
    if level.is_empty() || (is_word && level.parse::<LevelFilter>().is_err()) {
        return Err(LogFilterError::Level);
    }
    EnvFilter::builder().parse(level).map_err(LogFilterError::Filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_rejects_a_word_that_is_no_level() {
        for good in ["info", "debug", "WARN", "off", "info,poprelay::goto=debug", "poprelay::goto=debug"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["inof", "banana", "", "poprelay=loud"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
