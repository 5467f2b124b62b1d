//! The HTTP stack: one client for REST, webhooks, look-ups and the handshakes of sockets, and the parts that every exchange
//! shares. Contains no policy of a single service.

mod client;
mod client_credentials;
mod fault;
mod proxy;
mod resolver;
mod response;
#[cfg(test)]
mod tests;
mod upgrade;

pub use client::{HttpError, HttpSettings, HttpStack, read_ca, tls};
pub use client_credentials::{ClientCredentials, TokenAnswer, TokenFault};
pub use fault::{NetworkFault, root_cause};
pub use proxy::HttpProxy;
pub use response::{Body, BodyEnd, BodyError, read_body, retry_after};
pub use upgrade::{SocketConfig, UpgradeError, WebSocket, is_allowed_socket_url, open_socket, socket_config};
