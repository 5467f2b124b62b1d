//! Where the daemon's lines go: under systemd straight to journald with their fields, on a terminal as readable lines.
//! What is said, and at which level, is each room's own; this only opens the way, and sees that it never blocks.
//!
//! tracing-journald upper-cases field names, so a field `message_id` is journald's MESSAGE_ID and nothing of ours is needed
//! beside it. The levels are journald's err, warning, info and debug: tracing has no notice, and "started" is no more than
//! info, since nobody has to act.

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open},
};
use std::{collections::BTreeSet, env, error::Error, fmt, fs, io, io::IsTerminal as _, os::fd::RawFd};
use tracing::field::{Field, Visit};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::{
    EnvFilter, Registry,
    field::{RecordFields, VisitOutput as _},
    filter::LevelFilter,
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

/// Why the journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// `--log` is no filter.
    #[error("--log takes error, warn, info, debug or a filter such as info,poprelay::goto=debug")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// `--log` is no level.
    #[error("--log takes error, warn, info, debug or a filter such as info,poprelay::goto=debug")]
    Level,
    /// Somebody opened it before.
    #[error("the journal is already open")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Opens the journal at `level`. Under systemd (`$JOURNAL_STREAM` is set) it is journald; if its socket is missing, and
/// everywhere else, it is stderr.
///
/// # Errors
/// If `level` is no filter, or the journal was opened before.
pub fn open(level: &str) -> Result<Journal, JournalError> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let registry = tracing_subscriber::registry().with(filter);
    let journald = env::var_os("JOURNAL_STREAM").and_then(|_| journald().ok());
    let terminal = journald.is_none().then(|| {
        let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
        tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_target(false)
            .with_ansi(colours)
            .fmt_fields(Readable)
    });
    registry.with(journald).with(terminal).try_init().map_err(JournalError::Twice)?;
    Ok(Journal(handle))
}

/// The open journal.
pub struct Journal(reload::Handle<EnvFilter, Registry>);

impl Journal {
    /// From now on it says so much. What is no filter changes nothing.
    pub fn turn(&self, level: &str) {
        if let Ok(filter) = filter(level)
            && let Err(error) = self.0.reload(filter)
        {
            tracing::warn!(%error, "the journal's level cannot be changed");
        }
    }
}

/// What `--log` and the config may say. A single word is a level: as a filter it would be a module that does not exist, and silence everything.
///
/// # Errors
/// If it is neither a level nor a filter.
pub fn filter(level: &str) -> Result<EnvFilter, JournalError> {
    let word = !level.contains(['=', ',', ':', '[']);
    if level.is_empty() || (word && level.parse::<LevelFilter>().is_err()) {
        return Err(JournalError::Level);
    }
    EnvFilter::builder().parse(level).map_err(JournalError::Filter)
}

/// Fields for a person's eyes: all but the id of the journal's catalog, which only journald has a use for.
struct Readable;

impl<'w> FormatFields<'w> for Readable {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = WithoutId(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct WithoutId<'a>(DefaultVisitor<'a>);

impl Visit for WithoutId<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != "message_id" {
            self.0.record_str(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.0.record_error(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.record_debug(field, value);
    }
}

fn journald() -> io::Result<tracing_journald::Layer> {
    let before = sockets();
    let layer = tracing_journald::layer()?
        .with_field_prefix(None)
        .with_syslog_identifier("poprelay".to_owned())
        .with_priority_mappings(PriorityMappings {
            error: Priority::Error,
            warn: Priority::Warning,
            info: Priority::Informational,
            debug: Priority::Debug,
            trace: Priority::Debug,
        });
    for fd in sockets().difference(&before) {
        if let Err(error) = never_block(*fd) {
            // The layer works all the same; a journald that hangs would then hold up the daemon.
            drop(error);
        }
    }
    Ok(layer)
}

/// The layer's socket blocks, and it does not hand it out: with a journald that hangs, every line would stop a worker
/// thread. `pidfd_getfd` on ourselves is the safe way to a second handle on the same open socket.
fn never_block(fd: RawFd) -> io::Result<()> {
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = pidfd_getfd(&ourselves, fd, PidfdGetfdFlags::empty())?;
    let flags = fcntl_getfl(&socket)?;
    Ok(fcntl_setfl(&socket, flags | OFlags::NONBLOCK)?)
}

fn sockets() -> BTreeSet<RawFd> {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    open.flatten()
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:")))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::{fd::AsRawFd as _, unix::net::UnixDatagram};

    #[test]
    fn a_word_that_is_no_level_is_refused_instead_of_silencing_everything() {
        for good in ["info", "debug", "WARN", "off", "info,poprelay::goto=debug", "poprelay::goto=debug"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["inof", "banana", "", "poprelay=loud"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_socket_made_never_to_block_says_so_instead_of_waiting() {
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        assert!(sockets().contains(&ours.as_raw_fd()));
        never_block(ours.as_raw_fd()).unwrap();
        let error = (0..100_000).find_map(|_| ours.send(&[0; 1000]).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
