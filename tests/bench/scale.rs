//! Scale of one process: many connections, a long backlog, a long history, and a minute of many calls.

use super::{
    DEFAULT, Sinks, Variant,
    load::Load,
    process_stats::{Memory, Work},
    processes::{ChildProcess, DaemonDir, SimulatorProcess},
    store,
    table::{format_duration, format_mib},
};
use std::time::Duration;

const CONNECTIONS: u32 = 1000;
const WAITING: u32 = 20_000;
const HISTORY_ROWS: u32 = 1_000_000;
/// Seconds at [`SUSTAINED_RATE`].
const SUSTAINED_SECONDS: u32 = 60;
const SUSTAINED_RATE: u32 = 1000;
/// Calls that are timed after a start, at 100 calls/s.
const TIMED: u32 = 500;
/// Observed time of an idle daemon.
const IDLE: Duration = Duration::from_secs(20);

/// Prints all measurements.
pub async fn costs() {
    println!();
    connections().await;
    waiting().await;
    history(0).await;
    history(HISTORY_ROWS).await;
    sustained().await;
}

async fn connections() {
    let (dir, sim) = (DaemonDir::new(), SimulatorProcess::start().await);
    let tables: String = (1..CONNECTIONS).map(|nth| sim.connection(&format!("c{nth}"), 2)).collect();
    dir.configure(&(sim.config(&DEFAULT) + &tables));
    let relay = dir.start();
    let lanes = usize::try_from(2 * CONNECTIONS).unwrap();
    let subscribed = sim.subscribed(lanes, &relay).await;
    let (before, memory) = (Work::of(relay.pid()), Memory::of(relay.pid()));
    tokio::time::sleep(IDLE).await;
    let (cpu, _) = Work::of(relay.pid()).per_call(before, 1);
    println!(
        "{CONNECTIONS} connections: {lanes} lanes in {}, {}, idle CPU {:.2} % of one processor",
        format_duration(subscribed),
        describe(memory),
        cpu.as_secs_f64() / IDLE.as_secs_f64() * 100.0
    );
}

async fn waiting() {
    let dir = DaemonDir::new();
    store::fill(&dir, WAITING).await;
    let sim = SimulatorProcess::start().await;
    // The discard port has no listener.
    let sinks = Sinks::Unreachable("http://127.0.0.1:9/slack/desk");
    dir.configure(&sim.config(&Variant { sinks, ..DEFAULT }));
    let relay = dir.start();
    let subscribed = sim.subscribed(2, &relay).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    println!(
        "{WAITING} cards waiting for an unreachable chat: subscribed in {}, {}",
        format_duration(subscribed),
        describe(Memory::of(relay.pid()))
    );
}

/// Times calls with `rows` calls in the history, of 10,000 callers.
async fn history(rows: u32) {
    let (dir, sim) = (DaemonDir::new(), SimulatorProcess::start().await);
    dir.configure(&sim.config(&DEFAULT));
    // The first start creates the file.
    let first = dir.start();
    sim.subscribed(2, &first).await;
    drop(first);
    let db = rusqlite::Connection::open(dir.state().join("outbox.sqlite")).unwrap();
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO call_history (call, number, started, outcome, decided)
         SELECT 'old/' || i, '+1514' || (2000000 + i % 10000), ?2 - i * 5000000, 4, ?2 - i * 5000000 FROM n WHERE ?1 > 0",
        (rows, jiff::Timestamp::now().as_microsecond()),
    )
    .unwrap();
    drop(db);
    let relay = dir.start();
    sim.subscribed(2, &relay).await;
    let mut load = Load::new(&sim, false, "posts");
    load.run(20, 100.0).await;
    timed(&format!("{rows} calls in the history"), &mut load, &relay).await;
}

async fn timed(what: &str, load: &mut Load<'_>, relay: &ChildProcess) {
    let before = Work::of(relay.pid());
    let result = load.run(TIMED, 100.0).await;
    let (cpu, _) = Work::of(relay.pid()).per_call(before, TIMED);
    println!(
        "{what}: frame→POST p50 {}, p99 {}, CPU a call {}, {}, {} lost",
        format_duration(result.percentile(50)),
        format_duration(result.percentile(99)),
        format_duration(cpu),
        describe(Memory::of(relay.pid())),
        result.lost
    );
}

async fn sustained() {
    let (dir, sim) = (DaemonDir::new(), SimulatorProcess::start().await);
    dir.configure(&sim.config(&DEFAULT));
    let relay = dir.start();
    sim.subscribed(2, &relay).await;
    let mut load = Load::new(&sim, false, "posts");
    load.run(20, 100.0).await;
    let (before, calls) = (Work::of(relay.pid()), SUSTAINED_RATE * SUSTAINED_SECONDS);
    let result = load.run(calls, f64::from(SUSTAINED_RATE)).await;
    let (cpu, _) = Work::of(relay.pid()).per_call(before, calls);
    println!(
        "{calls} calls at {:.0} calls/s: frame→POST p50 {}, p99 {}, CPU a call {}, {}, {} lost",
        result.rate,
        format_duration(result.percentile(50)),
        format_duration(result.percentile(99)),
        format_duration(cpu),
        describe(Memory::of(relay.pid())),
        result.lost
    );
    timed("  afterwards", &mut load, &relay).await;
}

fn describe(memory: Memory) -> String {
    format!("resident {} ({} anonymous)", format_mib(memory.resident), format_mib(memory.anonymous))
}
