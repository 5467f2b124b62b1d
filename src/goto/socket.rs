//! One WebSocket: opened where GoTo said, read until it ends, its frames passed on at once. It pings and closes when told;
//! when that is, is decided elsewhere.

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
const LARGEST: usize = 1024 * 1024;
/// The library reserves this per socket; 8 KiB cost nothing at the rate of calls, its default is 128.
const READ_BUFFER: usize = 8 * 1024;
/// We send pings and a close frame, nothing else.
const WRITE_BUFFER: usize = 64 * 1024;
/// TCP, TLS and upgrade together.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// A peer that does not read is not waited for longer.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// After our close frame, what is on its way is still read for so long.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// What is kept while the rest of the house is busy: about a second of the largest rate ever measured here.
const KEPT: usize = 1024;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a socket is told. Dropping the sender closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Ping.
    Ping,
}

/// Opens a socket. The URL is as good as a password: it is in no error.
pub(super) async fn open(url: &Secret, tls: Arc<rustls::ClientConfig>) -> Result<Stream, Trouble> {
    let failed = |class, status| Trouble { class, status, after: None };
    let url = Url::parse(url.expose()).map_err(|_| failed(Class::Transient, None))?;
    if !may_open(&url) {
        return Err(failed(Class::Refused, None));
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let connecting = connect_async_tls_with_config(url.as_str(), Some(config), true, Some(Connector::Rustls(tls)));
    match tokio::time::timeout(OPEN_WITHIN, connecting).await {
        Ok(Ok((stream, _))) => Ok(stream),
        Ok(Err(tungstenite::Error::Http(answer))) => {
            let status = answer.status().as_u16();
            Err(Trouble {
                class: super::api::class(status),
                status: Some(status),
                after: super::answer::retry_after(answer.headers(), crate::model::time::Timestamp::now()),
            })
        }
        Ok(Err(_)) | Err(_) => Err(failed(Class::Transient, None)),
    }
}

/// `wss` anywhere, `ws` on this machine only.
fn may_open(url: &Url) -> bool {
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

/// A socket's ears: who it is, and whom it tells. Calls go past the lane.
pub(super) struct Ears {
    pub(super) lane: u8,
    pub(super) ticket: Ticket,
    pub(super) mailbox: mpsc::Sender<Input>,
    pub(super) reader: Reader,
    pub(super) heard: mpsc::Sender<Heard>,
}

/// Listens until the socket ends or the orders do, and says why.
pub(super) async fn listen(mut stream: Stream, ears: &Ears, mut orders: mpsc::Receiver<Order>) -> Why {
    let mut kept: VecDeque<Heard> = VecDeque::new();
    let why = loop {
        tokio::select! {
            permit = ears.heard.reserve(), if !kept.is_empty() => match (permit, kept.pop_front()) {
                (Ok(permit), Some(heard)) => permit.send(heard),
                (Err(_), _) | (_, None) => break Why::Stopped,
            },
            frame = stream.next(), if kept.len() < KEPT => {
                let Some(frame) = frame else { break Why::Closed };
                match take(frame, ears, &mut kept).await {
                    Ok(()) => {}
                    Err(why) => break why,
                }
            }
            order = orders.recv() => match order {
                Some(Order::Ping) => {
                    if kept.len() >= KEPT {
                        // Nobody reads here because nobody takes: the peer's answers wait unread, which is no silence.
                        ears.tell(Input::Frame(ears.ticket)).await;
                    }
                    let sent = tokio::time::timeout(SEND_WITHIN, stream.send(Message::Ping(Vec::new().into()))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        break Why::Broken;
                    }
                }
                None => break close(&mut stream, ears, &mut kept).await,
            },
        }
    };
    for heard in kept {
        if ears.heard.send(heard).await.is_err() {
            break;
        }
    }
    why
}

impl Ears {
    async fn tell(&self, input: Input) {
        // The lane is gone only when it has stopped.
        let _ = self.mailbox.send(input).await;
    }
}

async fn take(frame: Result<Message, tungstenite::Error>, ears: &Ears, kept: &mut VecDeque<Heard>) -> Result<(), Why> {
    let frame = frame.map_err(|_| Why::Broken)?;
    let said = hear(&frame, ears, kept)?;
    ears.tell(Input::Frame(ears.ticket)).await;
    if let Some(said) = said {
        ears.tell(said).await;
    }
    Ok(())
}

/// Calls and reports are passed on before anything else is done with the frame. A close frame is an end.
fn hear(frame: &Message, ears: &Ears, kept: &mut VecDeque<Heard>) -> Result<Option<Input>, Why> {
    let bytes = frame.len();
    let unreadable = |why| Heard::Unreadable { lane: ears.lane, bytes, why };
    let heard = match frame {
        Message::Text(text) => match wire::frame(text.as_str(), &ears.reader) {
            Ok(Frame::Call(call)) => Heard::Call(call),
            Ok(Frame::Report(report)) => Heard::Report(report),
            Ok(Frame::ReportReady(call)) => Heard::ReportReady { call },
            Ok(Frame::RefreshRequired) => return Ok(Some(Input::RefreshRequired(ears.ticket))),
            Ok(Frame::ToBeClosed) => return Ok(Some(Input::ToBeClosed(ears.ticket))),
            Ok(Frame::Foreign) => return Ok(None),
            Err(why) => unreadable(why),
        },
        Message::Binary(_) => unreadable(Unreadable::Binary),
        Message::Close(_) => return Err(Why::Closed),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(None),
    };
    // The order of frames is kept: nothing overtakes what waits.
    let sent = if kept.is_empty() { ears.heard.try_send(heard) } else { Err(TrySendError::Full(heard)) };
    match sent {
        Ok(()) => Ok(None),
        Err(TrySendError::Full(heard)) => {
            kept.push_back(heard);
            Ok(None)
        }
        Err(TrySendError::Closed(_)) => Err(Why::Stopped),
    }
}

/// Closes from our side: what is on its way is still heard.
async fn close(stream: &mut Stream, ears: &Ears, kept: &mut VecDeque<Heard>) -> Why {
    let ending = async {
        if stream.close(None).await.is_err() {
            return;
        }
        while let Some(Ok(frame)) = stream.next().await {
            if hear(&frame, ears, kept).is_err() || kept.len() >= KEPT {
                return;
            }
        }
    };
    // A peer that does not answer the close is left.
    let _ = tokio::time::timeout(CLOSE_WITHIN, ending).await;
    Why::Stopped
}
