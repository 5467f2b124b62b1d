//! One WebSocket: opened at the channel's URL, read until it ends, every frame dispatched immediately. Pings and closes
//! on command; the lane machine decides when.

use super::{
    ConnectionEvent,
    lane::{DisconnectReason, FailureClass, Input, RequestFailure, Ticket},
    wire::{self, Frame, Reader},
};
use crate::{
    model::secret::Secret,
    runtime::http::{UpgradeError, WebSocket, is_allowed_socket_url, open_socket, socket_config},
};
use futures_util::{SinkExt as _, StreamExt as _};
use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

/// 1 MB: GoTo's largest notification.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// Timeout of DNS, TCP, proxy, TLS and handshake together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a ping, for a peer that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which frames in flight are still read after our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Events queued while the consumer is busy: about a second at the largest rate ever measured here.
const BACKLOG_MAX: usize = 1024;

/// Command to a socket. Dropping the sender closes the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketCommand {
    /// Sends a ping.
    Ping,
}

/// Opens a socket. The URL is a credential: no error contains it.
pub(super) async fn open(url: &Secret, http: &reqwest::Client) -> Result<WebSocket, RequestFailure> {
    let failed = RequestFailure::new;
    let url = Url::parse(url.expose()).map_err(|_| failed(FailureClass::Transient))?;
    if !is_allowed_socket_url(&url) {
        return Err(failed(FailureClass::Rejected));
    }
    open_socket(http, &url, socket_config(MAX_MESSAGE_BYTES), OPEN_TIMEOUT).await.map_err(|error| match error {
        UpgradeError::Answered(response) => {
            let status = response.status().as_u16();
            RequestFailure {
                class: super::api::classify(status),
                status: Some(status),
                retry_after: super::http::retry_after(status, response.headers(), SystemTime::now()),
                reason: None,
            }
        }
        UpgradeError::Fault(fault) => failed(FailureClass::Unreachable(fault)),
        UpgradeError::InvalidUrl | UpgradeError::Malformed => failed(FailureClass::Transient),
    })
}

/// Identity and output channels of a socket. Snapshots bypass the lane machine.
pub(super) struct SocketOutput {
    pub(super) lane: u8,
    pub(super) ticket: Ticket,
    pub(super) mailbox: mpsc::Sender<Input>,
    pub(super) context: Reader,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
}

/// Runs until the socket ends or the command sender is dropped, and returns the reason.
pub(super) async fn run(
    mut stream: WebSocket,
    output: &SocketOutput,
    mut commands: mpsc::Receiver<SocketCommand>,
) -> DisconnectReason {
    let mut backlog: VecDeque<ConnectionEvent> = VecDeque::new();
    let mut ids = EventIds::default();
    let why = loop {
        tokio::select! {
            permit = output.events.reserve(), if !backlog.is_empty() => match (permit, backlog.pop_front()) {
                (Ok(permit), Some(event)) => permit.send(event),
                (Err(_), _) | (_, None) => break DisconnectReason::Stopped,
            },
            frame = stream.next(), if backlog.len() < BACKLOG_MAX => {
                let Some(frame) = frame else { break DisconnectReason::Closed };
                match on_frame(frame, output, &mut backlog, &mut ids).await {
                    Ok(()) => {}
                    Err(why) => break why,
                }
            }
            command = commands.recv() => match command {
                Some(SocketCommand::Ping) => {
                    if backlog.len() >= BACKLOG_MAX {
                        // The backlog is full and the peer's answers wait unread: the connection is not silent.
                        output.notify_lane(Input::Frame(output.ticket)).await;
                    }
                    let sent = tokio::time::timeout(SEND_TIMEOUT, stream.send(Message::Ping(Vec::new().into()))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        break DisconnectReason::Broken;
                    }
                }
                None => break close(&mut stream, output, &mut backlog, &mut ids).await,
            },
        }
    };
    for event in backlog {
        if output.events.send(event).await.is_err() {
            break;
        }
    }
    why
}

impl SocketOutput {
    async fn notify_lane(&self, input: Input) {
        // The receiver closes only when the lane has stopped.
        let _ = self.mailbox.send(input).await;
    }
}

