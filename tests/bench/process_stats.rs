//! Memory and CPU time of a process from `/proc`.

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

/// Returns the user and system time of all threads. The kernel counts ticks of 10 ms (`USER_HZ` is 100 on Linux).
pub fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The command name is in brackets and may contain blanks; utime and stime are the 12th and 13th fields after it.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Returns the load averages of 1, 5 and 15 minutes, because a busy machine makes every number worse.
pub fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
