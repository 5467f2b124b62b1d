//! Integration tests: the real binary against simulated GoTo and chats on loopback, with real signals and kills.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot continue should print the cause and stop"
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
