//! The notification-channel API: HTTP over `channels`.

use super::{
    answer::{Pairs, Refusal},
    channels::Channel,
    faults::ChannelFaults,
    shared::Shared,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};

type World = State<Arc<Shared>>;
type Answer = Result<Response, Refusal>;

fn shown(channel: &Channel, terms: &ChannelFaults, headers: &HeaderMap, world: &Shared) -> Value {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map_or_else(|| world.address.to_string(), str::to_owned);
    let end = if terms.newline_in_url { "\n" } else { "" };
    let id = &channel.id;
    json!({
        "channelId": id,
        "channelNickname": channel.nickname,
        "channelData": {
            "channelType": "WebSockets",
            "channelURL": format!("ws://{host}/notification-channel/v1/channels/{id}/channelId/ws{end}"),
            "isConnected": channel.connected(),
        },
        "channelLifetime": terms.stated(channel.life),
    })
}

/// The body of create and update: JSON or nothing, of a WebSocket channel.
fn wanted(body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::malformed())?;
    match body.get("channelType").and_then(Value::as_str) {
        None | Some("WebSockets" | "WebSocket") => Ok(()),
        Some(_) => Err(Refusal::field("channelType", "is not served by this simulator")),
    }
}

/// `POST /channels/{nickname}`.
pub(super) async fn create(
    State(world): World,
    Path(nickname): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    world.entitled(&headers, None)?;
    wanted(&body)?;
    let faults = world.faults();
    let conflict = || Refusal::new(StatusCode::CONFLICT, "CONSTRAINT_VIOLATION", "Too many channels.");
    if world.falls(faults.rest.conflict) {
        return Err(conflict());
    }
    let mut channels = world.channels();
    let channel = channels.create(&nickname, &faults.channels, Instant::now()).map_err(|_| conflict())?;
    Ok((StatusCode::CREATED, Json(shown(channel, &faults.channels, &headers, &world))).into_response())
}

/// `GET /channels`.
pub(super) async fn list(State(world): World, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    world.entitled(&headers, None)?;
    let page = Pairs::read(query.unwrap_or_default().as_bytes()).page(100)?;
    let faults = world.faults();
    let mut channels = world.channels();
    channels.sweep(Instant::now());
    let items = channels.newest_first().map(|one| (one.number, shown(one, &faults.channels, &headers, &world)));
    Ok(Json(page.newest_first(items)).into_response())
}

/// `GET /channels/{nickname}/{id}`.
pub(super) async fn get(
    State(world): World,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    world.entitled(&headers, None)?;
    let faults = world.faults();
    let mut channels = world.channels();
    let channel = channels.get(&nickname, &id, Instant::now()).ok_or_else(Refusal::no_channel)?;
    Ok(Json(shown(channel, &faults.channels, &headers, &world)).into_response())
}

/// `PUT /channels/{nickname}/{id}`.
pub(super) async fn update(
    State(world): World,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    world.entitled(&headers, None)?;
    wanted(&body)?;
    let faults = world.faults();
    let mut channels = world.channels();
    let renewed = channels.renew(&nickname, &id, &faults.channels, Instant::now());
    let channel = renewed.ok_or_else(Refusal::no_channel)?;
    Ok(Json(shown(channel, &faults.channels, &headers, &world)).into_response())
}

/// `DELETE /channels/{nickname}/{id}`.
pub(super) async fn delete(
    State(world): World,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    world.entitled(&headers, None)?;
    if !world.channels().delete(&nickname, &id, Instant::now()) {
        return Err(Refusal::no_channel());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET …/channel-lifetime`.
pub(super) async fn lifetime(
    State(world): World,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    world.entitled(&headers, None)?;
    let faults = world.faults();
    let mut channels = world.channels();
    let channel = channels.get(&nickname, &id, Instant::now()).ok_or_else(Refusal::no_channel)?;
    Ok(Json(json!({ "channelLifetime": faults.channels.stated(channel.life) })).into_response())
}

/// `PUT …/channel-lifetime`: the life starts anew.
pub(super) async fn renew(
    State(world): World,
    Path((nickname, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    world.entitled(&headers, None)?;
    let faults = world.faults();
    let mut channels = world.channels();
    let renewed = channels.renew(&nickname, &id, &faults.channels, Instant::now());
    let channel = renewed.ok_or_else(Refusal::no_channel)?;
    Ok(Json(json!({ "channelLifetime": faults.channels.stated(channel.life) })).into_response())
}
