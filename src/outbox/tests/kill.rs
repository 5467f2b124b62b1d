//! `kill -9` at any moment: a child process works on an outbox and says what it was answered; its parent kills it and
//! looks whether all of it is there.

use super::{super::show, *};
use crate::model::call::MomentKind::Ringing;
use rusqlite::Connection;
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

/// Where the child works; also tells it that it is one.
const DIR: &str = "POPRELAY_TEST_OUTBOX";

async fn say(line: String) {
    // One write: what the parent reads is whole lines.
    std::io::stdout().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

async fn work(queue: Queue, lane: usize, round: String) {
    for n in 0.. {
        let call = format!("{round}-{lane}-{n}");
        queue.note(telling(&call, Ringing, &call)).await.unwrap();
        say(format!("noted {call}")).await;
        queue.admit(Some((call_id(&call), Ringing)), vec![tell(&call, Ringing, "desk")]).await.unwrap();
        say(format!("admitted {call}")).await;
        if n % 3 == 0 {
            let waiting = queue.waiting(&sink("desk"), Timestamp::now(), 1).await.unwrap();
            for held in queue.lease(waiting.iter().map(|delivery| delivery.id).collect()).await.unwrap() {
                say(format!("leased {}", held.id.0)).await;
                queue.settle(vec![settle(held.id, Settlement::Delivered)]).await.unwrap();
                say(format!("settled {}", held.id.0)).await;
            }
        }
    }
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (queue, _) = opened(Path::new(&dir));
        let round = format!("{}", std::process::id());
        let lanes: Vec<_> = (0..8).map(|lane| tokio::spawn(work(queue.clone(), lane, round.clone()))).collect();
        for lane in lanes {
            lane.await.unwrap();
        }
    });
}

/// Lets a child work for `lines` lines, kills it, and answers all that it said.
fn killed_after(dir: &Path, lines: usize) -> Vec<(String, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outbox::tests::kill::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let out = BufReader::new(child.stdout.take().unwrap());
    for (n, line) in out.lines().map_while(Result::ok).enumerate() {
        if n == lines {
            child.kill().unwrap();
        }
        said.extend(line.split_once(' ').map(|(what, which)| (what.to_owned(), which.to_owned())));
    }
    child.wait().unwrap();
    said
}

#[tokio::test]
async fn all_that_was_answered_before_a_kill_is_there_after_it() {
    let dir = TempDir::new().unwrap();
    let mut said = Vec::new();
    for round in 0..12 {
        said.extend(killed_after(dir.path(), 200 + fastrand::usize(..800)));
        let db = Connection::open(dir.path().join(FILE)).unwrap();
        let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "round {round}");
    }
    let (queue, found) = opened(dir.path());
    assert_eq!(found.set_aside, None);
    let of = |what: &str| -> BTreeSet<String> {
        said.iter().filter(|(verb, _)| verb == what).map(|(_, which)| which.clone()).collect()
    };
    let noted: BTreeSet<_> = queue.noted().await.unwrap().iter().map(|t| t.call.id.as_str().to_owned()).collect();
    let admitted = of("admitted");
    for call in &of("noted") {
        assert!(noted.contains(call) || admitted.contains(call) || is_known(&queue, call).await, "{call} was noted");
    }
    for call in &admitted {
        assert!(is_known(&queue, call).await, "{call} was admitted");
        assert!(!noted.contains(call), "{call} is not noted any more");
    }
    for id in &of("settled") {
        let (letter, attempts) = show(dir.path(), DeliveryId(id.parse().unwrap())).unwrap().unwrap();
        assert_eq!(letter.state, Some(super::super::State::Delivered), "{id} was settled");
        assert_eq!(attempts.len(), 1);
    }
    assert!(admitted.len() > 300, "{}", admitted.len());
    println!(
        "kill -9, 12 rounds: {} noted, {} admitted, {} settled, all there",
        of("noted").len(),
        admitted.len(),
        of("settled").len()
    );
}

async fn is_known(queue: &Queue, call: &str) -> bool {
    use crate::model::delivery::Admitted::New;
    queue.admit(None, vec![tell(call, Ringing, "desk")]).await.unwrap() != [New]
}
