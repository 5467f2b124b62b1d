//! `kill -9` at any time: a child process uses an outbox and prints what was committed. The parent kills the child and
//! checks that everything printed is in the file.

use super::{super::show, *};
use crate::model::call::StatusKind::Ringing;
use rusqlite::Connection;
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

/// Environment variable with the child's directory; set only in the child.
const DIR: &str = "POPRELAY_TEST_OUTBOX";

async fn print_line(line: String) {
    // One write, so that the parent reads whole lines.
    std::io::stdout().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

async fn work(queue: DatabaseOutbox, lane: usize, round: String) {
    for n in 0.. {
        let call = format!("{round}-{lane}-{n}");
        queue.save_pending(call_update(&call, Ringing, &call)).await.unwrap();
        print_line(format!("saved {call}")).await;
        let cards = vec![insert(&call, Ringing, "desk"), insert(&call, Ringing, "support")];
        queue.enqueue(Some((call_id(&call), Ringing)), cards).await.unwrap();
        print_line(format!("enqueued {call}")).await;
        if n % 3 == 0 {
            let waiting = queue.due(&sink("desk"), Timestamp::now(), 1).await.unwrap();
            for held in queue.lease(waiting.iter().map(|delivery| delivery.id).collect()).await.unwrap() {
                print_line(format!("leased {}", held.id.0)).await;
                queue.settle(vec![settle(held.id, Settlement::Delivered)]).await.unwrap();
                print_line(format!("settled {}", held.id.0)).await;
            }
        }
    }
}

/// A worker that waits for deliveries, and prints each that it got before its enqueue may have returned.
async fn receive(queue: DatabaseOutbox) {
    let support = sink("support");
    loop {
        let Some(received) = queue.receive(&support).await else { continue };
        print_line(format!("received {}", label(&received.card))).await;
        queue.settle(vec![settle(received.id, Settlement::Delivered)]).await.unwrap();
    }
}

#[test]
#[ignore = "runs as the child process of the test below"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (queue, _) = open_outbox(Path::new(&dir));
        let round = format!("{}", std::process::id());
        tokio::spawn(receive(queue.clone()));
        let lanes: Vec<_> = (0..8).map(|lane| tokio::spawn(work(queue.clone(), lane, round.clone()))).collect();
        for lane in lanes {
            lane.await.unwrap();
        }
    });
}

/// Runs a child for `lines` lines, kills it, and returns everything it printed.
fn run_and_kill_after(dir: &Path, lines: usize) -> Vec<(String, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outbox::tests::kill::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines_seen = Vec::new();
    let out = BufReader::new(child.stdout.take().unwrap());
    for (n, line) in out.lines().map_while(Result::ok).enumerate() {
        if n == lines {
            child.kill().unwrap();
        }
        lines_seen.extend(line.split_once(' ').map(|(what, which)| (what.to_owned(), which.to_owned())));
    }
    child.wait().unwrap();
    lines_seen
}

#[tokio::test]
async fn everything_committed_before_kill_9_is_found_after_it() {
    let dir = TempDir::new().unwrap();
    let mut lines_seen = Vec::new();
    for round in 0..12 {
        lines_seen.extend(run_and_kill_after(dir.path(), 200 + fastrand::usize(..800)));
        let db = Connection::open(dir.path().join(FILE_NAME)).unwrap();
        let result: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(result, "ok", "round {round}");
    }
    let (queue, found) = open_outbox(dir.path());
    assert_eq!(found.quarantined, None);
    let of = |what: &str| -> BTreeSet<String> {
        lines_seen.iter().filter(|(verb, _)| verb == what).map(|(_, which)| which.clone()).collect()
    };
    let pending: BTreeSet<_> = queue.pending().await.unwrap().iter().map(|t| t.call.id.as_str().to_owned()).collect();
    let enqueued = of("enqueued");
    for call in &of("saved") {
        assert!(
            pending.contains(call) || enqueued.contains(call) || is_known(&queue, call, "desk").await,
            "{call} was saved"
        );
    }
    for call in &enqueued {
        assert!(is_known(&queue, call, "desk").await, "{call} was enqueued");
        assert!(!pending.contains(call), "{call} is not pending any more");
    }
    for id in &of("settled") {
        let (delivery, attempts) = show(dir.path(), DeliveryId(id.parse().unwrap())).unwrap().unwrap();
        assert_eq!(delivery.state, Some(super::super::DeliveryState::Delivered), "{id} was settled");
        assert_eq!(attempts.len(), 1);
    }
    let received = of("received");
    for call in &received {
        assert!(is_known(&queue, call, "support").await, "{call} was handed over");
    }
    assert!(enqueued.len() > 300 && received.len() > 100, "{} {}", enqueued.len(), received.len());
    println!(
        "kill -9, 12 rounds: {} saved, {} enqueued, {} handed over, {} settled, none lost",
        of("saved").len(),
        enqueued.len(),
        received.len(),
        of("settled").len()
    );
}

async fn is_known(queue: &DatabaseOutbox, call: &str, to: &str) -> bool {
    use crate::model::delivery::EnqueueResult::Inserted;
    queue.enqueue(None, vec![insert(call, Ringing, to)]).await.unwrap() != [Inserted]
}
