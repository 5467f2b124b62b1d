//! What the tests of this stage share: an outbox in memory, a chat on loopback, and servers that misbehave.

mod app;
pub mod chat;
pub mod life;
pub mod queue;
pub mod sockets;
mod standing;
