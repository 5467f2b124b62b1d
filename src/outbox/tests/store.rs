//! The store alone, without its thread: retention, leases, transactions, indexes and the copy in memory. `suite` tests the
//! trait.

use super::{
    super::{
        copy::{CopyScope, copy_all},
        schema::{self, MIGRATIONS},
        store::{IS_HEAD, NEXT_IN_CALL, Store},
    },
    *,
};
use crate::model::{
    call::StatusKind::{Missed, Ringing},
    delivery::EnqueueResult,
    time::after,
};
use rusqlite::Connection;
use std::{sync::Arc, time::Instant};

fn in_memory() -> Store {
    let db = Connection::open_in_memory().unwrap();
    schema::migrate(&db, 0, MIGRATIONS).unwrap();
    Store::new(Session::Sqlite(db), Arc::default())
}

#[test]
fn retention_deletes_oldest_settled_and_no_waiting_rows() {
    let mut store = in_memory();
    let start = Timestamp::now();
    let at = |days: u64| after(start, Duration::from_secs(days * 24 * 3600));
    for n in 0..1200 {
        let call = format!("call-{n}");
        let ids = [insert(&call, Ringing, "desk")];
        store.enqueue(None, &ids, at(0)).unwrap();
    }
    let all = store.due(&sink("desk"), at(0), 9999).unwrap();
    for (n, delivery) in all.iter().enumerate().take(1100) {
        store.settle(&settle(delivery.id, Settlement::Delivered), at(if n < 600 { 1 } else { 20 })).unwrap();
    }
    let rows = |store: &Store| {
        store.db.sqlite().unwrap().query_row("SELECT count(*) FROM deliveries", [], |r| r.get::<_, i64>(0)).unwrap()
    };
    let keep = |bytes| Retention { bytes, ..Retention::default() };
    assert!(!store.retain(keep(u64::MAX), at(30)).unwrap());
    assert_eq!(rows(&store), 1200);
    assert!(store.retain(keep(u64::MAX), at(32)).unwrap());
    assert!(!store.retain(keep(u64::MAX), at(32)).unwrap());
    assert_eq!(rows(&store), 600);
    let attempts = |store: &Store| {
        store.db.sqlite().unwrap().query_row("SELECT count(*) FROM attempts", [], |r| r.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(attempts(&store), 500);
    while store.retain(keep(0), at(21)).unwrap() {}
    assert_eq!((rows(&store), attempts(&store)), (100, 0));
    assert_eq!(store.due(&sink("desk"), at(99), 9999).unwrap().len(), 100);
}

#[test]
fn lease_expires_after_timeout() {
    let mut store = in_memory();
    let (now, tick) = (Timestamp::now(), Instant::now());
    store.enqueue(None, &[insert("a", Ringing, "desk")], now).unwrap();
    let id = store.due(&sink("desk"), now, 9).unwrap()[0].id;
    store.lease(&[id], tick).unwrap();
    assert!(!store.expire_leases(tick + Duration::from_secs(119)));
    assert_eq!(store.due(&sink("desk"), now, 9).unwrap(), []);
    assert!(store.expire_leases(tick + Duration::from_secs(120)));
    assert_eq!(store.due(&sink("desk"), now, 9).unwrap().len(), 1);
}

#[test]
fn failed_transaction_changes_neither_database_nor_memory() {
    let mut store = in_memory();
    let now = Timestamp::now();
    store.enqueue(None, &[insert("a", Ringing, "desk")], now).unwrap();
    store.tx_state.wakeups.clear();
    let id = store.due(&sink("desk"), now, 9).unwrap()[0].id;
    let failed = store.transact(true, |store| {
        store.lease(&[id], Instant::now())?;
        store.enqueue(None, &[insert("b", Ringing, "support")], now)?;
        store
            .db
            .sqlite()
            .unwrap()
            .execute("INSERT INTO nowhere VALUES (1)", [])
            .map_err(sql::Error::from)
            .map_err(Into::into)
    });
    assert!(failed.is_err() && store.tx_state.leased.is_empty() && store.tx_state.wakeups.is_empty());
    assert_eq!(store.due(&sink("support"), now, 9).unwrap(), []);
    assert!(store.db.sqlite().unwrap().is_autocommit());
}

#[test]
fn frequent_queries_use_their_indexes() {
    let store = in_memory();
    let plan = |sql: &str| {
        let mut read = store.db.sqlite().unwrap().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = read.query_map([], |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    let waiting =
        format!("SELECT * FROM deliveries d INDEXED BY waiting WHERE state = 'waiting' AND sink = 'x' AND {IS_HEAD}");
    for (sql, indexes) in [
        (waiting.as_str(), ["d USING INDEX waiting", "e USING INDEX once (subject=? AND sink=?)"]),
        (&NEXT_IN_CALL.replace('?', "1"), ["d USING INTEGER PRIMARY KEY", "e USING INDEX once (subject=? AND sink=?)"]),
        (
            "SELECT id FROM deliveries INDEXED BY settled WHERE state <> 'waiting' AND settled < 5 ORDER BY settled",
            ["INDEX settled (settled<?)", ""],
        ),
        (
            "SELECT call FROM calls WHERE last_seen >= 5 AND ended = 0 ORDER BY last_seen, call",
            ["INDEX last_seen (last_seen>?)", ""],
        ),
    ] {
        let plan = plan(sql);
        assert!(indexes.iter().all(|index| plan.contains(index)), "{sql}: {plan}");
    }
}

#[test]
fn memory_copy_has_settled_keys_and_continues_ids() {
    let (mut file, memory) = (in_memory(), in_memory());
    let now = Timestamp::now();
    file.enqueue(None, &["a", "b", "forgotten"].map(|call| insert(call, Ringing, "desk")), now).unwrap();
    file.db.sqlite().unwrap().execute("DELETE FROM deliveries WHERE id = 3", []).unwrap();
    let delivered = file.due(&sink("desk"), now, 1).unwrap()[0].id;
    file.settle(&settle(delivered, Settlement::Delivered), now).unwrap();
    assert!(
        copy_all(file.db.sqlite().unwrap(), memory.db.sqlite().unwrap(), CopyScope::Keys).unwrap().pending_complete
    );
    let mut memory = memory;
    assert_eq!(memory.enqueue(None, &[insert("a", Ringing, "desk")], now).unwrap(), [EnqueueResult::Unchanged]);
    memory.enqueue(None, &[insert("c", Missed, "desk")], now).unwrap();
    let ids: Vec<_> = memory.due(&sink("desk"), now, 9).unwrap().iter().map(|delivery| delivery.id.0).collect();
    assert_eq!(ids, [2, 4]);
}
