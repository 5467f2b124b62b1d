//! `poprelay forget NUMBER`: erases a person from all that is kept, and looks into the files whether they are gone. What is
//! erased is `outbox`'s and `enrich`'s to decide.

use super::{Failure, Outcome, lookup::refusal, outbox::failure};
use crate::{
    daemon::config::Config,
    enrich,
    model::{
        phone::{E164, Number, Region},
        time::Timestamp,
    },
    outbox::{self, AdminError, Forgotten},
};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

/// Bytes of a file that are looked at together.
const PIECE: usize = 1 << 20;

/// `poprelay forget`
#[derive(Debug, clap::Args)]
pub struct ForgetArgs {
    /// The number, as it is written in the region of the first connection, or with its country (+1…)
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    pub number: String,
}

/// Erases a number from the state directory of a config, beside a running daemon or without one.
///
/// # Errors
/// 65 no number that can be kept, or one that is still in a file; 69 a file that cannot be changed; 74 output; 77 permission.
pub fn run(args: &ForgetArgs, config: &Config, out: &mut impl Write) -> Outcome {
    let region = config.connections.first().map_or(Region::US, |connection| connection.region);
    let read = Number::read(Some(&args.number), region);
    let Some(number) = read.known() else { return Err(Failure::data(anyhow::anyhow!(refusal(&read, region)))) };
    forget(number, &config.state_dir, out)
}

/// Erases `number` from the files of `dir`.
///
/// # Errors
/// As [`run`].
pub fn forget(number: &E164, dir: &Path, out: &mut impl Write) -> Outcome {
    let forgotten = match outbox::forget(dir, number, Timestamp::now()) {
        Ok(forgotten) => forgotten,
        // A daemon that never ran has told nobody anything.
        Err(AdminError::Missing(_)) => Forgotten::default(),
        Err(error) => return Err(failure(error)),
    };
    let calls = enrich::forget(dir, number).map_err(Failure::unavailable)?;
    let digits = number.expose().trim_start_matches('+');
    let mut still = holding(dir, digits).map_err(Failure::permission)?;
    if still.iter().any(|path| path.file_name().is_some_and(|name| name == outbox::FILE)) {
        outbox::rewrite(dir).map_err(failure)?;
        still = holding(dir, digits).map_err(Failure::permission)?;
    }
    let Forgotten { blanked, dropped, changed, noted } = forgotten;
    write!(
        out,
        "history: {calls} calls forgotten\n\
         outbox: {blanked} deliveries blanked ({dropped} of them had not been told and will not be), {changed} of others \
         changed, {noted} noted moments removed\n\
         A running daemon keeps answers of CRMs in its memory for minutes (each source's ttl); a restart ends that at once.\n\
         Contacts files, CRMs, and what the chats have been told already are not changed.\n"
    )
    .map_err(|error| Failure::new(74, error))?;
    if still.is_empty() {
        return Ok(());
    }
    let files: Vec<_> = still.iter().map(|path| path.display().to_string()).collect();
    Err(Failure::data(anyhow::anyhow!(
        "the number is still in {}: a call of it that is under way, one of your own numbers, or a file that was set aside; \
         run this again later, delete what was set aside",
        files.join(", ")
    )))
}

/// The databases of `dir` and their logs, those set aside too, in whose bytes the digits stand.
fn holding(dir: &Path, digits: &str) -> io::Result<Vec<PathBuf>> {
    let mut holding = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_database = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".sqlite"));
        if is_database && holds(&path, digits)? {
            holding.push(path);
        }
    }
    holding.sort();
    Ok(holding)
}

fn holds(path: &Path, digits: &str) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        // A log that its last user took away meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut piece = Vec::new();
    loop {
        // What stands across two pieces is found in the second, which begins with the end of the first.
        let kept = piece.len().min(digits.len());
        piece.drain(..piece.len() - kept);
        let read = (&file).take(PIECE as u64).read_to_end(&mut piece)?;
        if alone(&piece, digits.as_bytes()) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
    }
}

/// The digits stand somewhere not as a part of more of them. At an edge of a piece too many are found rather than too few.
fn alone(bytes: &[u8], digits: &[u8]) -> bool {
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let mut found = bytes.windows(digits.len()).enumerate().filter(|(_, window)| *window == digits);
    found.any(|(at, _)| !is_digit(at.checked_sub(1)) && !is_digit(at.checked_add(digits.len())))
}
