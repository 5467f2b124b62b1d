//! Several daemons on one PostgreSQL: each call is posted once per sink, whatever happens to a daemon. Skipped where PostgreSQL is
//! not installed.

use crate::support::cluster::{Cluster, SINKS, number_of_env};
use std::time::Duration;

/// A dead owner is replaced within this time.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_daemons_post_each_call_once() {
    let Some(mut cluster) = Cluster::start(3).await else { return };
    cluster.place_calls(Duration::from_secs(number_of_env("POPRELAY_CLUSTER_SECONDS", 15))).await;
    let ledger = cluster.finish("three daemons").await;
    for sink in SINKS {
        assert_eq!(ledger.repeated_cards(sink), [], "{sink}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_owner_is_replaced_and_no_call_is_lost() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    let kills = number_of_env("POPRELAY_CLUSTER_KILLS", 3);
    for _ in 0..kills {
        cluster.place_calls(Duration::from_secs(3)).await;
        let owner = cluster.owner("desk").unwrap();
        cluster.daemons[owner].take().unwrap().kill();
        let took = cluster.wait_for_take_over("desk", owner).await;
        eprintln!("taken over after {took:?}");
        assert!(took <= TAKE_OVER_LIMIT, "taken over after {took:?}");
        cluster.place_calls(Duration::from_secs(2)).await;
        let daemon = cluster.dirs[owner].start();
        daemon.wait_for_log("lane live").await;
        cluster.daemons[owner] = Some(daemon);
    }
    let ledger = cluster.finish("the owner killed").await;
    for sink in SINKS {
        let twice = ledger.repeated_messages(sink) as u64;
        assert!(twice <= kills, "{sink}: {twice} messages repeated by {kills} kills");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_owner_posts_nothing_after_it_was_replaced() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    cluster.place_calls(Duration::from_secs(3)).await;
    let owner = cluster.owner("desk").unwrap();
    let stopped = cluster.daemons[owner].take().unwrap();
    stopped.signal("-STOP");
    cluster.place_calls(Duration::from_secs(number_of_env("POPRELAY_CLUSTER_STOP_SECONDS", 15))).await;
    assert_ne!(cluster.owner("desk"), Some(owner));
    stopped.signal("-CONT");
    cluster.place_calls(Duration::from_secs(5)).await;
    cluster.daemons[owner] = Some(stopped);
    let ledger = cluster.finish("the owner stopped").await;
    for sink in SINKS {
        // The request in flight at the stop has no settlement.
        let twice = ledger.repeated_messages(sink);
        assert!(twice <= 1, "{sink}: {twice} messages repeated: {:#?}", ledger.repeated_cards(sink));
    }
}

/// The order of an upgrade: each daemon is stopped and started again while the other one runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_restarted_one_after_another_lose_and_repeat_nothing() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    for index in 0..2 {
        cluster.place_calls(Duration::from_secs(2)).await;
        let daemon = cluster.daemons[index].take().unwrap();
        tokio::join!(daemon.stop(), cluster.place_calls(Duration::from_secs(3)));
        for sink in SINKS {
            cluster.wait_for_take_over(sink, index).await;
        }
        let daemon = cluster.dirs[index].start();
        daemon.wait_for_log("lane live").await;
        cluster.daemons[index] = Some(daemon);
    }
    cluster.place_calls(Duration::from_secs(3)).await;
    let ledger = cluster.finish("daemons restarted").await;
    for sink in SINKS {
        assert_eq!(ledger.repeated_cards(sink), [], "{sink}");
    }
}
