//! What the kernel says of a process.

use std::{fs, time::Duration};

/// Resident memory, in kB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// All that is resident, the program's own pages among it.
    pub resident: u64,
    /// Of that, what the process wrote: heap and stacks.
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

/// User and system time of all threads so far. The kernel counts in ticks of 10 ms (`USER_HZ` is 100 on Linux).
pub fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The command's name stands in brackets and may hold blanks; utime and stime are the 12th and 13th fields behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// One, five and fifteen minutes: a busy machine makes every number worse, and the reader should know.
pub fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
