//! The `poprelay` program: argv to the command line, its outcome to the exit code. The only place that leaves the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    poprelay::cli::main()
}
