//! System calls of a process, counted by `strace -c`. A traced process is several times slower, so that counted runs are not
//! timed. Without `strace`, or without the permission to trace, there are no counts.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::NamedTempFile;

/// System calls by name.
#[derive(Debug, Clone, Default)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// Returns the number of calls of all given names.
    pub fn of(&self, names: &[&str]) -> u64 {
        names.iter().filter_map(|name| self.0.get(*name)).sum()
    }

    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }

    fn parse(summary: &str) -> Self {
        // Columns: % time, seconds, usecs/call, calls, errors (may be empty), syscall.
        let line = |line: &str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let name = *fields.last()?;
            Some((name.to_owned(), fields.get(3)?.parse().ok()?)).filter(|_| name != "total")
        };
        Self(summary.lines().filter_map(line).collect())
    }
}

/// A running count.
pub struct Counter {
    strace: Child,
    summary: NamedTempFile,
}

impl Counter {
    /// Attaches to all threads of a process. `None`: not possible here.
    pub async fn attach(pid: u32) -> Option<Self> {
        let summary = NamedTempFile::new().ok()?;
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-o"]).arg(summary.path()).args(["-p", &pid.to_string()]);
        let mut strace = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        matches!(strace.try_wait(), Ok(None)).then_some(Self { strace, summary })
    }

    /// Detaches and returns the counts.
    pub fn finish(mut self) -> Option<Counts> {
        // SIGINT makes strace detach and write its summary.
        Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status().ok()?;
        self.strace.wait().ok()?;
        let counts = Counts::parse(&std::fs::read_to_string(self.summary.path()).ok()?);
        (counts.all() > 0).then_some(counts)
    }
}
