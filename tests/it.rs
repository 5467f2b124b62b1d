//! The whole: the real binary against a simulated GoTo and chat on loopback, with real signals and real kills.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should say so and stop"
)]

mod broken;
mod card;
mod chaos;
mod commands;
mod kills;
mod living;
mod outcomes;
mod past;
mod relays;
mod reload;
mod routes;
mod seeds;
mod sequences;
mod starts;
mod storm;
mod support;
