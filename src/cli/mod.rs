//! The commands: argv to one of them, its outcome to an exit code after sysexits. One file a command.

pub mod lookup;

use std::{error::Error, fmt, process::ExitCode};

/// What a command ends with.
pub type Outcome = Result<(), Failure>;

/// Why a command failed, with the exit code a script reads (`sysexits.h`).
#[derive(Debug)]
pub struct Failure {
    /// 64 usage, 65 bad data, 69 unavailable, 70 internal, 74 I/O, 77 permission, 78 config.
    pub code: u8,
    /// What went wrong, where, and what to do next.
    pub why: anyhow::Error,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(code: u8, why: impl Into<anyhow::Error>) -> Self {
        Self { code, why: why.into() }
    }

    /// Wrong words on the command line: 64.
    pub fn usage(why: impl fmt::Display) -> Self {
        Self::new(64, anyhow::anyhow!("{why}"))
    }

    /// Input that is not what it should be: 65.
    pub fn data(why: impl Into<anyhow::Error>) -> Self {
        Self::new(65, why)
    }

    /// A service that cannot be reached: 69.
    pub fn unavailable(why: impl Into<anyhow::Error>) -> Self {
        Self::new(69, why)
    }

    /// Not allowed: 77.
    pub fn permission(why: impl Into<anyhow::Error>) -> Self {
        Self::new(77, why)
    }

    /// A wrong config: 78.
    pub fn config(why: impl Into<anyhow::Error>) -> Self {
        Self::new(78, why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.why)
    }
}

impl Error for Failure {}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure.code)
    }
}
