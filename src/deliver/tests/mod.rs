//! Shared test tools: an in-memory outbox, a chat on loopback, and misbehaving servers.

mod app;
pub mod chat;
mod outages;
pub mod queue;
mod sink_state;
pub mod sockets;
pub mod worker;
