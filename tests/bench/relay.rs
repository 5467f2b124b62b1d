//! `cargo bench --bench relay [-- --quick]`: what the relay costs, measured on the release binary against a simulated GoTo
//! and chat, one process each, and on a bare relay in the same run (a frame is read, a fixed body is posted, nothing
//! else). It prints; it never fails on a time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot go on should say so, and its output is for people"
)]

mod bare;
mod contacts;
mod load;
mod parties;
mod process;
mod store;
mod table;

use load::Load;
use parties::{Home, Running, World};
use process::Memory;
use std::time::Duration;
use table::Row;

/// How long and how much.
#[derive(Clone, Copy)]
struct Plan {
    /// Calls of the two runs that are compared: 20 s at 100 calls/s.
    compared: u32,
    /// Calls of each variant.
    variant: u32,
    /// Calls until memory is read again.
    crowd: u32,
    /// Rows that wait at a start.
    waiting: u32,
    /// Cards through the outbox, one at a time.
    cards: u32,
    /// People of a contacts file, with two numbers each.
    people: u32,
}

const WHOLE: Plan =
    Plan { compared: 2000, variant: 500, crowd: 10_000, waiting: 100_000, cards: 1000, people: 250_000 };
const QUICK: Plan = Plan { compared: 500, variant: 0, crowd: 0, waiting: 0, cards: 200, people: 25_000 };

/// Calls a second of the runs that are timed, and of the crowd.
const RATE: f64 = 100.0;
const CROWD_RATE: f64 = 500.0;

/// A way to run the relay: its name, and what differs from the defaults.
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
    let plan = if args.iter().any(|arg| arg == "--quick") { QUICK } else { WHOLE };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bench(plan));
}

async fn bench(plan: Plan) {
    println!("load of this machine before: {}", process::load_average());
    contacts::costs(plan.people).await;
    let bare = measured("bare relay", plan.compared, plan.crowd, 1, Running::bare).await;
    let mut rows = vec![relay(&DEFAULT, plan.compared, plan.crowd).await];
    if plan.variant > 0 {
        for variant in &VARIANTS {
            rows.push(relay(variant, plan.variant, 0).await);
        }
    }
    table::runs(&bare, &rows);
    store::costs(plan.cards).await;
    if plan.waiting > 0 {
        store::many_waiting(plan.waiting).await;
    }
    println!("load of this machine after: {}", process::load_average());
}

async fn relay(variant: &Variant, calls: u32, crowd: u32) -> Row {
    let home = Home::new();
    let start = |world: &World| {
        home.configure(&world.config(variant.lanes, variant.durability, variant.history, &world.webhook()));
        home.run()
    };
    measured(variant.name, calls, crowd, usize::from(variant.lanes), start).await
}

/// One relay in one world, from its start to its end.
async fn measured(name: &str, calls: u32, crowd: u32, lanes: usize, start: impl Fn(&World) -> Running) -> Row {
    let world = World::start().await;
    let relay = start(&world);
    let subscribed = world.subscribed(1, &relay).await;
    world.subscribed(lanes, &relay).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = Memory::of(relay.pid());
    let mut load = Load::new(&world, name.starts_with("bare"));
    // What is done at the first card only (connections, caches) is not the cost of a card.
    load.run(20, RATE).await;
    let cpu_before = process::cpu(relay.pid());
    let timed = load.run(calls, RATE).await;
    let cpu = (process::cpu(relay.pid()) - cpu_before) / calls;
    let crowded = if crowd > 0 { load.run(crowd, CROWD_RATE).await } else { Default::default() };
    let after = (crowd > 0).then(|| Memory::of(relay.pid()));
    let untold = timed.untold + crowded.untold;
    Row { name: name.to_owned(), subscribed, idle, after, cpu, timed, untold }
}
