//! The life of one lane: when to create, subscribe, open, renew, replace and give up its channel. Decides only; `session`
//! carries out. No clock, no chance, no I/O.
//!
//! **The problem.** A channel is a thing on GoTo's side with a lifetime, a subscription and a secret URL; hearing needs all
//! three and an open socket, and each can fail by itself, late, or silently. A lane that sits in a state without a way out is
//! deaf for good; one that retries at once is a hot loop against a shared limit.
//!
//! **The states.** `Idle → Creating → Subscribing → Opening → Live`; any failure leads to `Waiting`, a refusal (credentials,
//! scope, every account) to `Refused`, which is a slower `Waiting` that says so. `Stopped` is the end. Beside the state stands
//! at most one `old` link: the one that still hears while its replacement is built.
//!
//! **The invariants.**
//! - Every state but `Idle` and `Stopped` has a deadline.
//! - An answer counts only with the ticket that is awaited. A late one changes nothing, but a channel that it brings is deleted.
//! - A link counts as live only while its channel lives: it is asked to be renewed before half of the lifetime, replaced from
//!   three quarters on, and given up at the end.
//! - Nothing repeats without a wait, whatever the server says: a link that did not hold for [`HELD`] is rebuilt after backoff,
//!   also when the server asked for it.
//! - What was created is deleted, or found again by the sweep before the next create.
//!
//! **Rejected.** Opening the old URL again (saves a request, but nobody knows whether its subscription survived). One machine
//! for all lanes (they would share a fate by accident). A reset after the first success (a link that opens and dies would
//! never back off).

mod build;
mod channel;
mod hold;
mod lane;
mod link;
#[cfg(test)]
mod tests;
mod words;
#[cfg(test)]
mod world;

pub use hold::HELD;
pub use lane::Lane;
pub use link::Renew;
pub use words::{Accepted, Class, Created, Dice, Effect, Input, Refusal, Renewed, Sweep, Tell, Ticket, Trouble, Why};
