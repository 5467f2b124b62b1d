//! What the tests of this stage share: an outbox in memory, a chat on loopback, and servers that misbehave.

pub mod chat;
mod life;
pub mod queue;
pub mod sockets;
mod standing;
