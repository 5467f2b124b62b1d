//! The world's control face for other processes, under `/sim`, and the page at `/`. Nothing of it exists at GoTo.

use super::{
    answer::{Pairs, Refusal},
    channels::{Order, Topic},
    faults::Faults,
    play,
    scenario::CallPlan,
    shared::Shared,
};
use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc, time::Instant};
use tokio::sync::broadcast::error::RecvError;

type World = State<Arc<Shared>>;
type Answer = Result<Response, Refusal>;

/// What one answer lists at most.
const MOST: usize = 10_000;
/// Cards that a page shows at first.
const SHOWN_FIRST: usize = 50;

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    let wrong = |error: serde_json::Error| Refusal::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", error.to_string());
    serde_json::from_slice(body).map_err(wrong)
}

fn from(query: Option<String>) -> u64 {
    let query = Pairs::read(query.unwrap_or_default().as_bytes());
    query.first("from").and_then(|from| from.parse().ok()).unwrap_or_default()
}

/// `POST /sim/call`: places a call; the body is a plan, what it leaves out is the usual.
pub(super) async fn call(State(world): World, body: Bytes) -> Answer {
    let plan: CallPlan = read(&body)?;
    let id = play::place(&world, plan);
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

/// `POST /sim/say`: the body, as it is, as a frame on every open socket.
pub(super) async fn say(State(world): World, body: String) -> Response {
    let told = world.say("", Topic::Everybody, &body, None);
    Json(json!({ "told": told })).into_response()
}

/// `GET /sim/calls?from=`: the ledger of placed calls, by their numbers.
pub(super) async fn calls(State(world): World, RawQuery(query): RawQuery) -> Response {
    let calls = world.calls().made(from(query), MOST);
    Json(json!({ "items": calls })).into_response()
}

/// `GET /sim/posts?from=`: every request to a webhook, by their numbers.
pub(super) async fn posts(State(world): World, RawQuery(query): RawQuery) -> Response {
    let posts = world.chat().from(from(query), MOST);
    Json(json!({ "items": posts })).into_response()
}

/// `DELETE /sim/posts`.
pub(super) async fn forget_posts(State(world): World) -> Response {
    world.chat().forget();
    StatusCode::NO_CONTENT.into_response()
}

/// `GET /sim/faults`.
pub(super) async fn faults(State(world): World) -> Response {
    Json(world.faults().as_ref()).into_response()
}

/// `PUT /sim/faults`: the switches; what is left out is in good health.
pub(super) async fn set_faults(State(world): World, body: Bytes) -> Answer {
    let faults: Faults = read(&body)?;
    world.set_faults(faults);
    Ok(Json(world.faults().as_ref()).into_response())
}

/// `POST /sim/drop?how=cut|close|announce`: to every open socket.
pub(super) async fn drop_sockets(State(world): World, RawQuery(query): RawQuery) -> Answer {
    let query = Pairs::read(query.unwrap_or_default().as_bytes());
    let order = match query.first("how") {
        None | Some("cut") => Order::Cut,
        Some("close") => Order::Close,
        Some("announce") => Order::Announce,
        Some(_) => return Err(Refusal::field("how", "must be any of cut, close, announce")),
    };
    world.channels().order_all(&order);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /sim/expire`: every access token handed out so far is unknown from now on.
pub(super) async fn expire(State(world): World) -> Response {
    world.grants().forget_access();
    StatusCode::NO_CONTENT.into_response()
}

/// What `/sim/channels` and `World::channels` tell of the channels, newest first.
pub(super) fn listed(world: &Shared) -> Vec<Value> {
    let mut channels = world.channels();
    let now = Instant::now();
    channels.sweep(now);
    let shown = channels.newest_first().map(|channel| {
        json!({
            "channelId": channel.id, "channelNickname": channel.nickname, "isConnected": channel.connected(),
            "secondsLeft": channel.until.saturating_duration_since(now).as_secs_f64(),
            "callEvents": channel.calls.keys().collect::<Vec<_>>(), "reports": channel.reports.keys().collect::<Vec<_>>(),
        })
    });
    shown.collect()
}

/// `GET /sim/channels`.
pub(super) async fn channels(State(world): World) -> Response {
    Json(json!({ "items": listed(&world) })).into_response()
}

/// `GET /sim/requests`: how often each route was asked and answered how.
pub(super) async fn requests(State(world): World) -> Response {
    let requests: Vec<Value> = world
        .requests()
        .iter()
        .map(|((method, route, status), times)| {
            json!({ "method": method, "route": route, "status": status, "times": times })
        })
        .collect();
    Json(json!({ "items": requests })).into_response()
}

/// `GET /sim/events`: what happens, as server-sent events; first how many calls there were and
/// what the channel shows already.
pub(super) async fn events(State(world): World) -> Response {
    let receiver = world.news.subscribe();
    let before = world.chat().last_shown(SHOWN_FIRST);
    let (calls, heard) = world.calls().totals();
    let so_far = json!({ "news": "so_far", "calls": calls, "heard": heard });
    let living = world.messages().last_shown(SHOWN_FIRST);
    let living = living.into_iter().map(|message| json!({ "news": "message", "message": message }));
    let before = before.into_iter().map(|post| json!({ "news": "post", "post": post })).chain(living);
    let before = stream::iter(
        std::iter::once(so_far)
            .chain(before)
            .map(|news| news.to_string())
            .map(|news| Ok::<_, Infallible>(Event::default().data(news))),
    );
    let live = stream::unfold(receiver, |mut receiver| async move {
        loop {
            match receiver.recv().await {
                Ok(news) => return Some((Ok(Event::default().data(&*news)), receiver)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(futures_util::StreamExt::chain(before, live)).keep_alive(KeepAlive::default()).into_response()
}

/// `GET /`: the team's channel.
pub(super) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, include_str!("page.html")).into_response()
}
