//! `poprelay status`: state of daemon, logins and sinks, read from the state directory. Exit code 69 means that no calls
//! are received.

mod report;
#[cfg(test)]
mod tests;

use super::{CliError, CliResult};
use crate::{config::Config, model::time::Timestamp};
use anyhow::anyhow;
use clap::Args;
use report::StatusReport;
use std::{io::Write, thread, time::Duration};

/// Interval of `--watch`: that of the daemon's own checks.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Control sequence that moves the cursor to the top left and clears the screen.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Arguments of `poprelay status`.
#[derive(Debug, Default, Args)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Redraw every 2 seconds until Ctrl-C
    #[arg(long, conflicts_with_all = ["json", "ready"])]
    pub watch: bool,
    /// Print "ready" if calls are received and the store writes, else the reasons; for health checks
    #[arg(long, conflicts_with = "json")]
    pub ready: bool,
}

/// Prints the state.
///
/// # Errors
/// 69 after the output if no daemon runs or a connection is down, 77 without permission, 74 if `out` cannot be written.
pub fn run(args: &StatusArgs, config: &Config, out: &mut impl Write) -> CliResult {
    if args.watch {
        return watch(config, out);
    }
    let (report, now) = (StatusReport::read(config)?, Timestamp::now());
    if args.ready {
        report.readiness(now).map_err(|problems| CliError::unavailable(anyhow!(problems)))?;
        return print(out, "ready\n");
    }
    print(out, &if args.json { format!("{:#}\n", report.json(now)) } else { report.text(now) })?;
    match report.problem(now) {
        Some(problem) => Err(CliError::unavailable(anyhow!(problem))),
        None => Ok(()),
    }
}

/// Redraws the state until a signal ends the process.
fn watch(config: &Config, out: &mut impl Write) -> CliResult {
    loop {
        let report = StatusReport::read(config)?;
        print(out, &format!("{CLEAR}{}", report.text(Timestamp::now())))?;
        thread::sleep(WATCH_INTERVAL);
    }
}

fn print(out: &mut impl Write, text: &str) -> CliResult {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| CliError::new(74, error))
}
