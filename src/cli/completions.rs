//! `poprelay completions`: prints a shell's completion script, generated from the command line definition.

use super::{CliError, CliResult};
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::Write;

/// Arguments of `poprelay completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell
    pub shell: Shell,
}

/// Prints the completion script for `line`.
///
/// # Errors
/// 74 if `out` cannot be written.
pub fn completions(args: &CompletionsArgs, mut line: Command, out: &mut impl Write) -> CliResult {
    // Buffered first: the generator ends the process if the pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut line, "poprelay", &mut script);
    out.write_all(&script).map_err(|error| CliError::new(74, error))
}
