//! Output tables.

use super::{load::LoadResult, process_stats::Memory, syscalls::Counts};
use std::time::Duration;

/// Numbers of one relay.
pub struct Row {
    pub name: String,
    pub subscribed: Duration,
    pub idle: Memory,
    pub after: Option<Memory>,
    pub runs: Vec<RateRun>,
    /// Calls of `counts`.
    pub counted: u32,
    pub counts: Option<Counts>,
    pub lost: usize,
}

/// Numbers of one relay at one rate.
pub struct RateRun {
    pub rate: f64,
    /// Time on a processor per call.
    pub cpu: Duration,
    /// Context switches per call.
    pub switches: f64,
    pub timed: LoadResult,
}

/// Kinds of system calls in the third table.
const KINDS: [(&str, &[&str]); 7] = [
    ("page writes", &["pwrite64", "pwritev"]),
    ("syncs", &["fsync", "fdatasync"]),
    ("file locks", &["fcntl"]),
    ("futex", &["futex"]),
    ("epoll_wait", &["epoll_wait", "epoll_pwait"]),
    ("reads", &["read", "pread64", "recvfrom", "recvmsg", "readv"]),
    ("writes", &["write", "sendto", "sendmsg", "writev"]),
];

/// Prints the tables, each number with its ratio to the bare relay.
pub fn print(bare: &Row, rows: &[Row]) {
    let all = || std::iter::once(bare).chain(rows);
    print_memory(bare, all());
    println!();
    print!("{:<24}{:>9}", "", "calls/s");
    ["frame→POST p50", "p95", "p99", "CPU a call", "switches a call", "messages a call"]
        .iter()
        .for_each(|head| print!("{head:>18}"));
    println!();
    for row in all() {
        for run in &row.runs {
            let base = bare.runs.iter().find(|base| base.rate.total_cmp(&run.rate).is_eq());
            let wait = |part| time(run.timed.percentile(part), base.map(|base| base.timed.percentile(part)));
            print!("{:<24}{:>9.1}{:>18}{:>18}{:>18}", row.name, run.timed.rate, wait(50), wait(95), wait(99));
            print!("{:>18}", time(run.cpu, base.map(|base| base.cpu)));
            print!("{:>18}", format!("{:.1}{}", run.switches, ratio(run.switches, base.map(|base| base.switches))));
            println!("{:>18.2}", messages_per_call(&run.timed));
        }
    }
    println!();
    print!("{:<24}{:>14}", "system calls a call", "all");
    KINDS.iter().for_each(|(kind, _)| print!("{kind:>14}"));
    println!();
    for row in all() {
        print!("{:<24}", row.name);
        let Some(counts) = &row.counts else {
            println!("{:>14}", "not counted");
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "some thousand system calls")]
        let each = |count: u64| count as f64 / f64::from(row.counted.max(1));
        print!("{:>14.1}", each(counts.all()));
        KINDS.iter().for_each(|(_, names)| print!("{:>14.1}", each(counts.of(names))));
        println!();
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousand messages")]
fn messages_per_call(timed: &LoadResult) -> f64 {
    timed.messages as f64 / (timed.waits.len() + timed.lost).max(1) as f64
}

fn print_memory<'a>(bare: &Row, rows: impl Iterator<Item = &'a Row>) {
    println!();
    print!("{:<24}", "");
    let heads = ["subscribed in", "idle RSS", "anonymous", "after the load", "anonymous", "lost"];
    heads.iter().for_each(|head| print!("{head:>18}"));
    println!();
    for row in rows {
        print!("{:<24}{:>18}", row.name, time(row.subscribed, Some(bare.subscribed)));
        print!("{:>18}{:>18}", memory(row.idle, Some(bare.idle)), format_mib(row.idle.anonymous));
        match row.after {
            Some(after) => print!("{:>18}{:>18}", memory(after, bare.after), format_mib(after.anonymous)),
            None => print!("{:>36}", ""),
        }
        println!("{:>18}", row.lost);
    }
}

fn ratio(one: f64, other: Option<f64>) -> String {
    other.filter(|other| *other > 0.0).map_or_else(String::new, |other| format!(" {:>4.1}×", one / other))
}

fn time(one: Duration, bare: Option<Duration>) -> String {
    format!("{}{}", format_duration(one), ratio(one.as_secs_f64(), bare.map(|bare| bare.as_secs_f64())))
}

/// Formats a duration with about three significant digits.
pub fn format_duration(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1000.0 { format!("{micros:.0} µs") } else { format!("{:.2} ms", micros / 1000.0) }
}

fn memory(one: Memory, bare: Option<Memory>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some thousand kB")]
    let kb = |memory: Memory| memory.resident as f64;
    format!("{}{}", format_mib(one.resident), ratio(kb(one), bare.map(kb)))
}

/// Formats kB as MiB.
pub fn format_mib(kb: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some thousand kB")]
    let mib = kb as f64 / 1024.0;
    format!("{mib:.1} MiB")
}
