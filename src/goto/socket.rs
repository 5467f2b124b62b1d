//! One WebSocket: opened at the channel's URL, read until it ends, every frame dispatched immediately. Pings and closes
//! on command; the lane machine decides when.

use super::{
    Heard,
    lifecycle::{Class, Input, Ticket, Trouble, Why},
    wire::{self, Frame, Reader, Unreadable},
};
use crate::model::secret::Secret;
use futures_util::{SinkExt as _, StreamExt as _};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::mpsc::{self, error::TrySendError},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};
use url::{Host, Url};

/// 1 MB: GoTo's largest notification.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// Read buffer per socket: 8 KiB suffice at the rate of calls, the library's default is 128 KiB.
const READ_BUFFER: usize = 8 * 1024;
/// Write buffer: a socket sends only pings and one close frame.
const WRITE_BUFFER: usize = 64 * 1024;
/// Timeout of TCP, TLS and upgrade together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a ping, for a peer that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which frames in flight are still read after our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Events queued while the consumer is busy: about a second at the largest rate ever measured here.
const BACKLOG_MAX: usize = 1024;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Command to a socket. Dropping the sender closes the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Sends a ping.
    Ping,
}

/// Opens a socket. The URL is a credential: no error contains it.
pub(super) async fn open(url: &Secret, tls: Arc<rustls::ClientConfig>) -> Result<Stream, Trouble> {
    let failed = |class, status| Trouble { class, status, after: None };
    let url = Url::parse(url.expose()).map_err(|_| failed(Class::Transient, None))?;
    if !is_allowed_url(&url) {
        return Err(failed(Class::Refused, None));
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let connecting = connect_async_tls_with_config(url.as_str(), Some(config), true, Some(Connector::Rustls(tls)));
    match tokio::time::timeout(OPEN_TIMEOUT, connecting).await {
        Ok(Ok((stream, _))) => Ok(stream),
        Ok(Err(tungstenite::Error::Http(response))) => {
            let status = response.status().as_u16();
            Err(Trouble {
                class: super::api::class(status),
                status: Some(status),
                after: super::answer::retry_after(response.headers(), crate::model::time::Timestamp::now()),
            })
        }
        Ok(Err(_)) | Err(_) => Err(failed(Class::Transient, None)),
    }
}

/// Whether a URL may be opened: `wss` on any host, `ws` on loopback only.
fn is_allowed_url(url: &Url) -> bool {
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

/// Identity and output channels of a socket. Snapshots bypass the lane machine.
pub(super) struct Ears {
    pub(super) lane: u8,
    pub(super) ticket: Ticket,
    pub(super) mailbox: mpsc::Sender<Input>,
    pub(super) reader: Reader,
    pub(super) heard: mpsc::Sender<Heard>,
}

/// Runs until the socket ends or the command sender is dropped, and returns the reason.
pub(super) async fn listen(mut stream: Stream, output: &Ears, mut commands: mpsc::Receiver<Order>) -> Why {
    let mut backlog: VecDeque<Heard> = VecDeque::new();
    let why = loop {
        tokio::select! {
            permit = output.heard.reserve(), if !backlog.is_empty() => match (permit, backlog.pop_front()) {
                (Ok(permit), Some(event)) => permit.send(event),
                (Err(_), _) | (_, None) => break Why::Stopped,
            },
            frame = stream.next(), if backlog.len() < BACKLOG_MAX => {
                let Some(frame) = frame else { break Why::Closed };
                match on_frame(frame, output, &mut backlog).await {
                    Ok(()) => {}
                    Err(why) => break why,
                }
            }
            command = commands.recv() => match command {
                Some(Order::Ping) => {
                    if backlog.len() >= BACKLOG_MAX {
                        // The backlog is full and the peer's answers wait unread: the connection is not silent.
                        output.notify_lane(Input::Frame(output.ticket)).await;
                    }
                    let sent = tokio::time::timeout(SEND_TIMEOUT, stream.send(Message::Ping(Vec::new().into()))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        break Why::Broken;
                    }
                }
                None => break close(&mut stream, output, &mut backlog).await,
            },
        }
    };
    for event in backlog {
        if output.heard.send(event).await.is_err() {
            break;
        }
    }
    why
}

impl Ears {
    async fn notify_lane(&self, input: Input) {
        // The receiver closes only when the lane has stopped.
        let _ = self.mailbox.send(input).await;
    }
}

async fn on_frame(
    frame: Result<Message, tungstenite::Error>,
    output: &Ears,
    backlog: &mut VecDeque<Heard>,
) -> Result<(), Why> {
    let frame = frame.map_err(|_| Why::Broken)?;
    let input = dispatch(&frame, output, backlog)?;
    output.notify_lane(Input::Frame(output.ticket)).await;
    if let Some(input) = input {
        output.notify_lane(input).await;
    }
    Ok(())
}

/// Emits a snapshot or report before any other work on its frame. A close frame ends the socket.
fn dispatch(frame: &Message, output: &Ears, backlog: &mut VecDeque<Heard>) -> Result<Option<Input>, Why> {
    let bytes = frame.len();
    let malformed = |why| Heard::Unreadable { lane: output.lane, bytes, why };
    let event = match frame {
        Message::Text(text) => match wire::frame(text.as_str(), &output.reader) {
            Ok(Frame::Call(call)) => Heard::Call(call),
            Ok(Frame::Report(report)) => Heard::Report(report),
            Ok(Frame::RefreshRequired) => return Ok(Some(Input::RefreshRequired(output.ticket))),
            Ok(Frame::ToBeClosed) => return Ok(Some(Input::ToBeClosed(output.ticket))),
            Ok(Frame::Foreign) => return Ok(None),
            Err(why) => malformed(why),
        },
        Message::Binary(_) => malformed(Unreadable::Binary),
        Message::Close(_) => return Err(Why::Closed),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(None),
    };
    // Frames stay in order: none overtakes the backlog.
    let sent = if backlog.is_empty() { output.heard.try_send(event) } else { Err(TrySendError::Full(event)) };
    match sent {
        Ok(()) => Ok(None),
        Err(TrySendError::Full(event)) => {
            backlog.push_back(event);
            Ok(None)
        }
        Err(TrySendError::Closed(_)) => Err(Why::Stopped),
    }
}

/// Closes from our side and still dispatches the frames in flight.
async fn close(stream: &mut Stream, output: &Ears, backlog: &mut VecDeque<Heard>) -> Why {
    let ending = async {
        if stream.close(None).await.is_err() {
            return;
        }
        while let Some(Ok(frame)) = stream.next().await {
            if dispatch(&frame, output, backlog).is_err() || backlog.len() >= BACKLOG_MAX {
                return;
            }
        }
    };
    // A peer that does not answer the close is dropped.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, ending).await;
    Why::Stopped
}
