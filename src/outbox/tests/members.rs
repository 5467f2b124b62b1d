//! Heartbeats of the daemons that share a store, and commands on it.

use super::{
    postgres::{LASTS, claim_all, database, open_connected},
    *,
};
use crate::{
    model::call::StatusKind::Ringing,
    outbox::{Filter, OutboxPlace, RUN_TIMEOUT, SharedDatabase, inspect, list, overview},
    runtime::postgres::test_server::PostgresServer,
};

#[tokio::test]
async fn daemons_see_each_other_and_a_stopped_one_leaves_its_sinks() {
    let Some(server) = PostgresServer::shared() else { return };
    let one = database(server, "one");
    let two = SharedDatabase { daemon: "two".to_owned(), ..one.clone() };
    let (dir_one, dir_two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = open_connected(dir_one.path(), &one).await;
    let second = open_connected(dir_two.path(), &two).await;
    claim_all(&first).await;
    let seen = first.renew_and_read("alpha".to_owned(), "1".to_owned(), LASTS).await.unwrap();
    assert!(seen.is_shared && seen.owned.len() == postgres::SINKS.len());
    let seen = second.renew_and_read("beta".to_owned(), "2".to_owned(), LASTS).await.unwrap();
    let hosts: Vec<&str> = seen.daemons.iter().map(|one| one.host.as_str()).collect();
    assert_eq!((hosts.as_slice(), seen.owned.as_slice()), (["alpha", "beta"].as_slice(), [].as_slice()));
    assert!(seen.daemons.iter().all(|one| one.silence < Duration::from_secs(60)));
    assert!(seen.owners.iter().all(|one| one.owner == "one" && one.expires_in.is_some()));
    first.leave().await.unwrap();
    let seen = second.renew_and_read("beta".to_owned(), "2".to_owned(), LASTS).await.unwrap();
    assert!(seen.owners.iter().all(|one| one.owner.is_empty()));
    let hosts: Vec<&str> = seen.daemons.iter().map(|one| one.host.as_str()).collect();
    assert_eq!(hosts, ["beta"]);
    claim_all(&second).await;
}

#[tokio::test]
async fn run_with_the_id_of_a_live_one_owns_nothing_until_that_ends() {
    let Some(server) = PostgresServer::shared() else { return };
    let one = database(server, "one");
    let (dir, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let original = open_connected(dir.path(), &one).await;
    let copied = open_connected(copy.path(), &one).await;
    let beat = async |queue: &DatabaseOutbox, run: &str| {
        let seen = queue.renew_and_read("alpha".to_owned(), run.to_owned(), LASTS).await.unwrap();
        assert_eq!(seen.daemons.len(), 1);
        (seen.has_other_run, seen.owned.len())
    };
    assert_eq!(beat(&original, "1").await, (false, 0));
    claim_all(&original).await;
    let all = postgres::SINKS.len();
    for _ in 0..2 {
        assert_eq!(beat(&copied, "2").await, (true, 0));
        assert_eq!(beat(&original, "1").await, (false, all));
    }
    // The row of the live one stays.
    copied.leave().await.unwrap();
    assert_eq!(beat(&copied, "2").await, (true, 0));
    // The live one is silent: its id is free, and it owns nothing when it comes back.
    let silence = RUN_TIMEOUT.as_micros();
    server.sql("postgres", &format!("UPDATE {}.daemons SET seen = seen - {silence}", one.schema));
    assert_eq!(beat(&copied, "2").await, (false, 0));
    claim_all(&copied).await;
    assert_eq!(beat(&original, "1").await, (true, 0));
    assert_eq!(beat(&copied, "2").await, (false, all));
    copied.leave().await.unwrap();
    assert_eq!(beat(&original, "1").await, (false, 0));
}

#[tokio::test]
async fn commands_read_the_shared_database_from_any_host() {
    let Some(server) = PostgresServer::shared() else { return };
    let shared = database(server, "one");
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &shared).await;
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    let command = SharedDatabase { daemon: "command".to_owned(), ..shared };
    let work = move || {
        let filter = Filter { state: None, sink: None, limit: 10 };
        let listed = list(OutboxPlace::Shared(&command), &filter).unwrap();
        (listed.len(), overview(&command).unwrap().sinks["desk"].waiting, inspect(&command).unwrap())
    };
    let (listed, waiting, report) = tokio::task::spawn_blocking(work).await.unwrap();
    assert_eq!((listed, waiting), (1, 1));
    assert_eq!((report.version, report.problem()), (Some(1), None));
}
