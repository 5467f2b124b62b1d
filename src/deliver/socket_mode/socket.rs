//! One socket of an app: opened, read until it ends, every envelope handled in order and acknowledged on the same socket.

use super::{
    connect,
    frame::{self, SlackFrame},
    presses::Handler,
    types::{Generation, Input},
};
use crate::{
    model::{delivery::Outbox, secret::Secret},
    runtime::http::WebSocket,
};
use futures_util::{SinkExt as _, StreamExt as _};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Timeout of a send, for a peer that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which a replaced socket still receives: no acknowledgement can follow a close frame.
const LINGER: Duration = Duration::from_secs(2);
/// Wait for the peer after our close frame. Slack may keep the connection open.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// State that the sockets of an app share.
pub(super) struct SocketContext<O> {
    pub(super) handler: Handler<O>,
    pub(super) api_url: Secret,
    pub(super) app_token: Secret,
    pub(super) inputs: mpsc::Sender<Input>,
    /// Private answers, sent by the task of the app.
    pub(super) answers: mpsc::Sender<(Url, String)>,
}

/// Controls of one socket.
pub(super) struct Controls {
    /// Requests a ping.
    pub(super) pings: mpsc::Receiver<()>,
    /// Closes the socket after [`LINGER`].
    pub(super) close: CancellationToken,
    /// Closes the socket without waiting.
    pub(super) stop: CancellationToken,
}

/// Runs one socket to its end.
pub(super) async fn run<O: Outbox>(shared: Arc<SocketContext<O>>, generation: Generation, mut controls: Controls) {
    let opened = tokio::select! {
        () = controls.close.cancelled() => return,
        () = controls.stop.cancelled() => return,
        opened = connect::open(&shared.handler.http, &shared.api_url, &shared.app_token) => opened,
    };
    let end = match opened {
        Ok(mut stream) => {
            receive(&shared, generation, &mut stream, &mut controls).await;
            // A peer that does not answer the close is dropped.
            drop(timeout(CLOSE_TIMEOUT, finish(&mut stream)).await);
            Input::Ended(generation)
        }
        Err(failure) => Input::OpenFailed(generation, failure),
    };
    // The machine stops before its receiver closes.
    drop(shared.inputs.send(end).await);
}

async fn finish(stream: &mut WebSocket) {
    if stream.close(None).await.is_ok() {
        while let Some(Ok(_)) = stream.next().await {}
    }
}

/// Receives until the socket ends or is closed.
async fn receive<O: Outbox>(
    shared: &SocketContext<O>,
    generation: Generation,
    stream: &mut WebSocket,
    controls: &mut Controls,
) {
    let (close, stop) = (controls.close.clone(), controls.stop.clone());
    let mut closing = std::pin::pin!(async {
        close.cancelled().await;
        tokio::time::sleep(LINGER).await;
    });
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = &mut closing => return,
            Some(()) = controls.pings.recv() => {
                if !send(stream, Message::Ping(Vec::new().into())).await {
                    return;
                }
            }
            frame = stream.next() => {
                let Some(Ok(frame)) = frame else { return };
                drop(shared.inputs.send(Input::Frame(generation)).await);
                let is_open = match frame {
                    Message::Text(text) => on_text(shared, generation, stream, text.as_str()).await,
                    Message::Close(_) => false,
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => true,
                };
                if !is_open {
                    return;
                }
            }
        }
    }
}

/// Handles a text frame. Returns whether the socket is still usable.
async fn on_text<O: Outbox>(
    shared: &SocketContext<O>,
    generation: Generation,
    stream: &mut WebSocket,
    text: &str,
) -> bool {
    let input = match frame::parse(text) {
        SlackFrame::Hello(count) => Input::Hello(generation, count),
        SlackFrame::Disconnect(why) => Input::Disconnect(generation, why),
        SlackFrame::Unknown => return true,
        SlackFrame::Envelope { id, content } => {
            let received = Instant::now();
            let handled = shared.handler.handle(content).await;
            if !handled.acknowledge {
                return true;
            }
            let sent = send(stream, Message::text(frame::acknowledgement(&id))).await;
            shared.handler.metrics.acknowledged(received.elapsed());
            if let Some(answer) = handled.answer
                && shared.answers.try_send(answer).is_err()
            {
                tracing::debug!(sink = %shared.handler.app, "private answer dropped, too many wait");
            }
            return sent;
        }
    };
    drop(shared.inputs.send(input).await);
    true
}

async fn send(stream: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(SEND_TIMEOUT, stream.send(message)).await, Ok(Ok(())))
}
