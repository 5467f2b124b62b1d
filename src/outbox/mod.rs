//! What still has to be said: the durable queue over one SQLite file. Decides what is admitted, what waits for whom and
//! what is kept how long. It posts nothing, draws nothing, and does not know what a chat is.
//!
//! # The problem
//! A call rings once. Between hearing it and a chat taking its card lie a look-up, a rate limit, an outage, a crash. The
//! queue keeps every card through all of them, tells none twice by its own fault, and never makes a ring wait for a disk.
//!
//! # The states of a delivery
//! ```text
//!   admit ──▶ waiting ──lease──▶ (leased) ──settle──▶ delivered
//!               ▲  │                 │ retry, released     dead ──operator: retry──▶ waiting
//!               └──┼─────────────────┘
//!                  ├── a later moment of its call is admitted ──▶ superseded
//!                  └── operator: drop ──▶ dropped
//! ```
//! A *living* card (a chat that can edit) is one row for a call and sink. A newer state takes the place of the one that
//! waits; a settled row waits again with it; one that is on the wire is followed by it. The row keeps where the chat shows
//! its message, so that a restart goes on with the same one. A *reply* waits behind it like a later moment.
//!
//! *Leased* is not on the disk. One daemon owns a state directory, so what it holds is what its memory says, and after a
//! crash everything unsettled is free again without a commit or a timeout. That costs a duplicate of what was on the wire
//! at that moment, which the next commit would not have prevented either: a webhook has no idempotency key.
//!
//! # Invariants
//! - A key (subject, moment, sink) has one row, for as long as rows are kept: settled rows are what makes "once" true.
//! - What was answered is committed, and with [`Durability::PowerLoss`] synced. All answers of one transaction go out
//!   after its commit: callers that come together share one sync.
//! - Of one subject and sink only the row with the lowest id is offered. A row that comes back (retry, release) while a
//!   later moment waits is superseded: it goes out once, as what it has become.
//! - A living card is told in one message. A second one is posted only when the first could not be edited any more (once),
//!   or when nobody knows whether the first was posted: a crash between post and settlement, a post without an answer.
//! - A card never goes back in time: a moment that arrives after a later one of its call changes nothing.
//! - A leased card is on the wire and stays as it is; a newer one is kept beside it for the case that it comes back.
//! - Nothing that waits is ever deleted. Retention takes settled rows, oldest first, in small steps.
//! - A card that is due has `due = 0`, not the time of its admission, and a due time further off than any that is handed
//!   out counts as due: a clock that jumps back delays nothing.
//! - A disk that fails stops nothing: the same code goes on over a database in memory that holds what waits, says so
//!   once ([`Health`]), and copies itself back when the disk bears again.
//!
//! # What was rejected
//! - A lease row with an expiry: a commit more for each card, for a case (two daemons, one file) that is refused earlier.
//! - A thread pool or async SQLite: there is one writer in SQLite anyway, and one thread makes group commit a plain loop.
//! - The payload instead of the card: it could not be merged, renewed or told as late.
//! - A mirror of the queue in plain maps for bad days: a second implementation that only runs when things go wrong.
//! - `integrity_check` at start: it reads the whole file, and a start must stay fast with a million rows.

mod admin;
mod admit;
mod carry;
mod degrade;
mod earlier;
mod facts;
mod fold;
mod forget;
mod living;
mod of_call;
mod open;
mod overview;
mod queue;
mod retain;
mod row;
mod schema;
mod store;
mod trouble;

pub use admin::{AdminError, Filter, Letter, Which, drop_one, list, retry, show};
pub use degrade::Health;
pub use facts::OpenCall;
pub use forget::{Forgotten, forget, rewrite};
pub use of_call::of_call;
pub use open::{OpenError, Opened, SetAside, open};
pub use overview::{Overview, Standing, overview};
pub use queue::Queue;
pub use row::State;
pub use trouble::Trouble;

use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// The file's name in the state directory.
pub const FILE: &str = "outbox.sqlite";

/// How the outbox is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The state directory.
    pub dir: PathBuf,
    /// What a commit survives.
    pub durability: Durability,
    /// How long settled deliveries are kept.
    pub retention: Retention,
}

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// A power cut too: `synchronous = FULL`, one sync for each group of commits.
    #[default]
    PowerLoss,
    /// A crash of the process, `kill -9` included, but not of the machine: `synchronous = NORMAL`.
    Crash,
}

/// How long settled deliveries (and with them the knowledge that they were told) are kept. What waits is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Settled longer ago than this: deleted.
    pub age: Duration,
    /// Content of the file above this many bytes: the oldest settled are deleted until it is below.
    pub bytes: u64,
}

impl Default for Retention {
    /// 30 days, as long as a refresh token lives without use, and 512 MiB: some 300,000 cards of 1.5 KB.
    fn default() -> Self {
        Self { age: Duration::from_secs(30 * 24 * 3600), bytes: 512 << 20 }
    }
}

#[cfg(test)]
mod tests;
