//! The WebSocket of a channel: sends frames, sends notices before the channel expires, answers pings. `next_step` decides
//! by the channel lifetime; the loop executes.

use super::{
    channels::ChannelCommand,
    envelope::Notification,
    errors::ApiError,
    faults::ChannelFaults,
    state::{AppState, SimState},
};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

/// Timeout of a send. A slower send counts as a lost connection.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between a close notice and the close.
const CLOSE_NOTICE: Duration = Duration::from_secs(2);

/// Serves `GET /channels/{id}/channelId/ws`: upgrades the connection. The URL is the secret; no token is required.
pub(super) async fn open_socket(State(sim): AppState, Path(id): Path<String>, request: Request) -> Response {
    if sim.channels().by_id(&id, Instant::now()).is_none() {
        return ApiError::channel_not_found().into_response();
    }
    let owner = Arc::clone(&sim);
    upgrade(&sim, request, |stream| ChannelSocket { sim: owner, id, stream, notices: NoticesSent::default() }.run())
}

/// A server's side of a WebSocket.
pub(super) type SimSocket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Upgrades a connection and serves the socket in a task.
pub(super) fn upgrade<F>(
    sim: &SimState,
    request: Request,
    serve: impl FnOnce(SimSocket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let Some(accept) = key.and_then(|key| HeaderValue::from_str(&key).ok()) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    let upgrade = hyper::upgrade::on(request);
    sim.spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            serve(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await).await;
        }
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Notices sent, each with the expiry that it announced. A renewal requires new notices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct NoticesSent {
    refresh: Option<Instant>,
    close: Option<Instant>,
}

/// Next action of a socket by the channel lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait(Instant),
    SendRefreshNotice,
    SendCloseNotice,
    Close,
}

/// Returns the next action for a channel that expires at `until` and had a lifetime of `life`.
fn next_step(until: Instant, life: Duration, notices: NoticesSent, faults: &ChannelFaults, now: Instant) -> Step {
    let notice = |part: f64, given: Option<Instant>| {
        let due = until.checked_sub(life.mul_f64(part.clamp(0.0, 1.0))).unwrap_or(until);
        (part > 0.0 && given != Some(until)).then_some(due)
    };
    let (refresh, close) = (notice(faults.refresh_notice, notices.refresh), notice(faults.close_notice, notices.close));
    if until <= now {
        Step::Close
    } else if close.is_some_and(|due| due <= now) {
        Step::SendCloseNotice
    } else if refresh.is_some_and(|due| due <= now) {
        Step::SendRefreshNotice
    } else {
        Step::Wait([Some(until), refresh, close].into_iter().flatten().min().unwrap_or(until))
    }
}

struct ChannelSocket {
    sim: Arc<SimState>,
    id: String,
    stream: SimSocket,
    notices: NoticesSent,
}

/// State of the connection after a send.
#[derive(PartialEq, Eq)]
enum SocketStatus {
    Open,
    /// The connection was closed or lost.
    Closed,
}

impl ChannelSocket {
    async fn run(mut self) {
        let attached = self.sim.channels().attach(&self.id, Instant::now());
        let Some((socket_number, mut commands)) = attached else { return };
        self.sim.publish(&json!({ "news": "socket", "open": true }));
        let mut closing: Option<Instant> = None;
        let mut faults_watch = self.sim.faults.subscribe();
        loop {
            let faults = Arc::clone(&faults_watch.borrow_and_update());
            let step = self.step(closing, &faults.channels);
            let until = match step {
                _ if faults.down => break,
                Step::Wait(until) => until,
                Step::SendRefreshNotice | Step::SendCloseNotice if faults.sockets.silent => {
                    Instant::now() + CLOSE_NOTICE
                }
                Step::SendRefreshNotice => {
                    if self.send_notice("WEBSOCKET_REFRESH_REQUIRED").await == SocketStatus::Closed {
                        break;
                    }
                    continue;
                }
                Step::SendCloseNotice => {
                    if self.send_notice("WEBSOCKET_TO_BE_CLOSED").await == SocketStatus::Closed {
                        break;
                    }
                    continue;
                }
                Step::Close => {
                    self.close().await;
                    break;
                }
            };
            tokio::select! {
                () = self.sim.disconnect_all.notified() => break,
                _ = faults_watch.changed() => {}
                () = tokio::time::sleep_until(until.into()) => {}
                command = commands.recv() => match command {
                    None | Some(ChannelCommand::Drop) => break,
                    Some(ChannelCommand::Recheck) => {}
                    Some(ChannelCommand::Close) => closing = Some(Instant::now()),
                    Some(ChannelCommand::AnnounceClose) if faults.sockets.silent => closing = Some(Instant::now() + CLOSE_NOTICE),
                    Some(ChannelCommand::AnnounceClose) => {
                        closing = Some(Instant::now() + CLOSE_NOTICE);
                        if self.send_notice("WEBSOCKET_TO_BE_CLOSED").await == SocketStatus::Closed {
                            break;
                        }
                    }
                    Some(ChannelCommand::Send(text, of)) => {
                        if self.send(Message::Text(text)).await == SocketStatus::Closed {
                            break;
                        }
                        if let Some((call, sequence)) = of {
                            self.mark_delivered(&call, sequence);
                        }
                    }
                },
                incoming = self.stream.next(), if !faults.sockets.silent => match incoming {
                    None | Some(Err(_) | Ok(Message::Close(_))) => break,
                    Some(Ok(_)) => {}
                },
            }
        }
        self.sim.channels().detach(&self.id, socket_number);
        self.sim.publish(&json!({ "news": "socket", "open": false }));
    }

