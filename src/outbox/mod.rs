//! The durable outbox over one SQLite file, or over a PostgreSQL that several daemons share. Decides what is enqueued, what is
//! due for each sink, and how long rows are kept. Does not post, render or interpret chat responses.
//!
//! # Problem
//! A call rings once. Between the snapshot and the posted card lie a look-up, a rate limit, an outage, a crash. The outbox
//! keeps every card through all of them, causes no duplicates itself, and never delays a ring for a disk.
//!
//! # States of a delivery
//! ```text
//!   enqueue ──▶ waiting ──lease──▶ (leased) ──settle──▶ delivered
//!                 ▲  │                 │ retry, released     dead ──operator: retry──▶ waiting
//!                 └──┼─────────────────┘
//!                    ├── a later status of its call is enqueued ──▶ superseded
//!                    └── operator: drop ──▶ dropped
//! ```
//! A *live message* (in a chat that supports edits) is one row for a call and sink. A newer status replaces a waiting one,
//! makes a settled row wait again, and follows a leased one. The row stores the reference of the posted message, so that a
//! restart continues with the same message. A *reply* waits behind the live message like a later status.
//!
//! *Leased* is not stored on disk. One daemon owns a state directory, so leases are in its memory. After a crash every
//! unsettled delivery is free again without a commit or a timeout. The cost is a duplicate of what was being posted at that
//! time. A commit would not prevent the duplicate either: a webhook has no idempotency key.
//!
//! # Invariants
//! - A key (subject, status, sink) has one row while rows are kept. Settled rows ensure that a key is posted once.
//! - The reply to an enqueue that created or changed a delivery follows the commit and the sync (see *Durability*). All such
//!   replies of a transaction follow one sync.
//! - A delivery is handed to a worker after its commit: a card on the wire has a row that survives the process.
//! - For each subject and sink only the row with the lowest id is offered. A row that is requeued (retry, release) while a
//!   later status waits is superseded, and posted once, with the later status.
//! - A live message is one message. A second one is posted only if the first is not editable any more (once), or if the
//!   outcome of the first post is unknown. It is unknown after a crash between post and settlement, and after a post without
//!   a response.
//! - A card never goes back: a status that arrives after a later one of its call changes nothing.
//! - A leased card is unchanged; a newer one is stored beside it and used if the delivery is requeued.
//! - No waiting row is ever deleted. Retention deletes settled rows, oldest first, in small steps.
//! - A card that is due has `due = 0`, not its enqueue time. A due time beyond the longest possible wait counts as due, so a
//!   clock that jumps back delays nothing.
//! - A disk failure stops nothing: the same code continues on an in-memory database with all waiting rows. It reports so
//!   once ([`Health`]), and copies the rows back when the disk works again.
//!
//! # Path of a new delivery
//! ```text
//!   enqueue ─▶ insert ─▶ commit ─▶ hand over to the waiting worker ─▶ post ─▶ settle ─▶ commit ─▶ next post
//!                                └▶ sync ─▶ reply
//! ```
//! The writer hands the delivery over itself, leased, as it was enqueued: no query, no second parse. A worker that is busy,
//! limited or failing is woken instead and queries. The sync runs on a thread of its own, beside the post and the next
//! transactions; one sync covers all commits before it.
//!
//! # Durability
//! All jobs that wait are one transaction, which is committed before any of their replies.
//!
//! | write | reply | lost by `kill -9` | lost by a power cut with `power-loss` | PostgreSQL: commit; lost by a power cut of the server |
//! |---|---|---|---|---|
//! | new or changed delivery, pending update | after the sync | nothing | nothing | synchronous; nothing |
//! | hand-over to a worker | none; before the sync | nothing: the row is committed | the row, if the cut comes before the sync | after the commit; nothing |
//! | settlement, with its attempt | after the commit | nothing: the worker waits for it before its next post | those since the last sync: posted again | synchronous; nothing |
//! | time and end of a call, heartbeat | after the commit | nothing | those since the last sync: the next run asks GoTo for these calls | asynchronous; those of the last second |
//! | change by an operator (CLI) | after the commit | nothing | those since the last sync or checkpoint; the command can be repeated | synchronous; nothing |
//! | call history, in the transaction of its update | with the update's deliveries, if it has any | nothing | with the update's deliveries; else what was written since the last sync | with the update's deliveries; else asynchronous |
//!
//! In PostgreSQL a transaction with an urgent job commits as the server's `synchronous_commit` states, with a synchronous
//! standby also there; other transactions commit asynchronously. A settlement is urgent there: a failover would repeat the
//! cards of the last second.
//!
//! A delivery on the wire at a `kill -9` may be posted again, at most one message a sink. With `crash` nothing is synced but
//! checkpoints. The log is a sequence: a sync covers everything committed before, and a power cut removes a suffix, never a row
//! in between. A sync that fails moves the store to memory; the delivery is already with its worker.
//!
//! # Several daemons
//! One implementation of the rules runs over two databases: statements are written in their common SQL, and `runtime::sql`
//! translates what differs. A transaction that writes takes the one writer's lock of the schema, so the rules stay those of
//! one writer. Each wait for the server has a limit of 4 s for the transaction. A daemon that is stopped within a
//! transaction loses it, and the lock, after 1.5 s.
//!
//! - A key is enqueued by the first daemon that has it; for the others it is known.
//! - A sink has one owner (`ownership`), which alone is offered its deliveries. Its lease and its settlement are refused when
//!   another daemon has a later claim. The row records that it is on the wire, because the others' memory has no lease of it.
//! - The owner's worker is woken by a notification. A lost one costs 2 s, until the next maintenance.
//! - While the server is away, the daemon uses its own file (`spool`), and memory if the file fails. The last owner of a
//!   sink goes on posting what it receives, without a bound (see *Rejected*); the others store it. With a store of a newer
//!   version nothing is posted: a daemon of that version owns the sinks. Ids of these rows begin at 2^40. Then the rows are
//!   merged by the rules of enqueueing (`merge`). A key that is known stays, and a waiting one that was posted from the file
//!   is settled. For 5 s after a daemon has merged its file it claims no expired sink of another, so that the last owner
//!   merges first.
//! - A commit whose answer was lost runs again on the file. The merge finds its keys.
//! - An alert about what every daemon notices is one card for each change (`shared_alerts`).
//! - The pending updates of a daemon are replayed by itself only.
//! - The tokens of a connection are a row too (`shared_tokens`), refreshed under its lock by one daemon. The file has no copy of
//!   it: `goto` keeps the refresh token on each host.
//! - The file stores the epoch and the last id of the shared database, so that an empty or older one is reported.
//!
//! Three posts can be repeated. The first is what was on the wire when its owner failed or lost its sink. The second is what
//! an owner that alone is cut off from the server posts beside its successor. The third is the live message that was on the
//! wire when an outage began, if its call changes during the outage. A start while the server is away posts nothing until
//! the server is back, because the daemon owns no sink yet.
//!
//! # Rejected
//! - A second implementation for PostgreSQL: the rules would differ in what no test compares.
//! - Row locks and `SKIP LOCKED` instead of the writer's lock: a rule reads several rows, and each would need its own proof.
//!   A transaction takes some milliseconds, and calls are few.
//! - An owner that stops posting when its claim has expired, because others were live before. It cannot distinguish a cut of
//!   its host from a server that is away for all. In an outage every owner would stop, and rings would wait
//!   (`daemon::cluster::outage`).
//! - Session locks for the ownership: a half-open connection keeps one until TCP gives up.
//! - Hand-over within the transaction: a rollback after it leaves a posted card without a row. The commit without its sync
//!   takes some 50 µs.
//! - A sync on the writer's thread: the queries, leases and settlements of workers wait for the disk, three times a post.
//! - A transaction that stays open for later jobs, to save commits. A `kill -9` loses what has been replied, and after a
//!   disk error jobs run again whose results are in use. A busy writer finds several jobs waiting anyway.
//! - SQLite's own sync (`synchronous = FULL`): the hand-over waits for it, and every settlement has one of its own.
//! - SQLite's automatic checkpoints: they run within a commit, before the hand-over. The writer merges the log between jobs.
//! - A lease row with an expiry: one more commit for each card, for a case (two daemons, one file) that is refused earlier.
//! - A thread pool or async SQLite: SQLite has one writer anyway, and one thread makes group commit a plain loop.
//! - Storing the rendered payload instead of the card: a payload cannot be merged, updated or marked as late.
//! - A copy of the queue in plain maps for disk failures: a second implementation that runs only during failures.
//! - `integrity_check` at start: reads the whole file, and a start must stay fast with a million rows.

