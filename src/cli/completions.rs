//! `poprelay completions`: what a shell must know to complete the commands. Made from the command line itself.

use super::{Failure, Outcome};
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::Write;

/// For whom.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Prints a shell's completions for `line`.
///
/// # Errors
/// 74 if `out` is gone.
pub fn completions(args: &CompletionsArgs, mut line: Command, out: &mut impl Write) -> Outcome {
    // Into memory first: the generator ends the process when a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut line, "poprelay", &mut script);
    out.write_all(&script).map_err(|error| Failure::new(74, error))
}
