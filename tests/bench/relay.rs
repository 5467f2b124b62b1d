//! `cargo bench --bench relay [-- --quick]`: cost of the relay, measured on the release binary against a simulator process,
//! with a bare relay (reads a frame, posts a fixed body) in the same run. Prints numbers; never fails on a time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot continue should print the cause, and its output is for people"
)]

mod bare;
mod contacts;
mod load;
mod process_stats;
mod processes;
mod store;
mod table;

use load::Load;
use process_stats::Memory;
use processes::{ChildProcess, DaemonDir, SimulatorProcess};
use std::time::Duration;
use table::Row;

/// Size of a run.
#[derive(Clone, Copy)]
struct Plan {
    /// Calls of each compared run: 20 s at 100 calls/s.
    compared: u32,
    /// Calls of each variant.
    variant: u32,
    /// Calls before memory is measured again.
    memory_load: u32,
    /// Waiting deliveries at a start.
    waiting: u32,
    /// Cards through the outbox, one by one.
    cards: u32,
    /// Contacts in the file, with two numbers each.
    people: u32,
}

const FULL: Plan =
    Plan { compared: 2000, variant: 500, memory_load: 10_000, waiting: 100_000, cards: 1000, people: 250_000 };
const QUICK: Plan = Plan { compared: 500, variant: 0, memory_load: 0, waiting: 0, cards: 200, people: 25_000 };

/// Calls per second of timed runs.
const RATE: f64 = 100.0;
const MEMORY_LOAD_RATE: f64 = 500.0;

/// A configuration of the relay: its name and the differences from the defaults.
struct Variant {
    name: &'static str,
    lanes: u8,
    durability: &'static str,
    history: bool,
}

const DEFAULT: Variant = Variant { name: "poprelay, as it comes", lanes: 2, durability: "power-loss", history: true };
const VARIANTS: [Variant; 4] = [
    Variant { name: "  one lane", lanes: 1, ..DEFAULT },
    Variant { name: "  durability = crash", durability: "crash", ..DEFAULT },
    Variant { name: "  no history", history: false, ..DEFAULT },
    Variant { name: "  all three", lanes: 1, durability: "crash", history: false },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| arg == bare::FLAG) {
        return bare::run(&args[at + 1]);
    }
    let plan = if args.iter().any(|arg| arg == "--quick") { QUICK } else { FULL };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bench(plan));
}

async fn bench(plan: Plan) {
    println!("load of this machine before: {}", process_stats::load_average());
    contacts::costs(plan.people).await;
    let bare = measured("bare relay", plan.compared, plan.memory_load, 1, ChildProcess::bare).await;
    let mut rows = vec![relay(&DEFAULT, plan.compared, plan.memory_load).await];
    if plan.variant > 0 {
        for variant in &VARIANTS {
            rows.push(relay(variant, plan.variant, 0).await);
        }
    }
    table::print_runs(&bare, &rows);
    store::costs(plan.cards).await;
    if plan.waiting > 0 {
        store::many_waiting(plan.waiting).await;
    }
    println!("load of this machine after: {}", process_stats::load_average());
}

async fn relay(variant: &Variant, calls: u32, memory_load: u32) -> Row {
    let dir = DaemonDir::new();
    let start = |sim: &SimulatorProcess| {
        dir.configure(&sim.config(variant.lanes, variant.durability, variant.history, &sim.webhook()));
        dir.start()
    };
    measured(variant.name, calls, memory_load, usize::from(variant.lanes), start).await
}

/// Measures one relay with one simulator from start to end.
async fn measured(
    name: &str,
    calls: u32,
    memory_load: u32,
    lanes: usize,
    start: impl Fn(&SimulatorProcess) -> ChildProcess,
) -> Row {
    let sim = SimulatorProcess::start().await;
    let relay = start(&sim);
    let subscribed = sim.subscribed(1, &relay).await;
    sim.subscribed(lanes, &relay).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = Memory::of(relay.pid());
    let mut load = Load::new(&sim, name.starts_with("bare"));
    // Warm up: the cost of the first cards (connections, caches) is not the cost of a card.
    load.run(20, RATE).await;
    let cpu_before = process_stats::cpu(relay.pid());
    let timed = load.run(calls, RATE).await;
    let cpu = (process_stats::cpu(relay.pid()) - cpu_before) / calls;
    let memory_run = if memory_load > 0 { load.run(memory_load, MEMORY_LOAD_RATE).await } else { Default::default() };
    let after = (memory_load > 0).then(|| Memory::of(relay.pid()));
    let untold = timed.lost + memory_run.lost;
    Row { name: name.to_owned(), subscribed, idle, after, cpu, timed, lost: untold }
}
