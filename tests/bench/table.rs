//! Output tables.

use super::{load::LoadResult, process_stats::Memory};
use std::time::Duration;

/// Numbers of one relay.
pub struct Row {
    pub name: String,
    pub subscribed: Duration,
    pub idle: Memory,
    pub after: Option<Memory>,
    pub cpu: Duration,
    pub timed: LoadResult,
    pub lost: usize,
}

/// Prints the runs, each number with its ratio to the bare relay.
pub fn print_runs(bare: &Row, rows: &[Row]) {
    println!();
    println!(
        "{:<24}{:>16}{:>16}{:>16}{:>16}{:>16}{:>16}{:>16}{:>9}{:>8}",
        "",
        "frame→POST p50",
        "p95",
        "p99",
        "CPU a card",
        "idle RSS",
        "after the load",
        "subscribed in",
        "calls/s",
        "lost"
    );
    for row in std::iter::once(bare).chain(rows) {
        let (one, other) = (&row.timed, &bare.timed);
        let waits = [50, 95, 99].map(|part| time(one.percentile(part), other.percentile(part)));
        let after = match (row.after, bare.after) {
            (Some(after), Some(bare)) => memory(after, bare),
            _ => String::new(),
        };
        println!(
            "{:<24}{:>16}{:>16}{:>16}{:>16}{:>16}{:>16}{:>16}{:>9.1}{:>8}",
            row.name,
            waits[0],
            waits[1],
            waits[2],
            time(row.cpu, bare.cpu),
            memory(row.idle, bare.idle),
            after,
            time(row.subscribed, bare.subscribed),
            row.timed.rate,
            row.lost,
        );
    }
    let anonymous = |row: &Row| {
        let after =
            row.after.map_or(String::new(), |after| format!(", {} after the load", format_mib(after.anonymous)));
        format!("{} {} idle{after}", row.name, format_mib(row.idle.anonymous))
    };
    println!("anonymous: {}; {}", anonymous(bare), rows.first().map_or(String::new(), anonymous));
}

fn ratio(one: f64, other: f64) -> String {
    if other > 0.0 { format!(" {:>4.1}×", one / other) } else { String::new() }
}

fn time(one: Duration, bare: Duration) -> String {
    format!("{}{}", format_duration(one), ratio(one.as_secs_f64(), bare.as_secs_f64()))
}

/// Formats a duration with about three significant digits.
pub fn format_duration(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1000.0 { format!("{micros:.0} µs") } else { format!("{:.2} ms", micros / 1000.0) }
}

fn memory(one: Memory, bare: Memory) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some thousand kB")]
    let ratio = ratio(one.resident as f64, bare.resident as f64);
    format!("{}{ratio}", format_mib(one.resident))
}

/// Formats kB as MiB.
pub fn format_mib(kb: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some thousand kB")]
    let mib = kb as f64 / 1024.0;
    format!("{mib:.1} MiB")
}
