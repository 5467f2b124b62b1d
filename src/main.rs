//! The `poprelay` program: runs the command line and exits with its code. No other module ends the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    poprelay::cli::main()
}
