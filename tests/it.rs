//! Integration tests: the real binary against simulated GoTo and chats on loopback, with real signals and kills.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot continue should print the cause and stop"
)]

mod burst;
mod called_back;
mod caller_history;
mod catalog;
mod chaos;
mod chaos_chats;
mod chats;
mod claims;
mod claims_socket;
mod claims_socket_faults;
mod cli;
mod cli_replay;
mod cluster;
mod cluster_check;
mod cluster_database;
mod cluster_operate;
mod cluster_tokens;
mod crash_recovery;
mod delivery;
mod direct_messages;
mod faults;
mod fuzz_corpus;
mod language;
mod layers;
mod metrics;
mod network;
mod network_needs;
mod process;
mod readme;
mod reload;
mod routes;
mod scopes;
mod sequences;
mod slack_app;
mod slack_app_limits;
mod slack_app_reload;
mod slack_setup;
mod startup;
mod support;
mod teams_app;
mod webhook_outcomes;
