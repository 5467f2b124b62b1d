//! REST endpoints for the numbers and the extensions of the account.

use super::{
    errors::{ApiError, ApiResult, QueryParams},
    people::{NUMBERS, STAFF},
    scheduled_call::stable_id,
    state::{AppState, SimState},
};
use axum::{
    Json,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::IntoResponse,
};
use serde_json::{Value, json};

const SCOPE: Option<&str> = Some("voice-admin.v1.read");

/// Serves `GET /phone-numbers`: the numbers of the account. Each number is its own name and rings an extension.
pub(super) async fn phone_numbers(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    let account = authorize(&sim, query, &headers)?;
    let item = |(number, name): &(&str, &str)| {
        json!({
            "id": stable_id(number), "accountKey": account, "number": number, "name": number, "callerIdName": "EXAMPLE INC",
            "routeTo": { "id": stable_id(name), "type": "EXTENSION" },
        })
    };
    Ok(Json(json!({ "items": NUMBERS.iter().map(item).collect::<Vec<Value>>() })).into_response())
}

/// Serves `GET /extensions`: the dial plan of each number, and the extensions of the staff.
pub(super) async fn extensions(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    let account = authorize(&sim, query, &headers)?;
    let item = |name: &str, number: &str, id: &str, kind: &str| json!({ "id": stable_id(id), "accountKey": account, "name": name, "number": number, "type": kind });
    let plans = NUMBERS.iter().map(|(_, name)| item(name, "", name, "DIAL_PLAN"));
    let staff = STAFF.iter().map(|(extension, name)| item(name, extension, extension, "DIRECT_EXTENSION"));
    Ok(Json(json!({ "items": plans.chain(staff).collect::<Vec<Value>>() })).into_response())
}

fn authorize(sim: &SimState, query: Option<String>, headers: &HeaderMap) -> Result<String, ApiError> {
    sim.authorize(headers, SCOPE)?;
    let query = QueryParams::parse(query.unwrap_or_default().as_bytes());
    let account = query.first("accountKey").ok_or_else(|| ApiError::invalid_field("accountKey", "must not be null"))?;
    Ok(account.to_owned())
}
