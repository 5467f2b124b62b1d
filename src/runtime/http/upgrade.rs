//! Opens a WebSocket through the HTTP client, so that proxy, certificates and addresses are those of any request.
//! RFC 6455 section 4.1 names the checks of the answer.

use super::fault::NetworkFault;
use reqwest::{
    Client, Response, StatusCode,
    header::{
        CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use std::time::Duration;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{client::generate_key, derive_accept_key},
        protocol::Role,
    },
};
use url::{Host, Url};

pub use tokio_tungstenite::tungstenite::protocol::WebSocketConfig as SocketConfig;

/// An open WebSocket.
pub type WebSocket = WebSocketStream<reqwest::Upgraded>;

/// Read buffer per socket: 8 KiB suffice at the rate of calls, the library's default is 128 KiB.
const READ_BUFFER: usize = 8 * 1024;
/// Write buffer: a socket sends only pings, acknowledgements and one close frame.
const WRITE_BUFFER: usize = 64 * 1024;

/// Returns the settings of a socket that receives small messages, of `max_bytes` at most.
#[must_use]
pub fn socket_config(max_bytes: usize) -> SocketConfig {
    SocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(max_bytes))
        .max_frame_size(Some(max_bytes))
}

/// Returns whether a URL from a peer may be opened: `wss` on any host, `ws` on loopback only.
#[must_use]
pub fn is_allowed_socket_url(url: &Url) -> bool {
    match url.scheme() {
        "wss" => true,
        "ws" => match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        },
        _ => false,
    }
}

/// Reason for which a WebSocket was not opened. Contains no URL: a socket's URL is a credential.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The URL is neither `wss` nor `ws`.
    #[error("the address of the socket is not a WebSocket URL")]
    InvalidUrl,
    /// No answer.
    #[error("the socket was not opened: {0}")]
    Fault(NetworkFault),
    /// The server answered with another status than 101.
    #[error("the server answered the WebSocket handshake with status {}", .0.status().as_u16())]
    Answered(Box<Response>),
    /// The server's 101 breaks the protocol.
    #[error("the server's answer is not a WebSocket handshake")]
    Malformed,
}

/// Opens a WebSocket; TCP, proxy, TLS and handshake take `timeout` at most together.
///
/// # Errors
/// [`UpgradeError`].
pub async fn open_socket(
    http: &Client,
    url: &Url,
    config: SocketConfig,
    timeout: Duration,
) -> Result<WebSocket, UpgradeError> {
    let opened = tokio::time::timeout(timeout, handshake(http, url, config)).await;
    opened.unwrap_or(Err(UpgradeError::Fault(NetworkFault::Timeout)))
}

async fn handshake(http: &Client, url: &Url, config: SocketConfig) -> Result<WebSocket, UpgradeError> {
    let key = generate_key();
    let fault = |error: reqwest::Error| UpgradeError::Fault(NetworkFault::of(&error));
    let request = http
        .get(http_url(url).ok_or(UpgradeError::InvalidUrl)?)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let response = request.send().await.map_err(fault)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(UpgradeError::Answered(Box::new(response)));
    }
    if !is_accepted(&response, &key) {
        return Err(UpgradeError::Malformed);
    }
    let stream = response.upgrade().await.map_err(fault)?;
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

/// Checks the headers of a 101. An extension or protocol that was not requested would change the frames.
fn is_accepted(response: &Response, key: &str) -> bool {
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    header(UPGRADE).is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket"))
        && header(SEC_WEBSOCKET_ACCEPT).is_some_and(|value| value.trim() == derive_accept_key(key.as_bytes()))
        && header(SEC_WEBSOCKET_EXTENSIONS).is_none_or(|value| value.trim().is_empty())
        && header(SEC_WEBSOCKET_PROTOCOL).is_none_or(|value| value.trim().is_empty())
}

/// Returns the URL of the handshake: `wss` is sent as `https`, `ws` as `http`.
fn http_url(url: &Url) -> Option<Url> {
    // The library forbids a change between these schemes in place.
    let rest = url.as_str();
    let text = match url.scheme() {
        "wss" => format!("https{}", rest.strip_prefix("wss")?),
        "ws" => format!("http{}", rest.strip_prefix("ws")?),
        _ => return None,
    };
    Url::parse(&text).ok()
}