mod admin;
mod bookkeeping;
mod call_history;
mod card_update;
mod chat_users;
mod claim_reminders;
mod claims;
mod coalesce;
mod connector;
mod copy;
mod database;
mod database_link;
mod disk_error;
mod enqueue;
mod forget;
mod handle;
mod handover;
mod health;
mod history_queries;
mod job;
mod live_message;
mod members;
mod merge;
mod merge_tables;
mod missed_calls;
mod of_call;
mod open;
mod overview;
mod ownership;
mod place;
mod previous_sinks;
mod restore;
mod retain;
mod row;
mod schema;
mod settlement;
mod shared;
mod shared_alerts;
mod shared_check;
mod shared_schema;
mod shared_tokens;
mod spool;
mod spooled_row;
mod storage;
mod store;
mod syncer;
mod transaction;
mod wal;
mod writer;

pub use admin::{Filter, RetryTarget, StoredDelivery, drop_one, list, retry, show};
pub use bookkeeping::{Heartbeat, OpenCall, SinkBacklog};
pub use claim_reminders::RemindedClaim;
pub use database::Quarantined;
pub use disk_error::DiskProblem;
pub use forget::{ErasureReport, forget, rewrite};
pub use handle::DatabaseOutbox;
pub use health::Health;
pub use history_queries::StoredHistory;
pub use members::{RUN_TIMEOUT, SharedState, SharingDaemon};
pub use missed_calls::{CallerCalls, CallerKey, MissedCall, open_missed_calls};
pub use of_call::deliveries_of_call;
pub use open::{OpenError, OpenReport, open, open_shared};
pub use overview::{Overview, SinkStats, overview};
pub use ownership::SinkOwner;
pub use place::{AdminError, OutboxPlace};
pub use row::DeliveryState;
pub use shared::SharedDatabase;
pub use shared_check::{SharedReport, inspect};
pub use shared_schema::shared_schema;

