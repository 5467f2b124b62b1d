//! An outbox over a real PostgreSQL: one server for all tests of the process, a schema for each outbox.

use super::{
    super::{connector::listen, open::open_storage},
    *,
};
use crate::{
    outbox::{SharedDatabase, open_shared},
    runtime::postgres::{PostgresSettings, test_server::PostgresServer},
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// Sinks of the tests. The one daemon of a test owns them.
pub(super) const SINKS: [&str; 4] = ["dana", "desk", "hook", "support"];

/// How long the claims of a test last.
pub(super) const LASTS: Duration = Duration::from_secs(600);

/// A schema of its own on a server.
pub(super) fn database(server: &PostgresServer, daemon: &str) -> SharedDatabase {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let schema = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let server = PostgresSettings::parse(&server.url("postgres"), None).unwrap();
    SharedDatabase { server, schema, daemon: daemon.to_owned() }
}

/// Opens an outbox, and waits until the shared database is in use.
pub(super) async fn open_connected(dir: &Path, database: &SharedDatabase) -> DatabaseOutbox {
    let queue = open_shared(settings(dir), database.clone(), Timestamp::now()).unwrap().0;
    wait_until_connected(&queue).await;
    queue
}

/// As [`open_connected`], but the workers are woken by what the test does only.
pub(super) fn open_without_maintenance(dir: &Path, database: &SharedDatabase) -> DatabaseOutbox {
    let (mut storage, _) = open_storage(settings(dir), Timestamp::now()).unwrap();
    storage.share(database.clone(), Timestamp::now()).unwrap();
    listen(database.clone(), Arc::downgrade(&storage.slots())).unwrap();
    DatabaseOutbox::start(storage, Duration::from_secs(3600)).unwrap()
}

pub(super) async fn wait_until_connected(queue: &DatabaseOutbox) {
    let mut health = queue.health();
    let connected = health.wait_for(|health| *health == Health::Durable);
    tokio::time::timeout(Duration::from_secs(60), connected).await.unwrap().unwrap();
}

pub(super) async fn claim_all(queue: &DatabaseOutbox) {
    let sinks: Vec<SinkName> = SINKS.iter().map(|name| sink(name)).collect();
    assert_eq!(queue.claim(sinks.clone(), LASTS).await.unwrap(), sinks);
    // A claim wakes the workers.
    for sink in &sinks {
        drop(tokio::time::timeout(Duration::from_millis(20), queue.wakeup(sink)).await);
    }
}

/// An outbox of one daemon.
pub(super) struct Postgres {
    dir: TempDir,
    database: SharedDatabase,
    pub(super) queue: DatabaseOutbox,
}

impl Postgres {
    /// Opens an empty outbox; `None` where PostgreSQL is not installed.
    pub(super) async fn fresh() -> Option<Self> {
        let database = database(PostgresServer::shared()?, "one");
        let dir = TempDir::new().unwrap();
        let queue = open_without_maintenance(dir.path(), &database);
        wait_until_connected(&queue).await;
        claim_all(&queue).await;
        Some(Self { dir, database, queue })
    }
}

impl suite::TestStore for Postgres {
    type Queue = DatabaseOutbox;

    fn queue(&self) -> DatabaseOutbox {
        self.queue.clone()
    }

    /// Ends the daemon and starts it again, with an empty file.
    async fn crash(&mut self) {
        self.queue.close().await;
        self.dir = TempDir::new().unwrap();
        self.queue = open_without_maintenance(self.dir.path(), &self.database);
        wait_until_connected(&self.queue).await;
        claim_all(&self.queue).await;
    }

    async fn fail_disk(&mut self) {}
}
