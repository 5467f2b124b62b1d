//! Installs the log output: journald with fields under systemd, readable lines on stderr elsewhere. Logging never
//! blocks a task.
//!
//! tracing-journald upper-cases field names: the field `message_id` becomes journald's MESSAGE_ID. Levels map to err,
//! warning, info and debug; tracing has no notice.

use super::log_writer::LogWriter;
use crate::runtime::log_filter::{self, LogFilterError};
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
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

/// Reason for which logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level is neither a level nor a filter.
    #[error(transparent)]
    Filter(#[from] LogFilterError),
    /// The thread that writes log lines cannot be started.
    #[error("the log thread cannot be started")]
    Thread(#[source] io::Error),
    /// Logging was set up before.
    #[error("logging is already set up")]
    AlreadyOpen(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up logging at `level`. Under systemd (`$JOURNAL_STREAM` set) lines go to journald; without its socket, and
/// elsewhere, to stderr.
///
/// # Errors
/// `level` is not a filter, or logging was set up before.
pub fn init(level: &str) -> Result<LogHandle, LoggingError> {
    let (filter, handle) = reload::Layer::new(log_filter::parse(level)?);
    let registry = tracing_subscriber::registry().with(filter);
    let journald = env::var_os("JOURNAL_STREAM").and_then(|_| journald_layer().ok());
    let writer = match journald {
        Some(_) => None,
        None => Some(LogWriter::start(io::stderr()).map_err(LoggingError::Thread)?),
    };
    let terminal = writer.clone().map(|writer| {
        let ansi = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
        tracing_subscriber::fmt::layer().with_writer(writer).with_target(false).with_ansi(ansi).fmt_fields(HumanFields)
    });
    registry.with(journald).with(terminal).try_init().map_err(LoggingError::AlreadyOpen)?;
    Ok(LogHandle { filter: handle, writer })
}

/// Handle to change the level while the daemon runs, and to wait for lines at its end.
#[derive(Debug, Clone)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
    writer: Option<LogWriter>,
}

impl LogHandle {
    /// Sets the level. An invalid filter changes nothing.
    pub fn set_level(&self, level: &str) {
        if let Ok(filter) = log_filter::parse(level)
            && let Err(error) = self.filter.reload(filter)
        {
            tracing::warn!(%error, "log level change failed");
        }
    }

    /// Waits until the lines logged before are written, one second at most.
    pub fn flush(&self) {
        if let Some(writer) = &self.writer {
            writer.flush();
        }
    }
}

/// Formats fields for terminals: all but `message_id`, which only journald's catalog uses.
struct HumanFields;

impl<'w> FormatFields<'w> for HumanFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = HideMessageId(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct HideMessageId<'a>(DefaultVisitor<'a>);

impl Visit for HideMessageId<'_> {
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

fn journald_layer() -> io::Result<tracing_journald::Layer> {
    let before = open_sockets();
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
    for fd in open_sockets().difference(&before) {
        if let Err(error) = set_nonblocking(*fd) {
            // The layer works without this; a stalled journald would then block the daemon.
            drop(error);
        }
    }
    Ok(layer)
}

/// Makes a socket non-blocking. The layer's socket blocks and is private: with a stalled journald every line would
/// block a worker thread. `pidfd_getfd` on this process is the safe way to a second handle on the same open socket.
fn set_nonblocking(fd: RawFd) -> io::Result<()> {
    let this_process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = pidfd_getfd(&this_process, fd, PidfdGetfdFlags::empty())?;
    let flags = fcntl_getfl(&socket)?;
    Ok(fcntl_setfl(&socket, flags | OFlags::NONBLOCK)?)
}

fn open_sockets() -> BTreeSet<RawFd> {
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
    fn nonblocking_socket_returns_would_block_when_full() {
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        assert!(open_sockets().contains(&ours.as_raw_fd()));
        set_nonblocking(ours.as_raw_fd()).unwrap();
        let error = (0..100_000).find_map(|_| ours.send(&[0; 1000]).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