/// The `eventId`s of one socket. A hole is a hint of a lost notification, no proof: GoTo does not document which
/// notifications it numbers.
#[derive(Debug, Default)]
struct EventIds {
    last: Option<u64>,
    hole: bool,
}

impl EventIds {
    /// Records an id. A count that restarts is no hole.
    fn record(&mut self, id: Option<u64>) {
        let Some(id) = id else { return };
        self.hole |= self.last.is_some_and(|last| id > last.saturating_add(1));
        self.last = Some(id);
    }
}

async fn on_frame(
    frame: Result<Message, tungstenite::Error>,
    output: &SocketOutput,
    backlog: &mut VecDeque<ConnectionEvent>,
    ids: &mut EventIds,
) -> Result<(), DisconnectReason> {
    let frame = frame.map_err(|_| DisconnectReason::Broken)?;
    let input = dispatch(&frame, output, backlog, ids)?;
    if std::mem::take(&mut ids.hole) {
        output.notify_lane(Input::EventHole(output.ticket)).await;
    }
    output.notify_lane(Input::Frame(output.ticket)).await;
    if let Some(input) = input {
        output.notify_lane(input).await;
    }
    Ok(())
}

/// Emits a snapshot or report before any other work on its frame. A close frame ends the socket.
fn dispatch(
    frame: &Message,
    output: &SocketOutput,
    backlog: &mut VecDeque<ConnectionEvent>,
    ids: &mut EventIds,
) -> Result<Option<Input>, DisconnectReason> {
    let content: &[u8] = match frame {
        Message::Text(text) => text.as_ref(),
        // All known frames are text; a peer that marks one as binary sends the same content.
        Message::Binary(bytes) => bytes,
        Message::Close(_) => return Err(DisconnectReason::Closed),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(None),
    };
    let (id, decoded) = wire::numbered_frame(content, &output.context);
    ids.record(id);
    let event = match decoded {
        Ok(Frame::Call(call)) => ConnectionEvent::Snapshot(Box::new(call)),
        Ok(Frame::Report(report)) => ConnectionEvent::Report(Box::new(report)),
        Ok(Frame::RefreshRequired) => return Ok(Some(Input::RefreshRequired(output.ticket))),
        Ok(Frame::ToBeClosed) => return Ok(Some(Input::ToBeClosed(output.ticket))),
        Ok(Frame::ReportReady(call)) => ConnectionEvent::ReportReady { call },
        Ok(Frame::Foreign) => return Ok(None),
        Err(why) => ConnectionEvent::MalformedFrame { lane: output.lane, bytes: content.len(), why },
    };
    // Frames stay in order: none overtakes the backlog.
    let sent = if backlog.is_empty() { output.events.try_send(event) } else { Err(TrySendError::Full(event)) };
    match sent {
        Ok(()) => Ok(None),
        Err(TrySendError::Full(event)) => {
            backlog.push_back(event);
            Ok(None)
        }
        Err(TrySendError::Closed(_)) => Err(DisconnectReason::Stopped),
    }
}

/// Closes from our side and still dispatches the frames in flight.
async fn close(
    stream: &mut WebSocket,
    output: &SocketOutput,
    backlog: &mut VecDeque<ConnectionEvent>,
    ids: &mut EventIds,
) -> DisconnectReason {
    let ending = async {
        if stream.close(None).await.is_err() {
            return;
        }
        while let Some(Ok(frame)) = stream.next().await {
            if dispatch(&frame, output, backlog, ids).is_err() || backlog.len() >= BACKLOG_MAX {
                return;
            }
        }
    };
    // A peer that does not answer the close is dropped.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, ending).await;
    DisconnectReason::Stopped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_show_a_hole_only_in_a_rising_count() {
        let hole = |list: &[Option<u64>]| {
            let mut ids = EventIds::default();
            list.iter().for_each(|id| ids.record(*id));
            ids.hole
        };
        assert!(!hole(&[Some(7), Some(8), None, Some(9)]));
        assert!(hole(&[Some(7), Some(9)]));
        assert!(!hole(&[Some(7), Some(1), Some(2)]), "a restarted count is no hole");
        assert!(!hole(&[Some(7), Some(7)]), "a doubled notification is no hole");
        assert!(!hole(&[Some(u64::MAX), Some(u64::MAX)]));
    }
}
