//! Daemons whose shared PostgreSQL fails: cards are posted meanwhile, and none is lost. Skipped where PostgreSQL is not installed.

use crate::support::{
    TIMEOUT,
    cluster::{Cluster, SINKS},
    eventually,
    postgres::PostgresServer,
};
use std::time::Duration;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_database_delays_no_card_and_loses_none() {
    let Some(server) = PostgresServer::start_durable() else { return };
    let urls = vec![server.url("postgres"); 2];
    let mut cluster = Cluster::start_at(server, urls).await;
    cluster.place_calls(Duration::from_secs(3)).await;
    cluster.server.kill();
    cluster.place_calls(Duration::from_secs(8)).await;
    let shown: usize = SINKS.iter().map(|sink| cluster.ledger.messages(sink)).sum();
    cluster.place_calls(Duration::from_secs(4)).await;
    let later: usize = SINKS.iter().map(|sink| cluster.ledger.messages(sink)).sum();
    assert!(later > shown, "the owners continue to post: {}", cluster.ledger);
    cluster.server.restart();
    cluster.place_calls(Duration::from_secs(5)).await;
    let ledger = cluster.finish("the database killed for 12 s").await;
    for sink in SINKS {
        let twice = ledger.repeated_messages(sink);
        assert!(twice <= 1, "{sink}: {twice} messages repeated: {:#?}", ledger.repeated_cards(sink));
    }
}

/// The Unix socket of a server behind a network that can be cut: what is sent meanwhile arrives afterwards.
struct NetworkPath {
    dir: TempDir,
    is_cut: watch::Sender<bool>,
}

impl NetworkPath {
    fn to(server: &PostgresServer) -> Self {
        let dir = TempDir::new().unwrap();
        let (is_cut, cut) = watch::channel(false);
        let (listener, target) = (UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap(), server.socket());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let Ok(server) = UnixStream::connect(&target).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, cut.clone()));
                tokio::spawn(forward(from_server, to_client, cut.clone()));
            }
        });
        Self { dir, is_cut }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@/postgres?host={}", self.dir.path().display())
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cut: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let sent = bytes.get(..count).unwrap_or_default();
        if cut.wait_for(|is_cut| !is_cut).await.is_err() || to.write_all(sent).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_without_network_to_the_database_loses_no_call() {
    let Some(server) = PostgresServer::start() else { return };
    let paths = [NetworkPath::to(&server), NetworkPath::to(&server)];
    let urls = paths.iter().map(NetworkPath::url).collect();
    let mut cluster = Cluster::start_at(server, urls).await;
    cluster.place_calls(Duration::from_secs(3)).await;
    let owner = cluster.owner("desk").unwrap();
    let before = cluster.sim.posts().len() as u64;
    paths[owner].is_cut.send_replace(true);
    let took = cluster.wait_for_take_over("desk", owner).await;
    eprintln!("taken over after {took:?}");
    cluster.place_calls(Duration::from_secs(5)).await;
    let returns = |cluster: &Cluster| {
        let daemon = cluster.daemons[owner].as_ref().unwrap();
        daemon.journal().matches("shared database back").count()
    };
    let earlier = returns(&cluster);
    paths[owner].is_cut.send_replace(false);
    cluster.place_calls(Duration::from_secs(5)).await;
    eventually("the owner uses the database", TIMEOUT, async || (returns(&cluster) > earlier).then_some(())).await;
    let after = cluster.sim.posts().len() as u64;
    cluster.place_calls(Duration::from_secs(3)).await;
    let ledger = cluster.finish_in_any_order("the owner without network").await;
    // The owner cannot know of its successor: both post the calls of the cut, each in its own order. Each sink's last message before
    // it may lack its settlement.
    let cut = before.saturating_sub(SINKS.len() as u64)..after;
    for sink in SINKS {
        let repeated = ledger.repeated_posts(sink);
        assert!(repeated.iter().all(|post| cut.contains(post)), "cut {cut:?}: {repeated:?}");
        let misordered = ledger.misordered_calls(sink);
        assert!(misordered.keys().all(|post| cut.contains(post)), "cut {cut:?}: {misordered:?}");
    }
}

/// A newer version has migrated the tables, and a failover ends the sessions of the old daemons.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_of_an_older_version_post_nothing_and_lose_no_call() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    cluster.place_calls(Duration::from_secs(1)).await;
    let version = cluster.set_schema_version("99");
    for daemon in cluster.daemons.iter().flatten() {
        daemon.wait_for_log("shared database away").await;
        daemon.wait_for_log("shared database of a newer version").await;
    }
    // The next renewal follows within a second, and the post in progress ends.
    cluster.place_calls(Duration::from_secs(2)).await;
    let shown = cluster.shown();
    cluster.place_calls(Duration::from_secs(2)).await;
    assert_eq!(cluster.shown(), shown, "the newer version posts these calls");
    cluster.set_schema_version(&version);
    for daemon in cluster.daemons.iter().flatten() {
        daemon.wait_for_log("shared database back").await;
    }
    cluster.place_calls(Duration::from_secs(2)).await;
    let ledger = cluster.finish("a newer version").await;
    for sink in SINKS {
        let twice = ledger.repeated_messages(sink);
        assert!(twice <= 1, "{sink}: {twice} messages repeated: {:#?}", ledger.repeated_cards(sink));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promoted_standby_has_all_cards() {
    let Some(server) = PostgresServer::start() else { return };
    let standby = server.start_standby();
    let urls = vec![server.url_of_either(&standby, "postgres"); 2];
    let mut cluster = Cluster::start_at(server, urls).await;
    cluster.place_calls(Duration::from_secs(5)).await;
    cluster.server.kill();
    cluster.place_calls(Duration::from_secs(2)).await;
    standby.promote();
    cluster.server = standby;
    cluster.place_calls(Duration::from_secs(8)).await;
    cluster.wait_for_owners().await;
    let ledger = cluster.finish("a standby promoted").await;
    for sink in SINKS {
        let twice = ledger.repeated_messages(sink);
        assert!(twice <= 1, "{sink}: {twice} messages repeated: {:#?}", ledger.repeated_cards(sink));
    }
}
