//! Control API of the simulator for other processes under `/sim`, and the page at `/`. GoTo has none of these endpoints.

use super::{
    channels::ChannelCommand,
    errors::{ApiError, ApiResult, QueryParams},
    faults::Faults,
    scenario::CallPlan,
    state::{AppState, SimState},
};
use crate::sim::player;
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
use std::{convert::Infallible, time::Instant};
use tokio::sync::broadcast::error::RecvError;

/// Items in one answer.
const MAX_ITEMS: usize = 10_000;
/// Cards that a page receives when it connects.
const INITIAL_CARDS: usize = 50;

pub(super) fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    let bad_request =
        |error: serde_json::Error| ApiError::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", error.to_string());
    serde_json::from_slice(body).map_err(bad_request)
}

fn from_param(query: Option<String>) -> u64 {
    let query = QueryParams::parse(query.unwrap_or_default().as_bytes());
    query.first("from").and_then(|from| from.parse().ok()).unwrap_or_default()
}

/// Serves `POST /sim/call`: places a call. The body is a call plan; missing keys have defaults.
pub(super) async fn place_call(State(sim): AppState, body: Bytes) -> ApiResult {
    let plan: CallPlan = parse_body(&body)?;
    let id = player::place(&sim, plan);
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

/// Serves `POST /sim/say`: sends the unchanged body as a frame to every open socket.
pub(super) async fn send_frame(State(sim): AppState, body: String) -> Response {
    let sent = sim.send_text(&body);
    Json(json!({ "sent": sent })).into_response()
}

/// Serves `GET /sim/calls?from=`: placed calls from the given number on.
pub(super) async fn calls(State(sim): AppState, RawQuery(query): RawQuery) -> Response {
    let calls = sim.calls().summaries(from_param(query), MAX_ITEMS);
    Json(json!({ "items": calls })).into_response()
}

/// Serves `GET /sim/posts?from=`: webhook requests from the given number on.
pub(super) async fn posts(State(sim): AppState, RawQuery(query): RawQuery) -> Response {
    let posts = sim.webhook_log().since(from_param(query), MAX_ITEMS);
    Json(json!({ "items": posts })).into_response()
}

/// Serves `DELETE /sim/posts`.
pub(super) async fn clear_posts(State(sim): AppState) -> Response {
    sim.webhook_log().clear();
    StatusCode::NO_CONTENT.into_response()
}

/// Serves `GET /sim/faults`.
pub(super) async fn faults(State(sim): AppState) -> Response {
    Json(sim.faults().as_ref()).into_response()
}

/// Serves `PUT /sim/faults`: sets all fault switches. A missing switch is reset to its default.
pub(super) async fn set_faults(State(sim): AppState, body: Bytes) -> ApiResult {
    let faults: Faults = parse_body(&body)?;
    sim.set_faults(faults);
    Ok(Json(sim.faults().as_ref()).into_response())
}

/// Serves `POST /sim/drop?how=cut|close|announce`: ends every open socket.
pub(super) async fn drop_sockets(State(sim): AppState, RawQuery(query): RawQuery) -> ApiResult {
    let query = QueryParams::parse(query.unwrap_or_default().as_bytes());
    let order = match query.first("how") {
        None | Some("cut") => ChannelCommand::Drop,
        Some("close") => ChannelCommand::Close,
        Some("announce") => ChannelCommand::AnnounceClose,
        Some(_) => return Err(ApiError::invalid_field("how", "must be any of cut, close, announce")),
    };
    sim.channels().command_all(&order);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Serves `POST /sim/expire`: makes every issued access token invalid.
pub(super) async fn expire(State(sim): AppState) -> Response {
    sim.grants().revoke_access_tokens();
    StatusCode::NO_CONTENT.into_response()
}

/// Returns the channels as `/sim/channels` and `Simulator::channels` list them, newest first.
pub(super) fn channel_list(sim: &SimState) -> Vec<Value> {
    let mut channels = sim.channels();
    let now = Instant::now();
    channels.sweep(now);
    let shown = channels.newest_first().map(|channel| {
        json!({
            "channelId": channel.id, "channelNickname": channel.nickname, "isConnected": channel.is_connected(),
            "secondsLeft": channel.expires_at.saturating_duration_since(now).as_secs_f64(),
            "callEvents": channel.call_subscriptions.keys().collect::<Vec<_>>(), "reports": channel.report_subscriptions.keys().collect::<Vec<_>>(),
        })
    });
    shown.collect()
}

/// Serves `GET /sim/channels`.
pub(super) async fn channels(State(sim): AppState) -> Response {
    Json(json!({ "items": channel_list(&sim) })).into_response()
}

/// Serves `GET /sim/requests`: request counts by method, route and status.
pub(super) async fn requests(State(sim): AppState) -> Response {
    let requests: Vec<Value> = sim
        .requests()
        .iter()
        .map(|((method, route, status), times)| {
            json!({ "method": method, "route": route, "status": status, "times": times })
        })
        .collect();
    Json(json!({ "items": requests })).into_response()
}

/// Serves `GET /sim/events`: simulator events as server-sent events. The first events are the call totals and the messages that
/// the channel already shows.
pub(super) async fn events(State(sim): AppState) -> Response {
    let receiver = sim.events.subscribe();
    let before = sim.webhook_log().last_shown(INITIAL_CARDS);
    let (calls, delivered) = sim.calls().totals();
    let so_far = json!({ "news": "so_far", "calls": calls, "delivered": delivered });
    let messages = sim.messages().last_shown(INITIAL_CARDS);
    let messages = messages.into_iter().map(|message| json!({ "news": "message", "message": message }));
    let before = before.into_iter().map(|post| json!({ "news": "post", "post": post })).chain(messages);
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

/// Serves `GET /`: a page with the channels as shown to the team.
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
