//! `--database`: cost of a shared PostgreSQL beside the file, with a server on this machine whose commits survive a power cut.

use super::{
    ChildProcess, DEFAULT, DaemonDir, Plan, QUICK, RATES, Row, Variant, measured, postgres::PostgresServer,
    process_stats::Work, processes::SimulatorProcess, store, table,
};
use poprelay::{outbox::SharedDatabase, runtime::postgres::PostgresSettings};
use std::{fs, time::Duration};

/// Cards through the outbox, one by one.
const CARDS: u32 = 500;

/// Prints the costs of a card in the outbox, and of a call in the whole relay.
pub async fn costs() {
    let Some(server) = PostgresServer::start_durable() else { return };
    let settings = PostgresSettings::parse(&server.url("postgres"), None).unwrap();
    let database = SharedDatabase { server: settings, schema: "outbox".to_owned(), daemon: "bench".to_owned() };
    store::compare(CARDS, database).await;
    let plan = Plan { counted: 0, ..QUICK };
    let bare = measured("bare relay", &plan, RATES, 1, "posts", ChildProcess::bare).await;
    let file = relay(&DEFAULT, "").await;
    let id = "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)";
    let postmaster = server.sql("postgres", id).parse().unwrap();
    let before = work_of_tree(postmaster);
    let database = format!("state.database = {{ url = \"{}\" }}\n", server.url("postgres"));
    let shared = relay(&Variant { name: "  PostgreSQL", ..DEFAULT }, &database).await;
    let calls = RATES.iter().map(|(_, calls)| calls).sum();
    table::print(&bare, &[file, shared]);
    // The sessions of the relay have ended, but not all are waited for yet.
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("CPU of the database: {} a call", table::format_duration((work_of_tree(postmaster) - before) / calls));
}

async fn relay(variant: &Variant, database: &str) -> Row {
    let dir = DaemonDir::new();
    let start = |sim: &SimulatorProcess| {
        dir.configure(&(database.to_owned() + &sim.config(variant)));
        dir.start()
    };
    measured(variant.name, &Plan { counted: 0, ..QUICK }, RATES, usize::from(variant.lanes), "posts", start).await
}

/// Duration of a tick of the CPU times in `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// Returns the CPU time of a process and of its children, those that have ended included.
fn work_of_tree(pid: u32) -> Duration {
    // Fields after the name, which may contain spaces: the state is the first one, the parent the second.
    let fields = |pid: u32| -> Option<Vec<u32>> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(stat.rsplit_once(") ")?.1.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = ids.filter(|child| fields(*child).is_some_and(|fields| fields[1] == pid));
    let own = fields(pid).unwrap();
    TICK * (own[13] + own[14]) + Work::of(pid).cpu + children.map(|child| Work::of(child).cpu).sum::<Duration>()
}
