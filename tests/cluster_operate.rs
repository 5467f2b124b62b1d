//! Commands on a store that several daemons share, from either host, and hosts that are set up wrong. Skipped where PostgreSQL is
//! not installed.

use crate::support::{
    DaemonDir, TIMEOUT,
    cluster::{Cluster, SINKS},
    eventually,
    ledger::{caller_number, format_as_shown},
    run_to_end,
};
use std::{fs, time::Duration};

/// Runs a command that succeeds. Returns what it prints.
async fn output(dir: &DaemonDir, args: &[&str]) -> String {
    let (status, out, err) = run_to_end(dir.command(args)).await;
    assert!(status.success(), "{args:?}: {out}{err}");
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_either_host_use_the_shared_database() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    cluster.place_calls(Duration::from_millis(200)).await;
    cluster.ledger.settle(&cluster.sim, &SINKS, TIMEOUT).await;
    let (call, number) = (cluster.sim.calls()[0].id.clone(), caller_number(0));
    for dir in &cluster.dirs {
        let explained = output(dir, &["explain", &call]).await;
        assert!(SINKS.iter().all(|sink| explained.contains(&format!("→ {sink}"))), "{explained}");
        let found = output(dir, &["lookup", &number]).await;
        assert!(found.contains("1 call in 7 days"), "{found}");
        let listed = output(dir, &["outbox", "list", "--show-numbers"]).await;
        assert!(listed.contains(&format_as_shown(&number)), "{listed}");
        let status = output(dir, &["status"]).await;
        assert!(SINKS.iter().all(|sink| status.contains(&format!("owner   {sink}: "))), "{status}");
    }
    // A daemon may still store the end of the call after the first `forget`.
    eventually("the number is erased", TIMEOUT, async || {
        let (status, out, _) = run_to_end(cluster.dirs[0].command(&["forget", &number])).await;
        let listed = output(&cluster.dirs[1], &["outbox", "list", "--show-numbers"]).await;
        let is_erased = status.success() && out.contains("shared database\nhistory: ");
        (is_erased && !listed.contains(&format_as_shown(&number))).then_some(())
    })
    .await;
    for dir in &cluster.dirs {
        let (_, listed, _) = run_to_end(dir.command(&["outbox", "list", "--show-numbers"])).await;
        assert!(!listed.contains(&format_as_shown(&number)), "{listed}");
        let found = output(dir, &["lookup", &number]).await;
        assert!(found.contains("0 calls in 7 days"), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outbox_list_shows_the_cards_of_this_machine_during_an_outage() {
    let Some(mut cluster) = Cluster::start(1).await else { return };
    let daemon = cluster.daemons[0].as_ref().unwrap();
    cluster.server.kill();
    daemon.wait_for_log("shared database away").await;
    cluster.place_calls(Duration::from_millis(200)).await;
    let dir = &cluster.dirs[0];
    let listed = eventually("the card is listed", TIMEOUT, async || {
        let listed = output(dir, &["outbox", "list", "--show-numbers"]).await;
        listed.contains(&format_as_shown(&caller_number(0))).then_some(listed)
    })
    .await;
    assert!(listed.starts_with("shared database away: no server listens there. Only"), "{listed}");
    let (_, json, note) = run_to_end(dir.command(&["outbox", "list", "--json"])).await;
    let cards: serde_json::Value = serde_json::from_str(&json).unwrap();
    let id = cards[0]["id"].to_string();
    assert!(note.starts_with("shared database away: "), "{note}");
    assert!(
        output(dir, &["outbox", "show", "--show-numbers", &id]).await.contains(&format_as_shown(&caller_number(0)))
    );
    let (status, _, err) = run_to_end(dir.command(&["outbox", "show", "1"])).await;
    assert!(status.code() == Some(69) && err.contains("not stored on this machine"), "{err}");
    // The server does not listen: a second reason, and a second entry.
    let daemon = cluster.daemons[0].as_ref().unwrap();
    eventually("both reasons are logged", TIMEOUT, async || {
        let journal = daemon.journal();
        let reasons = ["the connection ended", "no server listens there"];
        let is_logged =
            |reason: &&str| journal.lines().any(|line| line.contains("shared database away") && line.contains(*reason));
        reasons.iter().all(is_logged).then_some(())
    })
    .await;
    cluster.server.restart();
    cluster.finish("the database killed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemon_with_a_copied_id_posts_nothing_while_the_original_lives() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    let journal = cluster.daemons[1].take().unwrap().stop().await;
    // Both run on this host.
    let first = cluster.daemons[0].as_ref().unwrap().journal();
    assert!(format!("{journal}{first}").contains("another daemon has the same host name"), "{journal}");
    for sink in SINKS {
        cluster.wait_for_take_over(sink, 1).await;
    }
    let id = |dir: &DaemonDir| dir.state_dir().join("host-id");
    fs::copy(id(&cluster.dirs[0]), id(&cluster.dirs[1])).unwrap();
    let copy = cluster.dirs[1].start();
    copy.wait_for_log("another daemon has the id of this one").await;
    cluster.place_calls(Duration::from_secs(2)).await;
    let claims = |journal: &str| journal.matches("sink claimed").count() + journal.matches("sink taken over").count();
    assert_eq!(claims(&copy.journal()), 0, "{}", copy.journal());
    eventually("the status names the conflict", TIMEOUT, async || {
        output(&cluster.dirs[1], &["status"]).await.contains("this one posts no cards").then_some(())
    })
    .await;
    let original = cluster.daemons[0].take().unwrap();
    let before = claims(&original.journal());
    assert!(before <= 2 * SINKS.len(), "{before} claims");
    // The id is free when the original ends.
    original.stop().await;
    copy.wait_for_log("no other daemon has the id of this one any more").await;
    copy.wait_for_log("sink claimed").await;
    cluster.daemons[1] = Some(copy);
    cluster.place_calls(Duration::from_secs(2)).await;
    let ledger = cluster.finish("a copied id").await;
    for sink in SINKS {
        assert_eq!(ledger.repeated_cards(sink), [], "{sink}");
    }
}
