//! State machine of one lane: decides when to create, subscribe, open, renew, replace and delete its channel.
//! Performs no I/O and reads no clock or randomness; `lane_task` executes the effects.
//!
//! # Problem
//! A GoTo channel has a lifetime, a subscription and a secret URL. Receiving events needs all three and an open socket.
//! Each can fail alone, late or silently. A lane stuck in a state without an exit never receives again. A lane that
//! retries without a wait is a hot loop against a shared limit.
//!
//! # States
//! `Idle → Creating → Subscribing → Opening → Live`. Any failure leads to `Backoff`. A rejection (credentials, scope,
//! every account) leads to `Rejected`: a slower backoff that is reported. `Stopped` is final. Beside the state there is
//! at most one `old` live connection: the one that still receives while its replacement is built.
//!
//! # Invariants
//! - Every state but `Idle` and `Stopped` has a deadline.
//! - An answer counts only with the awaited ticket. A late answer changes nothing, except that its channel is deleted.
//! - A live connection never outlives its channel: renewal before half of the lifetime, replacement from three quarters
//!   on, closed at the end.
//! - Nothing repeats without a wait, not even on the server's request: a live connection younger than
//!   [`STABLE_AFTER`] is rebuilt after backoff.
//! - Every created channel is deleted, or found by the sweep before the next create.
//! - A lost socket is reopened on its channel, whose subscription survives; the subscription is posted again beside it. A
//!   failed socket does not condemn its channel: another one is created only after several failures, or after 404.
//! - A connection without an answer to two pings within 5 s each is dead. Silence of one lane tests the others.
//!
//! # Rejected
//! - A new channel for every lost socket: twelve channels in 25 s on a network that blocks WebSockets.
//! - One machine for all lanes would couple their failures.
//! - A backoff reset after the first success: a connection that opens and dies would never back off.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod channel;
mod clock_watch;
mod connect;
mod live;
mod live_connection;
mod machine;
#[cfg(test)]
mod tests;
mod types;

pub use live::STABLE_AFTER;
pub use live_connection::Renew;
pub use machine::Lane;
pub use types::{
    AccountRejection, Created, DisconnectReason, Effect, FailureClass, Input, LaneEvent, NO_ACCOUNTS_ADVICE,
    RandomSource, Renewed, RequestFailure, SubscribeResult, Sweep, Ticket,
};
