//! The WebSocket of a channel: says what it is ordered to say, gives notice before the channel's end, answers pings.
//! `next` decides what the channel's life asks for; the loop carries it out.

use super::{answer::Refusal, channels::Order, faults::ChannelFaults, shared::Shared};
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

/// A peer that takes nothing for this long is gone.
const STUCK: Duration = Duration::from_secs(10);
/// From an announced closing to the close.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// `GET /channels/{id}/channelId/ws`: the upgrade. The URL is the secret, no token is asked for.
pub(super) async fn open(State(world): State<Arc<Shared>>, Path(id): Path<String>, request: Request) -> Response {
    if world.channels().by_id(&id, Instant::now()).is_none() {
        return Refusal::no_channel().into_response();
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let Some(accept) = key.and_then(|key| HeaderValue::from_str(&key).ok()) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    let upgrade = hyper::upgrade::on(request);
    let keeper = Arc::clone(&world);
    world.spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            Socket { world: keeper, id, stream, told: Told::default() }.run().await;
        }
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Which notices were given, each with the end it was given for: a renewal calls for new ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    refresh: Option<Instant>,
    close: Option<Instant>,
}

/// What a channel's life asks of its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait(Instant),
    SayRefresh,
    SayClose,
    Close,
}

/// What is next for a channel that ends at `until` after a life of `life`.
fn next(until: Instant, life: Duration, told: Told, terms: &ChannelFaults, now: Instant) -> Step {
    let notice = |part: f64, given: Option<Instant>| {
        let due = until.checked_sub(life.mul_f64(part.clamp(0.0, 1.0))).unwrap_or(until);
        (part > 0.0 && given != Some(until)).then_some(due)
    };
    let (refresh, close) = (notice(terms.refresh_notice, told.refresh), notice(terms.close_notice, told.close));
    if until <= now {
        Step::Close
    } else if close.is_some_and(|due| due <= now) {
        Step::SayClose
    } else if refresh.is_some_and(|due| due <= now) {
        Step::SayRefresh
    } else {
        Step::Wait([Some(until), refresh, close].into_iter().flatten().min().unwrap_or(until))
    }
}

struct Socket {
    world: Arc<Shared>,
    id: String,
    stream: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    told: Told,
}

/// Whether the socket stays open.
#[derive(PartialEq, Eq)]
enum Stay {
    Open,
    /// It was closed in good order, or is lost.
    Gone,
}

impl Socket {
    async fn run(mut self) {
        let seated = self.world.channels().sit(&self.id, Instant::now());
        let Some((seat, mut orders)) = seated else { return };
        self.world.tell(&json!({ "news": "socket", "open": true }));
        let mut closing: Option<Instant> = None;
        let mut switches = self.world.faults.subscribe();
        loop {
            let faults = Arc::clone(&switches.borrow_and_update());
            let step = self.step(closing, &faults.channels);
            let until = match step {
                _ if faults.down => break,
                Step::Wait(until) => until,
                Step::SayRefresh | Step::SayClose if faults.sockets.silent => Instant::now() + LAST_WORDS,
                Step::SayRefresh => {
                    if self.control("WEBSOCKET_REFRESH_REQUIRED").await == Stay::Gone {
                        break;
                    }
                    continue;
                }
                Step::SayClose => {
                    if self.control("WEBSOCKET_TO_BE_CLOSED").await == Stay::Gone {
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
                () = self.world.cut.notified() => break,
                _ = switches.changed() => {}
                () = tokio::time::sleep_until(until.into()) => {}
                order = orders.recv() => match order {
                    None | Some(Order::Cut) => break,
                    Some(Order::Look) => {}
                    Some(Order::Close) => closing = Some(Instant::now()),
                    Some(Order::Announce) if faults.sockets.silent => closing = Some(Instant::now() + LAST_WORDS),
                    Some(Order::Announce) => {
                        closing = Some(Instant::now() + LAST_WORDS);
                        if self.control("WEBSOCKET_TO_BE_CLOSED").await == Stay::Gone {
                            break;
                        }
                    }
                    Some(Order::Say(text, of)) => {
                        if self.send(Message::Text(text)).await == Stay::Gone {
                            break;
                        }
                        if let Some((call, sequence)) = of {
                            self.heard(&call, sequence);
                        }
                    }
                },
                incoming = self.stream.next(), if !faults.sockets.silent => match incoming {
                    None | Some(Err(_) | Ok(Message::Close(_))) => break,
                    Some(Ok(_)) => {}
                },
            }
        }
        self.world.channels().leave(&self.id, seat);
        self.world.tell(&json!({ "news": "socket", "open": false }));
    }

    /// What is next, by the channel's life and by an announced closing.
    fn step(&self, closing: Option<Instant>, terms: &ChannelFaults) -> Step {
        let now = Instant::now();
        let life = self.world.channels().by_id(&self.id, now).map(|channel| (channel.until, channel.life));
        match (closing, life) {
            (Some(at), _) if at <= now => Step::Close,
            (Some(at), _) => Step::Wait(at),
            (None, None) => Step::Close,
            (None, Some((until, life))) => next(until, life, self.told, terms, now),
        }
    }

    fn heard(&self, call: &str, sequence: u64) {
        let mut calls = self.world.calls();
        if calls.heard(call, sequence, Timestamp::now()) {
            let made = calls.one(call);
            drop(calls);
            self.world.tell(&json!({ "news": "heard", "call": made }));
        }
    }

    /// Gives notice, and remembers for which end of the channel.
    async fn control(&mut self, kind: &str) -> Stay {
        let until = self.world.channels().by_id(&self.id, Instant::now()).map(|channel| channel.until);
        if kind == "WEBSOCKET_REFRESH_REQUIRED" {
            self.told.refresh = until;
        } else {
            self.told.close = until;
        }
        self.send(Message::text(json!({ "data": { "type": kind } }).to_string())).await
    }

    async fn send(&mut self, message: Message) -> Stay {
        match tokio::time::timeout(STUCK, self.stream.send(message)).await {
            Ok(Ok(())) => Stay::Open,
            Ok(Err(_)) | Err(_) => Stay::Gone,
        }
    }

    async fn close(&mut self) {
        drop(tokio::time::timeout(LAST_WORDS, self.stream.close(None)).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_asks_for_its_refresh_then_announces_its_end_and_a_renewal_starts_over() {
        let start = Instant::now();
        let life = Duration::from_secs(60);
        let terms = ChannelFaults::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        let none = Told::default();
        assert_eq!(next(at(60), life, none, &terms, at(0)), Step::Wait(at(50)));
        assert_eq!(next(at(60), life, none, &terms, at(50)), Step::SayRefresh);
        let told = Told { refresh: Some(at(60)), close: None };
        assert_eq!(next(at(60), life, told, &terms, at(51)), Step::Wait(at(59)));
        assert_eq!(next(at(60), life, told, &terms, at(59)), Step::SayClose);
        let told = Told { close: Some(at(60)), ..told };
        assert_eq!(next(at(60), life, told, &terms, at(59)), Step::Wait(at(60)));
        assert_eq!(next(at(60), life, told, &terms, at(60)), Step::Close);
        assert_eq!(next(at(119), life, told, &terms, at(59)), Step::Wait(at(109)));
    }
}
