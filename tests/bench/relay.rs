//! `cargo bench --bench relay [-- --quick | --rates | --scale | --database]`: cost of the relay. It is measured on the
//! release binary against a simulator process. A bare relay (reads a frame, posts a fixed body) is measured in the same run.
//! Prints numbers; never fails on a time. `--rates`: only the default configuration at three rates, to compare builds.
//! `--scale`: many connections, a long backlog, a long history, and a minute at 1,000 calls/s. `--database`: a shared
//! PostgreSQL beside the file. Results: `RESULTS.md`.
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
mod database;
mod load;
#[expect(dead_code, reason = "shared with the integration tests, which need more of it")]
#[path = "../support/postgres.rs"]
mod postgres;
mod process_stats;
mod processes;
mod scale;
mod store;
mod syscalls;
mod table;

use load::Load;
use process_stats::{Memory, Work};
use processes::{ChildProcess, DaemonDir, SimulatorProcess};
use std::time::Duration;
use syscalls::Counter;
use table::{RateRun, Row};

/// Size of a run.
#[derive(Clone, Copy)]
struct Plan {
    /// Calls per second, and calls, of the compared runs.
    compared: &'static [(f64, u32)],
    /// Calls of each variant, at [`RATE`].
    variant: u32,
    /// Whether all variants run, or only those with other sinks.
    all_variants: bool,
    /// Calls whose system calls are counted, at [`RATE`].
    counted: u32,
    /// Calls before memory is measured again.
    memory_load: u32,
    /// Cards through the outbox, one by one.
    cards: u32,
    /// Contacts in the file, with two numbers each.
    people: u32,
}

const FULL: Plan = Plan {
    compared: &[(1.0, 20), (100.0, 2000), (1000.0, 10_000)],
    variant: 1000,
    all_variants: true,
    counted: 500,
    memory_load: 10_000,
    cards: 1000,
    people: 250_000,
};
const QUICK: Plan = Plan {
    compared: &[(1.0, 3), (100.0, 300), (1000.0, 1000)],
    variant: 100,
    all_variants: false,
    counted: 100,
    memory_load: 0,
    cards: 200,
    people: 25_000,
};

/// Calls per second, and calls, with `--rates`.
const RATES: &[(f64, u32)] = &[(1.0, 10), (100.0, 1000), (1000.0, 5000)];

/// Calls per second of the variants and of counted calls.
const RATE: f64 = 100.0;
const MEMORY_LOAD_RATE: f64 = 500.0;
/// Calls before a relay is measured: the cost of the first cards (connections, caches) is not the cost of a card.
const WARM_UP: u32 = 20;

/// Sinks of a variant, all without a rate limit.
#[derive(Clone, Copy)]
enum Sinks {
    Webhook,
    TwoWebhooks,
    App,
    Unreachable(&'static str),
}

/// A configuration of the relay: its name and the differences from the defaults.
#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    lanes: u8,
    durability: &'static str,
    history: bool,
    metrics: bool,
    sinks: Sinks,
}

const DEFAULT: Variant = Variant {
    name: "poprelay, as it comes",
    lanes: 2,
    durability: "power-loss",
    history: true,
    metrics: false,
    sinks: Sinks::Webhook,
};
const VARIANTS: [Variant; 7] = [
    Variant { name: "  two webhooks", sinks: Sinks::TwoWebhooks, ..DEFAULT },
    Variant { name: "  Slack app", sinks: Sinks::App, ..DEFAULT },
    Variant { name: "  with metrics", metrics: true, ..DEFAULT },
    Variant { name: "  one lane", lanes: 1, ..DEFAULT },
    Variant { name: "  durability = crash", durability: "crash", ..DEFAULT },
    Variant { name: "  no history", history: false, ..DEFAULT },
    Variant { name: "  all three", lanes: 1, durability: "crash", history: false, ..DEFAULT },
];
/// The first variants, which have other sinks.
const SINK_VARIANTS: usize = 2;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| arg == bare::FLAG) {
        return bare::run(&args[at + 1]);
    }
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("load of this machine before: {}", process_stats::load_average());
    if has("--scale") {
        runtime.block_on(scale::costs());
    } else if has("--database") {
        runtime.block_on(database::costs());
    } else if has("--rates") {
        runtime.block_on(rates());
    } else {
        runtime.block_on(bench(if has("--quick") { QUICK } else { FULL }));
    }
    println!("load of this machine after: {}", process_stats::load_average());
}

async fn bench(plan: Plan) {
    contacts::costs(plan.people).await;
    let bare = measured("bare relay", &plan, plan.compared, 1, "posts", ChildProcess::bare).await;
    let compared = Plan { memory_load: plan.memory_load, ..plan };
    let mut rows = vec![relay(&DEFAULT, &compared, plan.compared).await];
    let variants = if plan.all_variants { &VARIANTS[..] } else { &VARIANTS[..SINK_VARIANTS] };
    for variant in variants {
        let plan = Plan { memory_load: 0, ..plan };
        rows.push(relay(variant, &plan, &[(RATE, plan.variant)]).await);
    }
    table::print(&bare, &rows);
    store::costs(plan.cards).await;
}

/// Measures the default configuration and the bare relay, and nothing else.
async fn rates() {
    let plan = Plan { counted: 0, ..QUICK };
    let bare = measured("bare relay", &plan, RATES, 1, "posts", ChildProcess::bare).await;
    let row = relay(&DEFAULT, &plan, RATES).await;
    table::print(&bare, &[row]);
}

async fn relay(variant: &Variant, plan: &Plan, runs: &[(f64, u32)]) -> Row {
    let dir = DaemonDir::new();
    let start = |sim: &SimulatorProcess| {
        dir.configure(&sim.config(variant));
        dir.start()
    };
    let cards = if matches!(variant.sinks, Sinks::App) { "messages" } else { "posts" };
    measured(variant.name, plan, runs, usize::from(variant.lanes), cards, start).await
}

/// Measures one relay with one simulator from start to end.
async fn measured(
    name: &str,
    plan: &Plan,
    runs: &[(f64, u32)],
    lanes: usize,
    cards: &'static str,
    start: impl Fn(&SimulatorProcess) -> ChildProcess,
) -> Row {
    let sim = SimulatorProcess::start().await;
    let relay = start(&sim);
    let subscribed = sim.subscribed(1, &relay).await;
    sim.subscribed(lanes, &relay).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = Memory::of(relay.pid());
    let mut load = Load::new(&sim, name.starts_with("bare"), cards);
    load.run(WARM_UP, RATE).await;
    let mut measured_runs = Vec::new();
    for (rate, calls) in runs {
        let before = Work::of(relay.pid());
        let timed = load.run(*calls, *rate).await;
        let (cpu, switches) = Work::of(relay.pid()).per_call(before, *calls);
        measured_runs.push(RateRun { rate: *rate, cpu, switches, timed });
    }
    let mut lost: usize = measured_runs.iter().map(|run| run.timed.lost).sum();
    let mut after = None;
    if plan.memory_load > 0 {
        lost += load.run(plan.memory_load, MEMORY_LOAD_RATE).await.lost;
        after = Some(Memory::of(relay.pid()));
    }
    let mut counts = None;
    if plan.counted > 0 {
        let counter = Counter::attach(relay.pid()).await;
        lost += load.run(plan.counted, RATE).await.lost;
        counts = counter.and_then(Counter::finish);
    }
    Row { name: name.to_owned(), subscribed, idle, after, runs: measured_runs, counted: plan.counted, counts, lost }
}
