//! Memory, CPU time and context switches of a process from `/proc`.

use std::{fs, time::Duration};

/// Resident memory, in kB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident memory, including the pages of the program.
    pub resident: u64,
    /// Anonymous part of it: heap and stacks.
    pub anonymous: u64,
}

impl Memory {
    pub fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        Self { resident: field("VmRSS:"), anonymous: field("RssAnon:") }
    }
}

/// Work of a process so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// Time on a processor.
    pub cpu: Duration,
    /// Context switches of all threads: a thread waited, or had to wait.
    pub switches: u64,
}

impl Work {
    /// Returns the sum of all running threads. Daemons start theirs before the first call.
    pub fn of(pid: u32) -> Self {
        let mut work = Self::default();
        for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
            // A thread may end in between.
            let read = |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            let nanos = read("schedstat").split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
            work.cpu += Duration::from_nanos(nanos);
            let status = read("status");
            let switches = status.lines().filter(|line| line.contains("ctxt_switches:"));
            work.switches +=
                switches.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum::<u64>();
        }
        work
    }

    /// Returns the work since `earlier`, divided by `calls`.
    pub fn per_call(self, earlier: Self, calls: u32) -> (Duration, f64) {
        #[expect(clippy::cast_precision_loss, reason = "some thousand switches")]
        let switches = self.switches.saturating_sub(earlier.switches) as f64 / f64::from(calls.max(1));
        (self.cpu.saturating_sub(earlier.cpu) / calls.max(1), switches)
    }
}

/// Returns the load averages of 1, 5 and 15 minutes, because a busy machine makes every number worse.
pub fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
