//! REST endpoints for subscriptions of the call-events and call-events-report APIs. The data is in `channels`.

use super::{
    errors::{ApiError, ApiResult, QueryParams},
    scheduled_call::stable_id,
    state::AppState,
};
use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

const SCOPE: Option<&str> = Some("call-events.v1.notifications.manage");

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallEventsRequest {
    channel_id: String,
    account_keys: Vec<AccountEvents>,
}

#[derive(Debug, Deserialize)]
struct AccountEvents {
    id: String,
    #[serde(default)]
    events: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReportsRequest {
    channel_id: String,
    #[serde(default)]
    event_types: Vec<String>,
    #[serde(default)]
    account_keys: Vec<String>,
}

fn channel_param(query: Option<String>) -> Result<(QueryParams, String), ApiError> {
    let query = QueryParams::parse(query.unwrap_or_default().as_bytes());
    let id = query.first("channelId").map(str::to_owned);
    id.map(|id| (query, id)).ok_or_else(|| ApiError::invalid_field("channelId", "must not be null"))
}

/// Serves `POST /call-events/v1/subscriptions`: 207, with a result for each account.
pub(super) async fn subscribe_calls(State(sim): AppState, headers: HeaderMap, body: Bytes) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let request: CallEventsRequest = serde_json::from_slice(&body).map_err(|_| ApiError::malformed_body())?;
    let known = |event: &String| matches!(event.as_str(), "STARTING" | "ACTIVE" | "ENDING");
    if request.account_keys.is_empty() {
        return Err(ApiError::invalid_field("accountKeys", "must not be empty"));
    }
    if !request.account_keys.iter().all(|account| account.events.iter().all(known)) {
        return Err(ApiError::invalid_event("Events[0]"));
    }
    let faults = sim.faults();
    let mut channels = sim.channels();
    let channel =
        channels.by_id(&request.channel_id, Instant::now()).ok_or_else(|| ApiError::not_found("The channel"))?;
    let results: Vec<Value> = request
        .account_keys
        .into_iter()
        .map(|account| {
            let settings = &sim.settings;
            let known = settings.accounts.is_empty() || settings.accounts.contains(&account.id);
            let rejected = faults.accounts.get(&account.id).copied().or_else(|| (!known).then_some(404));
            let account_result = account_result(&account.id, rejected);
            if rejected.is_none() {
                channel.call_subscriptions.insert(account.id, account.events);
            }
            account_result
        })
        .collect();
    Ok((StatusCode::MULTI_STATUS, Json(json!({ "accountKeys": results }))).into_response())
}

fn account_result(account: &str, rejected: Option<u16>) -> Value {
    let (code, message) = match rejected {
        None => return json!({ "id": account, "status": 200, "message": "Success" }),
        Some(403) => ("UNAUTHORIZED", "No permission"),
        Some(429) => ("TOO_MANY_REQUESTS", "Too many requests"),
        Some(404) => ("NOT_FOUND", "Not found"),
        Some(_) => ("UNKNOWN_ERROR", "Something went wrong"),
    };
    json!({ "id": account, "status": rejected, "message": message, "errorCode": code })
}

/// Serves `GET /call-events/v1/subscriptions?channelId=`.
pub(super) async fn list_call_subscriptions(
    State(sim): AppState,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let (_, id) = channel_param(query)?;
    let mut channels = sim.channels();
    let channel = channels.by_id(&id, Instant::now()).ok_or_else(|| ApiError::not_found("The channel"))?;
    Ok(Json(json!({ "accountKeys": channel.call_subscriptions.keys().collect::<Vec<_>>() })).into_response())
}

/// Serves `DELETE /call-events/v1/subscriptions?channelId=[&accountKey=]*`.
pub(super) async fn unsubscribe_calls(
    State(sim): AppState,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let (query, id) = channel_param(query)?;
    let accounts = query.all("accountKey");
    let mut channels = sim.channels();
    let channel = channels.by_id(&id, Instant::now()).ok_or_else(|| ApiError::not_found("The channel"))?;
    channel.call_subscriptions.retain(|account, _| !accounts.is_empty() && !accounts.contains(account));
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Serves `POST /call-events-report/v1/subscriptions`: 201, one item for each account.
pub(super) async fn subscribe_reports(State(sim): AppState, headers: HeaderMap, body: Bytes) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let request: ReportsRequest = serde_json::from_slice(&body).map_err(|_| ApiError::malformed_body())?;
    if request.event_types.iter().any(|kind| kind != "REPORT_SUMMARY") {
        return Err(ApiError::invalid_field("eventTypes", "must be any of REPORT_SUMMARY"));
    }
    if request.account_keys.is_empty() {
        return Err(ApiError::invalid_field(
            "accountKeys",
            "must not be empty; users, lines and numbers are not simulated",
        ));
    }
    let mut channels = sim.channels();
    let channel =
        channels.by_id(&request.channel_id, Instant::now()).ok_or_else(|| ApiError::not_found("The channel"))?;
    let items: Vec<Value> = request
        .account_keys
        .into_iter()
        .map(|account| {
            let id = stable_id(&format!("{}{account}", channel.id));
            channel.report_subscriptions.insert(account.clone(), id.clone());
            json!({
                "id": id, "channelId": channel.id, "value": account, "eventTypes": ["REPORT_SUMMARY"],
            })
        })
        .collect();
    Ok((StatusCode::CREATED, Json(json!({ "items": items }))).into_response())
}

/// Serves `GET /call-events-report/v1/subscriptions?channelId=`.
pub(super) async fn list_report_subscriptions(
    State(sim): AppState,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let (_, id) = channel_param(query)?;
    let mut channels = sim.channels();
    let channel = channels.by_id(&id, Instant::now()).ok_or_else(|| ApiError::not_found("The channel"))?;
    let accounts: Vec<&String> = channel.report_subscriptions.keys().collect();
    let body = json!({ "accountKeys": accounts, "userKeys": [], "lineIds": [], "phoneNumberIds": [] });
    Ok(Json(body).into_response())
}

/// Serves `DELETE /call-events-report/v1/subscriptions?channelId=[&accountKey=]*`.
pub(super) async fn unsubscribe_reports(
    State(sim): AppState,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let (query, id) = channel_param(query)?;
    let accounts = query.all("accountKey");
    let mut channels = sim.channels();
    let channel = channels.by_id(&id, Instant::now()).ok_or_else(|| ApiError::not_found("The channel"))?;
    let before = channel.report_subscriptions.len();
    channel.report_subscriptions.retain(|account, _| !accounts.is_empty() && !accounts.contains(account));
    if channel.report_subscriptions.len() == before {
        return Err(ApiError::not_found("The subscription"));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
