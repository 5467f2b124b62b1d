//! `poprelay forget NUMBER`: erases a number from the stored data and verifies the files. The module `outbox` decides
//! what to erase.

use super::{
    CliError, CliResult,
    lookup::not_a_number,
    outbox::{admin_error, shared_database},
};
use crate::{
    config::Config,
    model::{
        phone::{E164, PhoneNumber, Region},
        time::Timestamp,
    },
    outbox::{self, AdminError, ErasureReport},
};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

/// Bytes of a file scanned at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Arguments of `poprelay forget`.
#[derive(Debug, clap::Args)]
pub struct ForgetArgs {
    /// Phone number, in the format of the first connection's region or with its country code (+1…)
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    pub number: String,
}

/// Erases a number from the state directory of a config, with or without a running daemon.
///
/// # Errors
/// - 65 for an invalid number or one still in a file.
/// - 69 for a file that cannot be changed, 74 for output, 77 for missing permission.
pub fn run(args: &ForgetArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let region = config.connections.first().map_or(Region::US, |connection| connection.region);
    let parsed = PhoneNumber::parse(Some(&args.number), region);
    let Some(number) = parsed.as_e164() else {
        return Err(CliError::data(anyhow::anyhow!(not_a_number(&parsed, region))));
    };
    if let Some(database) = shared_database(config) {
        let report = outbox::forget(&database, number, Timestamp::now()).map_err(admin_error)?;
        let output = describe(&report);
        let hint = "Other hosts have files of their own: run the command on each of them.";
        writeln!(out, "shared database\n{output}\n{hint}").map_err(|error| CliError::new(74, error))?;
    }
    forget(number, &config.state_dir, out)
}

fn describe(report: &ErasureReport) -> String {
    let ErasureReport { erased, dropped, masked, pending, missed, calls } = report;
    format!(
        "history: {calls} calls erased\n\
         outbox: {erased} deliveries blanked ({dropped} of them were waiting and will not be posted), {masked} others changed, \
         {pending} pending updates and {missed} missed calls removed"
    )
}

/// Erases `number` from the files of `dir`.
///
/// # Errors
/// Same as [`run`].
pub fn forget(number: &E164, dir: &Path, out: &mut impl Write) -> CliResult {
    let report = match outbox::forget(dir, number, Timestamp::now()) {
        Ok(report) => report,
        // Without an outbox, nothing was ever posted.
        Err(AdminError::Missing(_)) => ErasureReport::default(),
        Err(error) => return Err(admin_error(error)),
    };
    let digits = number.expose().trim_start_matches('+');
    let mut remaining = files_containing(dir, digits).map_err(CliError::permission)?;
    if remaining.iter().any(|path| path.file_name().is_some_and(|name| name == outbox::FILE_NAME)) {
        outbox::rewrite(dir).map_err(admin_error)?;
        remaining = files_containing(dir, digits).map_err(CliError::permission)?;
    }
    let output = describe(&report);
    write!(
        out,
        "{output}\n\
         A running daemon caches CRM answers in memory for minutes (`cache` of each source); a restart clears the cache.\n\
         Contacts files, CRMs and messages in the chats are not changed.\n"
    )
    .map_err(|error| CliError::new(74, error))?;
    if remaining.is_empty() {
        return Ok(());
    }
    let files: Vec<_> = remaining.iter().map(|path| path.display().to_string()).collect();
    Err(CliError::data(anyhow::anyhow!(
        "the number is still in {}: an active call, one of your own numbers, or a damaged file set aside; run the command \
         again later and delete files set aside",
        files.join(", ")
    )))
}

/// Returns the databases and logs of `dir` that contain the digits, including damaged files set aside.
fn files_containing(dir: &Path, digits: &str) -> io::Result<Vec<PathBuf>> {
    let mut files_containing = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_database = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".sqlite"));
        if is_database && file_contains(&path, digits)? {
            files_containing.push(path);
        }
    }
    files_containing.sort();
    Ok(files_containing)
}

fn file_contains(path: &Path, digits: &str) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        // The last user of the log removed it in the meantime.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut chunk = Vec::new();
    loop {
        // Each chunk starts with the end of the previous one, to find digits across the boundary.
        let kept = chunk.len().min(digits.len());
        chunk.drain(..chunk.len() - kept);
        let read = (&file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        if contains_number(&chunk, digits.as_bytes()) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
    }
}

/// Returns whether the digits occur outside a longer run of digits. At a chunk boundary a false match is possible.
fn contains_number(bytes: &[u8], digits: &[u8]) -> bool {
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let mut matches = bytes.windows(digits.len()).enumerate().filter(|(_, window)| *window == digits);
    matches.any(|(at, _)| !is_digit(at.checked_sub(1)) && !is_digit(at.checked_add(digits.len())))
}