    /// Returns the next action by the channel lifetime and by a close notice.
    fn step(&self, closing: Option<Instant>, faults: &ChannelFaults) -> Step {
        let now = Instant::now();
        let life = self.sim.channels().by_id(&self.id, now).map(|channel| (channel.expires_at, channel.lifetime));
        match (closing, life) {
            (Some(at), _) if at <= now => Step::Close,
            (Some(at), _) => Step::Wait(at),
            (None, None) => Step::Close,
            (None, Some((until, life))) => next_step(until, life, self.notices, faults, now),
        }
    }

    fn mark_delivered(&self, call: &str, sequence: u64) {
        let mut calls = self.sim.calls();
        if calls.mark_delivered(call, sequence, Timestamp::now()) {
            let summary = calls.summary(call);
            drop(calls);
            self.sim.publish(&json!({ "news": "delivered", "call": summary }));
        }
    }

    /// Sends a notice and records the expiry that it announces.
    async fn send_notice(&mut self, kind: &str) -> SocketStatus {
        let now = Instant::now();
        let channel = self.sim.channels().by_id(&self.id, now).map(|one| (one.expires_at, one.next_frame()));
        let (until, frame) = channel.unzip();
        let left = until.map_or(0, |until| until.saturating_duration_since(now).as_secs_f64().round() as u64);
        let content =
            if kind == "WEBSOCKET_REFRESH_REQUIRED" { json!({ "remainingLifetime": left }) } else { json!({}) };
        let notice = Notification::control(kind, content, Timestamp::now());
        if kind == "WEBSOCKET_REFRESH_REQUIRED" {
            self.notices.refresh = until;
        } else {
            self.notices.close = until;
        }
        self.send(Message::text(notice.text(frame.unwrap_or_default()))).await
    }

    async fn send(&mut self, message: Message) -> SocketStatus {
        match tokio::time::timeout(SEND_TIMEOUT, self.stream.send(message)).await {
            Ok(Ok(())) => SocketStatus::Open,
            Ok(Err(_)) | Err(_) => SocketStatus::Closed,
        }
    }

    async fn close(&mut self) {
        drop(tokio::time::timeout(CLOSE_NOTICE, self.stream.close(None)).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_step_sends_refresh_then_close_notice_and_renewal_resets() {
        let start = Instant::now();
        let life = Duration::from_secs(60);
        let faults = ChannelFaults::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        let none = NoticesSent::default();
        assert_eq!(next_step(at(60), life, none, &faults, at(0)), Step::Wait(at(30)));
        assert_eq!(next_step(at(60), life, none, &faults, at(30)), Step::SendRefreshNotice);
        let notices = NoticesSent { refresh: Some(at(60)), close: None };
        assert_eq!(next_step(at(60), life, notices, &faults, at(51)), Step::Wait(at(59)));
        assert_eq!(next_step(at(60), life, notices, &faults, at(59)), Step::SendCloseNotice);
        let notices = NoticesSent { close: Some(at(60)), ..notices };
        assert_eq!(next_step(at(60), life, notices, &faults, at(59)), Step::Wait(at(60)));
        assert_eq!(next_step(at(60), life, notices, &faults, at(60)), Step::Close);
        assert_eq!(next_step(at(119), life, notices, &faults, at(59)), Step::Wait(at(89)));
    }
}
