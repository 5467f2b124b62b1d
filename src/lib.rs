//! poprelay relays GoTo Connect's calls as caller cards into Slack and Teams, while the phone still rings. This page is the
//! house as it is built; the README is for those who live in it.
//!
//! # The one idea
//!
//! A call flows one way through a line of rooms. Each room decides in plain functions and acts in a thin loop.
//!
//! ```text
//! GoTo ─frames─▶ goto ─CallEvent─▶ calls ─Telling─▶ enrich ─Card─▶ route ─▶ outbox ─▶ deliver ─▶ Slack, Teams
//! ```
//!
//! What can be wrong in an interesting way (when to renew, what is a duplicate, whether to retry, who the caller is) is a
//! function or a small machine without I/O, clock or chance: `now` and a die are its arguments, so ten years of renewals
//! are tested in seconds. What can be wrong in a boring way (sockets, HTTP, SQLite, systemd) has no opinions.
//!
//! # The floors
//!
//! - [`model`] is the ground: the words every room uses, and the queue's contract. It knows nobody.
//! - [`goto`], [`calls`], [`enrich`], [`route`], [`outbox`], [`cards`], [`deliver`] are the stages. A stage knows `model` and
//!   itself, never another stage: each is understood, tested and replaced alone. [`sim`] stands on the same floor: the other
//!   side of every test and of the demo, which speaks the wire formats on its own so that no misunderstanding is mirrored.
//! - [`daemon`] alone joins the stages, with bounded channels: a relay for each login, a worker for each sink, a supervisor
//!   over all. What it decides is small: one call's order, what is told of a blind window, what the operator hears.
//! - [`cli`] turns words typed into one of these, and its end into an exit code.
//!
//! # The way of a call
//!
//! Two lanes push the same snapshot. `goto` reads it into a [`model::call::CallEvent`]; what cannot be read is counted and
//! left. `calls` drops the double, folds the snapshot into what is known, and says a [`model::call::Telling`] when there is
//! something to tell: a ring at once when it says whom it rings, within a second otherwise. The relay puts it into its
//! call's line, has it looked up under one deadline, asks `route` which sinks it concerns, and the outbox admits one
//! delivery for each, once, across restarts. From here on the call cannot be lost. Each sink's worker takes what waits,
//! has it drawn, posts it, and settles what the answer means.
//!
//! # Where the code went another way than the first plan
//!
//! - *The queue's contract lives in `model`*, beside the words it is made of: `outbox` implements it, `deliver` works from
//!   it, and neither may know the other. The suite of tests is written over the trait, so that another store fits under it.
//! - *A lease is in memory.* There is one daemon to a state directory, and after a crash everything unsettled is sent again
//!   anyway: a lease on disk would cost a sync before every post and tell nothing more.
//! - *A moment is noted before a look-up only if the look-up can take time.* Contacts and history answer in microseconds;
//!   a note would double the syncs of every card to protect nothing.
//! - *A ring may be admitted again with newer facts.* A webhook cannot edit, so the first card waits up to a second for the
//!   line that rings; when the queue is known later, a route that matches only then still gets its first card, and a card
//!   that still waits is brought up to date. The key (call, moment, sink) keeps it to one message.
//! - *A call is routed after the look-up, not before*: a rule may ask who calls. What follows a ring also goes where the
//!   outbox says that the ring went, whatever the rules say by then: who saw a call ring wants to know its end.
//! - *A card keeps when and by what it was routed*: `explain` tells that apart from what the config of now would decide.
//! - *A chat that can edit has one living row for a call, not a row for each moment.* The row is revised and reopened, so that what
//!   waits is always the newest state; facts that come after the deadline, and a call that is handed on, land on the same message.
//! - *A config is swapped whole, as a book.* A telling takes the book once and works with it from look-up to admission; workers and
//!   logins are replaced one by one, and only where their own settings changed.
//! - *Every loop says when it will turn next, not that it lives.* One that waits for a chat or for GoTo is well; the watchdog is fed
//!   while nobody has broken the word (`model::pulse`).
//! - *All calls are followed, the chosen ones are told.* The history must know that somebody called back, whoever was told of it.
//! - *An outcome is held for some seconds when a snapshot is missing that could show an answer*: rather a late "missed" than
//!   a false one.
//! - *`cards` draws from one sheet of words.* What is said is decided once; Slack, Teams, workflow triggers and plain text
//!   only lay it out.
//! - *The state's lock, the host's suffix and the heartbeat belong to a login's life, not to the queue*, but they share its
//!   file and its writer: one file to back up, one thread that syncs.
//! - *`backoff` grows a ceiling and nothing else*: chance, cap and forgetting are ours, in `model::backoff` (see there).

pub mod calls;
pub mod cards;
pub mod cli;
pub mod daemon;
pub mod deliver;
pub mod enrich;
pub mod goto;
pub mod model;
pub mod outbox;
pub mod route;
pub mod sim;
