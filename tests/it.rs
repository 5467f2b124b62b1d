//! The whole: the real binary against a simulated GoTo and chat on loopback, with real signals and real kills.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod chaos;
mod kills;
mod relays;
mod storm;
mod support;
