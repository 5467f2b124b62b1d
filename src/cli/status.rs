//! `poprelay status`: state of daemon, logins and sinks, read from the state directory. Exit code 69 means that no calls
//! are received.

mod report;
#[cfg(test)]
mod tests;

use super::{CliError, CliResult};
use crate::{
    config::{Config, ConfigError},
    model::time::Timestamp,
};
use anyhow::anyhow;
use clap::Args;
use report::StatusReport;
use std::{io::Write, path::Path, thread, time::Duration};

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
        return watch(|| StatusReport::read(config), out);
    }
    let (report, now) = (StatusReport::read(config)?, Timestamp::now());
    write(args, &report, now, out)?;
    match report.problem(now) {
        Some(problem) if !args.ready => Err(CliError::unavailable(anyhow!(problem))),
        _ => Ok(()),
    }
}

/// Prints the state of a daemon whose config on disk cannot be loaded: the daemon continues with the previous one. `dir` is
/// its state directory. Without a running daemon there is only the error.
///
/// # Errors
/// 78 with the problems of the config after the output; with `--ready` as [`run`].
pub fn run_without_config(
    args: &StatusArgs,
    error: ConfigError,
    dir: Option<&Path>,
    out: &mut impl Write,
) -> CliResult {
    let text = error.to_string();
    let read = || StatusReport::read_without_config(dir?, &text).ok().filter(StatusReport::is_running);
    let Some(report) = read() else { return Err(CliError::config(error)) };
    if args.watch {
        return watch(|| read().ok_or_else(|| CliError::config(anyhow!("{text}"))), out);
    }
    write(args, &report, Timestamp::now(), out)?;
    if args.ready { Ok(()) } else { Err(CliError::config(error)) }
}

fn write(args: &StatusArgs, report: &StatusReport, now: Timestamp, out: &mut impl Write) -> CliResult {
    if args.ready {
        report.readiness(now).map_err(|problems| CliError::unavailable(anyhow!(problems)))?;
        return print(out, "ready\n");
    }
    print(out, &if args.json { format!("{:#}\n", report.json(now)) } else { report.text(now) })
}

/// Redraws the state until a signal ends the process.
fn watch(read: impl Fn() -> Result<StatusReport, CliError>, out: &mut impl Write) -> CliResult {
    loop {
        let report = read()?;
        print(out, &format!("{CLEAR}{}", report.text(Timestamp::now())))?;
        thread::sleep(WATCH_INTERVAL);
    }
}

fn print(out: &mut impl Write, text: &str) -> CliResult {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| CliError::new(74, error))
}