use crate::runtime::metrics::Histogram;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// File name in the state directory.
pub const FILE_NAME: &str = "outbox.sqlite";

/// Outbox settings.
#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// The state directory.
    pub dir: PathBuf,
    /// Failures that a commit survives.
    pub durability: Durability,
    /// Retention of settled deliveries.
    pub retention: Retention,
    /// Times of the transactions that write.
    pub commit_duration: Histogram,
}

#[cfg(test)]
impl OutboxSettings {
    /// Returns the settings of a test: defaults, without syncs.
    pub fn for_test(dir: impl Into<PathBuf>) -> Self {
        let (retention, commit_duration) = (Retention::default(), Histogram::default());
        Self { dir: dir.into(), durability: Durability::Crash, retention, commit_duration }
    }
}

/// Failures that a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Process crash and power loss: a commit with a new or changed delivery is synced.
    #[default]
    PowerLoss,
    /// Process crash, including `kill -9`, but not power loss: only checkpoints are synced.
    Crash,
}

/// Retention of settled deliveries. A deleted key can be posted again. Waiting deliveries are always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Deliveries settled longer ago than this are deleted.
    pub age: Duration,
    /// While the file's content exceeds this many bytes, the oldest settled deliveries and the oldest calls of the history are
    /// deleted.
    pub bytes: u64,
}

impl Default for Retention {
    /// 30 days (lifetime of an unused refresh token) and 512 MiB (some 300,000 cards of 1.5 KB).
    fn default() -> Self {
        Self { age: Duration::from_secs(30 * 24 * 3600), bytes: 512 << 20 }
    }
}

#[cfg(test)]
mod tests;
