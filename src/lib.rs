//! poprelay receives GoTo Connect call events, looks up who is calling and posts a caller card to Slack or Teams while the
//! phone still rings. This page describes the architecture, the glossary and the language rules. Operators start with the
//! README.
//!
//! # Architecture
//!
//! A call flows one way through a line of modules. Each module decides in pure functions and acts in a thin I/O loop.
//!
//! ```text
//!                                   ┌───────────────────── daemon ─────────────────────┐
//!  GoTo ──frames──▶ goto ──CallSnapshot──▶ calls ──CallUpdate──▶ enrich ──CallerInfo──▶ route
//!   ▲  REST           │                                                                   │ NewDelivery
//!   └──── queries ────┘                                                                   ▼
//!                          Slack, Teams ◀──HTTP── deliver ◀──Delivery── outbox (SQLite, synced)
//!                                                    │
//!                                                  cards (rendering)
//! ```
//!
//! | layer | modules | may import |
//! |---|---|---|
//! | entry | [`cli`] | everything below |
//! | join | [`daemon`], [`sim`] | everything below; `sim` imports `model` and `runtime` only |
//! | settings | [`config`] | the stages, `model`, `runtime` |
//! | stages | [`goto`], [`calls`], [`enrich`], [`cards`], [`route`], [`outbox`], [`deliver`] | `model`, `runtime`, themselves |
//! | tools | [`runtime`] | `runtime` |
//! | types | [`model`] | `model` |
//!
//! `tests/layers.rs` enforces the table. A stage never imports another stage: `daemon` joins them with bounded channels.
//!
//! - **Pure**: lane lifecycle, token lifecycle, call tracking, matching, routing, response rules, rate limits, batching,
//!   retries. `now` and a random source are arguments, so a test runs ten years of renewals in seconds.
//! - **Thin**: sockets, HTTP, SQLite, PostgreSQL, systemd. I/O modules contain no policy.
//!
//! # The path of a call
//!
//! 1. Two lanes push the same snapshot. `goto` decodes it; a malformed frame is counted and dropped.
//! 2. `calls` drops the duplicate, folds the snapshot into the call and emits a [`model::call::CallUpdate`] when the call has
//!    a new status.
//! 3. `daemon` orders the updates of one call and looks the caller up under one deadline.
//! 4. `route` decides which sinks get the update. The outbox stores one delivery per sink, once, across restarts.
//!    From here on a crash cannot lose the call.
//! 5. The worker of each sink receives the delivery while its commit is synced, renders it, posts it and settles it by the
//!    response. What it cannot post immediately waits in the outbox, and the worker leases it when it is due.
//!
//! # Decisions that are not obvious
//!
//! - *The outbox contract is in `model`*: `outbox` implements it, `deliver` uses it, and neither imports the other. Its test
//!   suite is written over the trait, so another store can pass the same suite.
//! - *A lease is in memory.* One daemon owns a state directory, and a crash repeats everything unsettled anyway. A lease on
//!   disk would cost a sync before every post. Where several daemons share the outbox, the row shows it to the others.
//! - *One set of statements for two databases.* The rules of the outbox are written once, in the SQL that SQLite and PostgreSQL
//!   have in common (`runtime::sql`). Daemons that share a PostgreSQL write one after another, as in SQLite.
//! - *Each sink has one owner.* Daemons that share an outbox all enqueue, and one posts. So order, batches and rate limits stay
//!   decisions of one worker.
//! - *The newest login counts.* Daemons that share an outbox share the tokens of a connection. One of them refreshes, because
//!   GoTo may accept a refresh token only once. Each host keeps a copy for the time without the database.
//! - *The history is in the outbox.* An update, its deliveries and its entry in the history are one transaction, one file, one
//!   erasure. `enrich` uses it through a trait in `model`. A history that has only a part of the calls is not used: it would
//!   make a known caller a new one.
//! - *A pending update is stored during a look-up only if the look-up can take time.* Contacts and history answer in
//!   microseconds.
//! - *The daemon's tasks share two threads.* One thread saves a fifth of the CPU time. But at 1,000 calls/s it is busy most
//!   of the time, and each card waits for it (`tests/bench/RESULTS.md`). The stores, the sync and the log have threads of
//!   their own.
//! - *An update is planned within the store's transaction.* Reading the call's earlier sinks and enqueueing are one step.
//! - *A ring may be enqueued again with newer facts.* A webhook cannot edit a card, so a waiting card is updated instead. The
//!   key (call, status, sink) keeps it one message.
//! - *A call is routed after the look-up*: a rule may match on the caller. Later updates also go to the sinks that got the
//!   ring, whatever the rules say then.
//! - *A chat that can edit has one live message per call, not one row per status.* The row always holds the newest state.
//! - *A claim is a part of the live message's row.* One transaction stores press and edit; the acknowledgement to the chat follows
//!   the commit. A press that is not stored is not acknowledged, and the person sees that.
//! - *Settings are swapped whole.* One update loads them once and uses the same snapshot from look-up to enqueue.
//! - *Every loop states when it turns next.* The watchdog is fed while no loop is overdue (`runtime::watchdog`).
//! - *Metrics are always recorded*, in counters that each task resolves at its start, and formatted only when a listener of
//!   `[metrics]` is asked. A listener thus changes nothing on the path of a call.
//! - *The status is a file too*: `poprelay status` works beside the daemon without a socket, and latencies survive a restart.
//! - *All calls are tracked, the chosen ones are posted.* The history needs to know that a caller was called back.
//! - *Callbacks are decided from stored facts*, not from the order of updates: each new call of a number decides all its missed
//!   calls again. Reports of an event gap may show the call back before the missed call.
//! - *An outcome waits some seconds while a snapshot is missing that could show an answer*: a late "missed" is better than a
//!   false one.
//! - *`cards` renders from one content layout.* Texts are decided once; Slack, Teams and plain text only lay them out.
//! - *A chat is data and pure functions.* Beside Slack and Teams a chat has one file in `deliver::chats` and one in
//!   `cards::chats`. The worker, the config and the commands know only the lists there.
//!
//! # Glossary
//!
//! One concept, one word, in code, config, journal, CLI and README.
//!
//! | word | meaning |
//! |---|---|
//! | call snapshot | GoTo's full push of a call at one time, with a sequence number |
//! | call update | a call plus its status, the unit that may become cards |
//! | status | `ringing`, `answered`, `missed`, `voicemail`, `ended`; of a missed caller who was called back `called_back` |
//! | connection | one GoTo login with its tokens, lanes and accounts |
//! | lane | one of the redundant GoTo notification channels of a connection, with its WebSocket |
//! | event gap | time in which no lane of a connection received frames; it opens and closes |
//! | backfill | the queries that find what an event gap hid |
//! | caller info | what the sources know about a caller |
//! | source | a place that is queried for caller info: contacts file, CRM, history |
//! | sink | one chat channel that receives cards |
//! | card | the message about one call update |
//! | delivery | one card on its way to one sink |
//! | enqueue, lease, settle | store a delivery, hand it to a worker, record the result |
//! | supersede | replace a waiting delivery by a newer one |
//! | dead letter | a delivery that was given up; an operator can retry or drop it |
//! | live message | a chat message that is edited as its call moves |
//! | pending update | a call update stored during its look-up, replayed after a crash |
//! | alert | a daemon problem reported to the operator: firing, then resolved |
//! | return call | a later call with the number of a missed call: a try, a call back, or the caller got through |
//! | callback | the return call that counts for a missed call; its card shows it |
//! | claim | a person of the team calls a missed caller back, or is done; made by a press |
//! | press | a person's use of a button on a card |
//! | recap | the daily digest of a sink |
//! | gap summary | the list of calls of one event gap |
//! | settings snapshot | the reloadable settings, replaced whole on SIGHUP |
//! | sanitized | text from outside that cannot mention, link or format |
//!
//! # Language rules
//!
//! 1. Name the subject. Use the glossary words and no synonyms.
//! 2. Software receives, sends, logs, stores, queries, checks, retries. No metaphors.
//! 3. One fact a sentence, active voice, present tense, at most 25 words.
//! 4. Function docs begin with a verb in the third person, type docs with a noun. A doc that repeats the name is deleted.
//! 5. Journal messages: subject and state in lower case ("lane connected"). Facts are in fields.
//! 6. Errors: `<operation> failed` or `<noun> <problem>`. `Display` never repeats its source. The hint is a second sentence.
//! 7. Constants: noun, meaning and unit (`SEND_TIMEOUT`), with the source of the number.
//!
//! `tests/language.rs` fails on words and identifiers that this project has dropped. It also fails on a type name that is
//! defined twice, and on a sentence with more than 25 words.

#![cfg_attr(not(test), deny(unreachable_pub))]

pub mod calls;
pub mod cards;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod enrich;
pub mod goto;
pub mod model;
pub mod outbox;
pub mod route;
pub mod runtime;
pub mod sim;
