//! REST endpoints of the notification-channel API. The data is in `channels`.

use super::{
    channels::SimulatedChannel,
    errors::{ApiError, ApiResult, QueryParams},
    faults::ChannelFaults,
    state::{AppState, SimState},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde_json::{Value, json};
use std::time::Instant;

fn channel_json(channel: &SimulatedChannel, faults: &ChannelFaults, headers: &HeaderMap, sim: &SimState) -> Value {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map_or_else(|| sim.address.to_string(), str::to_owned);
    let suffix = if faults.newline_in_url { "\n" } else { "" };
    let scheme = if sim.settings.behind_tls { "wss" } else { "ws" };
    let id = &channel.id;
    json!({
        "channelId": id,
        "channelNickname": channel.nickname,
        "channelData": {
            "channelType": "WebSockets",
            "channelURL": format!("{scheme}://{host}/notification-channel/v1/channels/{id}/channelId/ws{suffix}"),
            "isConnected": channel.is_connected(),
        },
        "channelLifetime": faults.lifetime_to_state(channel.lifetime),
    })
}

/// Checks the body of create and update: empty, or JSON of a WebSocket channel.
fn check_body(body: &[u8]) -> Result<(), ApiError> {
    if body.is_empty() {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| ApiError::malformed_body())?;
    match body.get("channelType").and_then(Value::as_str) {
        None | Some("WebSockets" | "WebSocket") => Ok(()),
        Some(_) => Err(ApiError::invalid_field("channelType", "is not served by this simulator")),
    }
}

/// Serves `POST /channels/{nickname}`.
pub(super) async fn create(
    State(sim): AppState,
    Path(nickname): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult {
    sim.authorize(&headers, None)?;
    check_body(&body)?;
    let faults = sim.faults();
    let conflict = || ApiError::new(StatusCode::CONFLICT, "CONSTRAINT_VIOLATION", "Too many channels.");
    if sim.roll(faults.rest.conflict) {
        return Err(conflict());
    }
    let mut channels = sim.channels();
    let channel = channels.create(&nickname, &faults.channels, Instant::now()).map_err(|_| conflict())?;
    Ok((StatusCode::CREATED, Json(channel_json(channel, &faults.channels, &headers, &sim))).into_response())
}

/// Serves `GET /channels`.
pub(super) async fn list(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, None)?;
    let page = QueryParams::parse(query.unwrap_or_default().as_bytes()).page(100)?;
    let faults = sim.faults();
    let mut channels = sim.channels();
    channels.sweep(Instant::now());
    let items = channels.newest_first().map(|one| (one.number, channel_json(one, &faults.channels, &headers, &sim)));
    Ok(Json(page.newest_first(items)).into_response())
}

/// Serves `GET /channels/{nickname}/{id}`.
pub(super) async fn get(
    State(sim): AppState,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, None)?;
    let faults = sim.faults();
    let mut channels = sim.channels();
    let channel = channels.get(&nickname, &id, Instant::now()).ok_or_else(ApiError::channel_not_found)?;
    Ok(Json(channel_json(channel, &faults.channels, &headers, &sim)).into_response())
}

/// Serves `PUT /channels/{nickname}/{id}`.
pub(super) async fn update(
    State(sim): AppState,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult {
    sim.authorize(&headers, None)?;
    check_body(&body)?;
    let faults = sim.faults();
    let mut channels = sim.channels();
    let renewed = channels.renew(&nickname, &id, &faults.channels, Instant::now());
    let channel = renewed.ok_or_else(ApiError::channel_not_found)?;
    Ok(Json(channel_json(channel, &faults.channels, &headers, &sim)).into_response())
}

/// Serves `DELETE /channels/{nickname}/{id}`.
pub(super) async fn delete(
    State(sim): AppState,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, None)?;
    if !sim.channels().delete(&nickname, &id, Instant::now()) {
        return Err(ApiError::channel_not_found());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Serves `GET …/channel-lifetime`.
pub(super) async fn lifetime(
    State(sim): AppState,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, None)?;
    let faults = sim.faults();
    let mut channels = sim.channels();
    let channel = channels.get(&nickname, &id, Instant::now()).ok_or_else(ApiError::channel_not_found)?;
    Ok(Json(json!({ "channelLifetime": faults.channels.lifetime_to_state(channel.lifetime) })).into_response())
}

/// Serves `PUT …/channel-lifetime`: restarts the lifetime.
pub(super) async fn renew(
    State(sim): AppState,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, None)?;
    let faults = sim.faults();
    let mut channels = sim.channels();
    let renewed = channels.renew(&nickname, &id, &faults.channels, Instant::now());
    let channel = renewed.ok_or_else(ApiError::channel_not_found)?;
    Ok(Json(json!({ "channelLifetime": faults.channels.lifetime_to_state(channel.lifetime) })).into_response())
}
