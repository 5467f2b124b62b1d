//! Tokens that daemons share, over a real PostgreSQL.

use super::{
    postgres::{database, open_connected},
    *,
};
use crate::{
    model::{
        ids::ConnectionName,
        secret::Secret,
        shared_token::{LocalToken, NewToken, RefreshDecision, RefreshToken, SharedTokens as _, TimedAccess},
    },
    outbox::SharedDatabase,
    runtime::postgres::test_server::PostgresServer,
};

fn main_connection() -> ConnectionName {
    ConnectionName::try_from("main").unwrap()
}

fn refresh(token: &str, day: u8) -> RefreshToken {
    let issued = Some(format!("2026-05-{day:02}T00:00:00Z").parse().unwrap());
    RefreshToken { token: Secret::new(token), issued, scope: Some("cr.v1.read".to_owned()) }
}

fn local(token: &RefreshToken) -> LocalToken {
    LocalToken { refresh: Some(token.clone()), ..LocalToken::default() }
}

fn new(refresh: RefreshToken, access: Option<&str>) -> NewToken {
    let timed = |token| TimedAccess { token: Secret::new(token), left: Duration::from_secs(3600) };
    NewToken { refresh, access: access.map(timed), rejected: None }
}

struct Hosts {
    one: DatabaseOutbox,
    two: DatabaseOutbox,
    _dirs: [TempDir; 2],
}

impl Hosts {
    async fn connect() -> Option<Self> {
        let database = database(PostgresServer::shared()?, "one");
        let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let one = open_connected(dirs[0].path(), &database).await;
        let two = SharedDatabase { daemon: "two".to_owned(), ..database };
        let two = open_connected(dirs[1].path(), &two).await;
        Some(Self { one, two, _dirs: dirs })
    }

    async fn begin(&self, host: &DatabaseOutbox, token: &RefreshToken) -> RefreshDecision {
        host.begin_refresh(main_connection(), local(token)).await.unwrap()
    }
}

#[tokio::test]
async fn one_daemon_refreshes_and_the_other_uses_its_access_token() {
    let Some(hosts) = Hosts::connect().await else { return };
    let (first, rotated) = (refresh("r1", 1), refresh("r2", 2));
    assert_eq!(hosts.begin(&hosts.one, &first).await, RefreshDecision::Refresh);
    assert_eq!(hosts.begin(&hosts.two, &first).await, RefreshDecision::Busy);
    hosts.one.store(main_connection(), new(rotated.clone(), Some("a1"))).await.unwrap();
    assert_eq!(hosts.begin(&hosts.two, &first).await, RefreshDecision::Newer(rotated.clone()));
    let RefreshDecision::Use { access, scope } = hosts.begin(&hosts.two, &rotated).await else {
        panic!("a second refresh is not needed")
    };
    assert_eq!((access.token.expose(), scope.as_deref()), ("a1", Some("cr.v1.read")));
    assert!(access.left > Duration::from_secs(3000) && access.left <= Duration::from_secs(3600), "{:?}", access.left);
    // Another connection has a row of its own.
    let other = ConnectionName::try_from("other").unwrap();
    assert_eq!(hosts.two.read(other).await.unwrap().refresh, None);
}

#[tokio::test]
async fn lock_ends_with_a_failed_refresh_and_with_its_time() {
    let Some(hosts) = Hosts::connect().await else { return };
    let token = refresh("r1", 1);
    assert_eq!(hosts.begin(&hosts.one, &token).await, RefreshDecision::Refresh);
    assert_eq!(hosts.begin(&hosts.one, &token).await, RefreshDecision::Refresh, "its own lock stops no daemon");
    hosts.two.unlock(main_connection()).await.unwrap();
    assert_eq!(hosts.begin(&hosts.two, &token).await, RefreshDecision::Busy, "another daemon's lock stays");
    hosts.one.unlock(main_connection()).await.unwrap();
    assert_eq!(hosts.two.read(main_connection()).await.unwrap().refresh, None, "a denied refresh stores nothing");
    let short = Duration::from_millis(50);
    let locked = hosts.two.begin_refresh_for(main_connection(), local(&token), short).await;
    assert_eq!(locked, Some(RefreshDecision::Refresh));
    tokio::time::sleep(short * 2).await;
    assert_eq!(hosts.begin(&hosts.one, &token).await, RefreshDecision::Refresh);
}

#[tokio::test]
async fn newest_token_stays_and_a_rejected_one_is_replaced() {
    let Some(hosts) = Hosts::connect().await else { return };
    let stored = async || hosts.two.read(main_connection()).await.unwrap();
    hosts.one.store(main_connection(), new(refresh("r2", 2), Some("a2"))).await.unwrap();
    hosts.two.store(main_connection(), new(refresh("r1", 1), Some("a1"))).await.unwrap();
    assert_eq!(stored().await.refresh, Some(refresh("r2", 2)));
    let login = NewToken { rejected: Some(Secret::new("r2")), ..new(refresh("r1", 1), None) };
    hosts.two.store(main_connection(), login).await.unwrap();
    let found = stored().await;
    assert_eq!(
        (found.refresh, found.access),
        (Some(refresh("r1", 1)), None),
        "a login on a host whose clock is behind"
    );
}

#[tokio::test]
async fn away_store_answers_nothing_and_a_file_has_no_shared_tokens() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open(settings(dir.path()), Timestamp::now()).unwrap();
    assert!(queue.shared_tokens().is_none());
    assert_eq!(queue.read(main_connection()).await, None);
    assert_eq!(queue.begin_refresh(main_connection(), local(&refresh("r1", 1))).await, None);
}
